"""The launcher with the real training toolkit and real processes: what the container does with `train`."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from container import contract
from container.errors import TrainingError
from container.training import launch
from container.training.checkpoint import checkpoints
from container.training.launch import Death, complete_config, explain
from tests.container.training.resumed_jobs import assert_same_job
from tests.job_folder import CLASS_NAMES, JobFolder

# Long enough to be stopped after the first epoch, on any machine.
LONG = {"num_epochs": 12, "augment": "basic", "head": "seed", "fine_tune": "all"}


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> str:
    """The output up to the first line that matches."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if re.match(pattern, line):
            return output
    raise AssertionError(f"the job ended without {pattern!r}: {output}")


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def test_sigterm_stops_a_job_which_goes_on_and_ends_as_one_never_stopped(
    new_job_folder: Callable[[str], JobFolder],
) -> None:
    stopped, expected = new_job_folder("stopped"), new_job_folder("expected")
    for job in (stopped, expected):
        job.configure(**LONG).add_channels(train=8)
    process = stopped.start_launcher()
    wait_for_line(process, "Epoch 1 of 12")
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    status, output = finish(process)
    assert status == 0, output
    assert time.monotonic() - asked < contract.STOP_GRACE_SECONDS / 2
    assert "Stopped as asked; start again" in output
    assert stopped.metrics["stopped"] is True
    assert stopped.metrics["epochs_trained"] < 12
    assert stopped.model_path.is_file()
    assert checkpoints(stopped.checkpoint_dir)
    assert not (stopped.output_dir / "failure").exists()

    # All cores, as in the launcher's own processes: another number of threads may sum in another order.
    for job in (stopped, expected):
        again = job.start(CORES=os.cpu_count())
        assert again.wait() == 0, again.output
    assert_same_job(stopped, expected)


def catches_sigterm(pid: int) -> bool:
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(caught and int(caught[1], 16) & 1 << (signal.SIGTERM - 1))


def test_sigterm_while_the_toolkit_starts_is_not_lost(job_folder: JobFolder) -> None:
    job_folder.configure(**LONG).add_channels(train=8)
    process = job_folder.start_launcher()
    while not catches_sigterm(process.pid):  # from its first line on; the training process starts seconds later
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    status, output = finish(process)
    assert status == 0, output
    assert "Epoch 1 of 12" not in output
    assert "Stopped as asked, before there was anything to export." in output
    assert not (job_folder.output_dir / "failure").exists()


def assert_one_sentence(job: JobFolder, sentence: str) -> None:
    assert sentence in job.failure
    assert "\n" not in job.failure
    assert len(job.failure) <= contract.FAILURE_LIMIT


def test_a_wrong_hyperparameter_ends_the_job_before_torch_is_imported(job_folder: JobFolder) -> None:
    output = job_folder.configure(learning_rat=0.1).add_channels(train=1).launch(expected_status=1).stdout
    assert_one_sentence(job_folder, "no setting is named 'learning_rat'; did you mean 'learning_rate'?")
    assert "Traceback" not in output


def test_malformed_json_is_a_sentence(job_folder: JobFolder) -> None:
    job_folder.write_config("hyperparameters.json", '{"num_epochs": ').launch(expected_status=1)
    assert_one_sentence(job_folder, f"{job_folder.config_dir / 'hyperparameters.json'} is not valid JSON")


def test_an_empty_folder_is_completed_and_the_missing_channel_is_named(job_folder: JobFolder) -> None:
    # What `docker run IMAGE train` finds: no configuration at all, and a failure file of an earlier try.
    job_folder.output_dir.mkdir()
    (job_folder.output_dir / "failure").write_text("An earlier failure.")
    output = job_folder.launch(expected_status=1).stdout
    assert_one_sentence(job_folder, "There is no channel named 'train' (channels found: none); give the job one.")
    assert "Traceback" not in output


def test_too_many_corrupt_files_are_a_sentence_that_lists_them(job_folder: JobFolder) -> None:
    job_folder.configure().add_channels(train=2)
    bad = job_folder.data_dir / "train" / CLASS_NAMES[0] / "000.jpg"
    bad.write_bytes(b"no picture")
    job_folder.launch(expected_status=1)
    assert_one_sentence(job_folder, "1 of 6 files are not readable images")
    assert f"{CLASS_NAMES[0]}/000.jpg" in job_folder.failure
    assert bad.read_bytes() == b"no picture"


def test_a_training_process_that_is_killed_leaves_a_sentence(job_folder: JobFolder, tmp_path: Path) -> None:
    job_folder.configure(**LONG).add_channels(train=8)
    process = job_folder.start_launcher(TMPDIR=str(tmp_path))
    wait_for_line(process, "Epoch 1 of 12")
    (entry,) = tmp_path.glob("classifier-processes-*/*")
    os.kill(int(entry.name), signal.SIGKILL)
    status, output = finish(process)
    assert status != 0, output
    assert_one_sentence(
        job_folder, "The training process was killed, most likely because memory ran out with batch_size=8"
    )
    assert list(tmp_path.glob("classifier-processes-*")) == []


