import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from container.data.feature_cache import SUFFIX, FeatureCache
from container.errors import ChannelError
from container.stop import Stopped
from container.training import features as features_module
from container.training.build import make_dataset, make_network
from container.training.distributed import Group
from container.training.feature_build import describe_features
from container.training.feature_keys import weights_digest
from container.training.features import JobFeatures, Task
from container.training.splits import load_splits
from tests.job_folder import JobFolder

ALONE = Group(0, 0, 1, torch.device("cpu"))
FORK = get_context("fork")


def go_on() -> None:
    pass


def make(folder: JobFolder, **options: Any) -> JobFeatures:
    """The features of a job with two views of 12 train images, and with 6 valid images."""
    chosen = {"fine_tune": "head", "feature_cache": "on", "augment": "basic", "cached_views": 2, **options}
    folder.configure(**chosen)
    if not any(folder.data_dir.iterdir()):
        folder.add_channels(train=4, valid=2)
    settings = folder.settings()
    splits = load_splits(settings, ALONE, go_on)
    network = make_network(settings, ALONE, 3)
    return describe_features(settings, ALONE, splits, network, weights_digest(network.backbone), cores=1)


def expected(folder: JobFolder, features: JobFeatures, split: str, view: int) -> Tensor:
    """What the backbone makes of each image by itself, (N, D)."""
    hyperparameters = folder.settings().hyperparameters
    channel = load_splits(folder.settings(), ALONE, go_on)[split]
    dataset = make_dataset(hyperparameters, channel, augmented=split == "train")
    with torch.inference_mode():
        images = [dataset[view, index][0] for index in range(len(dataset))]  # type: ignore[index]
        return torch.cat([features.backbone(features.preprocess.normalize(image[None])) for image in images])


