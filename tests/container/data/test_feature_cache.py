import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from container.data.feature_cache import SUFFIX, FeatureCache
from container.data.feature_file import HEADER_BYTES, PARTIAL, FeatureKey, Features

SIZE = HEADER_BYTES + 8 * 4 * 2  # bytes of a file of `features`
FORK = multiprocessing.get_context("fork")


def key(number: int) -> FeatureKey:
    return FeatureKey({"content": "abc", "view": number})


def features(number: int = 0) -> Features:
    return np.full((8, 4), number, np.float16)


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    """An empty one with room for three files."""
    return FeatureCache(tmp_path / "features", None, 3 * SIZE)


def fill(cache: FeatureCache, *numbers: int) -> FeatureCache:
    """Write a file for each number, the first one's use the longest ago."""
    cache.folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        cache.write(key(number), features(number), keep=[])
        os.utime(path_of(cache, number), (number, number))
    return cache


def path_of(cache: FeatureCache, number: int) -> Path:
    return cache.folder / (key(number).name + SUFFIX)


def kept(cache: FeatureCache) -> list[int]:
    """The numbers of the files that are there."""
    return [number for number in range(10) if path_of(cache, number).exists()]


def test_what_was_written_is_found_by_its_key_alone(cache: FeatureCache) -> None:
    fill(cache, 1, 2)
    found = cache.find(key(2))
    assert isinstance(found, np.memmap)
    assert np.array_equal(found, features(2))
    assert cache.find(key(3)) is None
    assert (cache.has(key(2)), cache.has(key(3))) == (True, False)


def test_the_channel_is_found_first_and_is_never_written_to(cache: FeatureCache, tmp_path: Path) -> None:
    channel = fill(FeatureCache(tmp_path / "channel", None, 10 * SIZE), 1, 2).folder
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in channel.iterdir()}
    both = fill(FeatureCache(cache.folder, channel, 3 * SIZE), 2, 3)
    path_of(both, 2).write_bytes(b"not looked at")
    assert all(np.array_equal(both.find(key(number)), features(number)) for number in (1, 2, 3))  # type: ignore[arg-type]
    assert [both.has_in_channel(key(number)) for number in (1, 2, 3)] == [True, True, False]
    fill(both, 4, 5, 6, 7)
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in channel.iterdir()} == before
    assert all(both.has(key(number)) for number in (1, 2))


def test_a_damaged_file_in_the_channel_is_passed_over_for_a_whole_one(cache: FeatureCache, tmp_path: Path) -> None:
    channel = fill(FeatureCache(tmp_path / "channel", None, 10 * SIZE), 1)
    path_of(channel, 1).write_bytes(b"damaged")
    both = fill(FeatureCache(cache.folder, channel.folder, 3 * SIZE), 1)
    assert np.array_equal(both.find(key(1)), features(1))  # type: ignore[arg-type]


def test_a_damaged_file_is_told_once_and_replaced_by_a_whole_one(
    cache: FeatureCache, capsys: pytest.CaptureFixture[str]
) -> None:
    path = path_of(fill(cache, 1), 1)
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(3):
        assert cache.find(key(1)) is None
    told = f"Features {path} cannot be used (it has {SIZE - 1} bytes, not {SIZE}); they are computed anew.\n"
    assert capsys.readouterr().out == told
    fill(cache, 1)
    assert np.array_equal(cache.find(key(1)), features(1))  # type: ignore[arg-type]


def test_what_was_not_used_for_longest_makes_way(cache: FeatureCache) -> None:
    fill(cache, 1, 2, 3)
    assert cache.find(key(1)) is not None  # which is a use
    fill(cache, 4)
    assert kept(cache) == [1, 3, 4]


def test_the_files_never_take_more_than_the_limit_and_no_more_go_than_have_to(cache: FeatureCache) -> None:
    for number in range(8):
        fill(cache, number)
        assert sum(path.stat().st_size for path in cache.folder.glob("*" + SUFFIX)) <= cache.limit_bytes
    assert kept(cache) == [5, 6, 7]
    cache.write(key(8), np.zeros((8, 4), np.float32), keep=[])  # larger than one file
    assert kept(cache) == [7, 8]


def test_what_the_job_needs_does_not_make_way(cache: FeatureCache) -> None:
    fill(cache, 1, 2, 3)
    cache.write(key(4), features(4), keep=[key(1), key(3), key(4)])
    assert kept(cache) == [1, 3, 4]


