"""Training with the debugger: what it writes, that it changes nothing, and that it goes on with a resumed job."""

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from smdebug.core.modes import ModeKeys
from smdebug.trials import create_trial

from container import contract
from tests.container.training.resumed_jobs import assert_same_job
from tests.container.training.test_distributed import start_two
from tests.job_folder import WITHOUT_PICTURES, JobFolder

LOSS = "CrossEntropyLoss_output_0"
HEAD = "Network_head.0.weight"
ON: dict[str, object] = {"debugger": True, "head": "linear", "workers": 0, **WITHOUT_PICTURES}


def make_job(folder: JobFolder, **hyperparameters: object) -> JobFolder:
    return folder.configure(**{**ON, **hyperparameters}).add_channels(train=8, valid=4)


def train(folder: JobFolder, **options: Any) -> str:
    process = folder.start(**options)
    assert process.wait() == 0, process.output
    return process.output


def tensors(folder: JobFolder) -> Any:
    path = folder.output_dir / "tensors"
    (path / contract.END_OF_JOB_FILE).touch()
    return create_trial(str(path))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """24 images in batches of 8 for 2 epochs: 6 training steps, and 2 batches of 8 and 4 per evaluation."""
    folder = make_job(JobFolder(tmp_path_factory.mktemp("watched") / "ml"), fine_tune="all")
    train(folder)
    return folder


def test_both_modes_are_saved_with_their_own_steps(watched: JobFolder) -> None:
    trial = tensors(watched)
    loss = trial.tensor(LOSS)
    assert loss.steps(mode=ModeKeys.TRAIN) == [0, 1, 2, 3, 4, 5]
    assert loss.steps(mode=ModeKeys.EVAL) == [0, 1, 2, 3]
    assert trial.steps() == list(range(10))
    assert [trial.mode(step).name for step in trial.steps()] == [*["TRAIN"] * 3, *["EVAL"] * 2] * 2
    assert trial.tensor(HEAD).steps(mode=ModeKeys.TRAIN) == [0, 1, 2, 3, 4, 5]
    assert trial.tensor("gradient/" + HEAD).steps(mode=ModeKeys.EVAL) == []
    assert trial.tensor("Network_input_0").value(0).shape == (8, 3, 32, 32)


def test_the_saved_losses_are_those_of_the_metrics(watched: JobFolder) -> None:
    loss = tensors(watched).tensor(LOSS)
    history = watched.metrics["history"]
    for epoch in range(2):
        train_losses = [float(loss.value(step, mode=ModeKeys.TRAIN)) for step in range(3 * epoch, 3 * epoch + 3)]
        assert sum(train_losses) / 3 == pytest.approx(history[epoch]["train_loss"], rel=1e-5)
        first, second = (float(loss.value(step, mode=ModeKeys.EVAL)) for step in (2 * epoch, 2 * epoch + 1))
        assert (8 * first + 4 * second) / 12 == pytest.approx(history[epoch]["valid_loss"], rel=1e-5)


def test_every_phase_of_a_step_is_on_the_timeline(watched: JobFolder) -> None:
    events = [
        event
        for path in (watched.output_dir / "profiler" / "framework" / "pevents").rglob("*.json")
        for event in json.loads(path.read_text())
    ]
    names = {event["pid"]: event["args"]["name"] for event in events if event["ph"] == "M" and "name" in event["args"]}
    counts: dict[tuple[str, str], int] = {}
    for event in events:
        if event["ph"] == "X":
            key = (names[event["pid"]], event["args"]["mode"])
            counts[key] = counts.get(key, 0) + 1
    assert counts == {
        ("Initialization", "TRAIN"): 1,
        **{(phase, "TRAIN"): 6 for phase in ("Step:ModeKeys.TRAIN", "DataLoading", "Forward", "Backward", "Optimizer")},
        **{(phase, "EVAL"): 4 for phase in ("Step:ModeKeys.EVAL", "DataLoading", "Forward")},
        ("Checkpoint", "EVAL"): 2,  # after each evaluation
    }


def test_the_operators_of_a_few_steps_are_profiled(watched: JobFolder) -> None:
    (path,) = (watched.output_dir / "profiler" / "framework" / "torch_profiler").glob("TRAIN-*/operators.json")
    names = {operator["name"] for operator in json.loads(path.read_text())["operators"]}
    assert any("conv" in name for name in names)


def test_the_job_ends_with_the_same_weights_as_without_the_debugger(
    new_job_folder: Callable[[str], JobFolder], watched: JobFolder
) -> None:
    plain = new_job_folder("plain").configure(**{**ON, "fine_tune": "all", "debugger": False})
    plain.share_channels(watched)
    train(plain)
    assert_same_job(plain, watched)
    assert not (plain.output_dir / "tensors").exists()
    assert not (plain.output_dir / "profiler").exists()


