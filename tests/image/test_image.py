"""What the built image promises to SageMaker, to its SDK and to whoever runs it."""

import json
import re
from importlib.metadata import version

import pytest

from standin_base import build_standin

pytestmark = pytest.mark.docker

LOCKED_DOWN = ["--user", "1000", "--read-only", "--tmpfs", "/tmp", "--network", "none"]
WHERE_TORCH_IS = """
import json, os, numpy, torch, torchvision
boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
print(json.dumps({
    "torch": os.path.realpath(torch.__file__),
    "torchvision": os.path.realpath(torchvision.__file__),
    "numpy": os.path.realpath(numpy.__file__),
    "kept": torch.ops.torchvision.nms(boxes, torch.tensor([0.9, 0.8]), 0.5).tolist(),
    "from_numpy": torch.from_numpy(numpy.ones(2)).sum().item(),
}))
"""


def test_the_entrypoint_is_python_itself_and_trains_by_default(inspected):
    assert inspected["Config"]["Entrypoint"] == ["/opt/program/venv/bin/python", "-m", "container.entrypoint"]
    assert inspected["Config"]["Cmd"] == ["train"]
    assert inspected["Config"]["WorkingDir"] == "/opt/program"


def test_the_image_runs_as_root_unless_asked_otherwise(inspected):
    assert inspected["Config"]["User"] == ""


def test_the_port_label_lets_sagemaker_choose_the_port(inspected):
    assert inspected["Config"]["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"


def test_the_models_label_lets_sagemaker_load_many(inspected):
    assert inspected["Config"]["Labels"]["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"


def test_variables_of_the_base_that_would_mislead_are_overridden(inspected):
    environment = dict(line.split("=", 1) for line in inspected["Config"]["Env"])
    assert environment["SAGEMAKER_TRAINING_MODULE"] == ""
    assert environment["PYTHONUNBUFFERED"] == "1"
    assert environment["PATH"].startswith("/opt/program/venv/bin:/opt/venv/bin:")
    assert environment["HOME"] == "/tmp"


def test_the_git_revision_is_in_the_environment_and_in_a_label(inspected):
    environment = dict(line.split("=", 1) for line in inspected["Config"]["Env"])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", environment["GIT_REVISION"])
    assert inspected["Config"]["Labels"]["org.opencontainers.image.revision"] == environment["GIT_REVISION"]


def test_nothing_but_our_package_and_its_environment_is_in_the_program_folder(run_image):
    assert run_image("ls", "-A", "/opt/program").stdout.split() == ["container", "venv"]


def test_pip_check_finds_no_conflict(run_image):
    result = run_image("pip", "check")
    assert (result.returncode, result.stdout) == (0, "No broken requirements found.\n")


def test_torch_is_the_bases_own_and_works_with_our_numpy(run_image):
    result = run_image("python", "-c", WHERE_TORCH_IS)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["torch"].startswith("/opt/venv/")
    assert found["torchvision"].startswith("/opt/venv/")
    assert found["numpy"].startswith("/opt/program/venv/")
    assert (found["kept"], found["from_numpy"]) == ([0], 2.0)


def test_torchrun_runs_in_our_environment(run_image):
    result = run_image("sh", "-c", 'head -n 1 "$(command -v torchrun)" && torchrun --help')
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("#!/opt/program/venv/bin/python\nusage: torchrun")


def test_the_image_has_the_versions_that_the_tests_run_with(run_image):
    frozen = dict(line.split("==") for line in run_image("pip", "freeze").stdout.splitlines() if "==" in line)
    for name in ("numpy", "flask", "gunicorn", "pillow", "smdebug", "sagemaker-training", "protobuf"):
        found = {key.lower().replace("_", "-"): value for key, value in frozen.items()}[name]
        assert found.split("+")[0] == version(name), name  # sagemaker-training has a local label, +slim


def test_torch_starts_from_bytecode(run_image):
    code = "import importlib.util as u; print(u.cache_from_source(u.find_spec('torch').origin))"
    cached = run_image("python", "-c", code).stdout.strip()
    assert cached.endswith(".pyc")
    assert run_image("test", "-f", cached).returncode == 0


@pytest.mark.parametrize("program", ["python3", "pip3", "bash", "train"])
def test_programs_that_sagemaker_looks_for_are_on_the_path(run_image, program):
    assert run_image("sh", "-c", f"command -v {program}").returncode == 0


def test_any_other_command_runs_with_its_arguments_unchanged(run_image):
    result = run_image("printf", "%s|", "two words", "$HOME", "it's")
    assert result.stdout == "two words|$HOME|it's|"
    assert run_image("sh", "-c", "exit 3").returncode == 3


def test_the_clean_up_of_the_sagemaker_sdk_works(run_image, tmp_path):
    (tmp_path / "model.tar.gz").touch(mode=0o600)
    assert run_image("chmod", "-R", "777", "/delete", options=["-v", f"{tmp_path}:/delete"]).returncode == 0
    assert (tmp_path / "model.tar.gz").stat().st_mode & 0o777 == 0o777


def test_an_unknown_command_is_named_with_what_would_work(run_image):
    result = run_image("trian")
    assert result.returncode == 127
    assert "'trian' cannot be run (No such file or directory); use `train`, `serve` or a program" in result.stderr
    assert "Traceback" not in result.stderr


def test_another_user_on_a_read_only_file_system_can_import_what_serves_and_what_trains(run_image):
    code = "import container.serving.app, container.serving.server, container.training.loop, torchvision; print('ok')"
    result = run_image("python", "-W", "error::ImportWarning", "-c", code, options=LOCKED_DOWN)
    assert (result.returncode, result.stdout.splitlines()[-1:]) == (0, ["ok"]), result.stderr


def test_the_package_is_found_from_any_working_directory(run_image):
    result = run_image("python", "-c", "import container; print(container.__file__)", options=["--workdir", "/opt/ml"])
    assert result.stdout == "/opt/program/container/__init__.py\n"


def test_the_stand_in_base_would_have_swallowed_its_arguments_and_signals(docker):
    # What our entrypoint is there for: if the stand-in stopped imitating this, other tests would prove nothing.
    base = build_standin(docker, [])
    config = json.loads(docker.run("image", "inspect", base).stdout)[0]["Config"]
    assert config["Entrypoint"] == ["bash", "-m", "start_with_right_hostname.sh"]
    assert config["Cmd"] == ["/bin/bash"]
    assert "SAGEMAKER_TRAINING_MODULE=sagemaker_pytorch_container.training:main" in config["Env"]
    missing = docker.run("run", "--rm", "--entrypoint", "pip", base, "show", "smdebug")
    assert missing.returncode != 0
