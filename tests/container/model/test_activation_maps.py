from pathlib import Path

import pytest
import torch
from torch import Tensor

from container.errors import ArtifactError
from container.model.activation_maps import ActivationMaps
from container.model.artifact import load_artifact, save_artifact
from container.model.backbone import make_backbone
from container.model.network import Network
from container.model.preprocess import Preprocess

SIZE = 64


def save(path: Path, backbone: str, head: str = "linear") -> Path:
    features, num_features = make_backbone(backbone, SIZE, "none")
    network = Network(features, num_features, 4, head=head, fine_tune="head")
    for module in network.modules():  # so that a head with batch normalisation is no identity
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    save_artifact(path, Preprocess(SIZE), network, list("abcd"), {"input_size": SIZE})
    return path


def noise(count: int) -> Tensor:
    return torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("head", ["linear", "seed"])
@pytest.mark.parametrize("backbone", ["resnet18", "shufflenet_v2_x0_5"])
def test_the_mean_of_a_map_is_the_logit_of_the_artifact(tmp_path: Path, backbone: str, head: str) -> None:
    path = save(tmp_path / "model.pt", backbone, head)
    crops = noise(3)
    maps = ActivationMaps(path)(crops)
    assert maps.shape[:2] == (3, 4)
    assert maps.shape[2:] == (SIZE // 32, SIZE // 32)
    logits = load_artifact(path).logits_of_crops(crops)
    assert torch.allclose(maps.mean(dim=(2, 3)), logits, atol=1e-4)
    assert maps.std() > 0


def test_each_place_of_a_map_is_about_its_own_part_of_the_image(tmp_path: Path) -> None:
    patches = torch.nn.Conv2d(3, 6, 8, stride=8)
    features = torch.nn.Sequential(patches, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    network = Network(features, 6, 4, head="linear", fine_tune="head")
    save_artifact(tmp_path / "model.pt", Preprocess(SIZE), network, list("abcd"), {"input_size": SIZE})
    maps, crops = ActivationMaps(tmp_path / "model.pt"), noise(1)
    changed = crops.clone()
    changed[..., 8:16, 24:32] = 255 - changed[..., 8:16, 24:32]
    (places,) = (maps(crops) != maps(changed)).any(dim=1).nonzero()[:, 1:].tolist()
    assert places == [1, 3]


def test_a_network_that_ends_otherwise_has_none_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no exact activation maps"):
        ActivationMaps(save(tmp_path / "model.pt", "mobilenet_v3_small"))
