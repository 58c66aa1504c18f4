"""Where the time went: durations of steps and shares of phases, from the framework's timeline."""

from dataclasses import dataclass

import numpy as np
import pandas

from container.debugger.report.thin import Series

PHASES = ("DataLoading", "Forward", "Backward", "Optimizer")  # inside a step, as the training loop names them
OTHER = "Other"  # of a step: what no phase covers
MODES = ("TRAIN", "EVAL")
OUTLIER_SIGMAS = 3  # as rule StepOutlier has it


@dataclass(frozen=True, kw_only=True)
class Steps:
    """All steps of a mode, in order of time."""

    mode: str
    numbers: Series  # (N,) step of the mode
    starts: Series  # (N,) seconds since the epoch
    seconds: Series  # (N,) including the wait for data
    phases: pandas.DataFrame  # N rows, a column per phase with seconds, OTHER among them; no columns if unknown

    @property
    def limit(self) -> float:
        """Seconds above which a step is an outlier: mean + 3 standard deviations."""
        return float(self.seconds.mean() + OUTLIER_SIGMAS * self.seconds.std())

    @property
    def is_outlier(self) -> "np.ndarray":
        return self.seconds > self.limit


def whole_steps(events: pandas.DataFrame, mode: str) -> Steps | None:
    """The steps of TRAIN or EVAL, or None if the timeline has none."""
    of_mode = events[events["mode"] == mode]
    steps = of_mode[of_mode["phase"] == f"Step:ModeKeys.{mode}"]
    if steps.empty:
        return None
    key = ["node", "pid", "step"]
    inside = of_mode[of_mode["phase"].isin(PHASES)]
    sums = inside.groupby([*key, "phase"], observed=True)["duration"].sum().unstack("phase")
    joined = steps[[*key, "start", "duration"]].join(sums, on=key).sort_values("start", kind="stable")
    phases = joined[[phase for phase in PHASES if phase in sums.columns]].fillna(0.0).astype(float)
    seconds = joined["duration"].to_numpy(float)
    if len(phases.columns):
        phases[OTHER] = np.maximum(seconds - phases.sum(axis=1).to_numpy(float), 0)
    return Steps(
        mode=mode,
        numbers=joined["step"].to_numpy(float),
        starts=joined["start"].to_numpy(float),
        seconds=seconds,
        phases=phases.reset_index(drop=True),
    )


@dataclass(frozen=True, kw_only=True)
class JobTime:
    """Seconds of a job by what it did; `start` is seconds since the epoch."""

    start: float
    total: float
    parts: dict[str, float]  # Initialization, Training steps, Evaluation steps, Checkpoint, Between steps, Finalization


def job_time(events: pandas.DataFrame, system: pandas.DataFrame) -> JobTime | None:
    """How a job's time divides, or None without a timeline. Times of several processes are averaged."""
    if events.empty:
        return None
    ends = events["start"] + events["duration"]
    is_step = events["phase"].str.startswith("Step:")
    start, end = float(events["start"].min()), float(ends.max())
    if not system.empty:  # the sampler starts before the first phase and ends after the last one
        start, end = min(start, float(system["time"].min())), max(end, float(system["time"].max()))
    num_processes = max(1, len(events[["node", "pid"]].drop_duplicates()))
    parts: dict[str, float] = {}
    if is_step.any():
        parts["Initialization"] = max(0.0, float(events.loc[is_step, "start"].min()) - start)
    for name, phase in (
        ("Training steps", "Step:ModeKeys.TRAIN"),
        ("Evaluation steps", "Step:ModeKeys.EVAL"),
        ("Checkpoint", "Checkpoint"),
    ):
        parts[name] = float(events.loc[events["phase"] == phase, "duration"].sum()) / num_processes
    last = float(ends[is_step].max()) if is_step.any() else end
    saved_after = (events["phase"] == "Checkpoint") & (events["start"] >= last)
    after = max(0.0, end - last - float(events.loc[saved_after, "duration"].sum()) / num_processes)
    between = max(0.0, end - start - sum(parts.values()) - after)
    return JobTime(start=start, total=end - start, parts={**parts, "Between steps": between, "Finalization": after})
