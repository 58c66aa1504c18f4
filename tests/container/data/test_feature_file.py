from pathlib import Path

import numpy as np
import pytest
import torch

from container.data.feature_file import (
    HEADER_BYTES,
    FeatureKey,
    Features,
    read_features,
    round_features,
    write_features,
)

KEY = FeatureKey({"content": "abc", "view": 0})


def features(rows: int = 5, width: int = 3, dtype: str = "float32") -> Features:
    return np.random.default_rng(0).normal(size=(rows, width)).astype(dtype)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of features."""
    write_features(tmp_path / "a.features", KEY, features())
    return tmp_path / "a.features"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_is_written_is_read_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    write_features(tmp_path / "a.features", KEY, features(dtype=dtype))
    found = read_features(tmp_path / "a.features", KEY)
    assert found.dtype == dtype
    assert np.array_equal(found, features(dtype=dtype))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.features"]


def test_features_are_mapped_from_the_file_and_not_read_into_memory(path: Path) -> None:
    found = read_features(path, KEY)
    assert isinstance(found, np.memmap)
    assert str(path) in Path("/proc/self/maps").read_text()
    assert found.offset == HEADER_BYTES


def test_a_tensor_takes_the_mapped_memory_and_what_is_done_to_it_does_not_reach_the_file(path: Path) -> None:
    before = path.read_bytes()
    found = read_features(path, KEY)
    tensor = torch.from_numpy(found)
    assert tensor.data_ptr() == found.ctypes.data
    tensor.zero_()
    assert path.read_bytes() == before


def test_features_that_are_mapped_outlive_their_file(path: Path) -> None:
    found = read_features(path, KEY)
    path.unlink()
    assert np.array_equal(found, features())


def test_one_flipped_bit_is_noticed_wherever_it_is(path: Path) -> None:
    content = path.read_bytes()
    assert content[:HEADER_BYTES].rstrip().endswith(b"}")
    header = len(content[:HEADER_BYTES].rstrip())
    for position in (*range(header), *range(header, HEADER_BYTES, 500), *range(HEADER_BYTES, len(content))):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ValueError):  # noqa: PT011  whatever it says
            read_features(path, KEY)


@pytest.mark.parametrize("length", [0, 100, HEADER_BYTES, HEADER_BYTES + 10, HEADER_BYTES + 5 * 3 * 4 - 1])
def test_a_truncated_file_is_not_read(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ValueError, match=r"not 4156|Expecting|Unterminated"):
        read_features(path, KEY)


def test_a_file_that_is_too_long_is_not_read(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match="it has 4160 bytes, not 4156"):
        read_features(path, KEY)


@pytest.mark.parametrize(
    "content", [b"[]", b"{}", b"no JSON" * 1000, bytes(HEADER_BYTES), b"\xff" * 5000, b'{"format": 1, "key": 3}']
)
def test_a_file_of_something_else_is_not_read(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"something else|Expecting|decode"):
        read_features(path, KEY)


def test_features_of_another_key_are_not_read_whatever_the_files_name(path: Path) -> None:
    with pytest.raises(ValueError, match="it holds something else"):
        read_features(path, FeatureKey({"content": "abc", "view": 1}))


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.features").mkdir()  # nothing can be renamed to it
    with pytest.raises(OSError, match="directory"):
        write_features(tmp_path / "a.features", KEY, features())
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.features"]


def test_a_key_has_a_name_that_depends_on_every_part_of_it_and_not_on_their_order() -> None:
    assert FeatureKey({"view": 0, "content": "abc"}).name == KEY.name
    names = {FeatureKey(other).name for other in ({"content": "abc", "view": 1}, {"content": "abd", "view": 0})}
    assert len(names | {KEY.name}) == 3


def test_features_that_differ_by_about_their_size_are_kept_as_float16() -> None:
    rounded = round_features(features(64, 32))
    assert rounded.dtype == np.float16
    assert np.abs(rounded - features(64, 32)).max() < 2e-3


@pytest.mark.parametrize(
    "coarse",
    [
        features(64, 32) + 10,  # differences that are a tenth of the size
        features(64, 32) * 1e-7,  # below float16's range
        features(64, 32) * 1e5,  # above it
        features(1, 32),  # one image, which differs from nothing
    ],
    ids=["a small spread", "tiny", "huge", "one image"],
)
def test_features_that_float16_would_blur_stay_as_they_are(coarse: Features) -> None:
    assert round_features(coarse) is coarse


def test_features_that_are_all_zero_are_kept_as_float16() -> None:
    assert round_features(np.zeros((4, 3), np.float32)).dtype == np.float16
