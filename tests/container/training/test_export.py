from pathlib import Path

import pytest
import torch

from container.data.channels import Channel, read_channel
from container.errors import TrainingError
from container.model.artifact import load_artifact
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess
from container.training import export as export_module
from container.training.export import LARGEST_DIFFERENCE, export, versions
from tests.job_folder import write_class_folders


@pytest.fixture
def valid(tmp_path: Path) -> Channel:
    return read_channel("valid", write_class_folders(tmp_path / "valid", 2), max_corrupt_share=0)


def make_network() -> Network:
    torch.manual_seed(0)
    return Network(*make_backbone("squeezenet1_1", 32, "none"), 3, "linear", "head")


def test_an_exported_artifact_agrees_with_the_network(tmp_path: Path, valid: Channel) -> None:
    path = tmp_path / "model" / "model.pt"
    difference = export(path, Preprocess(32), make_network().train(), ["a", "b", "c"], {"x": 1}, valid)
    assert difference <= LARGEST_DIFFERENCE
    assert load_artifact(path).card == {"x": 1}


def test_an_artifact_that_disagrees_is_removed_and_reported(
    tmp_path: Path, valid: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_another_network(path: Path, preprocess: Preprocess, network: Network, *rest: object) -> None:
        with torch.no_grad():
            network.head[0].bias.add_(0.01)
        original(path, preprocess, network, *rest)  # type: ignore[arg-type]
        with torch.no_grad():
            network.head[0].bias.sub_(0.01)

    original = export_module.save_artifact
    monkeypatch.setattr(export_module, "save_artifact", save_another_network)
    with pytest.raises(TrainingError, match=r"logits differ by 0\.0(1|09)\d* from the network's; it was removed"):
        export(tmp_path / "model.pt", Preprocess(32), make_network(), ["a", "b", "c"], {}, valid)
    assert not (tmp_path / "model.pt").exists()


def test_a_network_that_answers_with_no_numbers_is_refused(tmp_path: Path, valid: Channel) -> None:
    network = make_network()
    torch.nn.init.constant_(network.head[0].weight, torch.nan)
    with pytest.raises(TrainingError):
        export(tmp_path / "model.pt", Preprocess(32), network, ["a", "b", "c"], {}, valid)
    assert not (tmp_path / "model.pt").exists()


def test_pictures_that_cannot_be_read_any_more_cost_no_model(tmp_path: Path, valid: Channel) -> None:
    valid.files[0].unlink()
    valid.files[1].write_bytes(b"no picture")
    assert export(tmp_path / "model.pt", Preprocess(32), make_network(), ["a", "b", "c"], {}, valid) < 1e-3
    for path in valid.files:
        path.unlink(missing_ok=True)
    assert export(tmp_path / "model.pt", Preprocess(32), make_network(), ["a", "b", "c"], {}, valid) < 1e-3
    assert load_artifact(tmp_path / "model.pt").class_names == ["a", "b", "c"]


def test_the_versions_are_those_that_run() -> None:
    assert versions()["torch"] == torch.__version__
    assert {"python", "torchvision"} <= versions().keys()
