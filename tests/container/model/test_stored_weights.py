import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from container.errors import ArtifactError
from container.model.archive import check_archive
from container.model.artifact import load_artifact, save_artifact
from container.model.low_precision import to_bf16, to_int8
from container.model.preprocess import Preprocess
from container.model.stored_weights import missing_weight
from tests.container.model.lively import SIZE, make_network


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2)).eval()
    save_artifact(tmp_path / "model.pt", Preprocess(32), network, ["a", "b"], {"input_size": 32})
    return tmp_path / "model.pt"


def rewrite(path: Path, name: str, content: bytes | None) -> None:
    """The archive with another content of one member, or without it, and with the right checksums."""
    with zipfile.ZipFile(path) as whole:
        contents = {member: whole.read(member) for member in whole.namelist()}
    with zipfile.ZipFile(path, "w") as changed:
        for member, old in contents.items():
            if member != name or content is not None:
                changed.writestr(member, content if member == name and content is not None else old)


def largest_weight(path: Path) -> tuple[str, int]:
    with zipfile.ZipFile(path) as whole:
        weights = [member for member in whole.infolist() if member.filename.startswith("archive/data/")]
    member = max(weights, key=lambda info: info.file_size)
    return member.filename, member.file_size


@pytest.mark.parametrize("left", [None, 0, 1, -1])
def test_a_weight_with_too_few_bytes_is_named_before_pytorch_reads_behind_its_end(
    model_path: Path, left: int | None
) -> None:
    name, size = largest_weight(model_path)
    rewrite(model_path, name, None if left is None else bytes(size)[:left])
    with pytest.raises(ArtifactError, match=f"its weight '{name}' has .* bytes, and the network needs {size} of it"):
        load_artifact(model_path)


def test_a_model_in_any_precision_needs_what_it_has(tmp_path: Path) -> None:
    network = make_network("resnet18", 3)
    forms = {
        "fp32": network,
        "bf16": to_bf16(network),
        "int8": to_int8(network, [torch.rand(2, 3, SIZE, SIZE)]),
    }
    for name, form in forms.items():
        path = tmp_path / f"{name}.pt"
        save_artifact(path, Preprocess(SIZE), form, ["a", "b", "c"], {})
        check_archive(path)
        with zipfile.ZipFile(path) as archive:
            assert missing_weight(archive) == ""
        weight, size = largest_weight(path)
        rewrite(path, weight, bytes(size - 1))
        with pytest.raises(ArtifactError, match=f"the network needs {size}"):
            check_archive(path)


class RunsACommand:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("was-run",))


def test_nothing_that_a_pickle_names_is_run_by_the_check(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rewrite(model_path, "archive/data.pkl", pickle.dumps([RunsACommand()], protocol=2))
    with zipfile.ZipFile(model_path) as archive:
        assert missing_weight(archive) == ""
    assert not Path("was-run").exists()


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x02", b"\x80\x02.", b"\x80\x02Q.", b"\x80\x02K\x01Q.", b"junk", b"\x80\x02c\xff\n."]
)
def test_a_damaged_pickle_is_a_sentence(model_path: Path, content: bytes) -> None:
    rewrite(model_path, "archive/data.pkl", content)
    with pytest.raises(ArtifactError, match=r"model\.pt is not a TorchScript file .* one of its pickles"):
        load_artifact(model_path)
