"""What the peers share: the network, the image's way into it and the answer. Nothing of this project is in it.

The steps are those of plain_flask.py (torchvision's transforms of a Pillow image), written with Pillow and NumPy, as
no peer's environment needs torchvision for anything else. The network runs as the file holds it, as in plain_flask.py:
freezing it and laying out its weights anew is what a person would have to add.
"""

import io
import os
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

RESIZED, CROPPED, TOP = 256, 224, 5
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def load_network() -> Any:
    """The TorchScript file at MODEL_PATH."""
    return torch.jit.load(os.environ["MODEL_PATH"]).eval()  # type: ignore[no-untyped-call]


def to_pixels(body: bytes) -> Tensor:
    """Normalised float32 (3, 224, 224) of an encoded image. Raises Pillow's OSError if it is none."""
    image = Image.open(io.BytesIO(body)).convert("RGB")
    scale = RESIZED / min(image.size)
    image = image.resize((int(image.width * scale), int(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = round((image.width - CROPPED) / 2), round((image.height - CROPPED) / 2)
    image = image.crop((left, top, left + CROPPED, top + CROPPED))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    return (pixels.float() / 255 - MEAN) / DEVIATION


def answer(network: Any, images: list[Tensor]) -> list[dict[str, list[Any]]]:
    """Labels and probabilities, most likely first, of images that go through the network as one batch."""
    with torch.no_grad():
        probabilities = torch.softmax(network(torch.stack(images)), dim=1)  # (N, K)
    values, indices = probabilities.topk(TOP)
    return [
        {"labels": [str(index) for index in row], "probabilities": scores}
        for row, scores in zip(indices.tolist(), values.tolist(), strict=True)
    ]
