"""docker/link_torch.py on a small make-believe base: a few packages with real metadata."""

from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from link_torch import link, main, normalised, torch_family, write_scripts


def install(site: Path, name: str, files: list[str], requires: tuple[str, ...] = (), scripts: str = "") -> None:
    info = f"{name}-1.0.dist-info"
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).touch()
    (site / info).mkdir()
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    (site / info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
    (site / info / "RECORD").write_text("".join(f"{file},,\n" for file in [*files, f"{info}/METADATA"]))
    if scripts:
        (site / info / "entry_points.txt").write_text(f"[console_scripts]\n{scripts}\n")


@pytest.fixture
def site(tmp_path) -> Path:
    site = tmp_path / "base"
    needs = ("filelock", "cuda_toolkit[cublas] ==13.0; platform_system == 'Linux'", 'optree>=0.13; extra == "optree"')
    script = "torchrun = torch.distributed.run:main"
    install(site, "torch", ["torch/__init__.py", "torchgen/__init__.py", "../../../bin/torchrun"], needs, script)
    install(site, "torchvision", ["torchvision/__init__.py", "torchvision.libs/libjpeg.so"], ("torch", "numpy"))
    extras = ("nvidia-cublas; extra == 'cublas'", "nvidia-cufft; extra == 'cufft'")
    install(site, "cuda_toolkit", [], extras)
    install(site, "nvidia_cublas", ["nvidia/cublas/lib.so"])
    for name in ("nvidia_cufft", "optree", "filelock", "numpy", "mlflow"):
        install(site, name, [f"{name}/__init__.py"])
    return site


@pytest.fixture
def base(site) -> dict[str, Distribution]:
    return {normalised(dist.metadata["Name"]): dist for dist in distributions(path=[str(site)])}


def test_only_what_torch_asks_of_the_base_is_taken(base):
    family = {normalised(dist.metadata["Name"]) for dist in torch_family(base, pinned={"numpy", "filelock"})}
    assert family == {"torch", "torchvision", "cuda-toolkit", "nvidia-cublas"}


def test_a_linked_package_brings_its_folders_and_its_metadata(base, site, tmp_path):
    ours = tmp_path / "ours"
    ours.mkdir()
    link(base["torchvision"], site, ours)
    assert {path.name for path in ours.iterdir()} == {"torchvision", "torchvision.libs", "torchvision-1.0.dist-info"}
    assert all(path.is_symlink() and path.exists() for path in ours.iterdir())


def test_a_linked_package_is_seen_by_pip(base, site, tmp_path):
    ours = tmp_path / "ours"
    ours.mkdir()
    link(base["torch"], site, ours)
    assert [dist.metadata["Name"] for dist in distributions(path=[str(ours)])] == ["torch"]


def test_a_package_of_our_own_is_never_overwritten(base, site, tmp_path):
    ours = tmp_path / "ours"
    (ours / "torch").mkdir(parents=True)
    with pytest.raises(FileExistsError):
        link(base["torch"], site, ours)


def test_commands_start_our_python(base, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", "/opt/program/venv/bin/python")
    write_scripts(base["torch"], tmp_path)
    text = (tmp_path / "torchrun").read_text()
    assert text.startswith("#!/opt/program/venv/bin/python\n")
    assert "from torch.distributed.run import main" in text
    assert (tmp_path / "torchrun").stat().st_mode & 0o777 == 0o755


def test_a_base_without_torch_is_refused_with_a_sentence(tmp_path):
    with pytest.raises(SystemExit, match=r"has no torch and no torchvision in .*; build on an AWS PyTorch image"):
        main(str(tmp_path), "requirements.txt")
