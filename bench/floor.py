"""How fast the network could be at all: its operations over what the processor does at its best.

    python -m bench.floor THREADS...

prints both as JSON, with the processor's best for each number of threads.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.models import IMAGE_SIZE, make_network

SIDE = 2048  # of the matrices: large enough for full speed, small enough for a tenth of a second
ATTEMPTS = 8


def operations(network: nn.Module, image_size: int) -> float:
    """Floating-point operations for one image; a multiplication and an addition count as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 3, image_size, image_size))
    return float(counter.get_total_flops())


def peak_operations_per_second(num_threads: int) -> float:
    """The best of a few fp32 matrix products with this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(num_threads)
    left, right = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    result = torch.empty(SIDE, SIDE)
    best_seconds = float("inf")
    for _ in range(ATTEMPTS):
        started = time.perf_counter()
        torch.matmul(left, right, out=result)
        best_seconds = min(best_seconds, time.perf_counter() - started)
    torch.set_num_threads(before)
    return 2 * SIDE**3 / best_seconds


if __name__ == "__main__":
    peaks = {threads: peak_operations_per_second(int(threads)) for threads in sys.argv[1:]}
    print(json.dumps({"operations": operations(make_network(), IMAGE_SIZE), "peak_per_second": peaks}))
