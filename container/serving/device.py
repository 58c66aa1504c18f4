"""Where the network runs, the CPU or one GPU: an artifact -> the function that a lane calls."""

import os
import threading

import torch
from torch import Tensor

from container.model.artifact import Artifact
from container.serving.batcher import Run


def choose_device(wanted: str) -> str:
    """`cpu` or `cuda`; for `auto` the GPU where there is one. CUDA is not initialised: this process may still fork."""
    if wanted != "auto":
        return wanted
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # the driver is asked through NVML only
    return "cuda" if torch.cuda.is_available() else "cpu"


def make_run(artifact: Artifact, device: str) -> Run:
    """Crops, uint8 (N, 3, S, S), on the CPU -> probabilities (N, K), float32, on the CPU."""

    def run(crops: Tensor) -> Tensor:
        return torch.softmax(artifact.logits_of_crops(crops), dim=1)

    return run if device == "cpu" else _on_gpu(artifact, torch.device(device))


def _on_gpu(artifact: Artifact, device: torch.device) -> Run:
    """Each lane has a stream of its own, so one batch's copies overlap with another's arithmetic."""
    own = threading.local()

    def run(crops: Tensor) -> Tensor:
        if not hasattr(own, "stream"):
            own.stream = torch.cuda.Stream(device)
        with torch.cuda.stream(own.stream):
            moved = crops.pin_memory().to(device, non_blocking=True)
            # The copy back waits for this stream alone.
            return torch.softmax(artifact.logits_of_crops(moved), dim=1).cpu()

    return run
