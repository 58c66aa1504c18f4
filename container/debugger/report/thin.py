"""Long series made short enough for a page, with every peak kept."""

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
COLUMNS = 300  # about one per two pixels of the widest chart


def thin(x: Series, y: Series, columns: int = COLUMNS) -> tuple[Series, Series]:
    """At most 2 x `columns` points of (x, y), both (N,) with x ascending: the lowest and highest y of each column."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if len(x) <= 2 * columns:
        return x, y
    column = np.minimum((np.arange(len(x)) * columns) // len(x), columns - 1)
    starts = np.searchsorted(column, np.arange(columns))
    kept = []
    for start, end in zip(starts, [*starts[1:], len(x)], strict=True):
        kept += sorted({start + int(y[start:end].argmin()), start + int(y[start:end].argmax())})
    return x[kept], y[kept]


def evenly(count: int, limit: int) -> list[int]:
    """At most `limit` of the indices 0 to `count` - 1, evenly spaced, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    return sorted({round(index * (count - 1) / max(limit - 1, 1)) for index in range(limit)})


def coarse_to_fine(indices: list[int]) -> list[int]:
    """The same indices, ends first, then those in the middle of what is still open: useful wherever one stops."""
    ordered: list[int] = indices[:1] + indices[1:][-1:]
    seen, size = set(ordered), len(indices)
    stride = size
    while stride > 1:
        stride = (stride + 1) // 2
        new = [index for index in indices[::stride] if index not in seen]
        ordered += new
        seen.update(new)
    return ordered


def moving_average(y: Series, width: int) -> Series:
    """The mean of `y` (N,) over the `width` values around each, fewer at both ends: (N,)."""
    sums = np.cumsum(np.concatenate([[0.0], y]))
    middles = np.arange(len(y))
    ends = np.minimum(len(y), middles + width // 2 + 1)
    starts = np.maximum(0, middles - width // 2)
    return (sums[ends] - sums[starts]) / (ends - starts)
