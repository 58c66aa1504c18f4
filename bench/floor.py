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
ATTEMPTS = 8


def operations(network: nn.Module, image_size: int) -> float:
    """Arithmetic operations for one image; a multiplication and an addition count as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, image_size, image_size))
    return float(counter.get_total_flops())


def peak_operations_per_second(precision: str, num_threads: int) -> float:
    """The best of a few products of matrices with so many bits and threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    multiply = product(precision, torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE))
    best_seconds = float("inf")
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        multiply()
        best_seconds = min(best_seconds, time.perf_counter() - started)
    torch.set_num_threads(before)
    return 2 * SIDE**3 / best_seconds


def product(precision: str, left: Tensor, right: Tensor) -> Callable[[], Tensor]:
    """A function that multiplies two matrices of values from 0 to 1 in fp32, bf16 or int8."""
    if precision == "int8":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the deprecation that container/model/quantize.py tells of
            return _int8_product(left, right)
    if precision == "bf16":
        left, right = left.bfloat16(), right.bfloat16()
    result = torch.empty_like(left)
    return lambda: torch.mm(left, right, out=result)


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
