"""Jobs that train on cached features: against jobs that do not, beside each other, cut off, and in two processes."""

import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from container.contract import FEATURES_DIR_VARIABLE
from container.data.decode import decode_image
from container.data.feature_cache import SUFFIX
from container.data.feature_file import PARTIAL
from container.model.artifact import load_artifact
from tests.container.training.test_distributed import TWO_PROCESSES_HERE, start_two
from tests.job_folder import JobFolder, TrainingProcess

NewFolder = Callable[[str], JobFolder]
HEAD = {
    "fine_tune": "head",
    "head": "seed",
    "augment": "basic",
    "num_epochs": 3,
    "cached_views": 3,
    "learning_rate": 0.01,
    "feature_cache": "on",
}
FORWARD = "container.training.features:JobFeatures._forward"  # of a batch of images: here one is a whole view
# Of losses and weights. In float32 features differ from those that the network computes batch by batch by the order
# of sums in batches of other sizes alone, about 1e-6 of their size; the head's batch normalisation and Adam make more
# of it.
TOLERANCE = 1e-4
# In float16 they differ by 2e-4 of their size, and the losses of a few epochs by as much as this.
ROUNDED_TOLERANCE = 2e-3
VIEWS = ("train, view 1 of 3", "valid", "train, view 2 of 3", "train, view 3 of 3", "test")  # in the order of use
EVERY_VIEW = Counter(VIEWS)


def make(folder: JobFolder, like: JobFolder | None = None, **options: Any) -> JobFolder:
    folder.configure(**{**HEAD, **options})
    return folder.share_channels(like) if like else folder.add_channels(train=8, valid=4, test=3)


def computed(*outputs: str) -> Counter[str]:
    """How often each view was computed, by what jobs have printed."""
    return Counter(name for output in outputs for name in re.findall(r"Computed features of (.*?): ", output))


def losses(folder: JobFolder) -> list[float]:
    metrics = folder.metrics
    of_epochs = [record[name] for record in metrics["history"] for name in ("train_loss", "valid_loss")]
    return [*of_epochs, metrics["valid"]["loss"], metrics["test"]["loss"]]


def accuracies(folder: JobFolder) -> list[float]:
    names = ("train_accuracy", "valid_accuracy", "valid_top5_accuracy")
    return [record[name] for record in folder.metrics["history"] for name in names]


def labels(folder: JobFolder) -> list[int]:
    """What the exported model takes the test pictures for."""
    paths = sorted((folder.data_dir / "test").rglob("*.jpg"))
    logits = load_artifact(folder.model_path).logits([decode_image(path.read_bytes()) for path in paths])
    return logits.argmax(1).tolist()


def assert_same_within(tolerance: float, found: JobFolder, wanted: JobFolder) -> None:
    assert losses(found) == pytest.approx(losses(wanted), abs=tolerance)
    assert accuracies(found) == accuracies(wanted)
    assert labels(found) == labels(wanted)
    assert found.metrics["best_epoch"] == wanted.metrics["best_epoch"]


def largest_difference(one: JobFolder, two: JobFolder) -> float:
    weights, others = one.weights(), two.weights()
    assert weights.keys() == others.keys()
    return max(float((value.float() - others[name].float()).abs().max()) for name, value in weights.items())


def start(folder: JobFolder, features_dir: Path | None = None, **options: Any) -> TrainingProcess:
    """The job in a process of its own, with its features in a folder that others may share."""
    return folder.start(**options, **({FEATURES_DIR_VARIABLE: features_dir} if features_dir else {}))


