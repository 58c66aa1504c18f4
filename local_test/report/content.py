"""All that the page shows of a run, gathered: its files, its pictures, their look-alikes and the small pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from local_test.report.album import Album, fill
from local_test.report.cells import Cell, classes_of, count_images, images_of, shown_cells, shown_images
from local_test.report.look_alikes import LookAlikes, find_look_alikes
from local_test.report.pictures import Picture, find_pictures, read_pictures
from local_test.report.run_files import Prediction, RunFiles, read_run

MISTAKES, PAIRS = 24, 24  # shown, the most telling ones
USUAL_VALID_SHARE = 0.1


@dataclass(frozen=True, kw_only=True)
class Content:
    """`pictures` are all files of the channels, read; empty if they are not at hand."""

    name: str
    files: RunFiles
    pictures: list[Picture]
    look_alikes: LookAlikes
    album: Album

    @cached_property
    def mistakes(self) -> list[Prediction]:
        return mistakes(self.files)

    @cached_property
    def cells(self) -> dict[Cell, list[Prediction]]:
        return images_of(self.files)

    @cached_property
    def counts(self) -> dict[Cell, int]:
        return count_images(self.files)

    @cached_property
    def static_pictures(self) -> set[str]:
        """Paths of pictures that the page shows outside of the confusion matrix's cells."""
        return set(_static_paths(self.files, self.look_alikes)) & self.album.sources.keys()

    @property
    def classes(self) -> list[str]:
        return classes_of(self.files)

    @property
    def readable(self) -> list[Picture]:
        return [picture for picture in self.pictures if picture.looks]


def gather(root: Path, name: str, data: Path | None) -> Content:
    """Read the run's files, and look at every picture of its channels. Raises UserError."""
    files = read_run(root)
    share = files.hyperparameters.get("valid_share", USUAL_VALID_SHARE)
    pictures = read_pictures(find_pictures(root, data, float(share)))
    look_alikes = find_look_alikes(pictures)
    album = fill(list(_wanted(files, pictures, look_alikes)))
    return Content(name=name, files=files, pictures=pictures, look_alikes=look_alikes, album=album)


def mistakes(files: RunFiles) -> list[Prediction]:
    """Images that were named wrongly, the surest first."""
    wrong = [prediction for prediction in files.measured if not prediction.is_right]
    return sorted(wrong, key=lambda prediction: (-prediction.probability, prediction.path))


def _wanted(files: RunFiles, pictures: list[Picture], look_alikes: LookAlikes) -> Iterator[tuple[str, Path]]:
    """(path, file) of what is to be shown, the most telling first: there may be no room for all."""
    where = {picture.path: picture.file for picture in pictures}
    paths = _static_paths(files, look_alikes)
    images = images_of(files)
    cells = [cell for cell in shown_cells(len(classes_of(files)), count_images(files)) if cell in images]
    for is_right in (False, True):
        chosen = [shown_images(images[cell]) for cell in cells if (cell[0] == cell[1]) == is_right]
        # One of each cell, then the second of each, and so on: no cell is left empty for another's sake.
        paths += [each.path for row in zip_longest(*chosen) for each in row if each is not None]
    return ((path, where[path]) for path in paths if path in where)


def _static_paths(files: RunFiles, look_alikes: LookAlikes) -> list[str]:
    paths = [prediction.path for prediction in mistakes(files)[:MISTAKES]]
    return paths + [picture.path for pair in look_alikes.pairs[:PAIRS] for picture in (pair.picture, pair.other)]
