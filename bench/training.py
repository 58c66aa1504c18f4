"""Training: this project's loop, a plain PyTorch loop, fastai and timm's train.py, epoch by epoch in turn.

All read the same JPEGs, show the same kind of views (random crop and flip at 224) and train ResNet-18 from the same
weights with Adam in batches of 32, once the last layer alone and once all layers; timm's script has no way to freeze
a backbone. Start-up and the first epoch are not counted. This project's feature cache is off: it is the subject of
bench/tuning.py.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.loops import PROJECT_DIR, Contender, Epoch, take_turns
from bench.part import Panels, Part
from bench.peers.environment import peer_python
from bench.photos import write_class_folders
from bench.record import Record, compare, left_out_record
from container import contract
from local_test.opt_ml import find_channels, lay_out

OURS, PLAIN, FASTAI, TIMM = "this project", "plain PyTorch loop", "fastai", "timm train.py"
TIMM_VARIABLE = "TIMM_TRAIN"  # the path of timm's script, which no package holds
PEERS_DIR = Path("bench") / "peers"
NUM_CLASSES = 8
HYPERPARAMETERS = {
    "backbone": "resnet18",
    "head": "linear",
    "image_size": "224",
    "batch_size": "32",
    "optimizer": "adam",
    "augment": "basic",
    "feature_cache": "off",
    "num_epochs": "10000",  # the benchmark says when it is enough
    "checkpoint_seconds": "86400",
}
FINE_TUNE = {"head": "train the head only", "all": "train all layers"}


def bench_training(work_dir: Path, rounds: int, train: int, valid: int) -> list[Record]:
    """Records for each of FINE_TUNE, after `rounds` counted epochs of each loop; images per class."""
    data = draw_photos(work_dir, train, valid)
    weights = make_weights(work_dir)
    records = []
    for mode, what in FINE_TUNE.items():
        epochs = take_turns(what, contenders(mode, work_dir, data, weights, rounds), rounds, work_dir)
        records += records_of(what, epochs)
    if TIMM_VARIABLE not in os.environ:
        records.append(left_out_record(TIMM, f"{TIMM_VARIABLE} did not name the script"))
    return records


def draw_photos(work_dir: Path, train: int, valid: int) -> Path:
    data = work_dir / f"photos-{train}-{valid}"
    if not data.is_dir():
        print(f"Drawing {NUM_CLASSES * (train + valid)} photos", flush=True)
        write_class_folders(data, NUM_CLASSES, train, valid)
    return data


def make_weights(work_dir: Path) -> Path:
    path = work_dir / "weights" / "resnet18.pth"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "bench.weights", str(path), str(NUM_CLASSES)], cwd=PROJECT_DIR, check=True)
    return path


def lay_out_job(root: Path, data: Path, **hyperparameters: str) -> Path:
    """The base folder of a job that begins anew, with HYPERPARAMETERS and these."""
    run = lay_out(root, {**HYPERPARAMETERS, **hyperparameters}, find_channels(data), link=True)
    for checkpoint in (run.root / "checkpoints").glob("*.pt"):
        checkpoint.unlink()
    return run.root


def contenders(mode: str, work_dir: Path, data: Path, weights: Path, rounds: int) -> list[Contender]:
    """All that can train what the hyperparameter fine_tune=`mode` trains."""
    base_dir = lay_out_job(work_dir / f"run-{mode}", data, fine_tune=mode, pretrained=str(weights))
    found = [
        Contender(OURS, [sys.executable, "-m", "bench.our_loop"], {contract.BASE_DIR_VARIABLE: str(base_dir)}),
        Contender(PLAIN, [sys.executable, "-m", "bench.peers.plain_loop", str(data), mode, str(weights)]),
        Contender(
            FASTAI,
            [
                *(str(peer_python("fastai")), str(PEERS_DIR / "fastai_loop.py")),
                *(str(data), mode, str(weights), str(rounds + 1)),
            ],
        ),
    ]
    if script := os.environ.get(TIMM_VARIABLE) if mode == "all" else None:
        arguments = [str(Path(script).absolute()), str(data), str(weights), str(work_dir / "run-timm")]
        found.append(Contender(TIMM, [str(peer_python("timm")), str(PEERS_DIR / "timm_loop.py"), *arguments]))
    return found


def records_of(what: str, epochs: dict[str, list[Epoch]]) -> list[Record]:
    """Speed, time and accuracy of this project beside each peer's."""
    ours = epochs[OURS]
    records = []
    for peer, theirs in epochs.items():
        if peer == OURS:
            continue
        speeds = [[epoch.images_per_second for epoch in side] for side in (ours, theirs)]
        seconds = [[epoch.seconds for epoch in side] for side in (ours, theirs)]
        records += [
            compare(f"{what}: training", "images/s", "higher", speeds[0], peer, speeds[1]),
            compare(f"{what}: an epoch with validation", "s", "lower", seconds[0], peer, seconds[1]),
            accuracies(f"{what}: accuracy at the end", [ours[-1].accuracy], peer, [theirs[-1].accuracy]),
        ]
    return records


def accuracies(name: str, ours: Sequence[float], peer: str, theirs: Sequence[float]) -> Record:
    """Shows that both did the same work; without a ratio, as nobody is better by a few images of some hundred."""
    return replace(compare(name, "share", "higher", ours, peer, theirs), ratio=None)


def panels(records: Sequence[Record]) -> Panels:
    """A panel of speeds for each of FINE_TUNE: they have different peers."""
    speeds = [record for record in records if record.unit == "images/s"]
    found = {what: [record for record in speeds if record.name.startswith(what)] for what in FINE_TUNE.values()}
    return {f"{what.capitalize()}, resnet18 at 224 px, batch 32": own for what, own in found.items() if own}


def check() -> None:
    script = os.environ.get(TIMM_VARIABLE)
    if script is None:
        print(f"training: timm's train.py is left out; {TIMM_VARIABLE}=path/to/train.py takes it in.", flush=True)
    elif not Path(script).is_file():
        raise BenchError(f"{TIMM_VARIABLE} is {script!r}, which is no file; give the path of timm's train.py.")
    peer_python("fastai")


def measure_part(work_dir: Path, quick: bool) -> list[Record]:
    return bench_training(work_dir, rounds=1, train=8, valid=2) if quick else bench_training(work_dir, 5, 40, 8)


PART = Part(
    name="training",
    help=f"images/s of the training loop beside plain PyTorch, fastai and, with {TIMM_VARIABLE}=path/to/train.py "
    "(from huggingface/pytorch-image-models), timm",
    title="Training, fp32",
    measure=measure_part,
    measure_rounds=lambda work_dir, rounds: bench_training(work_dir, rounds, 40, 8),
    panels=panels,
    columns=2,
    check=check,
)
