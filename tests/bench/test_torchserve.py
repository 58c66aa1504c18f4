"""What TorchServe is given before it starts."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.torchserve import HANDLER, prepare_torchserve


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    """Where `torch-model-archiver` writes its arguments into the store, and `java` is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    archiver = folder / "torch-model-archiver"
    archiver.write_text('#!/bin/sh\nfor last; do :; done\necho "$@" > "${last#--export-path=}/arguments"\n')
    java = folder / "java"
    java.write_text("#!/bin/sh\n")
    for program in (archiver, java):
        program.chmod(0o755)
    return folder


def test_the_network_is_packed_with_our_handler_and_batches_of_eight(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bin_dir), prepend=":")
    folder = tmp_path / "torchserve"
    command = prepare_torchserve(bin_dir, Path("resnet18.pt"), folder, [1111, 2222, 3333])
    packed = (folder / "store" / "arguments").read_text()
    assert "--serialized-file=resnet18.pt" in packed
    assert f"--handler={HANDLER}" in packed
    assert HANDLER.is_file()
    assert "batchSize: 8" in (folder / "model.yaml").read_text()
    assert "minWorkers: 2" in (folder / "model.yaml").read_text()
    assert "inference_address=http://127.0.0.1:1111" in (folder / "server.properties").read_text()
    assert command[0] == str(bin_dir / "torchserve")
    assert {"--foreground", f"--model-store={folder / 'store'}"} <= set(command)


def test_without_java_one_sentence_says_how_to_install_it(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        BenchError, match="needs Java 17 and `java` is not on PATH; install it: `apt-get install openjdk-17"
    ):
        prepare_torchserve(bin_dir, Path("resnet18.pt"), tmp_path / "torchserve", [1, 2, 3])


def test_a_network_that_cannot_be_packed_is_an_error(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bin_dir), prepend=":")
    (bin_dir / "torch-model-archiver").write_text("#!/bin/sh\necho no such model >&2\nexit 1\n")
    with pytest.raises(BenchError, match="no such model"):
        prepare_torchserve(bin_dir, Path("resnet18.pt"), tmp_path / "torchserve", [1, 2, 3])
