"""Decoded image -> the network's input, as tensor operations that training, evaluation and the artifact share."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# The share of the shorter side that the centre crop keeps, and the statistics of ImageNet.
# Source: torchvision's reference for its classification weights (resize 256, crop 224, mean, std).
CROP_SHARE = 224 / 256
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def decode_side(image_size: int) -> int:
    """The fewest pixels of an image's shorter side that give the centre crop without enlarging it: 256 for 224."""
    return math.ceil(image_size / CROP_SHARE)


class Preprocess(nn.Module):
    """Centre crop, antialiased resize and normalisation; scriptable, without parameters."""

    mean: Tensor
    std: Tensor

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        self.crop_share = CROP_SHARE
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1) * 255, persistent=False)

    @torch.jit.export
    def crop(self, image: Tensor) -> Tensor:
        """The centre of an image (3, H, W), uint8, as (3, S, S), uint8, where S is `image_size`.

        The region is cut out before it is scaled, so that memory is bounded by S whatever the aspect ratio.
        """
        height, width = image.shape[1], image.shape[2]
        side = max(1, int(round(min(height, width) * self.crop_share)))  # noqa: RUF046  a float in TorchScript
        top, left = (height - side) // 2, (width - side) // 2
        region = image[:, top : top + side, left : left + side].unsqueeze(0)
        region = region.contiguous(memory_format=torch.channels_last)  # one memory layout: one rounding
        size = [self.image_size, self.image_size]
        return F.interpolate(region, size=size, mode="bilinear", antialias=True, align_corners=False)[0]

    @torch.jit.export
    def normalize(self, crops: Tensor) -> Tensor:
        """Crops (N, 3, S, S), uint8, as float32 with the mean and deviation that the backbone was trained on."""
        return (crops.to(self.mean.dtype) - self.mean) / self.std

    def forward(self, images: list[Tensor]) -> Tensor:
        """Images of any sizes, each uint8 (3, H, W) -> (N, 3, S, S), float32, on the device of the buffers."""
        crops = torch.stack([self.crop(image.cpu()) for image in images])
        return self.normalize(crops.to(self.mean.device))
