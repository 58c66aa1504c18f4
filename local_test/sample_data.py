"""A small labelled set of photo-like pictures in the dogImages layout, made from a seed: no download needed.

Every picture shows an animal in front of a landscape; its class is the pattern of its coat. Colours, pose, size,
light and background are drawn from the same ranges for all classes, so that only the pattern gives the class away.
The files are as mixed as a real collection: many sizes, some rotated by EXIF, some grey, CMYK or PNG.

The same seed gives the same bytes, on the same machine with the same versions of numpy and Pillow.
"""

import argparse
import io
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

from numpy.random import Generator, default_rng
from PIL import Image, ImageDraw, ImageFont, ImageOps
from tqdm import tqdm

from container.errors import UserError
from local_test.interrupts import deaf_children, exit_status
from local_test.sample_coats import CLASSES
from local_test.sample_pictures import photograph

MARKER_FILE = "sample_data.json"  # the parameters that a folder was made with, and whether it is complete
RECIPE = 1  # raise it when the drawing changes, so that older folders are not taken for this one's
SPLITS = ("train", "valid", "test")
ORIENTATION_TAG = 0x0112
TURNS = (  # EXIF orientation, and how the picture is stored so that the tag turns it upright
    (3, Image.Transpose.ROTATE_180),
    (6, Image.Transpose.ROTATE_90),
    (8, Image.Transpose.ROTATE_270),
)
EXAMPLES = """examples:
  python -m local_test.sample_data data/sample
  python -m local_test.sample_data data/small --train-per-class 20 --contact-sheet small.png"""
KINDS = {2: "rotated", 5: "L", 7: "rotated", 9: "CMYK", 12: "png"}  # of 16 files; the others are plain JPEG


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    seed: int = 0
    train_per_class: int = 80
    valid_per_class: int = 15
    test_per_class: int = 20

    def __post_init__(self) -> None:
        if self.seed < 0 or min(self.counts()) < 0 or not any(self.counts()):
            raise UserError(f"No pictures can be made with {self}; the numbers must not be negative, nor all counts 0.")

    def counts(self) -> tuple[int, int, int]:
        """Pictures per class in each of SPLITS."""
        return self.train_per_class, self.valid_per_class, self.test_per_class


DEFAULTS = SampleSettings()


def encode(picture: Image.Image, number: int, rng: Generator) -> tuple[bytes, str]:
    """The picture as bytes of a file, and its extension; `number` decides on the unusual kinds."""
    quality, kind = int(rng.integers(50, 96)), KINDS.get(number % 16, "")
    exif, target = Image.Exif(), io.BytesIO()
    if kind == "png":
        picture.save(target, "PNG")
        return target.getvalue(), ".png"
    if kind == "rotated":  # stored turned, with the tag that turns it back
        tag, turn = TURNS[int(rng.integers(len(TURNS)))]
        picture, exif[ORIENTATION_TAG] = picture.transpose(turn), tag
    elif kind:
        picture = picture.convert(kind)
    picture.save(target, "JPEG", quality=quality, exif=exif)
    return target.getvalue(), ".jpg"


def write_picture(split_dir: Path, seed: int, class_index: int, number: int) -> None:
    """Make one file of the set, unless an earlier run has; a reader sees the whole file or none."""
    name = list(CLASSES)[class_index]
    stem = split_dir / name / f"{name[4:]}_{number:05d}"
    if any(stem.with_suffix(suffix).exists() for suffix in (".jpg", ".png")):
        return
    rng = default_rng([seed, SPLITS.index(split_dir.name), class_index, number])
    body, suffix = encode(photograph(name, rng), number + 3 * class_index, rng)
    partial = stem.with_suffix(".partial")
    partial.write_bytes(body)
    partial.replace(stem.with_suffix(suffix))


def make_sample_data(data_dir: Path, settings: SampleSettings = DEFAULTS) -> Path:
    """`data_dir`, filled with the set: at once if it is there already, or by completing an interrupted run.

    Raises UserError if the folder holds anything else: nothing is ever deleted or overwritten.
    """
    made_with = {"recipe": RECIPE, **asdict(settings)}
    if is_complete(data_dir, made_with):
        return data_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    marker_path = data_dir / MARKER_FILE
    marker_path.write_text(json.dumps(made_with | {"complete": False}))
    jobs = []
    for split, count in zip(SPLITS, settings.counts(), strict=True):
        for class_index, name in enumerate(CLASSES):
            (data_dir / split / name).mkdir(parents=True, exist_ok=True)
            jobs += [(data_dir / split, settings.seed, class_index, number) for number in range(count)]
    # spawn: the same on every system, and safe where the caller already runs threads.
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    try:
        with deaf_children():
            done = pool.map(write_picture, *zip(*jobs, strict=True), chunksize=8)
        for _ in tqdm(done, total=len(jobs), desc="Drawing sample pictures", unit="image", disable=None):
            pass
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C the rest must not be drawn first
    marker_path.write_text(json.dumps(made_with | {"complete": True}))
    return data_dir


def is_complete(data_dir: Path, made_with: dict[str, int]) -> bool:
    """Whether the folder holds the whole set; False if it holds a part or nothing. Raises UserError if other things."""
    marker_path = data_dir / MARKER_FILE
    if not marker_path.is_file():
        if data_dir.is_dir() and any(data_dir.iterdir()):
            raise UserError(f"{data_dir} is not empty and was not made by this command; choose another folder.")
        return False
    found = json.loads(marker_path.read_text())
    complete = bool(found.pop("complete"))
    if found != made_with:
        raise UserError(f"{data_dir} holds sample data made with {found}; choose another folder, or remove this one.")
    return complete


def contact_sheet(split_dir: Path, side: int = 110) -> Image.Image:
    """Four pictures of each class of an image folder under the class's name, as one picture."""
    class_dirs = sorted(path for path in split_dir.iterdir() if path.is_dir())
    columns, caption = 5, 26
    width, height = 2 * side + 12, 2 * side + caption + 12
    sheet = Image.new("RGB", (columns * width, -(-len(class_dirs) // columns) * height), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for index, class_dir in enumerate(class_dirs):
        left, top = index % columns * width + 6, index // columns * height + 6
        pen.text((left, top), class_dir.name, fill="black", font=font)
        for place, path in enumerate(sorted(class_dir.iterdir())[:4]):
            with Image.open(path) as image:
                thumbnail = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), (side - 2, side - 2))
            sheet.paste(thumbnail, (left + place % 2 * side, top + caption + place // 2 * side))
    return sheet


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local_test.sample_data",
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data_dir", type=Path, help="folder that gets train/, valid/ and test/")
    parser.add_argument("--seed", type=int, default=SampleSettings.seed, help="another seed makes other pictures")
    for split in SPLITS:
        default = getattr(SampleSettings, f"{split}_per_class")
        parser.add_argument(f"--{split}-per-class", type=int, default=default, help=f"pictures (default {default})")
    parser.add_argument("--contact-sheet", type=Path, metavar="PATH", help="also save an overview of the test pictures")
    given = vars(parser.parse_args())
    data_dir, sheet_path = given.pop("data_dir"), given.pop("contact_sheet")
    try:
        make_sample_data(data_dir, SampleSettings(**given))
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The sample data is in {data_dir}.")
    if sheet_path:
        contact_sheet(data_dir / "test").save(sheet_path)
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main, "\nStopped; the same command draws the rest."))
