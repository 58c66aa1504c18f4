"""The data set: how many images of each class, how large, which are no images, and which are in two splits."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.charts import histogram
from container.debugger.report.page import Chart, Note, Pair, Part, Section, Table, Tile, Tiles
from local_test.report.content import PAIRS, Content
from local_test.report.drawings import class_sizes
from local_test.report.fragments import fragment
from local_test.report.look_alikes import MOST_BITS, LookAlike
from local_test.report.names import short, written
from local_test.report.pictures import SPLITS, Picture

ABSENT = (
    "The images are not at hand: a job in a container has them mounted only while it runs. "
    "Give their folder: make report RUN=… DATA=folder."
)
NAMED_FILES = 100  # that are no images, in the table


def data_section(content: Content) -> Section:
    if not content.pictures:
        return Section(id="data", title="Data set", parts=[_counted(content), Note(text=ABSENT), *_skipped(content)])
    return Section(
        id="data",
        title="Data set",
        parts=[_tiles(content), *_look_alikes(content), *_skipped(content), *_charts(content.readable)],
    )


def counts(pictures: Sequence[Picture]) -> dict[str, Counter[str]]:
    """Split -> readable images of each class."""
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for picture in pictures:
        found[picture.split][picture.label] += 1
    return found


def _counted(content: Content) -> Tiles:
    """What metrics.json knows of the data."""
    number = content.files.metrics.get("num_images") or {}
    tiles = [
        Tile(label=f"Images of {split}", value=units.text(number[split], units.STEP))
        for split in SPLITS
        if split in number
    ]
    return Tiles(tiles=[*tiles, Tile(label="Classes", value=str(len(content.classes)))])


def _tiles(content: Content) -> Tiles:
    readable = content.readable
    splits = Counter(picture.split for picture in readable)
    labels = {picture.label for picture in content.pictures}
    broken = len(content.pictures) - len(readable)
    return Tiles(
        tiles=[
            *(Tile(label=f"Images of {split}", value=f"{splits[split]:,}") for split in SPLITS if splits[split]),
            Tile(label="Classes", value=f"{len(labels):,}"),
            Tile(label="Files that are no images", value=f"{broken:,}"),
            Tile(label="Of valid and test also in another split", value=f"{len(content.look_alikes.pairs):,}"),
        ]
    )


def _charts(readable: Sequence[Picture]) -> list[Part]:
    if not readable:
        return []
    by_split = counts(readable)
    train = by_split["train"] or Counter(picture.label for picture in readable)
    sides = np.array([min(picture.width, picture.height) for picture in readable], float)
    sizes = [(picture.width * picture.height, f"{picture.width} x {picture.height}") for picture in readable]
    cut = float(np.quantile(sides, 0.99))
    return [
        Pair(
            charts=[
                Chart(
                    title="Images of each class in train",
                    sentence=_balance(train),
                    drawing=class_sizes([(written(name), count) for name, count in train.items()], "images per class"),
                    x_label="classes, the largest first",
                ),
                Chart(
                    title="Shorter side",
                    sentence=_sizes(sizes),
                    drawing=histogram(
                        sides, "pixels of the shorter side", kind=units.STEP, cut=cut, bins=30, height=150
                    ),
                    x_label="pixels",
                ),
            ]
        )
    ]


def _sizes(sizes: list[tuple[int, str]]) -> str:
    """Of (pixels, written) of every image."""
    least, most, middle = min(sizes)[1], max(sizes)[1], sorted(sizes)[len(sizes) // 2][1]
    return (
        f"All have {least} pixels." if least == most else f"From {least} to {most} pixels, half of them over {middle}."
    )


def _balance(train: Counter[str]) -> str:
    (largest, most), (smallest, fewest) = train.most_common()[0], train.most_common()[-1]
    if most == fewest:
        return f"All {len(train)} classes have {most:,}."
    ratio = units.text(most / max(fewest, 1))
    return f"From {fewest:,} ({written(smallest)}) to {most:,} ({written(largest)}): {ratio} times as many."


def _look_alikes(content: Content) -> list[Part]:
    pairs = content.look_alikes.pairs
    looked = sum(picture.split != "train" for picture in content.readable)
    if not looked:
        return [Note(text="There is no valid or test image that could be in train too.")]
    rest = "" if content.look_alikes.is_whole else " Plain pictures, which look like thousands, were not all compared."
    if not pairs:
        return [Note(text=f"None of the {looked:,} images of valid and test looks like one of another split.{rest}")]
    many = f"The first {PAIRS} of {len(pairs):,} pairs." if len(pairs) > PAIRS else ""
    sentence = (
        f"{len(pairs):,} of {looked:,} images of valid and test are in another split too, as they are or scaled, "
        "compressed or brightened: what a network has learned by heart there is no proof of what it can. "
        f"{many}{rest} Mirrored, turned or recoloured copies are not found, nor those that differ in "
        f"more than {MOST_BITS} of 64 bits."
    )
    heading = Markup('<h3>In two splits</h3><p class="lead">{}</p>').format(sentence)
    shown = fragment("pairs", [_pair(pair, content) for pair in pairs[:PAIRS]])
    return [type(shown)(html=heading + shown.html)]


def _pair(pair: LookAlike, content: Content) -> dict[str, object]:
    differs = pair.picture.label != pair.other.label
    alike = (
        "The same file" if pair.is_same_file else f"{pair.bits} of 64 bits differ" if pair.bits else "All 64 bits alike"
    )
    sides = [
        {
            "source": content.album.sources.get(picture.path),
            "picture": content.album.number(picture.path),
            "absent": content.album.why_absent(picture.path),
            "alt": f"{picture.split}, {written(picture.label)}",
            "split": picture.split,
            "label": written(picture.label),
            "path": short(picture.path),
        }
        for picture in (pair.other, pair.picture)
    ]
    return {"sides": sides, "differs": differs, "says": alike + (", under two labels." if differs else ".")}


def _skipped(content: Content) -> list[Part]:
    """Files that the run skipped, and those that are no images now: a table, or a sentence."""
    found = {picture.path: picture.reason for picture in content.pictures if picture.reason}
    skipped = content.files.skipped
    names = sorted({*found, *skipped})
    if not names:
        counted = sum((content.files.metrics.get("num_unreadable") or {}).values())
        if counted:
            return [
                Note(text=f"The run skipped {counted:,} files that were no images; it did not yet write down which.")
            ]
        return [Note(text="Every file of the data set is an image that can be read.")] if content.pictures else []
    rows = [
        [
            short(path),
            "skipped" if path in skipped else "not skipped: it was readable then, or is new",
            skipped.get(path) or found[path],
        ]
        for path in names[:NAMED_FILES]
    ]
    first = f"The first {NAMED_FILES} of {len(names):,}." if len(names) > NAMED_FILES else ""
    sentence = f"Nobody can see what is in them, so the job leaves them out. {first}"
    return [
        Table(title="Files that are no images", sentence=sentence, columns=["File", "By the run", "Why"], rows=rows)
    ]
