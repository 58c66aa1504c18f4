"""Decoders: ms per JPEG from its bytes to the network's 224x224 pixels, one thread. Why container/data/decode.py is so.

This project asks Pillow for a picture at 1/2, 1/4 or 1/8 of its size where that leaves enough; the others are Pillow,
torchvision and OpenCV in full, and OpenCV with the same trick. torchvision's is a little faster for a JPEG that must
be decoded in full, but knows no smaller scales, and is deprecated since torchvision 0.29.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.loops import PROJECT_DIR
from bench.part import Panels, Part
from bench.peers.environment import peer_python
from bench.photos import photo
from bench.record import Record, compare
from bench.training import OURS

SIZES = {(500, 375): 8, (1024, 768): 4, (3000, 2000): 2}  # (width, height): how many photos
WHAT = "decode and crop to 224"


def bench_decoders(work_dir: Path, rounds: int, seconds: float) -> list[Record]:
    """A record for each size and other decoder; each decoder runs for `seconds` in each round."""
    records = []
    for size, count in SIZES.items():
        files = write_photos(work_dir / "decoders", size, count)
        name = f"{size[0]}x{size[1]}"
        print(f"decoders: {name}, {rounds} rounds", flush=True)
        measured = [measure_decoders(files, seconds) for _ in range(rounds)]
        ours = [each[OURS] for each in measured]
        for peer in measured[0]:
            if peer != OURS:
                theirs = [each[peer] for each in measured]
                records.append(compare(f"{name}: {WHAT}", "ms", "lower", ours, peer, theirs))
    return records


def write_photos(folder: Path, size: tuple[int, int], count: int) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{size[0]}x{size[1]}-{seed}.jpg" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            path.write_bytes(photo(seed, size))
    return paths


def measure_decoders(files: Sequence[Path], seconds: float) -> dict[str, float]:
    """Milliseconds per image of every decoder."""
    here = [sys.executable, "-m", "bench.decoder_probe"]
    opencv = [str(peer_python("opencv")), "-m", "bench.peers.opencv_probe"]
    return {**_run(here, files, seconds), **_run(opencv, files, seconds)}


def _run(command: Sequence[str], files: Sequence[Path], seconds: float) -> dict[str, float]:
    arguments = [*command, str(seconds), *map(str, files)]
    done = subprocess.run(arguments, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"A decoder could not be measured: {done.stderr[-800:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def panels(records: Sequence[Record]) -> Panels:
    """A panel for each size: a large photo takes 30 times what a small one does."""
    names = dict.fromkeys(record.name for record in records)
    return {f"A JPEG of {name}": [record for record in records if record.name == name] for name in names}


PART = Part(
    name="decoders",
    help="ms per JPEG of Pillow, torchvision and OpenCV beside this project's choice",
    title="Decoding a JPEG and cropping it to 224x224, one thread",
    measure=lambda work_dir, quick: bench_decoders(work_dir, 1, 0.3) if quick else bench_decoders(work_dir, 5, 2),
    measure_rounds=lambda work_dir, rounds: bench_decoders(work_dir, rounds, 2),
    panels=panels,
    columns=3,
    check=lambda: print(f"decoders: OpenCV is in {peer_python('opencv')}", flush=True),
)
