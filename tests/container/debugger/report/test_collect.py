import json
from pathlib import Path

import pytest

from container import contract
from container.debugger.report.collect import Content, RunFolders, collect
from container.debugger.verdict import ISSUES
from tests.container.debugger.report.sample_run import write_run


@pytest.fixture(scope="module")
def base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("collect") / "ml"
    write_run(path)
    return path


def test_a_runs_folder_gives_its_verdicts_metrics_and_tensors(base_dir: Path) -> None:
    content = collect(RunFolders.below(base_dir))
    assert content.name == "dogs-2026-11-24"
    assert {verdict.rule for verdict in content.verdicts} == {
        "DeadRelu",
        "ClassImbalance",
        "StepOutlier",
        "LoadBalancing",
    }
    assert len(content.metrics["history"]) == 6
    assert [curve.mode for curve in content.tensors.losses] == ["TRAIN", "EVAL"]
    assert content.is_over


def test_the_profile_is_read_from_its_files(base_dir: Path) -> None:
    folder = base_dir / "output" / "profiler" / "system" / "incremental" / "2026112401"
    folder.mkdir(parents=True)
    sample = {"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "Value": 40.0}
    line = json.dumps({**sample, "NodeId": "algo-1", "Timestamp": 1790000000.5})
    (folder / "1790000040.algo-1.json").write_text(line + "\n" + line[:30])
    assert collect(RunFolders.below(base_dir)).system["value"].tolist() == [40.0]


def test_folders_that_configuration_files_moved_are_found(tmp_path: Path) -> None:
    config_dir = tmp_path / "input" / "config"
    config_dir.mkdir(parents=True)
    (config_dir / "debughookconfig.json").write_text('{"LocalPath": "/opt/ml/elsewhere"}')
    (config_dir / "profilerconfig.json").write_text('{"ProfilingParameters": {"LocalPath": "/mnt/profile"}}')
    run = RunFolders.below(tmp_path)
    assert run.tensors == tmp_path / "elsewhere"
    assert run.profiler == Path("/mnt/profile")
    (config_dir / "profilerconfig.json").write_text('{"ProfilingParameters": null')
    assert RunFolders.below(tmp_path).profiler == tmp_path / "output" / "profiler"


@pytest.mark.parametrize(
    ("job_name", "given", "shown"),
    [("dogs", "folder", "dogs"), ("local", "folder", "folder"), ("local", "", "local"), ("", "", "this run")],
)
def test_a_job_that_no_platform_named_is_called_by_its_folder(
    job_name: str, given: str, shown: str, tmp_path: Path
) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({"job_name": job_name}))
    assert collect(RunFolders(metrics=tmp_path / "metrics.json"), name=given).name == shown


def test_nothing_at_all_is_an_empty_content(tmp_path: Path) -> None:
    for run in (RunFolders(), RunFolders.below(tmp_path / "none")):
        content = collect(run, name="empty")
        assert content.name == "empty"
        assert content.verdicts == []
        assert len(content.system) == len(content.events) == 0
        assert content.tensors.missing


def test_a_damaged_file_costs_only_itself(tmp_path: Path) -> None:
    run = write_run(tmp_path, tensors=False)
    assert run.rules
    assert run.metrics
    (run.rules / "Overfit.json").write_text("{")
    (run.rules / "Confusion.json").write_text('{"Rule": "Confusion"}')
    run.metrics.write_text("[]")
    content = collect(run)
    assert content.damaged == ["metrics.json", "Confusion.json", "Overfit.json"]
    assert len(content.verdicts) == 4
    assert content.metrics == {}


def test_the_platforms_own_verdicts_are_understood(tmp_path: Path) -> None:
    own = {"RuleTriggered": 4, "Violations": 8, "Datapoints": 90, "RuleParameters": "threshold:50", "Details": {}}
    (tmp_path / "CPUBottleneck.json").write_text(json.dumps(own))
    (verdict,) = collect(RunFolders(profiler_rules=tmp_path)).verdicts
    assert (verdict.rule, verdict.status, verdict.triggered) == ("CPUBottleneck", ISSUES, 4)
    assert verdict.parameters == {"threshold": "50"}


def test_a_job_runs_until_its_mark_or_its_results_are_there(tmp_path: Path) -> None:
    run = RunFolders.below(tmp_path)
    assert run.tensors
    run.tensors.mkdir(parents=True)
    assert not collect(run).is_over
    (run.tensors / contract.END_OF_JOB_FILE).touch()
    assert collect(run).is_over
    assert Content().is_over
