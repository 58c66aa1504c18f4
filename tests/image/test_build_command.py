"""docker/build.py: which client it takes, and what it says when something is missing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from base_image import DIGEST_LABEL, ID_LABEL, NAME_LABEL, default_base, find_base, repository
from build import network_options
from engine import Docker, EngineError, find_client
from standin_base import debian_image, inputs_hash

PROJECT_DIR = Path(__file__).parents[2]


def make_client(folder: Path, version: str, *, buildx: bool = False, engine: bool = False) -> Path:
    """A program named docker that answers as that version would."""
    folder.mkdir()
    client = folder / "docker"
    client.write_text(
        "#!/bin/sh\n"
        'case "$1" in\n'
        f"--version) echo 'Docker version {version}, build 0' ;;\n"
        f"buildx) {'echo github.com/docker/buildx v0.12' if buildx else 'exit 1'} ;;\n"
        f"version) {'echo 20.10' if engine else 'echo Cannot connect to the Docker daemon. >&2; exit 1'} ;;\n"
        "esac\n"
    )
    client.chmod(0o755)
    return client


@pytest.fixture(autouse=True)
def no_named_client(monkeypatch):
    monkeypatch.delenv("DOCKER", raising=False)


def build_with(client: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(PROJECT_DIR / "docker" / "build.py"), *arguments]
    return subprocess.run(command, env={"DOCKER": str(client)}, capture_output=True, text=True, check=False)


def test_a_client_without_buildkit_is_passed_over(monkeypatch, tmp_path):
    new = make_client(tmp_path / "new", "28.2.2")
    old = make_client(tmp_path / "old", "20.10.24+dfsg1")
    monkeypatch.setenv("PATH", f"{new.parent}:{old.parent}")
    assert find_client().path == str(old)


def test_a_client_with_buildx_leaves_one_plain_image_in_the_engine(monkeypatch, tmp_path):
    new = make_client(tmp_path / "new", "28.2.2", buildx=True)
    monkeypatch.setenv("PATH", str(new.parent))
    assert find_client().build_options == ("--load", "--provenance=false")


def test_the_client_that_DOCKER_names_comes_first(monkeypatch, tmp_path):  # noqa: N802
    named = make_client(tmp_path / "named", "20.10.24")
    first = make_client(tmp_path / "first", "20.10.24")
    monkeypatch.setenv("PATH", str(first.parent))
    monkeypatch.setenv("DOCKER", str(named))
    assert find_client().path == str(named)


def test_clients_that_all_lack_buildkit_are_named_with_what_to_install(monkeypatch, tmp_path):
    new = make_client(tmp_path / "new", "28.2.2")
    monkeypatch.setenv("PATH", str(new.parent))
    with pytest.raises(EngineError, match=rf"{new} cannot do BuildKit; install Docker's buildx plug-in"):
        find_client()


def test_a_machine_without_docker_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="no docker on PATH; install Docker"):
        find_client()


def test_a_silent_engine_ends_the_build_with_one_sentence_on_how_to_start_it(tmp_path):
    result = build_with(make_client(tmp_path / "bin", "20.10.24"))
    assert result.returncode == 1
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert "(Cannot connect to the Docker daemon.); start one with `sudo systemctl start docker`" in result.stderr


def test_certificates_are_lent_as_a_secret_only_where_the_machine_has_its_own(monkeypatch, tmp_path):
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    assert network_options() == []
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert network_options() == ["--network", "host", "--secret", f"id=ca,src={bundle}"]


def test_the_stand_in_is_built_anew_when_an_input_changes(monkeypatch, tmp_path):
    import standin_base

    before = inputs_hash()
    for name in standin_base.INPUTS:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((standin_base.DOCKER_DIR / name).read_bytes())
    monkeypatch.setattr(standin_base, "DOCKER_DIR", tmp_path)
    assert inputs_hash() == before
    with (tmp_path / standin_base.INPUTS[0]).open("a") as file:
        file.write("# changed\n")
    assert inputs_hash() != before


DIGEST = "sha256:" + "d" * 64


def engine_with(folder: Path, digests: tuple[str, ...], *, fetched: bool = True) -> Docker:
    """An engine that has one image of every name, with these digests; or none, and can fetch none."""
    client = folder / "docker"
    client.write_text(
        "#!/bin/sh\n"
        f'case "$1" in pull) echo denied; exit 1 ;; build) echo "$@" >{folder}/built; exit 0 ;; esac\n'
        f"{'' if fetched else 'exit 1'}\n"
        'case "$4" in\n'
        "*Size*) echo 1000 ;;\n"
        "*RepoDigests*) printf '%s\\n' " + " ".join(digests) + " ;;\n"
        "*Id*) echo sha256:1d ;;\n"
        "esac\n"
    )
    client.chmod(0o755)
    return Docker(str(client))


def test_a_tag_is_built_on_by_its_digest_with_a_warning_that_says_how_to_do_so_again(tmp_path):
    docker = engine_with(tmp_path, (f"elsewhere/base@sha256:{'e' * 64}", f"host:5000/base@{DIGEST}"))
    base = find_base(docker, "host:5000/base:latest")
    assert base.reference == f"host:5000/base@{DIGEST}"
    assert base.labels == {NAME_LABEL: "host:5000/base:latest", DIGEST_LABEL: DIGEST, ID_LABEL: "sha256:1d"}
    assert base.warning.startswith("host:5000/base:latest is a tag and may be another image tomorrow.")
    assert base.warning.endswith(f"BASE=host:5000/base@{DIGEST}")


def test_a_digest_is_built_on_as_it_stands_without_a_warning(tmp_path):
    base = find_base(engine_with(tmp_path, ()), f"public.ecr.aws/team/base@{DIGEST}")
    assert base.reference == f"public.ecr.aws/team/base@{DIGEST}"
    assert base.labels[DIGEST_LABEL] == DIGEST
    assert base.warning == ""


def test_an_image_of_this_machine_is_recorded_by_its_id(tmp_path):
    base = find_base(engine_with(tmp_path, ()), "mine:1")
    assert base.reference == "mine:1"
    assert base.labels == {NAME_LABEL: "mine:1", ID_LABEL: "sha256:1d"}
    assert "without a digest; its ID is sha256:1d" in base.warning


def test_a_base_that_cannot_be_fetched_is_named_with_what_to_do(tmp_path):
    with pytest.raises(EngineError, match=r"The base image team/base:1 cannot be pulled, .*BASE=local"):
        find_base(engine_with(tmp_path, (), fetched=False), "team/base:1")


def test_the_build_is_told_the_digest_and_the_labels(monkeypatch, tmp_path):
    import build

    name = default_base()
    docker = engine_with(tmp_path, (f"{repository(name)}@{DIGEST}",))
    build.build(docker, None, "image:1")
    told = (tmp_path / "built").read_text()
    assert f"--build-arg BASE_IMAGE={repository(name)}@{DIGEST} " in told
    assert f"--label {NAME_LABEL}={name} " in told
    assert f"--label {DIGEST_LABEL}={DIGEST} " in told


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("debian", "debian"),
        ("debian:12", "debian"),
        ("host:5000/a/b", "host:5000/a/b"),
        ("host:5000/a/b:1", "host:5000/a/b"),
        (f"host:5000/a/b:1@{DIGEST}", "host:5000/a/b"),
    ],
)
def test_a_repository_is_the_name_without_its_tag_and_digest(name, expected):
    assert repository(name) == expected


@pytest.mark.docker
def test_the_image_names_its_base(docker, inspected):
    labels = inspected["Config"]["Labels"]
    base = json.loads(docker.run("image", "inspect", labels[NAME_LABEL]).stdout)[0]
    assert labels[ID_LABEL] == base["Id"]
    layers = base["RootFS"]["Layers"]
    assert inspected["RootFS"]["Layers"][: len(layers)] == layers


@pytest.mark.docker
def test_a_base_without_pytorch_is_refused_with_a_sentence(docker, build_image):
    build = build_image("--base", debian_image(docker), "--tag", "image-classifier:no-torch")
    assert build.returncode == 1
    assert "The base image has no Python in /opt/venv; build on an AWS PyTorch image" in build.stdout
    assert "The build ended with status" in build.stdout.splitlines()[-1]
