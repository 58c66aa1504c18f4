"""OpenCV as a decoder: milliseconds per JPEG, from its bytes to 224x224 pixels, as JSON.

    python -m bench.peers.opencv_probe SECONDS FILE...

The centre square of 7/8 of the shorter side is averaged down, as OpenCV's own advice for making images smaller is.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.per_image import milliseconds_per_image

IMAGE_SIZE = 224
SCALES = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}


def decode_in_full(body: bytes) -> Any:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def decode_reduced(divisor: int) -> Callable[[bytes], Any]:
    flag = SCALES.get(divisor, cv2.IMREAD_COLOR)
    return lambda body: cv2.cvtColor(cv2.imdecode(np.frombuffer(body, np.uint8), flag), cv2.COLOR_BGR2RGB)


def crop(image: Any) -> Any:
    height, width = image.shape[:2]
    side = round(min(height, width) * 7 / 8)
    top, left = (height - side) // 2, (width - side) // 2
    region = image[top : top + side, left : left + side]
    return cv2.resize(region, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)


def main(seconds: float, paths: list[Path]) -> None:
    cv2.setNumThreads(1)
    bodies = [path.read_bytes() for path in paths]
    shorter = min(decode_in_full(bodies[0]).shape[:2])
    divisor = next((scale for scale in SCALES if shorter / scale >= IMAGE_SIZE * 8 / 7), 1)
    decoders = {"OpenCV in full": decode_in_full, "OpenCV, reduced": decode_reduced(divisor)}
    found = {name: milliseconds_per_image(decode, crop, bodies, seconds) for name, decode in decoders.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(float(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
