"""Everything that a report shows, gathered from a run's folders. Whatever is missing or damaged stays empty."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas

from container import contract
from container.debugger.profiler.data import EVENT_COLUMNS, SYSTEM_COLUMNS, ProfilerData, read_profiler_data
from container.debugger.report.tensors import SavedTensors, read_saved_tensors
from container.debugger.verdict import ISSUES, NO_ISSUES, PROFILER, Verdict
from container.settings import under_base_dir

LOCAL_JOB = "local"  # the name of a job that no platform has named
TENSOR_SECONDS = 1.0  # how long tensors are read: the training job waits for its report


@dataclass(frozen=True, kw_only=True)
class RunFolders:
    """Where a run's results lie; None and paths that do not exist mean that there are none."""

    tensors: Path | None = None
    profiler: Path | None = None
    rules: Path | None = None
    profiler_rules: Path | None = None
    metrics: Path | None = None  # metrics.json

    @classmethod
    def below(cls, base_dir: Path) -> "RunFolders":
        """The folders of a run laid out as /opt/ml, where the platform's configuration files put them."""
        output_dir, config_dir = base_dir / "output", base_dir / "input" / "config"
        hook = _read_object(config_dir / contract.DEBUG_HOOK_CONFIG_FILE)
        profiler = _read_object(config_dir / contract.PROFILER_CONFIG_FILE).get("ProfilingParameters")
        profiler_path = profiler.get("LocalPath") if isinstance(profiler, dict) else None
        return cls(
            tensors=under_base_dir(hook.get("LocalPath") or contract.TENSORS_DIR, base_dir),
            profiler=under_base_dir(profiler_path or contract.PROFILER_DIR, base_dir),
            rules=output_dir / "data" / contract.RULES_DIR,
            profiler_rules=output_dir / "data" / contract.PROFILER_RULES_DIR,
            metrics=output_dir / "data" / contract.METRICS_FILE,
        )


@dataclass(frozen=True, kw_only=True)
class Content:
    """What is known of a run. The frames have the columns of ProfilerData, and no rows where there is nothing."""

    name: str = "this run"
    metrics: dict[str, Any] = field(default_factory=dict)  # metrics.json
    verdicts: list[Verdict] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)  # names of files that could not be read
    system: pandas.DataFrame = field(default_factory=lambda: _no_rows(SYSTEM_COLUMNS))
    events: pandas.DataFrame = field(default_factory=lambda: _no_rows(EVENT_COLUMNS))
    operators: list[dict[str, Any]] = field(default_factory=list)
    tensors: SavedTensors = field(default_factory=SavedTensors)
    is_over: bool = True  # False while the job still writes


def collect(run: RunFolders, *, name: str = "", tensor_seconds: float = TENSOR_SECONDS) -> Content:
    """The content of a report on `run`; `name` is used where metrics.json has no job name of its own."""
    damaged: list[str] = []
    metrics = _read_object(run.metrics, damaged) if run.metrics else {}
    profile = _profile(run.profiler)
    return Content(
        name=_name(metrics, name),
        metrics=metrics,
        verdicts=_verdicts(run.rules, damaged) + _verdicts(run.profiler_rules, damaged),
        damaged=damaged,
        system=profile.system,
        events=profile.events,
        operators=profile.operators,
        tensors=read_saved_tensors(run.tensors, tensor_seconds),
        is_over=_is_over(run),
    )


def _name(metrics: dict[str, Any], name: str) -> str:
    """The job's name; jobs outside the platform are all called the same, so that `name` says more there."""
    job_name = str(metrics.get("job_name") or "")
    return job_name if job_name not in ("", LOCAL_JOB) else name or job_name or "this run"


def _read_object(path: Path, damaged: list[str] | None = None) -> dict[str, Any]:
    """A file's JSON object, or an empty one if there is none; the name of a broken file goes to `damaged`."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        if damaged is not None:
            damaged.append(path.name)
        return {}
    return content


def _verdicts(folder: Path | None, damaged: list[str]) -> list[Verdict]:
    """Every verdict that can be read: one damaged file must not cost the whole report."""
    found = []
    for path in sorted(folder.glob("*.json")) if folder else ():
        try:
            found.append(_verdict(path.stem, json.loads(path.read_text())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            damaged.append(path.name)
    return found


def _verdict(rule: str, content: dict[str, Any]) -> Verdict:
    """A verdict of ours, or what the platform's own rules leave: numbers alone."""
    if "Rule" in content:
        return Verdict.from_json(content)
    triggered = int(content["RuleTriggered"])
    pairs = (line.partition(":") for line in str(content["RuleParameters"]).splitlines())
    return Verdict(
        rule=rule,
        kind=PROFILER,
        status=ISSUES if triggered else NO_ISSUES,
        message=f"The platform's rule was triggered {triggered:,} times.",
        datapoints=int(content["Datapoints"]),
        triggered=triggered,
        violations=int(content["Violations"]),
        parameters={name: value for name, _, value in pairs},
        details=content["Details"],
    )


def _profile(folder: Path | None) -> ProfilerData:
    if folder is None or not folder.is_dir():
        return ProfilerData(system=_no_rows(SYSTEM_COLUMNS), events=_no_rows(EVENT_COLUMNS), operators=[])
    return read_profiler_data(folder)


def _no_rows(columns: dict[str, Any]) -> pandas.DataFrame:
    return pandas.DataFrame(columns=list(columns)).astype(columns)


def _is_over(run: RunFolders) -> bool:
    """Whether the job has ended: by the platform's mark, or by results, which come at the end."""
    marked = (run.tensors, run.profiler and run.profiler / "framework", run.profiler and run.profiler / "system")
    if any(folder and (folder / contract.END_OF_JOB_FILE).is_file() for folder in marked):
        return True
    if run.metrics and run.metrics.is_file():
        return True
    return not any(folder and folder.is_dir() for folder in (run.tensors, run.profiler))
