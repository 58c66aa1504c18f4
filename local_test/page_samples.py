"""Images of a run's data for its page: to be clicked on by whoever has no picture at hand."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from container.serving.demo.run_files import MOST_SAMPLES, SAMPLES_DIR, SHOWN_TYPES

LARGEST_BYTES = 4 << 20  # the page shows all of them at once
LONGEST_NAME = 200  # of 255 bytes that a file's name may have


def copy_samples(channels: dict[str, Path], root: Path) -> int:
    """Copy one image of each of a few classes into the run, named like the class; how many there are.

    Copies, as the data may lie where a server cannot read it. They are images that the network was not trained on,
    where there are any.
    """
    folder = root / SAMPLES_DIR
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    channel_dir = channels.get("test") or channels.get("valid") or channels["train"]
    found = [image for path in sorted(channel_dir.iterdir()) if path.is_dir() and (image := fitting_image(path))]
    for image in spread(found, MOST_SAMPLES):
        shutil.copyfile(image, folder / f"{image.parent.name[:LONGEST_NAME]}{image.suffix.lower()}")
    return min(len(found), MOST_SAMPLES)


def fitting_image(class_dir: Path) -> Path | None:
    """The last one, as the first is what the terminal shows."""
    files = (path for path in sorted(class_dir.iterdir(), reverse=True) if path.suffix.lower() in SHOWN_TYPES)
    return next((path for path in files if path.is_file() and path.stat().st_size <= LARGEST_BYTES), None)


def spread(found: list[Path], count: int) -> Iterable[Path]:
    """At most `count` of them, from the first to the last."""
    step = max(1, len(found) / count)
    return (found[int(place * step)] for place in range(min(count, len(found))))
