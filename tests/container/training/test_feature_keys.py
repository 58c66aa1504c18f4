import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from container.data.channels import Channel, read_channel
from container.data.feature_file import FeatureKey
from container.hyperparameters import Hyperparameters
from container.training import feature_keys
from container.training.feature_keys import code_digest, feature_key, package_versions, weights_digest
from tests.job_folder import write_class_folders, write_picture

BASE = Hyperparameters(augment="basic", seed=1)


@pytest.fixture
def channel(tmp_path: Path) -> Channel:
    return read_channel("train", write_class_folders(tmp_path / "train", 2), max_corrupt_share=0)


def make_key(
    channel: Channel,
    hyperparameters: Hyperparameters = BASE,
    weights: str = "w",
    precision: str = "float32",
    view: int = 0,
    *,
    augmented: bool = True,
) -> FeatureKey:
    return feature_key(hyperparameters, channel, weights, precision, view, augmented=augmented)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "v"},
        {"precision": "bfloat16"},
        {"view": 1},
        {"hyperparameters": dataclasses.replace(BASE, seed=2)},
        {"hyperparameters": dataclasses.replace(BASE, image_size=225)},
        {"hyperparameters": dataclasses.replace(BASE, augment="strong")},
        {"hyperparameters": dataclasses.replace(BASE, augment="none")},
        {"hyperparameters": dataclasses.replace(BASE, backbone="resnet34")},
        {"augmented": False},
    ],
    ids=str,
)
def test_all_that_features_depend_on_makes_another_key(channel: Channel, change: dict) -> None:
    assert make_key(channel, **change).name != make_key(channel).name


def test_other_pictures_make_another_key_and_other_names_and_labels_do_not(channel: Channel, tmp_path: Path) -> None:
    original = make_key(channel)
    renamed = tuple(path.with_name(f"x{path.name}") for path in channel.files)
    assert make_key(dataclasses.replace(channel, root=tmp_path, files=renamed, labels=(0,) * 6)) == original
    write_picture(channel.files[0], (1, 2, 3))
    assert make_key(read_channel("train", channel.root, max_corrupt_share=0)) != original


def test_what_only_the_head_depends_on_leaves_the_key_as_it_is(channel: Channel) -> None:
    other = dataclasses.replace(
        BASE, learning_rate=0.1, batch_size=8, num_epochs=50, head="linear", optimizer="sgd", cached_views=2, workers=3
    )
    assert make_key(channel, other) == make_key(channel)


@pytest.mark.parametrize("change", [{"seed": 2}, {"augment": "strong"}, {"augment": "none"}], ids=str)
def test_a_view_without_augmentation_is_everybodys(channel: Channel, change: dict) -> None:
    other = dataclasses.replace(BASE, **change)
    assert make_key(channel, other, augmented=False) == make_key(channel, augmented=False)


def test_without_augmentation_train_has_one_view_whatever_the_seed(channel: Channel) -> None:
    plain = dataclasses.replace(BASE, augment="none")
    assert make_key(channel, plain) == make_key(channel, dataclasses.replace(plain, seed=9), view=3)


def test_other_code_and_other_packages_make_another_key(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [make_key(channel)]
    monkeypatch.setattr(feature_keys, "code_digest", lambda: "other code")
    keys.append(make_key(channel))
    monkeypatch.setattr(feature_keys, "package_versions", lambda: "torch 9")
    keys.append(make_key(channel))
    assert len({key.name for key in keys}) == 3


@pytest.mark.parametrize("left_out", range(len(feature_keys.SOURCES)))
def test_the_code_that_counts_is_all_of_it(monkeypatch: pytest.MonkeyPatch, left_out: int) -> None:
    whole = code_digest()
    sources = list(feature_keys.SOURCES)
    sources[left_out] = pytest
    monkeypatch.setattr(feature_keys, "SOURCES", sources)
    assert code_digest.__wrapped__() != whole


def test_the_file_of_a_backbone_of_ones_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = code_digest()
    monkeypatch.setitem(feature_keys.OWN_BACKBONES, "mine", nn.Flatten)
    assert code_digest.__wrapped__() != whole


def test_a_package_counts_by_its_version_and_not_by_the_device_it_was_built_for(monkeypatch) -> None:
    monkeypatch.setattr(feature_keys, "version", {"pillow": "13.0", "torch": "2.13.0+cu133", "torchvision": "0.28"}.get)
    assert package_versions.__wrapped__() == "pillow 13.0, torch 2.13.0, torchvision 0.28"


def test_weights_have_a_digest_of_name_type_shape_and_content() -> None:
    def network(**changes: torch.Tensor) -> nn.Module:
        torch.manual_seed(0)
        made = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        for name, value in changes.items():
            setattr(made[1], name, value)
        return made

    original = weights_digest(network())
    assert weights_digest(network()) == original
    assert weights_digest(network().to(memory_format=torch.channels_last)) == original
    others = [
        network(running_mean=torch.ones(3)),
        network(running_mean=torch.zeros(3, dtype=torch.float64)),
        network(num_batches_tracked=torch.tensor(1)),
        nn.Sequential(nn.Identity(), *network()),
    ]
    assert len({original, *map(weights_digest, others)}) == 5
