"""Pictures of one split that are in another too, as they are or nearly: what a network has learned by heart there.

Every picture has 64 bits (fingerprint.py). Two that differ in 7 of them at most agree in one of four bands of 16 bits
but for one bit, so only those that share such a band are compared: time grows with the number of pictures, and not with
its square.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from local_test.report.pictures import SPLITS, Picture

BAND_BITS, BANDS = 16, 4
MASKS = (0, *(1 << bit for bit in range(BAND_BITS)))
MOST_BITS = 7  # that may differ: what the bands find all of
# Of the colours at 16 x 16 places, whatever their brightness and contrast. Measured: JPEG of quality 40, half the size
# or a seventh more light leave 0.99 and more; other pictures with alike outlines have less, but for tiny ones of like
# things in front of nothing, as in Fashion-MNIST, of which 6 % have.
LEAST_CORRELATION = 0.99
PLAIN = 3.0  # of 255: colours that deviate less are a blank picture, which is like any other
MOST_COMPARISONS = 50_000_000  # some seconds; beyond, plain pictures that share a band with thousands are left out
CHUNK, COMPARED = 1_000_000, 20_000  # pairs held at a time: of bits, and of colours
ORDER = tuple(SPLITS)
NEXT_TO = {"valid": ("train",), "test": ("train", "valid")}  # where look-alikes of a split are a leak, worst first

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class LookAlike:
    """A picture that is measured on, and one like it in another split; 0 bits may be the very same file."""

    picture: Picture
    other: Picture
    bits: int
    is_same_file: bool


@dataclass(frozen=True)
class LookAlikes:
    """At most one for each picture of valid and test; not `is_whole` if some comparisons were left out."""

    pairs: list[LookAlike]
    is_whole: bool = True

    def between(self, split: str, other: str) -> list[LookAlike]:
        return [pair for pair in self.pairs if (pair.picture.split, pair.other.split) == (split, other)]


def find_look_alikes(pictures: Sequence[Picture], most_comparisons: int = MOST_COMPARISONS) -> LookAlikes:
    """Of pictures that were read, each one's nearest look-alike in another split: in train before valid."""
    read = [picture for picture in pictures if picture.looks is not None]
    if not read:
        return LookAlikes([])
    bits = np.array([picture.looks.bits for picture in read if picture.looks], np.uint64)
    colours = np.array([np.frombuffer(picture.looks.colours, np.uint8) for picture in read if picture.looks])
    splits = np.array([ORDER.index(picture.split) for picture in read])
    files: dict[tuple[bytes, str], Picture] = {}
    for picture in read:
        if picture.looks:
            files.setdefault((picture.looks.digest, picture.split), picture)
    near, is_whole = _near(bits, colours, splits, most_comparisons)
    pairs = []
    for index, picture in enumerate(read):
        for split in NEXT_TO.get(picture.split, ()):
            same = files.get((picture.looks.digest, split)) if picture.looks else None
            if same is not None:
                pairs.append(LookAlike(picture=picture, other=same, bits=0, is_same_file=True))
                break
            if (index, split) in near:
                distance, other = near[index, split]
                pairs.append(LookAlike(picture=picture, other=read[other], bits=distance, is_same_file=False))
                break
    pairs.sort(key=lambda pair: (pair.picture.split, pair.other.split, not pair.is_same_file, pair.bits))
    return LookAlikes(pairs, is_whole)


def _near(
    bits: Array, colours: Array, splits: Array, most_comparisons: int
) -> tuple[dict[tuple[int, str], tuple[int, int]], bool]:
    """(index, split) -> (bits that differ, index of the nearest there), and whether every pair was compared."""
    found: dict[tuple[int, str], tuple[int, int]] = {}
    is_whole = True
    for one, other in _candidates(bits, splits, most_comparisons):
        if one is None or other is None:
            is_whole = False
            continue
        differing = np.bitwise_count(bits[one] ^ bits[other])
        chosen = (differing <= MOST_BITS) & (splits[one] > splits[other])
        one, other, differing = one[chosen], other[chosen], differing[chosen]
        for start in range(0, len(one), COMPARED):
            part = slice(start, start + COMPARED)
            alike = _correlation(colours[one[part]], colours[other[part]]) >= LEAST_CORRELATION
            rows = (values[part][alike].tolist() for values in (one, other, differing))
            for first, second, distance in zip(*rows, strict=True):
                key = (first, ORDER[splits[second]])
                found[key] = min(found.get(key, (MOST_BITS + 1, 0)), (distance, second))
    return found, is_whole


def _correlation(one: Array, other: Array) -> Array:
    """Of each row of colours, uint8 (n, D), with its counterpart: (n,); 0 for blank pictures."""
    left, right = (rows.astype(np.float32) - rows.mean(1, keepdims=True, dtype=np.float32) for rows in (one, other))
    lengths = np.sqrt((left**2).mean(1)), np.sqrt((right**2).mean(1))
    product = (left * right).mean(1) / np.maximum(lengths[0] * lengths[1], 1e-6)
    return np.where(np.minimum(*lengths) < PLAIN, 0, product)


def _candidates(bits: Array, splits: Array, most_comparisons: int) -> Iterator[tuple[Array, Array] | tuple[None, None]]:
    """Pairs of indices that share a band but for one bit, in chunks; (None, None) where some are left out.

    The first of each is of valid or test. Pictures that share their band with few come first.
    """
    measured = np.flatnonzero(splits > 0)
    left = most_comparisons // (BANDS * len(MASKS))
    for band in range(BANDS):
        keys = (bits >> np.uint64(band * BAND_BITS)).astype(np.uint16)
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        for mask in MASKS:
            wanted = keys[measured] ^ np.uint16(mask)
            starts = np.searchsorted(ordered, wanted, "left")
            counts = np.searchsorted(ordered, wanted, "right") - starts
            few_first = np.argsort(counts, kind="stable")
            fits = few_first[np.cumsum(counts[few_first]) <= left]
            if counts[fits].sum() < counts.sum():
                yield None, None
            for part in _chunks(fits, counts):
                sizes = counts[part]
                within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
                yield np.repeat(measured[part], sizes), order[np.repeat(starts[part], sizes) + within]


def _chunks(indices: Array, counts: Array) -> Iterator[Array]:
    """Indices in pieces whose counts sum to CHUNK or so: what memory has to hold at a time."""
    pieces = np.cumsum(counts[indices]) // CHUNK
    return iter(np.split(indices, np.flatnonzero(np.diff(pieces)) + 1))
