"""What a job says that something happens to, and what it leaves: its best model, and a checkpoint to go on from."""

import json
import re
import shutil
import signal

import pytest

from container import contract
from container.model.artifact import load_artifact
from container.training import failure
from container.training.checkpoint import checkpoints
from tests.container.training.faults import HERE
from tests.container.training.resumed_jobs import assert_goes_on, assert_same_job, make_job
from tests.container.training.test_distributed import TWO_PROCESSES_HERE, start_two
from tests.job_folder import JobFolder, write_class_folders

STEP = "container.training.loop:Trainer._train_step"  # three an epoch
EXPORT = "container.training.finish:export"
BEST = " model.pt is that of the best epoch so far, 1 of 2."
LESS = r"set accumulation_steps=2, which trains the same batch of 8 in smaller parts, or batch_size=4"

# What happens, before which call of what, and the whole sentence that a person reads.
FAULTS = {
    "the disk is full before a checkpoint inside the second epoch": (
        "fill_disk",
        "container.training.job:save_checkpoint",
        3,
        r"The checkpoint \S+/checkpoint-000000000005\.pt cannot be written: File too large; free or enlarge the disk, "
        r"and start again with the same folder\. The model of the best epoch so far, 1 of 2, cannot be written either: "
        r"\S+/model\.pt cannot be written: File too large; see that the folder is there and the disk has room\.",
    ),
    "the disk is full before the model": (
        "fill_disk",
        EXPORT,
        1,
        r"\S+/model\.pt cannot be written: File too large; see that the folder is there and the disk has room\.",
    ),
    "pictures vanish in the second epoch": (
        "remove_pictures",
        STEP,
        4,
        r"\S+\.jpg was readable when the job started and is no longer: No such file or directory; put it .*\." + BEST,
    ),
    "the disk of the pictures breaks in the second epoch": (
        "break_disk",
        STEP,
        4,
        r"\S+\.jpg was readable when the job started and is no longer: Input/output error; put it .*\." + BEST,
    ),
    "the GPU's memory runs out": (
        "fill_device",
        STEP,
        5,
        rf"The GPU's memory ran out with batch_size=8, accumulation_steps=1 and image_size=32: {LESS} "
        r"\(CUDA out of memory.* GPU 0 has no more\)\." + BEST,
    ),
    "the weights are no numbers at a checkpoint": (
        "lose_weights",
        STEP,
        5,
        r"The weights are no finite numbers after step 5; lower learning_rate, or set mixed_precision to no\." + BEST,
    ),
    "the weights are no numbers at a step": (
        "lose_weights",
        STEP,
        4,
        r"The training loss is nan at step 4; lower learning_rate, or set mixed_precision to no\." + BEST,
    ),
    "the weights are no numbers at the end of an epoch": (
        "lose_weights",
        STEP,
        6,
        r"The (weights are no finite numbers after step 6|validation loss is nan after epoch 2); lower .*\." + BEST,
    ),
    "a defect": ("fail", STEP, 5, r"Training ended with an error .* \(ZeroDivisionError: a defect\)\." + BEST),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_a_sentence_the_best_model_and_a_checkpoint_to_go_on_from(
    job_folder: JobFolder, undisturbed: JobFolder, fault: str
) -> None:
    act, function, call, sentence = FAULTS[fault]
    process = make_job(job_folder).start(fault_before=(f"{HERE}:{act}", function, call))
    assert process.wait() == 1, process.output
    assert re.fullmatch(sentence, job_folder.failure), job_folder.failure
    assert len(job_folder.failure) <= contract.FAILURE_LIMIT
    assert f"Training failed: {job_folder.failure}" in process.output
    assert_holds_first_epoch(job_folder, undisturbed) if sentence.endswith(BEST) else assert_no_model(job_folder)

    shutil.rmtree(job_folder.data_dir / "train")  # what has happened to pictures is mended
    write_class_folders(job_folder.data_dir / "train", 8)
    assert_goes_on(job_folder, undisturbed)


def assert_holds_first_epoch(folder: JobFolder, expected: JobFolder) -> None:
    card = load_artifact(folder.model_path).card
    assert folder.metrics["best_epoch"] == card["best_epoch"] == 1
    assert folder.metrics["valid"]["loss"] == expected.metrics["history"][0]["valid_loss"]
    assert folder.metrics["stopped"] is True
    assert folder.failure.startswith(card["failure"])


def assert_no_model(folder: JobFolder) -> None:
    assert not folder.model_path.exists()
    assert not list(folder.base_dir.rglob("*.partial"))


def test_the_machines_memory_runs_out_in_a_sentence_with_the_batch_size_to_try(job_folder: JobFolder) -> None:
    process = make_job(job_folder).start(fault_before=(f"{HERE}:take_memory", STEP, 2))
    assert process.wait() == 1, process.output
    assert re.fullmatch(
        rf"The machine's memory ran out with batch_size=8, accumulation_steps=1 and image_size=32: {LESS} "
        r"\(.*can't allocate memory.*\)\. No epoch had ended before, so there is no model\.",
        job_folder.failure,
    ), job_folder.failure


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "metrics.json.partial",
            r"The results cannot be written to \S+: No space left on device; free or enlarge the disk .*",
        ),
        ("curves.png", None),
    ],
)
def test_a_disk_that_is_full_before_the_results_costs_at_most_those(
    job_folder: JobFolder, undisturbed: JobFolder, name: str, sentence: str | None
) -> None:
    folder = make_job(job_folder, pictures=True).output_dir / "data"
    folder.mkdir(parents=True)
    (folder / name).symlink_to("/dev/full")
    process = job_folder.start()
    assert process.wait() == (1 if sentence else 0), process.output
    assert load_artifact(job_folder.model_path).card["best_epoch"] == undisturbed.metrics["best_epoch"]
    if sentence:
        assert re.fullmatch(sentence + r"model\.pt is complete\.", job_folder.failure), job_folder.failure
        assert_goes_on(job_folder, undisturbed)
    else:
        assert "The pictures cannot be written" in process.output
        assert_same_job(job_folder, undisturbed)


