"""A picture -> 64 bits and a few colours by which one that looks alike is found, whatever its size or format."""

import hashlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS, COLUMNS = 8, 9  # brightness at so many places; between neighbours in a row there are 64 steps
SIDE = 16  # of the colours
GREY = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)  # how bright red, green and blue look (ITU-R BT.601)


@dataclass(frozen=True)
class Fingerprint:
    """`bits` say of 64 places whether it gets brighter to the right (dHash); `colours` are 3 x 16 x 16 bytes.

    Source: Krawetz, "Kind of Like That" (The Hacker Factor Blog, 2013).
    """

    digest: bytes  # SHA-256 of the file
    bits: int
    colours: bytes


def fingerprint(body: bytes, image: Tensor) -> Fingerprint:
    """Of a file's bytes and its pixels, uint8 (3, H, W)."""
    grey = (_shrunk(image, ROWS, COLUMNS).float() * GREY).sum(0)  # (8, 9)
    steps = (grey[:, 1:] > grey[:, :-1]).flatten().tolist()
    bits = sum(1 << place for place, is_brighter in enumerate(steps) if is_brighter)
    return Fingerprint(hashlib.sha256(body).digest(), bits, _shrunk(image, SIDE, SIDE).numpy().tobytes())


def _shrunk(image: Tensor, height: int, width: int) -> Tensor:
    whole = image.unsqueeze(0).contiguous(memory_format=torch.channels_last)
    return F.interpolate(whole, size=[height, width], mode="bilinear", antialias=True, align_corners=False)[0]
