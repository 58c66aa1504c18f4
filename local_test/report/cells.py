"""The cells of a confusion matrix: how many images, which, and which cells have a place on the page."""

from collections import defaultdict
from collections.abc import Sequence

from local_test.report.run_files import Prediction, RunFiles

MOST_CLASSES = 200  # of a matrix; of more, those with most mistakes
LISTED = 12  # pairs of classes that are confused most, wherever they are
IN_A_CELL, IN_A_RIGHT_CELL = 24, 8  # images that are shown, as far as there is room
Cell = tuple[int, int]  # true and predicted class, numbers in the order of the classes


def classes_of(files: RunFiles) -> list[str]:
    return files.classes or sorted({each for one in files.measured for each in (one.label, one.predicted)})


def count_images(files: RunFiles) -> dict[Cell, int]:
    """Images of each cell that has any, by the confusion matrix, or else by the predictions."""
    if files.confusion:
        return {(i, j): count for i, row in enumerate(files.confusion) for j, count in enumerate(row) if count}
    return {cell: len(images) for cell, images in images_of(files).items()}


def images_of(files: RunFiles) -> dict[Cell, list[Prediction]]:
    """The images of each cell: of mistakes the surest first, of hits the least sure."""
    place = {name: number for number, name in enumerate(classes_of(files))}
    found: defaultdict[Cell, list[Prediction]] = defaultdict(list)
    for each in files.measured:
        if each.label in place and each.predicted in place:
            found[place[each.label], place[each.predicted]].append(each)
    for images in found.values():
        images.sort(key=lambda each: (each.probability if each.is_right else -each.probability, each.path))
    return dict(found)


def confused(counts: dict[Cell, int]) -> list[tuple[int, Cell]]:
    """(images, cell) of cells off the diagonal, the most first."""
    wrong = ((count, cell) for cell, count in counts.items() if cell[0] != cell[1])
    return sorted(wrong, key=lambda each: (-each[0], each[1]))


def shown_classes(num_classes: int, counts: dict[Cell, int]) -> list[int]:
    """Those that the matrix has room for: all, or those with most mistakes."""
    numbers = list(range(num_classes))
    if num_classes <= MOST_CLASSES:
        return numbers
    mistakes = [0] * num_classes
    for count, (row, column) in confused(counts):
        mistakes[row] += count
        mistakes[column] += count
    return sorted(sorted(numbers, key=lambda number: -mistakes[number])[:MOST_CLASSES])


def shown_cells(num_classes: int, counts: dict[Cell, int]) -> list[Cell]:
    """Cells that can be opened on the page, mistakes first."""
    numbers, listed = set(shown_classes(num_classes, counts)), {cell for _, cell in confused(counts)[:LISTED]}
    cells = [cell for cell in counts if numbers.issuperset(cell) or cell in listed]
    return sorted(cells, key=lambda cell: cell[0] == cell[1])


def shown_images(images: Sequence[Prediction]) -> Sequence[Prediction]:
    """Those of a cell that are shown."""
    return images[: IN_A_RIGHT_CELL if images and images[0].is_right else IN_A_CELL]
