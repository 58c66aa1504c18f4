"""The views of an image that training shows, for the hyperparameter `augment`: random crop, flip, colours, rotation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

Crop = Callable[[Tensor], Tensor]  # uint8 (3, H, W) -> uint8 (3, S, S)

SMALLEST_CROP = {"basic": 0.35, "strong": 0.08}  # share of the image's area that a random crop keeps at least
WIDEST_CROP = 4 / 3  # the most that a crop's width is of its height, or its height of its width
ATTEMPTS = 10  # at a crop that fits into the image


def augmentation(name: str, image_size: int, centre_crop: Crop) -> Crop:
    """The training view of an image for the hyperparameter `augment`: `none` is the evaluation's centre crop."""
    if name == "none":
        return centre_crop
    random_crop = RandomCrop(image_size, SMALLEST_CROP[name])
    if name == "basic":
        return random_crop
    assert name == "strong", name
    return v2.Compose([random_crop, v2.ColorJitter(0.4, 0.4, 0.4, 0.05), v2.RandomRotation(15)])


def augmentation_side(name: str, image_size: int, centre_side: int) -> int:
    """The shorter side that the views of `augment` need of an image; `centre_side` is what the centre crop needs.

    At this side the smallest random crop still has as many pixels as the network's input: 379 for `basic` at 224. Its
    shape is drawn too, so a narrow one of a square photo may be enlarged, by 15 % at most; one of a 4:3 photo never is.
    """
    return centre_side if name == "none" else math.ceil(image_size / math.sqrt(SMALLEST_CROP[name]))


@dataclass(frozen=True)
class RandomCrop:
    """A random part of an image, scaled to the network's input and, every second time, mirrored.

    The part is drawn as torchvision's RandomResizedCrop draws it, but as shares of height and width: so one state of
    torch's generator shows the same part of a photo whether that is decoded in full or smaller.
    """

    image_size: int
    smallest_area: float  # of the part, as a share of the image's

    def __call__(self, image: Tensor) -> Tensor:
        """uint8 (3, H, W) -> uint8 (3, S, S), channels-last in memory."""
        chance = torch.rand(2 * ATTEMPTS + 3, dtype=torch.float64).tolist()
        top, left, height, width = self.region(image.shape[1], image.shape[2], chance)
        part = image[:, top : top + height, left : left + width].unsqueeze(0)
        part = part.contiguous(memory_format=torch.channels_last)  # the layout whose 8-bit scaling is vectorised
        size = [self.image_size, self.image_size]
        view = F.interpolate(part, size=size, mode="bilinear", antialias=True, align_corners=False)[0]
        return view.flip(2) if chance[-1] < 0.5 else view

    def region(self, height: int, width: int, chance: list[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of the part, from numbers in [0, 1).

        Where no attempt fits, as in a panorama, it is the centre in the widest shape allowed.
        """
        part_height, part_width = min(height, width * WIDEST_CROP), min(width, height * WIDEST_CROP)
        across, down = 0.5, 0.5
        for area_chance, shape_chance in zip(chance[: 2 * ATTEMPTS : 2], chance[1 : 2 * ATTEMPTS : 2], strict=True):
            area = height * width * (self.smallest_area + (1 - self.smallest_area) * area_chance)
            shape = WIDEST_CROP ** (2 * shape_chance - 1)  # width over height; its logarithm is uniform
            tried_height, tried_width = math.sqrt(area / shape), math.sqrt(area * shape)
            if tried_height <= height and tried_width <= width:
                part_height, part_width = tried_height, tried_width
                down, across = chance[-3], chance[-2]
                break
        rows, columns = max(1, round(part_height)), max(1, round(part_width))
        return round(down * (height - rows)), round(across * (width - columns)), rows, columns
