"""How fast the network could be at all: its operations over what the processor does at its best.

    python -m bench.floor THREADS...

prints both as JSON, the processor's best for each precision and number of threads.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.models import IMAGE_SIZE, make_network

SIDE = 2048  # of the matrices: large enough for full speed, small enough for a tenth of a second
CONVOLUTION = (8, 256, 32)  # images, channels in and out, pixels a side; 3x3 weights: ResNet-18's own kind of work
ATTEMPTS = 8

Work = tuple[float, Callable[[], Tensor]]  # its operations, and what does them


def operations(network: nn.Module, image_size: int) -> float:
    """Arithmetic operations for one image; a multiplication and an addition count as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, image_size, image_size))
    return float(counter.get_total_flops())


def peak_operations_per_second(precision: str, num_threads: int) -> float:
    """The best that large products and convolutions with so many bits and threads reach, in a few attempts each."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    best = max(_best(work) for work in works(precision))
    torch.set_num_threads(before)
    return best


def works(precision: str) -> list[Work]:
    """What to time in fp32, bf16 or int8."""
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    if precision == "int8":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the deprecation that container/model/quantize.py tells of
            return [(2 * SIDE**3, _int8_product(left, right))]
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    left, right = left.to(dtype), right.to(dtype)
    result = torch.empty_like(left)
    # Both, as PyTorch has a library for each: on some processors that of products leaves half of the speed unused.
    return [(2 * SIDE**3, lambda: torch.mm(left, right, out=result)), _convolution(dtype)]


def _convolution(dtype: torch.dtype) -> Work:
    num_images, channels, pixels = CONVOLUTION
    layout = torch.channels_last
    images = torch.rand(num_images, channels, pixels, pixels, dtype=dtype).contiguous(memory_format=layout)
    weights = torch.rand(channels, channels, 3, 3, dtype=dtype).contiguous(memory_format=layout)
    num_operations = 2 * num_images * channels**2 * pixels**2 * 9
    return num_operations, lambda: nn.functional.conv2d(images, weights, padding=1)


def _best(work: Work) -> float:
    """Operations per second, the most of a few attempts."""
    num_operations, calculate = work
    best_seconds = float("inf")
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        calculate()
        best_seconds = min(best_seconds, time.perf_counter() - started)
    return num_operations / best_seconds


def _int8_product(left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    left_int8 = torch.quantize_per_tensor(left, 1 / 255, 0, torch.quint8)
    right_int8 = torch.quantize_per_tensor(right.T.contiguous(), 1 / 127, 0, torch.qint8)
    packed = torch.ops.quantized.linear_prepack(right_int8, None)
    scale = len(left) / 255  # of the result: 0 to 255 stand for 0 to len(left)
    return lambda: torch.ops.quantized.linear(left_int8, packed, scale, 0)


if __name__ == "__main__":
    peaks = {
        precision: {threads: peak_operations_per_second(precision, int(threads)) for threads in sys.argv[1:]}
        for precision in ("fp32", "bf16", "int8")
    }
    print(json.dumps({"operations": operations(make_network(), IMAGE_SIZE), "peak_per_second": peaks}))
