"""The loop of a study: trials start as cores come free, are watched by their logs, pruned, and told to the study."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import optuna
from optuna.trial import Trial, TrialState

from container import contract
from container.errors import UserError
from local_test.interrupts import listening
from local_test.opt_ml import lay_out
from local_test.tuning.cores import Cores
from local_test.tuning.metric_log import MetricLog
from local_test.tuning.search_space import Space
from local_test.tuning.study import name_of, next_trial, num_begun, unfinished_trials
from local_test.tuning.trial_job import LOG_FILE, Launcher, TrialJob

POLL_SECONDS = 0.1


@dataclass(kw_only=True)
class Watched:
    """A trial of the study and the job that runs it."""

    trial: Trial
    job: TrialJob
    log: MetricLog
    cores: Cores
    earlier_seconds: float  # before the study was stopped
    num_epochs: int = 0  # read so far
    is_pruned: bool = False


@dataclass(kw_only=True)
class Tuner:
    study: optuna.Study
    space: Space
    run_dir: Path
    launcher: Launcher
    trials: int  # in all, with those of earlier starts
    seed: int
    free_cores: list[Cores]  # one entry per trial that may run beside the others
    told: Callable[[Trial], None]  # is called with every trial that has ended
    watched: list[Watched] = field(default_factory=list)
    interrupts: int = 0
    is_stopping: bool = False

    def run(self) -> bool:
        """Train until there are enough trials; whether it came to that, or was interrupted. Leaves nothing running."""
        waiting = self._waiting()
        with listening(self._count):
            try:
                while True:
                    self._start(waiting)
                    if not self.watched:
                        return not self.interrupts
                    time.sleep(POLL_SECONDS)
                    self._obey()
                    for watched in list(self.watched):
                        self._look(watched)
            finally:
                for watched in self.watched:  # only after an error of ours
                    watched.job.kill()

    def _count(self, number: int) -> None:
        # A terminal that is closed may say so twice, and no one has asked for haste.
        self.interrupts += number != signal.SIGHUP or not self.interrupts

    def _obey(self) -> None:
        """The first interrupt stops every trial in order, the second one kills them."""
        if self.interrupts and not self.is_stopping:
            self.is_stopping = True
            print("\nStopping the trials; press Ctrl-C again to end them at once.", flush=True)
            for watched in self.watched:
                watched.job.stop()
        elif self.interrupts > 1:
            for watched in self.watched:
                watched.job.kill()

    def _waiting(self) -> Iterator[tuple[Trial, dict[str, str]]]:
        """Trials to be run: those left by an earlier start, then new ones until there are enough."""
        parallel = len(self.free_cores)
        yield from unfinished_trials(self.study, self.space, self.seed, parallel)
        while num_begun(self.study) < self.trials:
            yield next_trial(self.study, self.space, self.seed, parallel)

    def _start(self, waiting: Iterator[tuple[Trial, dict[str, str]]]) -> None:
        while self.free_cores and not self.interrupts and (item := next(waiting, None)):
            trial, chosen = item
            folder = self.run_dir / name_of(trial)
            self.launcher.clear(folder)
            try:
                # `link`: only in the image are channels mounted where a process finds links.
                run = lay_out(
                    folder,
                    {**self.space.fixed, **chosen, contract.TUNING_OBJECTIVE: self.space.objective},
                    self.launcher.channels,
                    link=self.launcher.image is None,
                )
            except UserError as error:
                self._fail(trial, str(error))
                continue
            self.watched.append(
                Watched(
                    trial=trial,
                    job=TrialJob(run, self.launcher, self.free_cores[-1]),
                    log=MetricLog(run.root / LOG_FILE, self.space.objective),
                    cores=self.free_cores.pop(),
                    earlier_seconds=trial.user_attrs.get("seconds", 0.0),
                )
            )

    def _look(self, watched: Watched) -> None:
        status = watched.job.status  # before the log is read, so that the log of an ended job is read to its end
        watched.log.read()
        if not watched.is_pruned:
            self._report(watched, is_over=status is not None)
        if status:
            watched.job.kill()  # what it may have left behind
        if status is not None:
            self.watched.remove(watched)
            self.free_cores.append(watched.cores)
            self._finish(watched, status)

    def _report(self, watched: Watched, *, is_over: bool) -> None:
        """Tell the study of new epochs, and stop a trial that is worse than its predecessors were."""
        trial, by_epoch = watched.trial, watched.log.by_epoch
        if len(by_epoch) == watched.num_epochs:
            return
        watched.num_epochs = len(by_epoch)
        seen = self.study.get_trials(deepcopy=False)[trial.number].intermediate_values  # also before the study stopped
        for epoch in sorted(by_epoch.keys() - seen.keys()):
            trial.report(by_epoch[epoch], epoch)
        self._count_seconds(watched)
        if not (is_over or self.interrupts or watched.log.is_last_epoch) and trial.should_prune():
            watched.is_pruned = True
            watched.job.stop()
            self._tell(trial, None, TrialState.PRUNED)

    def _finish(self, watched: Watched, status: int) -> None:
        self._count_seconds(watched)
        run, value = watched.job.run, watched.log.value
        if watched.is_pruned or (self.interrupts and (status or was_stopped(run.metrics_path))):
            return  # one that was interrupted stays open in the study, and goes on with it
        if status:
            self._fail(
                watched.trial, run.failure.partition("\n")[0] or f"ended with status {status}; see its {LOG_FILE}"
            )
        elif value is None:
            self._fail(watched.trial, f"ended without a line `{self.space.objective}: ...`; see its {LOG_FILE}")
        else:
            self._tell(watched.trial, value, TrialState.COMPLETE)

    def _count_seconds(self, watched: Watched) -> None:
        if not watched.is_pruned:  # its end was told, and can no longer be changed
            watched.trial.set_user_attr("seconds", watched.earlier_seconds + watched.job.seconds)

    def _fail(self, trial: Trial, reason: str) -> None:
        trial.set_user_attr("reason", reason)
        self._tell(trial, None, TrialState.FAIL)

    def _tell(self, trial: Trial, value: float | None, state: TrialState) -> None:
        self.study.tell(trial, value, state)
        self.told(trial)


def was_stopped(metrics_path: Path) -> bool:
    """Whether the job ended by a stop, before its last epoch; one that wrote no results did."""
    try:
        return bool(json.loads(metrics_path.read_text())["stopped"])
    except FileNotFoundError:
        return True
