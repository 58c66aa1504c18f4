"""`docker run IMAGE train` with the two files that the platform writes: tensors, metrics, verdicts and the report."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from smdebug.core.modes import ModeKeys
from smdebug.profiler.system_metrics_reader import LocalSystemMetricsReader
from smdebug.trials import create_trial

from container import contract
from local_test.opt_ml import find_channels, lay_out
from tests.job_folder import FAST, write_data_set

pytestmark = pytest.mark.docker

# Every value is text, as the API sends it.
DEBUG_HOOK_CONFIG = {
    "S3OutputPath": "s3://bucket/prefix",
    "LocalPath": "/opt/ml/output/tensors",
    "HookParameters": {"train.save_interval": "2", "eval.save_interval": "1", "include_workers": "one"},
    "CollectionConfigurations": [
        {"CollectionName": "losses", "CollectionParameters": {"train.save_interval": "1"}},
        {"CollectionName": "gradients"},
        {"CollectionName": "weights"},
        {"CollectionName": "biases", "CollectionParameters": {"reductions": "mean,std,l2_norm,abs_max"}},
        {"CollectionName": "predictions", "CollectionParameters": {"include_regex": "CrossEntropyLoss_input_0"}},
        {"CollectionName": "labels", "CollectionParameters": {"include_regex": "CrossEntropyLoss_input_1"}},
    ],
}
PROFILER_CONFIG = {
    "S3OutputPath": "s3://bucket/prefix",
    "ProfilingIntervalInMilliseconds": 100,
    "ProfilingParameters": {
        "LocalPath": "/opt/ml/output/profiler",
        "RotateMaxFileSizeInBytes": "10485760",
        "RotateFileCloseIntervalInSeconds": "60",
        "DetailedProfilingConfig": '{"StartStep": 3, "NumSteps": 2}',
    },
}


@pytest.fixture(scope="module")
def finished(docker, image: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """/opt/ml of a finished job of 4 epochs of 3 steps, and what it printed."""
    root = tmp_path_factory.mktemp("debugged")
    channels = find_channels(write_data_set(root / "data", per_class=8))
    given = {**FAST, "num_epochs": "4", "debugger": "true"}
    run = lay_out(root / "ml", given, channels, link=False)
    (run.config_dir / contract.DEBUG_HOOK_CONFIG_FILE).write_text(json.dumps(DEBUG_HOOK_CONFIG))
    (run.config_dir / contract.PROFILER_CONFIG_FILE).write_text(json.dumps(PROFILER_CONFIG))
    mounts = [f"-v{run.root}:/opt/ml", *(f"-v{path}:/opt/ml/input/data/{name}:ro" for name, path in channels.items())]
    # The platform sets the job's name, upon which smdebug leaves the end-of-job mark to the platform.
    done = docker.run("run", "--rm", "--hostname", "algo-1", "-e", "TRAINING_JOB_NAME=dogs-1", *mounts, image, "train")
    assert done.returncode == 0, done.stdout + done.stderr
    return run.root / "output", done.stdout


def test_the_tensors_are_those_that_the_file_asks_for(finished: tuple[Path, str]) -> None:
    trial = create_trial(str(finished[0] / "tensors"))
    assert trial.tensor("CrossEntropyLoss_output_0").steps(mode=ModeKeys.TRAIN) == list(range(12))
    gradients = trial.tensor_names(collection="gradients")
    assert gradients
    assert trial.tensor(gradients[0]).steps(mode=ModeKeys.TRAIN) == [0, 2, 4, 6, 8, 10]
    bias = trial.tensor("Network_head.0.bias")
    assert bias.reduction_value(0, "max", abs=True) > 0


def test_smdebugs_own_reader_reads_the_systems_metrics(finished: tuple[Path, str]) -> None:
    reader = LocalSystemMetricsReader(str(finished[0] / "profiler"))
    reader.refresh_event_file_list()
    events = reader.get_events(0, 10**17)
    times = sorted({event.timestamp for event in events})
    assert {"cpu", "memory"} <= {event.type for event in events}
    gaps = sorted(after - before for before, after in pairwise(times))
    assert gaps[len(gaps) // 2] == pytest.approx(0.1, abs=0.05)  # seconds, as profilerconfig.json says


def test_the_chosen_steps_were_profiled(finished: tuple[Path, str]) -> None:
    (path,) = (finished[0] / "profiler" / "framework" / "torch_profiler").glob("*/operators.json")
    # Steps 3 and 4 are chosen, but an evaluation comes after every third step and cuts the window off.
    assert json.loads(path.read_text())["steps"][0] == 3


def test_every_rule_has_a_line_and_a_file(finished: tuple[Path, str]) -> None:
    output_dir, log = finished
    data = output_dir / "data"
    files = [*(data / contract.RULES_DIR).glob("*.json"), *(data / contract.PROFILER_RULES_DIR).glob("*.json")]
    assert len(files) > 15
    for path in files:
        verdict = json.loads(path.read_text())
        assert verdict["Status"] != "Error", verdict
        assert len(re.findall(contract.rule_metric_regex(path.stem), log)) == 1, path.stem
    # Nothing of what it needs was asked for, and it says what that is.
    assert "relu_output" in json.loads((data / contract.RULES_DIR / "DeadRelu.json").read_text())["Message"]


def test_the_report_is_on_the_mounted_volume(finished: tuple[Path, str]) -> None:
    page = (finished[0] / "data" / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE).read_text()
    assert "dogs-1" in page
    assert "Traceback" not in finished[1]
