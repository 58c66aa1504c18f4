import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from urllib.request import getproxies

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from container.errors import PretrainedError, SettingsError
from container.model.backbone import freeze, last_block, make_backbone
from container.model.own_backbones.catalogue import OWN_BACKBONES

# Backbone, features, smallest sensible size for a quick test.
BACKBONES = [
    ("resnet18", 512, 32),
    ("mobilenet_v3_small", 1024, 32),
    ("squeezenet1_1", 512, 32),
    ("shufflenet_v2_x0_5", 1024, 32),
    ("densenet121", 1024, 32),
    ("efficientnet_b0", 1280, 32),
    ("googlenet", 1024, 32),
]


def save_weights(path: Path, prefix: str = "", classes: int = 1000, name: str = "resnet18") -> dict[str, torch.Tensor]:
    state = models.get_model(name, weights=None, num_classes=classes).state_dict()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({prefix + key: value for key, value in state.items()}, path)
    return dict(state)


@pytest.mark.parametrize(("name", "num_features", "size"), BACKBONES)
def test_any_torchvision_classifier_gives_features(name: str, num_features: int, size: int) -> None:
    backbone, counted = make_backbone(name, size, "none")
    assert counted == num_features
    images = torch.randn(2, 3, size, size)
    features = backbone.eval()(images)
    assert features.shape == (2, num_features)


def test_the_last_layer_is_gone() -> None:
    backbone, _ = make_backbone("resnet18", 32, "none")
    assert not any(isinstance(module, nn.Linear) for module in backbone.modules())


def test_an_unknown_backbone_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        SettingsError, match="backbone='resnet81' is no torchvision classifier; did you mean 'resnet18'"
    ):
        make_backbone("resnet81", 32, "none")


def test_a_detection_model_is_no_classifier() -> None:
    with pytest.raises(SettingsError, match="is no torchvision classifier"):
        make_backbone("fasterrcnn_resnet50_fpn", 224, "none")


def test_a_size_that_a_backbone_cannot_take_is_refused() -> None:
    with pytest.raises(SettingsError, match="backbone alexnet cannot take image_size=32: "):
        make_backbone("alexnet", 32, "none")


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    state = save_weights(tmp_path / "weights.pth")
    backbone, _ = make_backbone("resnet18", 32, str(tmp_path / "weights.pth"))
    loaded = backbone.state_dict()
    assert set(state) - set(loaded) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(loaded[key], state[key]) for key in loaded)


def test_imagenet_weights_come_from_the_pretrained_channel_where_there_is_one(tmp_path: Path) -> None:
    state = save_weights(tmp_path / "pretrained" / "folder" / "resnet18-f37072fd.pth")
    backbone, _ = make_backbone("resnet18", 32, "imagenet", tmp_path / "pretrained")
    assert torch.equal(backbone.state_dict()["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"])


def test_without_pretraining_the_channel_is_left_alone(tmp_path: Path) -> None:
    state = save_weights(tmp_path / "pretrained" / "w.pth")
    backbone, _ = make_backbone("resnet18", 32, "none", tmp_path / "pretrained")
    assert not torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