def write_script(job: JobFolder, source: str) -> None:
    """A user's own script where the SageMaker Python SDK would put it."""
    code_dir = job.base_dir / "code"
    code_dir.mkdir(exist_ok=True)
    (code_dir / "own.py").write_text(source)
    texts = {"sagemaker_program": "own.py", "sagemaker_submit_directory": str(code_dir), "rounds": "3"}
    job.write_config("hyperparameters.json", json.dumps(texts))


def test_a_users_own_script_runs_in_place_of_the_projects(job_folder: JobFolder) -> None:
    write_script(job_folder, "import os, sys; print('own script', sys.argv[1:], os.environ['SM_HP_ROUNDS'])")
    output = job_folder.launch().stdout
    assert "own script ['--rounds', '3'] 3" in output


def start_hosts(jobs: list[JobFolder]) -> list[subprocess.Popen[str]]:
    """One launcher per host. Both hosts are this machine, under two of its names."""
    hosts = ["127.0.0.1", "localhost"]
    for job, host in zip(jobs, hosts, strict=True):
        resources = {"current_host": host, "hosts": hosts, "network_interface_name": "lo"}
        job.write_config("resourceconfig.json", json.dumps(resources))
    return [job.start_launcher() for job in jobs]


def test_a_script_that_fails_on_two_hosts_fails_the_job(new_job_folder: Callable[[str], JobFolder]) -> None:
    # The toolkit's own way to torchrun takes such a job for a success.
    jobs = [new_job_folder("one"), new_job_folder("two")]
    for job in jobs:
        write_script(job, "import sys; sys.exit(3)")
    for job, process in zip(jobs, start_hosts(jobs), strict=True):
        status, output = finish(process)
        assert status != 0, output
        assert_one_sentence(job, "The training process ended with status 1 before it could say why")


def test_two_hosts_train_what_one_host_trains(new_job_folder: Callable[[str], JobFolder]) -> None:
    jobs = [new_job_folder(name) for name in ("one", "two", "alone")]
    for job in jobs:
        job.configure(head="linear", fine_tune="head", learning_rate=0.01, accumulation_steps=2, batch_size=16)
        job.add_channels(train=9, valid=2, test=2)
    hosts = start_hosts(jobs[:2])
    outputs = []
    for process in hosts:
        status, output = finish(process)
        assert status == 0, output
        outputs.append(output)
    assert jobs[2].start().wait() == 0
    for split in ("valid", "test"):
        assert jobs[0].metrics[split] == pytest.approx(jobs[2].metrics[split], abs=1e-4)
    assert "Average loss" in outputs[0]
    assert "Average loss" not in outputs[1]
    assert "Rule" not in outputs[0]  # the debugger is off
    assert not jobs[1].model_path.exists()  # one host writes the artifact


@pytest.mark.parametrize(
    ("is_memory", "batch_size", "sentence"),
    [
        (False, 8, "killed, most likely because memory ran out with batch_size=8, accumulation_steps=1 and "
                   "image_size=32: lower image_size, or take a smaller backbone or a larger machine, or lower "
                   "workers."),
        (True, 64, "killed, because the machine's memory ran out with batch_size=64, accumulation_steps=1 and "
                   "image_size=32: set accumulation_steps=2, which trains the same batch of 64 in smaller parts, or "
                   "batch_size=32, or lower workers."),
    ],
)  # fmt: skip
def test_a_death_by_sigkill_is_explained_with_what_to_try(
    job_folder: JobFolder, is_memory: bool, batch_size: int, sentence: str
) -> None:
    settings = job_folder.configure(batch_size=batch_size).settings()
    death = Death("-9", is_killed=True, is_memory=is_memory, num_hosts=2)
    assert explain(death, settings, num_processes=2) == f"The training process was {sentence}"
    assert explain(death, None, 1).startswith("The training process was killed, ")


@pytest.mark.parametrize("status", ["3", "-11", "None"])
def test_any_other_end_names_its_status(status: str) -> None:
    assert explain(Death(status, False, False, num_hosts=1), None, 1) == (
        f"The training process ended with status {status} before it could say why; see the end of the log."
    )


def test_of_several_hosts_one_that_ends_without_a_word_points_to_the_others() -> None:
    assert (
        "status 1 before it could say why; see the end of every host's log: one may have failed first, or"
        in explain(Death("1", False, False, num_hosts=2), None, 2)
    )


def test_only_missing_configuration_files_are_written(tmp_path: Path) -> None:
    (tmp_path / "hyperparameters.json").write_text('{"seed": "3"}')
    complete_config(tmp_path)
    assert (tmp_path / "hyperparameters.json").read_text() == '{"seed": "3"}'
    assert json.loads((tmp_path / "resourceconfig.json").read_text())["hosts"] == ["localhost"]
    assert json.loads((tmp_path / "inputdataconfig.json").read_text()) == {}


def test_a_host_that_never_comes_up_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "HOSTS_TIMEOUT_SECONDS", 0)
    with pytest.raises(TrainingError, match=r"Host 'algo-2\.invalid' has no address"):
        launch.wait_for_hosts(["localhost", "algo-2.invalid"])


def test_a_lone_host_needs_no_address() -> None:
    launch.wait_for_hosts(["algo-1.invalid"])
