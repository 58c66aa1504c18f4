"""Which of a model folder's artifacts a server loads: fp32, bf16 or int8, and why."""

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from container import contract
from container.errors import ArtifactError
from container.model.artifact import read_card

PRECISIONS = tuple(contract.MODEL_FILES)
WANTED = ("auto", *PRECISIONS)

# What a processor must have to calculate with so few bits in hardware, any of these: names as in Linux's /proc/cpuinfo,
# of x86-64 and, the last of each, of ARM, where this was run under emulation only, so that no speed is known.
CPU_FLAGS = {
    "int8": frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}),
    "bf16": frozenset({"avx512_bf16", "amx_bf16", "bf16"}),
}
CPU_NAMES = {"int8": "VNNI or AMX", "bf16": "AVX-512 BF16 or AMX"}
FLAG_LINES = ("flags", "Features")  # of x86-64 and of ARM

# Without VNNI three instructions do the work of one. Measured with ResNet-18: 1.9 times fp32's speed with AVX2 or
# AVX-512 alone, 3.3 with VNNI.
SLOW_INT8_FLAG = "avx2"
SLOW_INT8_SHARE = 0.5  # of the gain that a processor with VNNI measured
LEAST_SPEED = 1.05


@dataclass(frozen=True)
class Variant:
    """The artifact to load. `reason` is a sentence for the log."""

    path: Path
    precision: str
    reason: str


def variant_path(model_dir: Path, precision: str) -> Path:
    """model.pt for fp32, and model-bf16.pt or model-int8.pt beside it."""
    return model_dir / contract.MODEL_FILES[precision]


def choose_variant(model_dir: Path, wanted: str, device: str, flags: frozenset[str] | None = None) -> Variant:
    """The artifact of the wanted precision, or for `auto` the fastest that this processor has arithmetic for.

    `flags` are the CPU's, read from this machine unless given. Raises ArtifactError if `wanted` is not there, or does
    not run on the device. Whether model.pt is there is left to the loader.
    """
    assert wanted in WANTED, wanted
    if wanted == "auto":
        if device.startswith("cuda"):
            return _choose_for_gpu(model_dir)
        return _choose_for_cpu(model_dir, cpu_flags() if flags is None else flags)
    path = variant_path(model_dir, wanted)
    if wanted != "fp32" and not path.is_file():
        raise ArtifactError(
            f"There is no {path.name} in {model_dir}: training kept no {wanted} form of this model; "
            "ask for auto or fp32, or train again with precisions=auto."
        )
    if wanted == "int8" and device.startswith("cuda"):
        raise ArtifactError(f"{path.name} runs on a CPU only, not on {device}; ask for auto, fp32 or bf16.")
    return Variant(path, wanted, f"{wanted} was asked for.")


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Names of the processor's extensions, such as avx512_vnni; none where the system does not list them."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith(FLAG_LINES)), ()))


def _choose_for_cpu(model_dir: Path, flags: frozenset[str]) -> Variant:
    speeds: dict[str, float] = {}
    refused: list[str] = []
    for precision in CPU_FLAGS:
        path = variant_path(model_dir, precision)
        if path.is_file():
            try:
                speeds[precision] = _expected_speed(path, precision, flags)
            except ArtifactError as error:
                refused.append(str(error))
    if not speeds:
        reason = "; ".join(refused) or "the folder holds no other form of the model"
        return Variant(variant_path(model_dir, "fp32"), "fp32", f"fp32: {reason}.")
    best = max(speeds, key=lambda name: speeds[name])
    used = sorted(flags & CPU_FLAGS[best]) or [SLOW_INT8_FLAG]
    gain = f"by what export measured it is {speeds[best]:.1f} times as fast as fp32"
    reason = f"this CPU has {', '.join(used)}, and {gain}"
    return Variant(variant_path(model_dir, best), best, f"{best}: {reason}.")


def _expected_speed(path: Path, precision: str, flags: frozenset[str]) -> float:
    """How many times as fast as fp32 it will be on a processor with these flags, by what export measured on its own.

    At the batch size where it gains least. Raises ArtifactError, with the reason, if that is not worth it or not known.
    """
    is_slow = not flags & CPU_FLAGS[precision]
    if is_slow and (precision != "int8" or SLOW_INT8_FLAG not in flags):
        raise ArtifactError(f"this CPU lacks {CPU_NAMES[precision]} for {path.name}")
    try:
        measured: Any = read_card(path)["measured"]
        speed = float(min(measured["speed"].values()))
        architecture = measured.get("architecture", platform.machine())
        was_slow = not measured.get("cpu_flags", CPU_FLAGS[precision])
    except (ArtifactError, KeyError, TypeError, ValueError, AttributeError) as error:
        # A file that is damaged must not stop a server that has model.pt too.
        raise ArtifactError(f"{path.name} does not say how fast it is") from error
    if architecture != platform.machine():
        raise ArtifactError(f"{path.name} was measured on {architecture}, not on {platform.machine()}")
    if is_slow and not was_slow:
        speed *= SLOW_INT8_SHARE
    if speed < LEAST_SPEED:
        raise ArtifactError(f"{path.name} gains too little on a CPU without {CPU_NAMES[precision]}")
    return speed


def _choose_for_gpu(model_dir: Path) -> Variant:
    # Written for GPUs, and tested on none: the project's tests run on CPUs.
    path = variant_path(model_dir, "bf16")
    if path.is_file() and torch.cuda.is_bf16_supported(including_emulation=False):
        return Variant(path, "bf16", f"bf16: this GPU has arithmetic for {path.name}.")
    reason = "the GPU lacks bf16 arithmetic" if path.is_file() else f"there is no {path.name}, the other form for GPUs"
    return Variant(variant_path(model_dir, "fp32"), "fp32", f"fp32: {reason}.")