@pytest.mark.parametrize("names", [[], ["a.pth", "b.pt"]])
def test_the_pretrained_channel_must_hold_one_file(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(PretrainedError, match=rf"must hold one \.pth or \.pt file, not {len(names)}"):
        make_backbone("resnet18", 32, "imagenet", tmp_path)


def test_weights_that_were_saved_from_data_parallel_training_fit(tmp_path: Path) -> None:
    state = save_weights(tmp_path / "w.pth", prefix="module.")
    backbone, _ = make_backbone("resnet18", 32, str(tmp_path / "w.pth"))
    assert torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


def test_a_training_checkpoint_with_a_state_dict_inside_fits(tmp_path: Path) -> None:
    state = models.resnet18(weights=None).state_dict()
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pth")
    backbone, _ = make_backbone("resnet18", 32, str(tmp_path / "w.pth"))
    assert torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


def test_weights_of_a_network_with_other_classes_fit(tmp_path: Path) -> None:
    state = save_weights(tmp_path / "w.pth", classes=7)
    backbone, _ = make_backbone("resnet18", 32, str(tmp_path / "w.pth"))
    assert torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


def test_weights_of_another_architecture_are_refused_with_a_tensor_that_misses(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.pth", name="squeezenet1_1")
    with pytest.raises(PretrainedError, match=r"does not fit backbone resnet18: it lacks \d+ tensors, such as 'conv1"):
        make_backbone("resnet18", 32, str(tmp_path / "w.pth"))


def test_weights_of_a_wider_network_are_refused_with_the_tensor_that_differs(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.pth", name="shufflenet_v2_x1_0")
    with pytest.raises(PretrainedError, match=r"does not fit backbone shufflenet_v2_x0_5: .*size mismatch"):
        make_backbone("shufflenet_v2_x0_5", 32, str(tmp_path / "w.pth"))


def test_a_path_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PretrainedError, match="is no file; use imagenet, none, or the path of a file"):
        make_backbone("resnet18", 32, str(tmp_path / "missing.pth"))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04" + bytes(50), b"\x80\x02"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(PretrainedError, match=r"w\.pth cannot be read as PyTorch weights"):
        make_backbone("resnet18", 32, str(tmp_path / "w.pth"))


def test_a_file_that_holds_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "w.pth")
    with pytest.raises(PretrainedError, match=r"holds a Tensor, not a state_dict; save model\.state_dict\(\)"):
        make_backbone("resnet18", 32, str(tmp_path / "w.pth"))


class Attack:
    """An object whose unpickling makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_file_that_would_run_code_is_refused_and_runs_none(tmp_path: Path, legacy: bool) -> None:
    path, proof = tmp_path / "w.pth", tmp_path / "proof"
    if legacy:
        path.write_bytes(pickle.dumps({"conv1.weight": Attack(proof)}))
    else:
        torch.save({"conv1.weight": Attack(proof)}, path)
    with pytest.raises(PretrainedError, match="cannot be read as PyTorch weights"):
        make_backbone("resnet18", 32, str(path))
    assert not proof.exists()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No way out of this machine, and no weights from an earlier download."""
    for variable in [f"{scheme}_proxy" for scheme in getproxies()]:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    # Port 9 of this machine is closed: a proxy there refuses every connection, on any machine, at once.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setattr("urllib.request._opener", None)  # it keeps the proxies of its first use, here and afterwards
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return


@pytest.mark.usefixtures("offline")
def test_a_download_that_fails_says_what_to_do_instead() -> None:
    with pytest.raises(PretrainedError) as caught:
        make_backbone("resnet18", 32, "imagenet")
    sentence = str(caught.value)
    assert sentence.startswith("The ImageNet weights of resnet18 cannot be downloaded (")
    assert "put the file in a channel named 'pretrained'" in sentence


@pytest.mark.usefixtures("offline")
def test_weights_that_were_downloaded_before_need_no_network(tmp_path: Path) -> None:
    # torchvision looks in this folder first; the file stands in for the real one, whose name it bears.
    name = models.ResNet18_Weights.DEFAULT.url.rsplit("/", 1)[1]
    state = save_weights(tmp_path / "torch" / "hub" / "checkpoints" / name)
    backbone, _ = make_backbone("resnet18", 32, "imagenet")
    assert torch.equal(backbone.state_dict()["conv1.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet18", "layer4"),
        ("densenet121", "features.denseblock4"),
        ("mobilenet_v2", "features.18"),
        ("efficientnet_b0", "features.8"),
        ("mobilenet_v3_small", "classifier"),
        ("shufflenet_v2_x0_5", "conv5"),
    ],
)
def test_the_last_block_is_the_last_part_that_holds_weights(name: str, expected: str) -> None:
    backbone, _ = make_backbone(name, 32, "none")
    names = {module: path for path, module in backbone.named_modules()}
    assert names[last_block(backbone)] == expected


def test_freezing_all_but_the_head_leaves_nothing_to_train() -> None:
    backbone, _ = make_backbone("resnet18", 32, "none")
    assert freeze(backbone, "head") == [backbone]
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_freezing_all_but_the_last_block_leaves_layer4() -> None:
    backbone, _ = make_backbone("resnet18", 32, "none")
    kept_in_eval = freeze(backbone, "last_block")
    trained = {name.split(".")[0] for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert trained == {"layer4"}
    assert backbone.bn1 in kept_in_eval
    assert not set(kept_in_eval) & set(backbone.layer4.modules())


def test_fine_tuning_all_freezes_nothing() -> None:
    backbone, _ = make_backbone("resnet18", 32, "none")
    assert freeze(backbone, "all") == []
    assert all(parameter.requires_grad for parameter in backbone.parameters())


class Mean(nn.Module):
    """Images (N, 3, S, S) -> features (N, 6), which remember one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.rand(2, 1))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images.mean((2, 3)) * self.scale[0], images.mean((2, 3)) * self.scale[1]], dim=1)


@pytest.fixture
def mean_backbone(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(OWN_BACKBONES, "mean_of_all", Mean)
    return "mean_of_all"


def test_a_backbone_of_ones_own_keeps_its_last_layer(mean_backbone: str) -> None:
    backbone, num_features = make_backbone(mean_backbone, 32, "none")
    assert isinstance(backbone, Mean)
    assert num_features == 6


def test_weights_of_a_backbone_of_ones_own_are_loaded_whole(mean_backbone: str, tmp_path: Path) -> None:
    weights = Mean().state_dict()
    torch.save(weights, tmp_path / "mean.pt")
    backbone, _ = make_backbone(mean_backbone, 32, "imagenet", channel=tmp_path)
    assert torch.equal(backbone.state_dict()["scale"], weights["scale"])
    torch.save({}, tmp_path / "mean.pt")
    with pytest.raises(PretrainedError, match="lacks 1 tensors, such as 'scale'"):
        make_backbone(mean_backbone, 32, str(tmp_path / "mean.pt"))


def test_a_backbone_of_ones_own_has_no_imagenet_weights(mean_backbone: str) -> None:
    with pytest.raises(PretrainedError, match="mean_of_all has no ImageNet weights; set pretrained to none"):
        make_backbone(mean_backbone, 32, "imagenet")


def test_a_backbone_of_ones_own_is_suggested(mean_backbone: str) -> None:
    with pytest.raises(SettingsError, match="did you mean 'mean_of_all'"):
        make_backbone("mean_of_al", 32, "none")
