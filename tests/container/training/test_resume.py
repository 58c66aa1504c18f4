"""A job that is killed or stopped, and started again, ends with the same weights, bit for bit, as one left alone."""

import signal
from collections.abc import Callable

import pytest

from container.training.checkpoint import checkpoints
from tests.container.training.resumed_jobs import OPTIONS, assert_same, assert_same_job, make_job
from tests.job_folder import JobFolder

MOMENTS = {
    "before the first checkpoint": ("container.training.loop:Trainer._train_step", 2),
    "while the first checkpoint is being written": ("os:fsync", 1),
    "between the first checkpoint's bytes and its name": ("pathlib:Path.replace", 1),
    "right after a checkpoint inside the epoch": ("container.training.loop:Trainer._train_step", 3),
    "before validation": ("container.training.loop:Trainer.evaluate", 1),
    "between validation and the epoch's checkpoint": ("container.training.run:print_epoch", 1),
    "inside the second epoch": ("container.training.loop:Trainer._train_step", 6),
    "between a checkpoint and the removal of older ones": ("container.training.checkpoint:_sync_folder", 3),
    "between the last epoch and the artifact": ("container.training.finish:export", 1),
    "between the artifact's bytes and its name": ("container.training.export:load_artifact", 1),
    "between the artifact and the results": ("container.training.finish:write_tables", 1),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_job_killed_at_any_moment_ends_as_one_never_killed(
    job_folder: JobFolder, undisturbed: JobFolder, moment: str
) -> None:
    make_job(job_folder)
    killed = job_folder.start(signal_before=(signal.SIGKILL, *MOMENTS[moment]))
    assert killed.wait() == -signal.SIGKILL, killed.output
    again = job_folder.start()
    assert again.wait() == 0, again.output
    assert_same_job(job_folder, undisturbed)


def test_a_job_killed_again_and_again_ends_as_one_never_killed(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    make_job(job_folder)
    for _ in range(10):
        # Each try gets two steps further and then dies, so that some tries begin inside an epoch.
        attempt = job_folder.start(signal_before=(signal.SIGKILL, "container.training.loop:Trainer._train_step", 3))
        if attempt.wait() == 0:
            break
    assert "Resuming from" in attempt.output
    assert attempt.output.count("Settings: ") >= 3
    assert_same_job(job_folder, undisturbed)


def test_a_job_with_workers_killed_from_outside_ends_as_one_without_them(
    job_folder: JobFolder, undisturbed: JobFolder
) -> None:
    make_job(job_folder, workers=1)
    killed = job_folder.start()
    killed.wait_for("Epoch 1 of 2")
    killed.signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    again = job_folder.start()
    assert again.wait() == 0, again.output
    assert_same_job(job_folder, undisturbed)


def test_the_running_statistics_of_a_backbone_come_back_too(
    job_folder: JobFolder, new_job_folder: Callable[[str], JobFolder]
) -> None:
    expected = make_job(new_job_folder("expected"), backbone="shufflenet_v2_x0_5")
    assert expected.start().wait() == 0
    make_job(job_folder, backbone="shufflenet_v2_x0_5")
    job_folder.start(signal_before=(signal.SIGKILL, "container.training.loop:Trainer._train_step", 3)).wait()
    assert job_folder.start().wait() == 0
    assert any(name.endswith("running_var") for name in job_folder.weights())
    assert_same_job(job_folder, expected)


def test_a_job_whose_newest_checkpoint_is_damaged_ends_as_one_never_killed(
    job_folder: JobFolder, undisturbed: JobFolder
) -> None:
    make_job(job_folder)
    job_folder.start(signal_before=(signal.SIGKILL, "container.training.finish:export", 1)).wait()
    newest = checkpoints(job_folder.checkpoint_dir)[-1]
    newest.write_bytes(newest.read_bytes()[:-500])
    again = job_folder.start()
    assert again.wait() == 0, again.output
    assert f"Checkpoint {newest} cannot be read" in again.output
    assert_same_job(job_folder, undisturbed)


def test_a_finished_job_started_again_trains_no_further(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    make_job(job_folder)
    for _ in range(2):
        process = job_folder.start()
        assert process.wait() == 0
    assert process.output.count("Epoch 2 of 2") == 1
    assert_same_job(job_folder, undisturbed)


def test_another_seed_gives_other_weights(new_job_folder: Callable[[str], JobFolder], undisturbed: JobFolder) -> None:
    other = make_job(new_job_folder("other"), seed=8)
    assert other.start().wait() == 0
    with pytest.raises(AssertionError):
        assert_same(other.weights(), undisturbed.weights())


# When SIGTERM arrives, and the step of the checkpoint that is left: what has been trained is not trained again.
STOPS = {
    "inside the first epoch": ("container.training.loop:Trainer._train_step", 1, 1),
    "while a checkpoint is written": ("os:fsync", 1, 3),
    "while validating": ("container.training.loop:Trainer.evaluate", 1, 3),
    "between two epochs": ("container.training.run:print_epoch", 1, 4),
    "inside the second epoch": ("container.training.loop:Trainer._train_step", 5, 5),
}


@pytest.mark.parametrize("moment", STOPS)
def test_a_job_stopped_by_sigterm_leaves_a_model_and_ends_as_one_never_stopped(
    job_folder: JobFolder, undisturbed: JobFolder, moment: str
) -> None:
    function, call, step = STOPS[moment]
    make_job(job_folder)
    stopped = job_folder.start(signal_before=(signal.SIGTERM, function, call))
    assert stopped.wait() == 0, stopped.output
    assert "Stopped as asked; start again with the same" in stopped.output
    assert job_folder.metrics["stopped"] is True
    assert len(job_folder.weights()) > 50
    assert checkpoints(job_folder.checkpoint_dir)[-1].stem == f"checkpoint-{step:012d}"
    assert not (job_folder.output_dir / "failure").exists()

    again = job_folder.start()
    assert again.wait() == 0, again.output
    assert_same_job(job_folder, undisturbed)


def test_a_stop_in_the_second_epoch_exports_the_first_ones_weights(
    job_folder: JobFolder, undisturbed: JobFolder
) -> None:
    make_job(job_folder).start(signal_before=(signal.SIGTERM, "container.training.loop:Trainer._train_step", 5)).wait()
    assert job_folder.metrics["best_epoch"] == 1
    assert job_folder.metrics["valid"]["loss"] == undisturbed.metrics["history"][0]["valid_loss"]


def test_a_stop_while_the_data_is_read_leaves_nothing_and_is_no_failure(job_folder: JobFolder) -> None:
    make_job(job_folder)
    stopped = job_folder.start(signal_before=(signal.SIGTERM, "container.training.splits:read_channel", 1))
    assert stopped.wait() == 0
    assert "Stopped as asked, before there was anything to export." in stopped.output
    assert not job_folder.model_path.exists()
    assert not (job_folder.output_dir / "failure").exists()


def test_a_stop_while_the_artifact_is_written_does_not_disturb_it(
    job_folder: JobFolder, undisturbed: JobFolder
) -> None:
    make_job(job_folder)
    assert job_folder.start(signal_before=(signal.SIGTERM, "container.training.finish:export", 1)).wait() == 0
    assert_same_job(job_folder, undisturbed)


def test_a_checkpoint_of_another_job_is_refused_by_what_differs(job_folder: JobFolder) -> None:
    make_job(job_folder).start(signal_before=(signal.SIGKILL, "container.training.finish:export", 1)).wait()
    make_changed = job_folder.configure(**{**OPTIONS, "learning_rate": 0.002})
    process = make_changed.start()
    assert process.wait() == 1
    assert job_folder.failure == (
        f"The checkpoint in {job_folder.checkpoint_dir} belongs to another job: "
        "learning_rate was 0.001 and is 0.002; use an empty folder."
    )


def test_a_checkpoint_of_other_data_is_refused(job_folder: JobFolder) -> None:
    make_job(job_folder).start(signal_before=(signal.SIGKILL, "container.training.finish:export", 1)).wait()
    next(iter((job_folder.data_dir / "train").rglob("*.jpg"))).unlink()
    assert job_folder.start().wait() == 1
    assert "belongs to another job: fingerprint was" in job_folder.failure


def test_how_images_are_read_may_change_between_tries(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    make_job(job_folder).start(signal_before=(signal.SIGKILL, "container.training.run:print_epoch", 1)).wait()
    job_folder.configure(**{**OPTIONS, "workers": 1, "checkpoint_seconds": 300, "max_corrupt_share": 0.5})
    assert job_folder.start().wait() == 0
    assert_same_job(job_folder, undisturbed)
