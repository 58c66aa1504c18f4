"""Which of a model folder's artifacts a server loads: fp32, bf16 or int8, and why."""

from dataclasses import dataclass
from pathlib import Path

import torch

from container import contract
from container.errors import ArtifactError
from container.model.artifact import read_card

PRECISIONS = ("fp32", "bf16", "int8")
WANTED = ("auto", *PRECISIONS)

# What a processor must have to calculate with so few bits in hardware: names as in Linux's /proc/cpuinfo.
CPU_FLAGS = {
    "int8": frozenset({"avx512_vnni", "avx_vnni", "amx_int8"}),
    "bf16": frozenset({"avx512_bf16", "amx_bf16"}),
}
CPU_NAMES = {"int8": "VNNI or AMX", "bf16": "AVX-512 BF16 or AMX"}


@dataclass(frozen=True)
class Variant:
    """The artifact to load. `reason` is a sentence for the log."""

    path: Path
    precision: str
    reason: str


def variant_path(model_dir: Path, precision: str) -> Path:
    """model.pt for fp32, and model-bf16.pt or model-int8.pt beside it."""
    path = model_dir / contract.MODEL_FILE
    return path if precision == "fp32" else path.with_stem(f"{path.stem}-{precision}")


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
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), ()))


def _choose_for_cpu(model_dir: Path, flags: frozenset[str]) -> Variant:
    speeds: dict[str, float] = {}
    refused: list[str] = []
    for precision, needed in CPU_FLAGS.items():
        path = variant_path(model_dir, precision)
        if not path.is_file():
            continue
        if not flags & needed:
            refused.append(f"this CPU lacks {CPU_NAMES[precision]} for {path.name}")
        elif (speed := _speed(path)) is None:
            refused.append(f"{path.name} does not say how fast it is")
        else:
            speeds[precision] = speed
    best = max(speeds, key=lambda name: speeds[name], default="fp32")
    if best == "fp32":
        reason = "; ".join(refused) or "the folder holds no other form of the model"
    else:
        reason = f"this CPU has {', '.join(sorted(flags & CPU_FLAGS[best]))}, and export measured it"
        reason += f" {speeds[best]:.1f} times as fast as fp32"
    return Variant(variant_path(model_dir, best), best, f"{best}: {reason}.")


def _choose_for_gpu(model_dir: Path) -> Variant:
    # Written for GPUs, and tested on none: the project's tests run on CPUs.
    path = variant_path(model_dir, "bf16")
    if path.is_file() and torch.cuda.is_bf16_supported(including_emulation=False):
        return Variant(path, "bf16", f"bf16: this GPU has arithmetic for {path.name}.")
    reason = "the GPU lacks bf16 arithmetic" if path.is_file() else f"there is no {path.name}, the other form for GPUs"
    return Variant(variant_path(model_dir, "fp32"), "fp32", f"fp32: {reason}.")


def _speed(path: Path) -> float | None:
    """How many times as fast as fp32 the exporting machine found it, at the batch size where it gains least.

    None if that cannot be read: a file that is damaged must not stop a server that has model.pt too.
    """
    try:
        return min(read_card(path)["measured"]["speed"].values())
    except (ArtifactError, KeyError):
        return None
