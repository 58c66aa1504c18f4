"""Running rows: those of one mode one after the other, several modes at a time, until all are done or Ctrl-C."""

import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import groupby

from local_test.check_contract.errors import NotApplicableError, NotStartedError, StoppedError
from local_test.check_contract.lab import Lab
from local_test.check_contract.row import Mode, Outcome, Row, Status, failed, not_applicable, warned


@dataclass(frozen=True)
class Result:
    row: Row
    outcome: Outcome
    seconds: float

    @property
    def breaks_the_contract(self) -> bool:
        return self.outcome.status is Status.FAILED


def run_rows(rows: Iterable[Row], lab: Lab, *, jobs: int, tell: Callable[[Result], None]) -> list[Result]:
    """The results in the rows' order; `tell` is given each as soon as it is there.

    After KeyboardInterrupt the lab's engine is closed, so that what still runs ends at once, and it is raised again.
    """
    chosen = list(rows)
    groups = [list(group) for _, group in groupby(chosen, key=lambda row: row.mode)]
    if jobs > 1:  # first what takes longest, and makes the model that the others serve
        groups.sort(key=lambda group: group[0].mode is not Mode.TRAINING)
    with ThreadPoolExecutor(jobs) as executor:
        futures = [executor.submit(_run_group, group, lab, tell) for group in groups]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:
            _abandon(futures, lab)
            raise
        if any(future.exception() for future in done):
            _abandon(futures, lab)
    results = {result.row.id: result for future in futures for result in future.result()}
    return [results[row.id] for row in chosen]


def run_row(row: Row, lab: Lab) -> Result:
    """The row's result, also where the container that it needs does not start. Raises StoppedError."""
    started = time.monotonic()
    try:
        outcome = row.run(lab)
    except NotApplicableError as error:
        outcome = not_applicable(str(error))
    except NotStartedError as error:
        outcome = failed(str(error)) if row.required else warned(str(error))
    except subprocess.TimeoutExpired as error:
        outcome = failed(f"`docker {error.cmd[1]}` did not end within {error.timeout:.0f} s")
    except Exception as error:
        if lab.engine.closed:  # whatever it was doing, its container has just been removed
            raise StoppedError from error
        raise
    return Result(row, outcome, time.monotonic() - started)


def _run_group(rows: list[Row], lab: Lab, tell: Callable[[Result], None]) -> list[Result]:
    results = []
    for row in rows:
        if lab.engine.closed:
            raise StoppedError
        results.append(run_row(row, lab))
        tell(results[-1])
    return results


def _abandon(futures: list[Future[list[Result]]], lab: Lab) -> None:
    for future in futures:
        future.cancel()
    lab.engine.close()