def finish(process: TrainingProcess) -> str:
    """What the process has printed, once it has ended well."""
    assert process.wait() == 0, process.output
    return process.output


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job that has computed its features and trained on them by itself."""
    folder = make(JobFolder(tmp_path_factory.mktemp("undisturbed") / "ml"))
    assert computed(finish(start(folder))) == EVERY_VIEW
    return folder


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
    new_job_folder: NewFolder, undisturbed: JobFolder, tmp_path: Path
) -> None:
    other = {"head": "linear", "learning_rate": 0.002, "batch_size": 12, "num_epochs": 6}
    shared = shutil.copytree(undisturbed.settings().features_dir, tmp_path / "features")
    second = make(new_job_folder("second"), undisturbed, **other)
    assert computed(finish(start(second, shared))) == Counter()
    alone = make(new_job_folder("alone"), undisturbed, **other)
    assert computed(finish(start(alone))) == EVERY_VIEW
    assert largest_difference(second, alone) == 0


def test_the_features_channel_is_used_and_never_written(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    make(job_folder, learning_rate=0.002)  # with pictures of its own, which are the same
    channel = shutil.copytree(undisturbed.settings().features_dir, job_folder.data_dir / "features")
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


def test_jobs_side_by_side_compute_each_view_once(
    new_job_folder: NewFolder, undisturbed: JobFolder, tmp_path: Path
) -> None:
    first, second, third = (
        make(new_job_folder(f"rate {rate}"), undisturbed, learning_rate=rate) for rate in (0.001, 0.002, 0.01)
    )
    shared = tmp_path / "features"
    # The first one stops in the middle of its first view, so that the others come upon it.
    stopped = start(first, shared, signal_before=(signal.SIGSTOP, FORWARD, 1))
    stopped.wait_for("Training the head on features: 0 of 5")
    running = [start(folder, shared) for folder in (second, third)]
    for process in running:
        process.wait_for("Waiting for the features of train that another process computes.")
    stopped.signal(signal.SIGCONT)
    outputs = [finish(process) for process in (stopped, *running)]
    assert computed(*outputs) == EVERY_VIEW
    assert computed(outputs[0])["train, view 1 of 3"] == 1
    assert not any("cannot be used" in output for output in outputs)
    assert largest_difference(third, undisturbed) == 0


KILLS = {
    "while it computes its second view": (FORWARD, 2, 1),
    "while it writes its first": ("os:fsync", 1, 0),
    "between the bytes and the name of its first": ("pathlib:Path.replace", 1, 0),
    "before its first checkpoint": ("pathlib:Path.replace", 3, 2),
}


@pytest.mark.parametrize("moment", KILLS)
def test_a_job_that_is_killed_leaves_nothing_that_is_read_and_goes_on_as_one_never_killed(
    job_folder: JobFolder, undisturbed: JobFolder, moment: str
) -> None:
    function, call, num_whole = KILLS[moment]
    killed = start(make(job_folder, undisturbed), signal_before=(signal.SIGKILL, function, call))
    assert killed.wait() == -signal.SIGKILL
    folder = job_folder.settings().features_dir
    assert len(list(folder.glob("*" + SUFFIX))) == num_whole
    output = finish(start(job_folder, log=job_folder.base_dir / "again.txt"))
    assert computed(output) == Counter(VIEWS[num_whole:])
    assert list(folder.glob("*" + PARTIAL)) == []
    assert "cannot be used" not in output
    assert largest_difference(job_folder, undisturbed) == 0
    assert losses(job_folder) == losses(undisturbed)


def test_another_job_takes_over_what_a_killed_one_was_computing(
    new_job_folder: NewFolder, undisturbed: JobFolder, tmp_path: Path
) -> None:
    first, second = (make(new_job_folder(name), undisturbed, workers=1) for name in ("first", "second"))
    stopped = start(first, tmp_path / "features", signal_before=(signal.SIGSTOP, FORWARD, 1))
    stopped.wait_for("Training the head on features")
    waiting = start(second, tmp_path / "features")
    waiting.wait_for("Waiting for the features of train")
    stopped.signal(signal.SIGKILL)
    assert computed(finish(waiting)) == EVERY_VIEW


def test_a_job_on_features_may_go_on_on_images_and_the_other_way_round(new_job_folder: NewFolder) -> None:
    undisturbed = make(new_job_folder("undisturbed"), augment="none")
    finish(start(undisturbed))
    for first, then in (("on", "off"), ("off", "on")):
        folder = make(new_job_folder(first), undisturbed, augment="none", feature_cache=first)
        start(folder, signal_before=(signal.SIGKILL, "container.training.run:print_epoch", 2)).wait()
        make_other = folder.configure(**{**HEAD, "augment": "none", "feature_cache": then})
        assert "Resuming from" in finish(start(make_other))
        assert_same_within(ROUNDED_TOLERANCE, folder, undisturbed)


def test_a_stop_while_later_features_are_computed_exports_what_was_trained(job_folder: JobFolder) -> None:
    make(job_folder)
    # Forward passes on images: view 1, valid, view 2.
    stopped = start(job_folder, signal_before=(signal.SIGTERM, FORWARD, 3))
    assert "Stopped as asked; start again with the same" in finish(stopped)
    assert job_folder.metrics["epochs_trained"] == 1
    assert job_folder.metrics["stopped"] is True
    again = finish(start(job_folder, log=job_folder.base_dir / "again.txt"))
    assert computed(again) == Counter({"train, view 2 of 3": 1, "train, view 3 of 3": 1, "test": 1})
    assert job_folder.metrics["epochs_trained"] == 3


def test_a_stop_before_the_first_features_are_there_leaves_nothing(job_folder: JobFolder) -> None:
    make(job_folder)
    stopped = start(job_folder, signal_before=(signal.SIGTERM, FORWARD, 1))
    assert "Stopped as asked, before there was anything to export." in finish(stopped)
    assert not job_folder.model_path.exists()


def test_two_processes_on_features_train_what_one_trains_and_compute_each_view_once(new_job_folder: NewFolder) -> None:
    # No dropout: each process draws its own; and no batch normalisation, which sees its own process's share.
    alone = make(new_job_folder("alone"), head="linear")
    finish(start(alone))
    two = make(new_job_folder("two"), alone, head="linear").write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(two)
    assert [process.wait() for process in processes] == [0, 0], processes[0].output + processes[1].output
    assert computed(*(process.output for process in processes)) == EVERY_VIEW
    assert_same_within(TOLERANCE, two, alone)
    assert largest_difference(two, alone) < TOLERANCE


def test_sigterm_to_one_of_two_processes_stops_both_while_features_are_computed(job_folder: JobFolder) -> None:
    make(job_folder, head="linear").write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    # Each process gets the signal to itself, wherever the view is computed, and both must come to the same end.
    stopped = start_two(job_folder, (signal.SIGTERM, "container.training.features:JobFeatures.prepare", 3))
    assert [process.wait() for process in stopped] == [0, 0], stopped[0].output + stopped[1].output
    assert job_folder.metrics["stopped"] is True
    again = start_two(job_folder)
    assert [process.wait() for process in again] == [0, 0], again[0].output + again[1].output
    assert job_folder.metrics["epochs_trained"] == 3


def test_the_backbones_weights_are_digested_once_a_job(job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    from container.training import job

    digested = []
    original = job.weights_digest
    monkeypatch.setattr(job, "weights_digest", lambda network: digested.append(1) or original(network))
    make(job_folder).train()
    assert digested == [1]  # and not at each checkpoint: it takes a tenth of a second for every 50 MB
    assert torch.load(next(job_folder.checkpoint_dir.glob("*.pt")), weights_only=True)["identity"]["frozen"]
