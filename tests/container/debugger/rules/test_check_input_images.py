from pathlib import Path

import pytest
import torch
from torch import nn

from container.debugger.rules.check_input_images import CheckInputImages
from tests.container.debugger.rules.sick_models import (
    LOSSES,
    Batch,
    Network,
    accused,
    balanced,
    classifier,
    judge,
    train,
)


def network() -> Network:
    torch.manual_seed(0)
    return Network(conv=nn.Conv2d(3, 4, 3), relu=nn.ReLU(), pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten())


def pictures(scale: float, mean: float, num_images: int = 100) -> Batch:
    """Images (n, 3, 8, 8) from 0 to 1, first scaled and then shifted."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(num_images, 3, 8, 8, generator=generator) * scale - mean
    return images, torch.arange(num_images) % 4


@pytest.mark.parametrize("scale", [1, 255])
def test_images_that_were_not_normalised_are_found(tmp_path: Path, scale: float) -> None:
    rule = CheckInputImages(train(tmp_path / "run", network(), [pictures(scale, 0)] * 5, learning_rate=0.0001))
    assert judge(rule) == [4]
    assert accused(rule) == {"Network_input_0"}
    assert "over 500 images; it should lie within 0.2 of zero." in rule.issues[0]["message"]


def test_normalised_images_are_healthy(tmp_path: Path) -> None:
    rule = CheckInputImages(train(tmp_path / "run", network(), [pictures(2, 1)] * 5))
    assert judge(rule) == []
    assert rule.datapoints == 1


def test_the_limits_may_be_text(tmp_path: Path) -> None:
    trial = train(tmp_path / "run", network(), [pictures(1, 0)], collections=[("input_image", "Network_input_0")])
    assert judge(CheckInputImages(trial, threshold_samples="100")) == [0]
    assert judge(CheckInputImages(trial, threshold_samples="100", threshold_mean="0.6")) == []


def test_one_channel_is_enough(tmp_path: Path) -> None:
    images, labels = pictures(2, 1)
    images[:, 2] += 1
    rule = CheckInputImages(train(tmp_path / "run", network(), [(images, labels)]), threshold_samples=100)
    assert judge(rule) == [0]
    assert rule.issues[0]["message"].startswith("The mean of channel 2 is")


def test_too_few_images_are_named_as_the_reason(tmp_path: Path) -> None:
    rule = CheckInputImages(train(tmp_path / "run", network(), [pictures(255, 0)]))
    assert judge(rule) == []
    assert rule.shortfall == "Only 100 images were saved, and the rule needs 500; save more."


@pytest.mark.parametrize("collections", [None, LOSSES], ids=["no images", "losses only"])
def test_without_images_there_is_nothing_to_judge(tmp_path: Path, collections: list[tuple[str, str]] | None) -> None:
    rule = CheckInputImages(train(tmp_path / "run", classifier(), [balanced(600)], collections=collections))
    assert judge(rule) == []
    assert rule.datapoints == 0