@pytest.mark.parametrize(("split", "view"), [("train", 0), ("train", 1), ("valid", 0)])
@pytest.mark.parametrize("workers", [0, 1])
def test_a_view_holds_what_the_backbone_makes_of_each_image_in_order(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, split: str, view: int, workers: int
) -> None:
    monkeypatch.setattr("container.training.feature_build.BATCH_SIZE", {"cpu": 5})  # batches of 4, all of them mixed
    features = make(job_folder, workers=workers)
    features.prepare(split, view, go_on)
    rows = expected(job_folder, features, split, view)
    assert torch.allclose(features.view(split, view).float(), rows, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(rows[0], rows[1], rtol=1e-2, atol=1e-3)


def test_views_of_an_image_differ(job_folder: JobFolder) -> None:
    features = make(job_folder)
    features.prepare("train", 0, go_on)
    features.prepare("train", 1, go_on)
    differences = (features.view("train", 0).float() - features.view("train", 1).float()).abs().amax(1)
    assert (differences > 1e-3).all()


def test_features_are_computed_at_the_precision_that_training_has(job_folder: JobFolder) -> None:
    plain, reduced = make(job_folder, mixed_precision="no"), make(job_folder, mixed_precision="bf16")
    for features in (plain, reduced):
        features.prepare("train", 0, go_on)
        features.prepare("valid", 0, go_on)
    assert not torch.equal(plain.view("train", 0), reduced.view("train", 0))
    assert torch.allclose(plain.view("train", 0).float(), reduced.view("train", 0).float(), rtol=0.1, atol=0.02)
    assert torch.equal(plain.view("valid", 0), reduced.view("valid", 0))  # evaluation is always in full


class Small(nn.Module):
    """A device that has no room for more than so many images."""

    def __init__(self, backbone: nn.Module, room: int, error: Exception) -> None:
        super().__init__()
        self.backbone, self.room, self.error = backbone, room, error
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        self.sizes.append(len(images))
        if len(images) > self.room:
            raise self.error
        features: Tensor = self.backbone(images)
        return features


def test_where_memory_runs_out_features_are_computed_of_fewer_images_at_once(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    features = make(job_folder)
    features.backbone = small = Small(features.backbone, 5, torch.OutOfMemoryError("CUDA out of memory."))
    features.prepare("train", 0, go_on)
    assert small.sizes == [12, 6, 3, 3, 3, 3]
    assert "Memory has no room for the features of 12 images at once: trying 6." in capsys.readouterr().out
    rows = expected(job_folder, features, "train", 0)
    assert torch.allclose(features.view("train", 0).float(), rows, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("room", "error"), [(0, torch.OutOfMemoryError("CUDA")), (5, RuntimeError("a defect"))])
def test_where_fewer_images_do_not_help_the_error_is_told(job_folder: JobFolder, room: int, error: Exception) -> None:
    features = make(job_folder)
    features.backbone = Small(features.backbone, room, error)
    with pytest.raises(type(error), match=str(error)):
        features.prepare("train", 0, go_on)


def test_a_view_is_mapped_from_its_file_also_by_the_job_that_computed_it(job_folder: JobFolder) -> None:
    features = make(job_folder)
    features.prepare("valid", 0, go_on)
    (path,) = features.cache.folder.glob("*" + SUFFIX)
    assert str(path) in Path("/proc/self/maps").read_text()
    del features
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_a_second_job_reads_what_the_first_has_computed(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make(job_folder), make(job_folder)
    first.prepare("train", 1, go_on)
    assert "Computed features of train, view 2 of 2: 12 images" in capsys.readouterr().out
    second.backbone = torch.nn.Identity()  # could compute nothing
    second.prepare("train", 1, go_on)
    assert torch.equal(first.view("train", 1), second.view("train", 1))
    assert "Computed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1])),
        lambda path: path.write_bytes(b"something else"),
    ],
    ids=["truncated", "a flipped bit", "foreign"],
)
def test_a_damaged_file_is_computed_anew(
    job_folder: JobFolder, spoil: Callable[[Path], object], capsys: pytest.CaptureFixture[str]
) -> None:
    first = make(job_folder)
    first.prepare("valid", 0, go_on)
    wanted = first.view("valid", 0).clone()
    (path,) = first.cache.folder.glob("*" + SUFFIX)
    whole = path.read_bytes()
    spoil(path)
    capsys.readouterr()
    second = make(job_folder)
    second.prepare("valid", 0, go_on)
    printed = capsys.readouterr().out
    assert f"Features {path} cannot be used" in printed
    assert "Computed features of valid" in printed
    assert torch.equal(second.view("valid", 0), wanted)
    assert path.read_bytes() == whole


def test_features_that_cannot_be_kept_are_used_all_the_same(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    features = make(job_folder, feature_cache_mib=0)
    features.prepare("valid", 0, go_on)
    assert torch.allclose(
        features.view("valid", 0).float(), expected(job_folder, features, "valid", 0), rtol=1e-3, atol=1e-4
    )
    folder = features.cache.folder
    message = f"The features of valid cannot be kept in {folder} (more than feature_cache_mib=0 are needed).\n"
    assert message in capsys.readouterr().out
    assert list(folder.glob("*" + SUFFIX)) == []


def test_features_that_float16_would_blur_are_kept_as_float32(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = iter([1.0, 0.0, 1.0])  # the second batch alone is too coarse
    monkeypatch.setattr("container.training.feature_build.BATCH_SIZE", {"cpu": 2})
    original = features_module.round_features

    def round_or_not(rows: Any) -> Any:
        monkeypatch.setattr("container.data.feature_file.LARGEST_ROUNDING", next(limits))
        return original(rows)

    monkeypatch.setattr(features_module, "round_features", round_or_not)
    features = make(job_folder)
    features.prepare("valid", 0, go_on)
    view, rows = features.view("valid", 0), expected(job_folder, features, "valid", 0)
    assert view.dtype == torch.float32
    assert torch.allclose(view, rows, rtol=1e-3, atol=1e-4)
    is_rounded = (view == view.half().float()).all(1)
    assert is_rounded.tolist() == [True, False, True] * 2  # batches take every third image
    assert "float16 is too coarse for the features of valid; they are kept as float32." in capsys.readouterr().out


def test_a_stop_while_features_are_computed_leaves_nothing_and_frees_them_for_others(job_folder: JobFolder) -> None:
    def stop() -> None:
        raise Stopped

    features = make(job_folder)
    with pytest.raises(Stopped):
        features.prepare("train", 0, stop)
    assert list(features.cache.folder.glob("*" + SUFFIX)) == []
    with features.cache.lock(features.keys["train", 0]) as is_mine:
        assert is_mine


def test_an_image_that_has_become_unreadable_is_named(job_folder: JobFolder) -> None:
    features = make(job_folder)
    victim = next((job_folder.data_dir / "valid").rglob("*.jpg"))
    victim.write_bytes(b"damaged")
    with pytest.raises(ChannelError, match=f"{victim} was readable when the job started"):
        features.prepare("valid", 0, go_on)


def hold(cache: FeatureCache, keys: list, is_held: Any, is_over: Any) -> None:
    """Another job that is at these views, and writes none of them."""
    with cache.lock(keys[0]), cache.lock(keys[1]):
        is_held.set()
        is_over.wait()


@contextmanager
def held_by_another_job(features: JobFeatures, *tasks: Task) -> Iterator[Callable[[], None]]:
    """Another job that is at these two views until the function that it gives is called, or the block ends."""
    is_held, is_over = FORK.Event(), FORK.Event()
    keys = [features.keys[task] for task in tasks]
    other = FORK.Process(target=hold, args=(features.cache, keys, is_held, is_over))
    other.start()
    assert is_held.wait(60)

    def end() -> None:
        is_over.set()
        other.join()

    try:
        yield end
    finally:
        end()


def test_while_another_job_computes_a_view_this_one_computes_what_comes_next(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    features = make(job_folder)
    waited = []
    with held_by_another_job(features, ("train", 0), ("valid", 0)) as end_the_other:

        def wait_then_end_the_other(seconds: float) -> None:
            waited.append(capsys.readouterr().out)
            end_the_other()

        monkeypatch.setattr(features_module.time, "sleep", wait_then_end_the_other)
        features.prepare("train", 0, go_on)
    assert len(waited) == 1
    assert "Computed features of train, view 2 of 2" in waited[0]
    assert "Waiting for the features of train that another process computes." in waited[0]
    assert "Computed features of train, view 1 of 2" in capsys.readouterr().out


def test_processes_that_train_together_do_not_keep_each_other_waiting(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    features = make(job_folder)
    features.group = Group(0, 0, 2, torch.device("cpu"))
    computed = []
    with held_by_another_job(features, ("train", 0), ("train", 1)) as end_the_other:

        def check() -> None:
            computed.append(capsys.readouterr().out)
            end_the_other()

        features.prepare("train", 0, check)
    assert "Computed" not in computed[0]  # of valid, which the job needs too


def test_a_job_that_is_told_to_stop_does_not_wait_for_another(job_folder: JobFolder) -> None:
    features = make(job_folder)
    features.group = Group(0, 0, 2, torch.device("cpu"))

    def stop() -> None:
        raise Stopped

    with held_by_another_job(features, ("train", 0), ("train", 1)), pytest.raises(Stopped):
        features.prepare("train", 0, stop)