def test_a_clock_that_is_set_while_the_job_runs_changes_nothing_and_no_time_is_negative(
    job_folder: JobFolder, undisturbed: JobFolder
) -> None:
    make_job(job_folder, debugger=True)
    process = job_folder.start(fault_before=(f"{HERE}:set_clock", STEP, 2))
    assert process.wait() == 0, process.output
    assert_same_job(job_folder, undisturbed)
    assert all(record["images_per_second"] > 0 for record in job_folder.metrics["history"])
    events = [
        event
        for path in (job_folder.output_dir / "profiler" / "framework" / "pevents").rglob("*.json")
        for event in json.loads(path.read_text())
        if event["ph"] == "X"
    ]
    steps = [event for event in events if event["name"] == "Step:ModeKeys.TRAIN"]
    assert len(steps) == 6
    assert all(event["dur"] >= 0 for event in events)
    assert max(event["ts"] for event in steps) - min(event["ts"] for event in steps) < 600 * 1e6


def test_a_stop_during_the_last_measurement_leaves_that_out(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    # Two of validation, and the last one.
    evaluation = ("container.training.loop:Trainer.evaluate", 3)
    process = make_job(job_folder).start(signal_before=(signal.SIGTERM, *evaluation))
    assert process.wait() == 0, process.output
    assert job_folder.metrics["stopped"] is True
    assert job_folder.metrics["epochs_trained"] == 2
    assert job_folder.weights().keys() == undisturbed.weights().keys()
    assert_goes_on(job_folder, undisturbed)


def test_a_stop_while_pictures_are_drawn_does_not_disturb_them(job_folder: JobFolder, undisturbed: JobFolder) -> None:
    process = make_job(job_folder, pictures=True).start(
        signal_before=(signal.SIGTERM, "container.training.results:plot_curves", 1)
    )
    assert process.wait() == 0, process.output
    assert_same_job(job_folder, undisturbed)
    assert (job_folder.output_dir / "data" / "confusion_matrix.png").is_file()


EARLY = {
    "between two files of a channel": ("container.data.channels:verify_image", 5),
    "before the network is made": ("container.training.job:make_network", 1),
}


@pytest.mark.parametrize("moment", EARLY)
def test_a_stop_before_the_first_step_leaves_nothing_and_is_no_failure(job_folder: JobFolder, moment: str) -> None:
    process = make_job(job_folder, feature_cache="on", fine_tune="head").start(
        signal_before=(signal.SIGTERM, *EARLY[moment])
    )
    assert process.wait() == 0, process.output
    assert "Stopped as asked, before there was anything to export." in process.output
    assert not checkpoints(job_folder.checkpoint_dir)
    assert not job_folder.model_path.exists()
    assert not (job_folder.output_dir / "failure").exists()


# The process that is lost, how and when, of two that run on this machine as they could on two; and its exit status.
LOST = {
    "one is killed inside an epoch": (1, "leave", STEP, 5, -signal.SIGKILL),
    "the main one is killed while it exports": (0, "leave", EXPORT, 1, -signal.SIGKILL),
    "one has a defect while the others wait for its gradients": (1, "fail", STEP, 5, 1),
}


@pytest.mark.parametrize("moment", LOST)
def test_of_two_processes_the_one_that_is_left_ends_at_once_and_both_go_on(job_folder: JobFolder, moment: str) -> None:
    lost, act, function, call, status = LOST[moment]
    make_job(job_folder).write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(job_folder, fault_before=(f"{HERE}:{act}", function, call), at=lost)
    assert processes[lost].wait() == status, processes[lost].output
    left = processes[1 - lost]
    assert left.wait(timeout_seconds=20) == 1, left.output
    assert f"Training failed: {failure.CONSEQUENCE}, so this one ended too: the failure file" in left.output
    assert job_folder.failure.startswith(failure.CONSEQUENCE if status < 0 else "Training ended with an error")

    again = start_two(job_folder)
    assert [process.wait() for process in again] == [0, 0], again[0].output + again[1].output
    assert "Resuming from" in again[0].output
    assert job_folder.metrics["epochs_trained"] == 2


def test_a_loss_that_is_no_number_in_one_process_ends_both_with_a_sentence_of_their_own(job_folder: JobFolder) -> None:
    make_job(job_folder).write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(job_folder, fault_before=(f"{HERE}:lose_weights", STEP, 4))
    assert [process.wait() for process in processes] == [1, 1], processes[0].output + processes[1].output
    for process in processes:
        assert re.search(r"Training failed: The training loss .* at step 4; lower learning_rate", process.output)
    assert load_artifact(job_folder.model_path).card["best_epoch"] == 1


def test_a_stop_while_the_main_process_reads_for_both_stops_both(job_folder: JobFolder) -> None:
    make_job(job_folder).write_config("resourceconfig.json", TWO_PROCESSES_HERE)
    processes = start_two(job_folder, (signal.SIGTERM, "container.data.channels:verify_image", 5), at=0)
    assert [process.wait() for process in processes] == [0, 0], processes[0].output + processes[1].output
    assert not (job_folder.output_dir / "failure").exists()
