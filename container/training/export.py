"""Best weights -> model.pt, proven to answer as the network did."""

import platform
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from container.data.channels import Channel
from container.data.decode import decode_image
from container.errors import ImageError, TrainingError
from container.model.artifact import load_artifact, save_artifact
from container.model.preprocess import Preprocess

CHECKED_IMAGES = 4
LARGEST_DIFFERENCE = 1e-3  # of a logit, or of the largest where that is above 1; rounding moves it by about 1e-5


def export(
    path: Path, preprocess: Preprocess, network: nn.Module, class_names: list[str], card: dict[str, Any], valid: Channel
) -> float:
    """Write model.pt and return the largest difference of a logit between it and the network, on valid images.

    Raises TrainingError if they disagree: such an artifact would answer with other labels than those measured.
    """
    preprocess, network = preprocess.cpu(), network.cpu().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_artifact(path, preprocess, network, class_names, card)
    images = list(islice(_readable(valid), CHECKED_IMAGES)) or [
        torch.arange(256, dtype=torch.uint8).expand(3, 256, 256)
    ]
    with torch.inference_mode():
        expected = network(preprocess(images))  # (n, K)
    difference = float((load_artifact(path).logits(images) - expected).abs().max())
    if not difference <= LARGEST_DIFFERENCE * max(1.0, float(expected.abs().max())):
        path.unlink()
        raise TrainingError(
            f"The exported artifact's logits differ by {difference:g} from the network's; it was removed. The same "
            "image must always give the same logits: look for what is random in the backbone in eval mode."
        )
    return difference


def _readable(channel: Channel) -> Iterator[Tensor]:
    """Its images that can be read still: others are no reason to lose the model."""
    for path in channel.files:
        with suppress(ImageError, OSError):
            yield decode_image(path.read_bytes())


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__}
