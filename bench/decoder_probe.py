"""Milliseconds per JPEG, from its bytes to the network's 224x224 input, of each decoder at hand here, as JSON.

python -m bench.decoder_probe SECONDS FILE...
"""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from bench.per_image import milliseconds_per_image
from container.data.decode import decode_image
from container.model.preprocess import Preprocess, decode_side

IMAGE_SIZE = 224
# torchvision 0.29 deprecates its decoders, and says so at each call.
warnings.filterwarnings("ignore", "The image decoding and encoding capabilities", DeprecationWarning)


def with_torchvision(body: bytes) -> Tensor:
    image: Tensor = decode_jpeg(torch.frombuffer(bytearray(body), dtype=torch.uint8), ImageReadMode.RGB)
    return image


DECODERS: dict[str, Callable[[bytes], Tensor]] = {
    "this project": lambda body: decode_image(body, side=decode_side(IMAGE_SIZE)),
    "Pillow in full": decode_image,
    "torchvision": with_torchvision,
}


def main(seconds: float, paths: list[Path]) -> None:
    torch.set_num_threads(1)  # as a loader process has
    bodies = [path.read_bytes() for path in paths]
    crop = Preprocess(IMAGE_SIZE).crop
    found = {name: milliseconds_per_image(decode, crop, bodies, seconds) for name, decode in DECODERS.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(float(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
