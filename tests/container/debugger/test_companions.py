"""Whole jobs as the container runs them, with the sampler and the judge beside them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from container import contract, stop
from container.debugger import companions
from container.debugger.verdict import ISSUES, NO_ISSUES, read_verdicts
from tests.container.training.test_launch import finish, wait_for_line
from tests.job_folder import JobFolder

ON: dict[str, object] = {"debugger": True, "head": "linear"}


def report_path(folder: JobFolder) -> Path:
    return folder.output_dir / "data" / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE


def verdicts(folder: JobFolder) -> dict[str, str]:
    data = folder.output_dir / "data"
    found = [*read_verdicts(data / contract.RULES_DIR), *read_verdicts(data / contract.PROFILER_RULES_DIR)]
    return {verdict.rule: verdict.status for verdict in found}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, str]:
    """A job whose images are all alike and whose learning rate is far too high, with two rules of each kind.

    SIGTERM comes when all that is left to do is judging.
    """
    folder = JobFolder(tmp_path_factory.mktemp("judged") / "ml")
    rules = {
        "WeightUpdateRatio": {"large_threshold": "0.001"},
        "ExplodingTensor": {},
        "MaxInitializationTime": {},
        "OverallSystemUsage": {},
    }
    folder.configure(**ON, learning_rate=0.5, rules=json.dumps(rules)).add_channels(train=8, valid=4)
    process = folder.start_launcher()
    output = wait_for_line(process, "Results: ")
    process.send_signal(signal.SIGTERM)
    status, rest = finish(process)
    assert status == 0, output + rest
    return folder, output + rest


def test_sigterm_while_the_job_is_judged_is_no_failure(judged: tuple[JobFolder, str]) -> None:
    folder, output = judged
    assert "Stopped as asked" not in output
    assert folder.metrics["stopped"] is False
    assert not (folder.output_dir / "failure").exists()


def test_a_rule_that_finds_something_says_so_with_step_and_tensor_and_its_count_is_a_metric(
    judged: tuple[JobFolder, str],
) -> None:
    folder, output = judged
    assert re.search(r"^Rule WeightUpdateRatio: IssuesFound at step \d+ of TRAIN, tensor Network_\S+: ", output, re.M)
    count = re.findall(contract.rule_metric_regex("WeightUpdateRatio"), output)
    assert len(count) == 1
    assert int(count[0]) > 0
    assert re.findall(contract.rule_metric_regex("ExplodingTensor"), output) == ["0"]
    assert verdicts(folder) == {
        "WeightUpdateRatio": ISSUES,
        "ExplodingTensor": NO_ISSUES,
        "MaxInitializationTime": NO_ISSUES,
        "OverallSystemUsage": verdicts(folder)["OverallSystemUsage"],
    }
    assert output.count("Rules: 1 of 4 found issues.") == 1


def test_the_report_lies_where_the_platform_puts_it(judged: tuple[JobFolder, str]) -> None:
    folder, output = judged
    page = report_path(folder).read_text()
    assert "WeightUpdateRatio" in page
    assert str(report_path(folder)) in output
    assert report_path(folder).parent.name == "profiler-output"
    assert (report_path(folder).parent / "profiler-reports" / "OverallSystemUsage.json").is_file()


def test_the_system_was_sampled_and_every_folder_says_that_the_job_has_ended(judged: tuple[JobFolder, str]) -> None:
    output_dir = judged[0].output_dir
    assert list((output_dir / "profiler" / "system" / "incremental").rglob("*.algo-1.json"))
    for folder in ("tensors", "profiler/system", "profiler/framework"):
        assert (output_dir / folder / contract.END_OF_JOB_FILE).is_file()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> tuple[JobFolder, str]:
    """A job with the profiler switched off by the platform, and a rule that stops it long before its last epoch."""
    folder = JobFolder(tmp_path_factory.mktemp("stopped") / "ml")
    rules = {
        "WeightUpdateRatio": {"large_threshold": "0.001", "on_issue": "stop"},
        "ExplodingTensor": {},
        "OverallSystemUsage": {},
    }
    folder.configure(**ON, num_epochs=3000, learning_rate=0.5, rules=json.dumps(rules))
    folder.write_config(
        contract.DEBUG_HOOK_CONFIG_FILE,
        json.dumps(
            {"HookParameters": {"save_interval": "5"}, "CollectionConfigurations": [{"CollectionName": "weights"}]}
        ),
    )
    folder.write_config(contract.PROFILER_CONFIG_FILE, '{"DisableProfiler": true}')
    return folder, folder.add_channels(train=8, valid=4).launch().stdout


def test_a_rule_can_stop_the_job_which_ends_well(stopped: tuple[JobFolder, str]) -> None:
    folder, output = stopped
    assert "Rule WeightUpdateRatio stops the job" in output
    assert folder.metrics["stopped"] is True
    assert folder.metrics["epochs_trained"] < 3000
    assert folder.model_path.is_file()
    assert not (folder.output_dir / "failure").exists()


def test_the_platforms_switch_turns_the_profiler_off_and_nothing_else(stopped: tuple[JobFolder, str]) -> None:
    folder, _ = stopped
    assert not list((folder.output_dir / "profiler").rglob("*.algo-1.json"))
    assert verdicts(folder) == {
        "WeightUpdateRatio": ISSUES,
        "ExplodingTensor": NO_ISSUES,
        "OverallSystemUsage": "NotEvaluated",
    }
    assert report_path(folder).is_file()


def test_a_job_that_fails_is_judged_all_the_same(job_folder: JobFolder) -> None:
    job_folder.configure(
        **ON, learning_rate=10, optimizer="sgd", fine_tune="all", num_epochs=50, rules="ExplodingTensor"
    )
    job_folder.write_config(
        contract.DEBUG_HOOK_CONFIG_FILE,
        json.dumps(
            {"HookParameters": {"save_interval": "1"}, "CollectionConfigurations": [{"CollectionName": "weights"}]}
        ),
    )
    job_folder.add_channels(train=8, valid=4)
    output = job_folder.launch(expected_status=1).stdout
    assert "The training loss is" in job_folder.failure
    assert verdicts(job_folder) == {"ExplodingTensor": ISSUES}, output
    assert report_path(job_folder).is_file()


def test_a_killed_training_process_is_judged_by_what_it_wrote(job_folder: JobFolder) -> None:
    job_folder.configure(**ON, num_epochs=3000, rules="ExplodingTensor").add_channels(train=8, valid=4)
    process = job_folder.start_launcher()
    wait_for_line(process, "Epoch 2 of 3000")
    (pid,) = (path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if is_training(path, job_folder))

    os.kill(int(pid), signal.SIGKILL)
    status, output = finish(process)
    assert status != 0
    assert "memory ran out" in job_folder.failure
    assert re.findall(contract.rule_metric_regex("ExplodingTensor"), output) == ["0"]


def is_training(cmdline: Path, folder: JobFolder) -> bool:
    try:
        return (
            b"training/train.py" in cmdline.read_bytes()
            and str(folder.base_dir).encode() in cmdline.with_name("environ").read_bytes()
        )
    except OSError:
        return False


def test_a_wrong_rule_ends_the_job_before_anything_is_started(job_folder: JobFolder) -> None:
    job_folder.configure(**ON, rules="Overfitt").add_channels(train=8)
    started = time.monotonic()
    output = job_folder.launch(expected_status=1).stdout
    assert "did you mean 'Overfit'?" in job_folder.failure
    assert "Channel train" not in output
    assert time.monotonic() - started < 60


SLOW_JUDGE = "import os, time; os.nice(19); print('nice', flush=True); time.sleep(60)"


def test_once_training_is_over_the_judge_gives_way_to_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", SLOW_JUDGE], stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        judge.stdout.readline()
        companions._hurry(judge)
        own = os.getpriority(os.PRIO_PROCESS, 0)
        expected = own if os.geteuid() == 0 else 19  # others may not take a niceness back
        assert os.getpriority(os.PRIO_PROCESS, judge.pid) == expected
        judge.kill()


def test_a_judge_that_does_not_end_is_ended_when_sigterm_leaves_no_more_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stop, "seconds_left", lambda: stop.LAST_SECONDS - 1)
    started = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as judge:
        companions._end(judge, "judge", companions.JUDGE_SECONDS, terminate=False)
    assert judge.returncode == -signal.SIGKILL
    assert time.monotonic() - started < 20
    assert re.search(r"the judge was not done after \d+ s and was ended", capsys.readouterr().out)


def test_a_second_job_in_the_same_folders_is_judged_by_its_own_tensors(
    judged: tuple[JobFolder, str], job_folder: JobFolder
) -> None:
    shutil.copytree(judged[0].base_dir, job_folder.base_dir, dirs_exist_ok=True)
    shutil.rmtree(job_folder.checkpoint_dir)
    job_folder.configure(**ON, rules="ExplodingTensor", num_epochs=1)
    assert "values of 5 steps." in job_folder.launch().stdout  # of one epoch, where the first job had two