def test_where_all_that_is_there_is_needed_nothing_is_written_and_nothing_removed(cache: FeatureCache) -> None:
    fill(cache, 1, 2, 3)
    with pytest.raises(OSError, match="more than feature_cache_mib=0 are needed"):
        cache.write(key(4), features(4), keep=[key(2), key(3), key(1)])
    with pytest.raises(OSError, match="are needed"):
        cache.write(key(4), np.zeros((800, 4), np.float32), keep=[])
    assert kept(cache) == [1, 2, 3]


def test_a_file_that_is_replaced_takes_no_room_beside_the_new_one(cache: FeatureCache) -> None:
    fill(cache, 1, 2, 3)
    cache.write(key(2), features(2), keep=[key(1), key(2), key(3)])
    assert kept(cache) == [1, 2, 3]


def test_features_fit_by_the_limit_if_all_others_make_way(cache: FeatureCache) -> None:
    assert cache.fits(3 * SIZE)
    assert not cache.fits(3 * SIZE + 1)
    assert fill(cache, 1, 2, 3).fits(3 * SIZE)
    assert not FeatureCache(cache.folder, None, 2**62).fits(2**60)  # the disk is smaller than the limit
    assert not FeatureCache(cache.folder, None, 0).fits(1)


def test_a_file_that_a_killed_writer_left_is_not_read_and_goes_with_the_next_write(cache: FeatureCache) -> None:
    fill(cache, 1)
    left = cache.folder / f"{key(2).name}-0123{PARTIAL}"
    left.write_bytes(path_of(cache, 1).read_bytes())
    assert cache.find(key(2)) is None
    assert not cache.has(key(2))
    fill(cache, 3)
    assert not left.exists()


def hold(cache: FeatureCache, is_held: object, is_over: object) -> None:
    with cache.lock(key(1)) as is_mine:
        assert is_mine
        is_held.set()  # type: ignore[attr-defined]
        is_over.wait()  # type: ignore[attr-defined]


def test_one_process_at_a_time_may_compute_a_view_and_others_may_compute_other_views(cache: FeatureCache) -> None:
    is_held, is_over = FORK.Event(), FORK.Event()
    holder = FORK.Process(target=hold, args=(cache, is_held, is_over))
    holder.start()
    assert is_held.wait(60)
    with cache.lock(key(1)) as is_mine, cache.lock(key(2)) as other_is_mine:
        assert (is_mine, other_is_mine) == (False, True)
    is_over.set()
    holder.join()
    with cache.lock(key(1)) as is_mine:
        assert is_mine


def hold_and_fork(cache: FeatureCache, is_held: object, child: object) -> None:
    with cache.lock(key(1)):
        pid = os.fork()  # it lives on, as loader processes do for a while
        if pid:
            child.value = pid  # type: ignore[attr-defined]
            is_held.set()  # type: ignore[attr-defined]
        signal.pause()


def test_a_lock_ends_with_its_process_even_where_that_has_left_another_behind(cache: FeatureCache) -> None:
    is_held, child = FORK.Event(), FORK.Value("i")
    holder = FORK.Process(target=hold_and_fork, args=(cache, is_held, child))
    holder.start()
    assert is_held.wait(60)
    holder.kill()
    holder.join()
    try:
        with cache.lock(key(1)) as is_mine:
            assert is_mine
    finally:
        os.kill(child.value, signal.SIGKILL)  # which raises if it is not there


def write_some(cache: FeatureCache, first: int) -> None:
    for number in range(first, 200, 4):
        cache.write(key(number), features(number), keep=[])


def test_the_limit_holds_for_processes_that_write_at_once(cache: FeatureCache) -> None:
    cache.folder.mkdir()
    writers = [FORK.Process(target=write_some, args=(cache, first)) for first in range(4)]
    for writer in writers:
        writer.start()
    sizes = []
    while any(writer.is_alive() for writer in writers):
        sizes.append(len(list(cache.folder.glob("*" + SUFFIX))))
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert max(sizes) <= 3
    assert [cache.find(key(number)) is not None for number in range(200)].count(True) == 3


def test_where_the_folder_cannot_be_written_all_may_compute_and_none_can_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "features", None, 3 * SIZE)
    with cache.lock(key(1)) as is_mine:
        assert is_mine
    assert cache.find(key(1)) is None
    with pytest.raises(OSError, match="Not a directory"):
        cache.write(key(1), features(1), keep=[])
    with pytest.raises(OSError, match="Not a directory"):
        cache.fits(1)
