"""Jobs that train on cached features, against jobs that do not."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from container.data.feature_cache import SUFFIX
from tests.container.training.feature_jobs import (
    EVERY_VIEW,
    ROUNDED_TOLERANCE,
    TOLERANCE,
    assert_same_within,
    computed,
    finish,
    largest_difference,
    make,
    start,
)
from tests.job_folder import JobFolder

NewFolder = Callable[[str], JobFolder]


@pytest.mark.parametrize(
    "options",
    [
        {"augment": "none"},
        {"augment": "basic"},
        {"augment": "strong", "head": "linear", "cached_views": 9},
        {"augment": "basic", "accumulation_steps": 2, "class_weights": "balanced", "workers": 1},
        {"augment": "none", "mixed_precision": "bf16"},
    ],
    ids=str,
)
def test_a_job_on_features_ends_as_one_on_images_that_shows_the_same_views(
    new_job_folder: NewFolder, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container.data.feature_file.LARGEST_ROUNDING", 0.0)  # float32
    images = make(new_job_folder("images"), feature_cache="off", **options)
    images.train()
    features = make(new_job_folder("features"), images, **options)
    features.train()
    assert list(features.settings().features_dir.glob("*" + SUFFIX))
    assert_same_within(TOLERANCE, features, images)
    assert largest_difference(features, images) < TOLERANCE


@pytest.mark.parametrize("augment", ["none", "basic"])
def test_a_job_on_float16_features_ends_as_one_on_images_within_a_wider_tolerance(
    new_job_folder: NewFolder, augment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container.data.feature_file.LARGEST_ROUNDING", 1.0)
    images = make(new_job_folder("images"), feature_cache="off", augment=augment)
    images.train()
    features = make(new_job_folder("features"), images, augment=augment)
    features.train()
    (size, *_) = sorted(path.stat().st_size for path in features.settings().features_dir.glob("*" + SUFFIX))
    assert size == 4096 + 9 * 512 * 2  # of test: 9 images, in 2 bytes each number
    assert_same_within(ROUNDED_TOLERANCE, features, images)
    assert largest_difference(features, images) > 0  # the rounding is there


def test_the_images_of_a_cached_job_are_decoded_once_for_each_view(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[tuple[str, int, int]] = Counter()
    from container.data.dataset import ImageDataset

    original = ImageDataset.__getitem__

    def count(self: ImageDataset, key: tuple[int, int]) -> Any:
        asked[self.channel.name, *key] += 1
        return original(self, key)

    monkeypatch.setattr(ImageDataset, "__getitem__", count)
    make(job_folder, num_epochs=7, cached_views=2).train()
    views = {("train", view, index) for view in (0, 1) for index in range(24)}
    once = views | {("valid", 0, index) for index in range(12)} | {("test", 0, index) for index in range(9)}
    assert asked == Counter(dict.fromkeys(once, 1))


@pytest.mark.parametrize("cached_views", [1, 2, 4])
def test_cached_views_is_the_number_of_different_views(job_folder: JobFolder, cached_views: int) -> None:
    make(job_folder, num_epochs=5, cached_views=cached_views).train()
    sizes = Counter(path.stat().st_size for path in job_folder.settings().features_dir.glob("*" + SUFFIX))
    assert sorted(sizes.values()) == sorted([cached_views, 1, 1])  # of train, of valid, of test
    contents = {path.read_bytes()[4096:] for path in job_folder.settings().features_dir.glob("*" + SUFFIX)}
    assert len(contents) == cached_views + 2


def test_a_second_job_with_another_head_computes_nothing(
    new_job_folder: NewFolder, cached_job: JobFolder, tmp_path: Path
) -> None:
    other = {"head": "linear", "learning_rate": 0.002, "batch_size": 12, "num_epochs": 6}
    shared = shutil.copytree(cached_job.settings().features_dir, tmp_path / "features")
    second = make(new_job_folder("second"), cached_job, **other)
    assert computed(finish(start(second, shared))) == Counter()
    alone = make(new_job_folder("alone"), cached_job, **other)
    assert computed(finish(start(alone))) == EVERY_VIEW
    assert largest_difference(second, alone) == 0


def test_the_features_channel_is_used_and_never_written(job_folder: JobFolder, cached_job: JobFolder) -> None:
    make(job_folder, learning_rate=0.002)  # with pictures of its own, which are the same
    channel = shutil.copytree(cached_job.settings().features_dir, job_folder.data_dir / "features")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in channel.iterdir()}
    output = finish(start(job_folder))
    assert computed(output) == Counter()
    assert "Training the head on features: 5 of 5 views are there" in output
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in channel.iterdir()} == before
    assert not job_folder.settings().features_dir.exists()


@pytest.mark.parametrize("options", [{"feature_cache_mib": 0}, {"feature_cache": "auto", "feature_cache_mib": 0}])
def test_a_job_without_room_for_its_features_ends_as_one_with_room(
    new_job_folder: NewFolder, options: dict[str, Any]
) -> None:
    cached = make(new_job_folder("cached"), num_epochs=4, cached_views=2)
    finish(start(cached))
    full = make(new_job_folder("full"), cached, num_epochs=4, cached_views=2, **options)
    output = finish(start(full))
    assert "Features are not cached: they take 0.1 MiB" in output
    assert computed(output) == Counter()
    assert_same_within(ROUNDED_TOLERANCE, full, cached)  # it has shown the same two views


def test_a_disk_that_fills_while_features_are_written_is_no_failure(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("container.data.feature_cache.write_features", full)
    make(job_folder).train()
    printed = capsys.readouterr().out
    assert printed.count("cannot be kept in") == 5
    assert "No space left on device" in printed
    assert computed(printed) == EVERY_VIEW
    assert len(job_folder.metrics["history"]) == 3


def test_the_backbones_weights_are_digested_once_a_job(job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    from container.training import job

    digested = []
    original = job.weights_digest
    monkeypatch.setattr(job, "weights_digest", lambda network: digested.append(1) or original(network))
    make(job_folder).train()
    assert digested == [1]  # and not at each checkpoint: it takes a tenth of a second for every 50 MB
    assert torch.load(next(job_folder.checkpoint_dir.glob("*.pt")), weights_only=True)["identity"]["frozen"]