def test_with_a_frozen_backbone_only_the_heads_tensors_are_saved(job_folder: JobFolder) -> None:
    make_job(job_folder, fine_tune="head")
    train(job_folder)
    trial = tensors(job_folder)
    assert trial.tensor_names(collection="gradients") == [
        f"gradient/Network_head.0.{name}" for name in ("bias", "weight")
    ]
    assert trial.tensor_names(collection="weights") == [HEAD]


def test_a_killed_job_goes_on_with_its_steps(job_folder: JobFolder) -> None:
    make_job(job_folder, fine_tune="head")
    killed = job_folder.start(signal_before=(signal.SIGKILL, "container.training.loop:Trainer._train_step", 5))
    assert killed.wait() == -signal.SIGKILL
    train(job_folder)
    loss = tensors(job_folder).tensor(LOSS)
    assert loss.steps(mode=ModeKeys.TRAIN) == [0, 1, 2, 3, 4, 5]
    assert loss.steps(mode=ModeKeys.EVAL) == [0, 1, 2, 3]


def test_the_platforms_file_says_what_is_saved_and_where(job_folder: JobFolder) -> None:
    make_job(job_folder, fine_tune="head").write_config(
        contract.DEBUG_HOOK_CONFIG_FILE,
        json.dumps(
            {
                "LocalPath": "/opt/ml/output/mine",
                "HookParameters": {"train.save_interval": "4", "eval.save_interval": "3"},
                "CollectionConfigurations": [{"CollectionName": "weights"}, {"CollectionName": "losses"}],
            }
        ),
    )
    train(job_folder)
    (job_folder.output_dir / "mine" / contract.END_OF_JOB_FILE).touch()
    trial = create_trial(str(job_folder.output_dir / "mine"))
    assert trial.tensor(LOSS).steps(mode=ModeKeys.TRAIN) == [0, 4]
    assert trial.tensor(LOSS).steps(mode=ModeKeys.EVAL) == [0, 3]
    assert len(trial.tensor_names(collection="weights")) > 20  # the frozen backbone's too, as they were asked for


def test_mixed_precision_is_saved_as_well(job_folder: JobFolder) -> None:
    make_job(job_folder, fine_tune="head", mixed_precision="bf16", accumulation_steps=2)
    output = train(job_folder)
    assert "no longer recorded" not in output
    assert tensors(job_folder).tensor(LOSS).steps(mode=ModeKeys.TRAIN) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("workers", "expected"), [("one", ["worker_0"]), ("all", ["worker_0", "worker_1"])])
def test_two_processes_save_as_one_or_each(job_folder: JobFolder, workers: str, expected: list[str]) -> None:
    make_job(job_folder, fine_tune="last_block").write_config(
        contract.DEBUG_HOOK_CONFIG_FILE,
        json.dumps(
            {
                "HookParameters": {"save_interval": "1", "include_workers": workers},
                "CollectionConfigurations": [{"CollectionName": "losses"}, {"CollectionName": "gradients"}],
            }
        ),
    )
    for process in start_two(job_folder):
        assert process.wait() == 0, process.output
    trial = tensors(job_folder)
    assert trial.workers() == expected
    for worker in expected:
        assert trial.tensor("gradient/" + HEAD).value(0, worker=worker).any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"CollectionConfigurations": [{"CollectionName": "mine"}]}, "the collection mine needs an include_regex"),
        ({"HookParameters": {"reductions": "median"}}, "reductions can only be one of"),
        ({"HookParameters": {"save_interval": "often"}}, "cannot be used"),
    ],
)
def test_a_file_that_smdebug_cannot_use_ends_the_job_with_a_sentence(
    job_folder: JobFolder, content: dict[str, Any], message: str
) -> None:
    make_job(job_folder).write_config(contract.DEBUG_HOOK_CONFIG_FILE, json.dumps(content))
    assert job_folder.start().wait() == 1
    assert message in job_folder.failure
    assert contract.DEBUG_HOOK_CONFIG_FILE in job_folder.failure


def test_a_disk_that_takes_neither_tensors_nor_profile_costs_the_job_nothing_but_them(job_folder: JobFolder) -> None:
    make_job(job_folder, fine_tune="head", num_epochs=1).write_config(
        contract.DEBUG_HOOK_CONFIG_FILE, json.dumps({"LocalPath": "/proc/tensors"})
    )
    job_folder.write_config(
        contract.PROFILER_CONFIG_FILE, json.dumps({"ProfilingParameters": {"LocalPath": "/proc/profiler"}})
    )
    output = train(job_folder)
    assert output.count("Debugger: tensors are no longer recorded") == 1
    assert output.count("Debugger: timeline are no longer recorded") == 1
    assert "training goes on." in output
    assert job_folder.model_path.is_file()
