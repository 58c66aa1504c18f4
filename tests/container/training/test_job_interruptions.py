"""Jobs on cached features that run beside each other, are cut off, or are one job in two processes."""

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from container.data.feature_cache import SUFFIX
from container.data.feature_file import PARTIAL
from tests.container.training.feature_jobs import (
    EVERY_VIEW,
    FORWARD,
    HEAD,
    ROUNDED_TOLERANCE,
    TOLERANCE,
    VIEWS,
    assert_same_within,
    computed,
    finish,
    largest_difference,
    losses,
    make,
    start,
)
from tests.container.training.test_distributed import TWO_PROCESSES_HERE, start_two
from tests.job_folder import JobFolder

NewFolder = Callable[[str], JobFolder]


def test_jobs_side_by_side_compute_each_view_once(
    new_job_folder: NewFolder, cached_job: JobFolder, tmp_path: Path
) -> None:
    first, second, third = (
        make(new_job_folder(f"rate {rate}"), cached_job, learning_rate=rate) for rate in (0.001, 0.002, 0.01)
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
    assert largest_difference(third, cached_job) == 0


KILLS = {
    "while it computes its second view": (FORWARD, 2, 1),
    "while it writes its first": ("os:fsync", 1, 0),
    "between the bytes and the name of its first": ("pathlib:Path.replace", 1, 0),
    "before its first checkpoint": ("pathlib:Path.replace", 3, 2),
}


@pytest.mark.parametrize("moment", KILLS)
def test_a_job_that_is_killed_leaves_nothing_that_is_read_and_goes_on_as_one_never_killed(
    job_folder: JobFolder, cached_job: JobFolder, moment: str
) -> None:
    function, call, num_whole = KILLS[moment]
    killed = start(make(job_folder, cached_job), signal_before=(signal.SIGKILL, function, call))
    assert killed.wait() == -signal.SIGKILL
    folder = job_folder.settings().features_dir
    assert len(list(folder.glob("*" + SUFFIX))) == num_whole
    output = finish(start(job_folder, log=job_folder.base_dir / "again.txt"))
    assert computed(output) == Counter(VIEWS[num_whole:])
    assert list(folder.glob("*" + PARTIAL)) == []
    assert "cannot be used" not in output
    assert largest_difference(job_folder, cached_job) == 0
    assert losses(job_folder) == losses(cached_job)


def test_another_job_takes_over_what_a_killed_one_was_computing(
    new_job_folder: NewFolder, cached_job: JobFolder, tmp_path: Path
) -> None:
    first, second = (make(new_job_folder(name), cached_job, workers=1) for name in ("first", "second"))
    stopped = start(first, tmp_path / "features", signal_before=(signal.SIGSTOP, FORWARD, 1))
    stopped.wait_for("Training the head on features")
    waiting = start(second, tmp_path / "features")
    waiting.wait_for("Waiting for the features of train")
    stopped.signal(signal.SIGKILL)
    assert computed(finish(waiting)) == EVERY_VIEW


def test_a_job_on_features_may_go_on_on_images_and_the_other_way_round(new_job_folder: NewFolder) -> None:
    plain = make(new_job_folder("plain"), augment="none")
    finish(start(plain))
    for first, then in (("on", "off"), ("off", "on")):
        folder = make(new_job_folder(first), plain, augment="none", feature_cache=first)
        start(folder, signal_before=(signal.SIGKILL, "container.training.run:print_epoch", 2)).wait()
        make_other = folder.configure(**{**HEAD, "augment": "none", "feature_cache": then})
        assert "Resuming from" in finish(start(make_other))
        assert_same_within(ROUNDED_TOLERANCE, folder, plain)


@pytest.mark.parametrize(("change", "count"), [({"cached_views": 2}, 2), ({"feature_cache": "off"}, 0)], ids=str)
def test_a_checkpoint_of_other_views_is_refused(
    job_folder: JobFolder, cached_job: JobFolder, change: dict[str, object], count: int
) -> None:
    killed = start(make(job_folder, cached_job), signal_before=(signal.SIGKILL, "container.training.finish:export", 1))
    assert killed.wait() == -signal.SIGKILL
    job_folder.configure(**{**HEAD, **change})
    assert start(job_folder).wait() == 1
    assert f"belongs to another job: views was 3 and is {count}; use an empty folder." in job_folder.failure


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
