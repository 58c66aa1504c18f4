"""Optimizer, learning-rate schedule and precision, from hyperparameters to objects."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from container.errors import SettingsError

MOMENTUM = 0.9
FINAL_SHARE = 0.01  # of the peak learning rate, where cosine ends


def make_optimizer(
    name: str, parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    if name == "sgd":
        return torch.optim.SGD(trained, learning_rate, momentum=MOMENTUM, nesterov=True, weight_decay=weight_decay)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    # One pass over the weights, where torch makes a dozen by default: 23 ms instead of 66 on two cores, for ResNet-18.
    return kind(trained, learning_rate, weight_decay=weight_decay, fused=True)


def learning_rate_factor(schedule: str, warmup_steps: int, total_steps: int) -> Callable[[int], float]:
    """The share of the peak learning rate at each optimizer step, counted from 0: linear rise, then the schedule."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / warmup_steps
        if schedule == "constant":
            return 1.0
        progress = min(1.0, (step - warmup_steps) / max(1, total_steps - warmup_steps))
        return FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2

    return factor


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = learning_rate


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The dtype for autocast; float32 means off. Raises SettingsError for fp16 without a GPU."""
    has_gpu = device.type == "cuda"
    if name == "auto":
        return torch.bfloat16 if has_gpu and torch.cuda.is_bf16_supported() else torch.float32
    if name == "fp16" and not has_gpu:
        raise SettingsError("mixed_precision is 'fp16', which needs a GPU; use bf16, no or auto here.")
    return {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


def class_weights(name: str, counts: list[int], device: torch.device) -> Tensor:
    """One weight per class, (K,), float32, mean 1: inverse frequency for `balanced`, else ones."""
    if name == "none":
        return torch.ones(len(counts), device=device)
    inverse = 1 / torch.tensor(counts, dtype=torch.float32).clamp(min=1)
    return (inverse / inverse.mean()).to(device)


def choose_backends(num_threads: int) -> None:
    """Fast settings that keep CPU results reproducible: TF32 and cuDNN's search touch GPUs only."""
    torch.set_num_threads(num_threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
