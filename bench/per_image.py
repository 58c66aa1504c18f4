"""The time of decoding, measured alike for all decoders. It needs Python alone: OpenCV's environment has no torch."""

import time
from collections.abc import Callable, Sequence
from typing import Any


def milliseconds_per_image(
    decode: Callable[[bytes], Any], crop: Callable[[Any], Any], bodies: Sequence[bytes], seconds: float
) -> float:
    """The mean over the images, decoded and cropped in turn for so long; the first turn is not counted."""
    for body in bodies:
        crop(decode(body))
    started, num_turns = time.perf_counter(), 0
    while num_turns == 0 or time.perf_counter() - started < seconds:
        for body in bodies:
            crop(decode(body))
        num_turns += 1
    return 1000 * (time.perf_counter() - started) / (num_turns * len(bodies))
