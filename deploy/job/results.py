"""The trials of a tuning job, in the form that tuning at home writes too: a table, and trials.json."""

import json
from pathlib import Path
from typing import Any

from deploy.context import Context
from local_test.tuning.search_space import Space

FILE = "trials.json"
STATES = {"Completed": "Completed", "Failed": "Failed", "Stopped": "Stopped"}  # all others are under way
Trial = dict[str, Any]


def read_trials(context: Context, tuning_job: str) -> list[Trial]:
    """Every trial of a tuning job, in the order of their creation."""
    summaries = list(
        context.aws.pages(
            "sagemaker",
            "ListTrainingJobsForHyperParameterTuningJob",
            "TrainingJobSummaries",
            HyperParameterTuningJobName=tuning_job,
        )
    )
    summaries.sort(key=lambda summary: (summary["CreationTime"], summary["TrainingJobName"]))
    return [_trial(context, number, summary) for number, summary in enumerate(summaries, start=1)]


def _trial(context: Context, number: int, summary: dict[str, Any]) -> Trial:
    name = summary["TrainingJobName"]
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    job = context.aws.read("sagemaker", "DescribeTrainingJob", TrainingJobName=name)  # has the times that are paid
    return {
        "number": number,
        "name": name,
        "state": STATES.get(summary["TrainingJobStatus"], "InProgress"),
        "value": None if metric is None else float(metric["Value"]),
        "hyperparameters": dict(summary["TunedHyperParameters"]),
        "seconds": _seconds(job),
        "billable_seconds": job.get("BillableTimeInSeconds"),
        "intermediate": [],  # no API tells them
        **({"reason": summary["FailureReason"]} if summary.get("FailureReason") else {}),
    }


def _seconds(job: dict[str, Any]) -> float | None:
    if "TrainingTimeInSeconds" in job:
        return float(job["TrainingTimeInSeconds"])
    if job.get("TrainingStartTime") and job.get("TrainingEndTime"):
        return float((job["TrainingEndTime"] - job["TrainingStartTime"]).total_seconds())
    return None


def table(trials: list[Trial], space: Space) -> str:
    """One line per trial, the best first and those without a result last."""
    names = [item.name for item in space.parameters]
    worst = float("inf")
    sign = 1 if space.direction == "Minimize" else -1
    rows = [["trial", space.objective, *names, "state", "seconds", "billable"]]
    rows += [
        [
            trial["name"],
            _number(trial["value"]),
            *(trial["hyperparameters"].get(name, "") for name in names),
            trial["state"],
            _number(trial["seconds"]),
            _number(trial["billable_seconds"]),
        ]
        for trial in sorted(trials, key=lambda trial: worst if trial["value"] is None else sign * trial["value"])
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def write_trials(trials: list[Trial], space: Space, folder: Path) -> list[Path]:
    """trials.json, and the report's page as it is drawn for tuning at home."""
    # Imported here: drawing is no part of what a deployment needs otherwise.
    from local_test.tune_report import write_tuning_report

    content = {
        "name": folder.name,
        "objective": space.objective,
        "direction": space.direction,
        "fixed": space.fixed,
        "trials": trials,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_text(json.dumps(content, indent=2) + "\n")
    return [path, write_tuning_report(content, folder / "tuning-report.html")]
