"""A trial's log, read while it grows: the objective after every epoch, and that of the exported model at the end."""

import re
from pathlib import Path

from container import contract

EPOCH = re.compile(r"Epoch (\d+) of (\d+)$")  # before the metric lines of an epoch
FINAL = re.compile(r"Best epoch: \d+$")  # before those of the exported weights


class MetricLog:
    """What the lines read so far say of the objective; a job that went on from a checkpoint appends to its log."""

    def __init__(self, path: Path, objective: str) -> None:
        self.path = path
        self.by_epoch: dict[int, float] = {}  # epochs counted from 1
        self.value: float | None = None  # the last one: what a tuning job takes too
        self.is_last_epoch = False
        self._regex = re.compile(contract.metric_regex(objective))
        self._epoch: int | None = None
        self._position = 0

    def read(self) -> None:
        """Take in the whole lines that were added since the last call."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._position)
                added = file.read()
        except FileNotFoundError:
            return
        whole = added[: added.rfind(b"\n") + 1]
        self._position += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            self._take(line)

    def _take(self, line: str) -> None:
        if found := EPOCH.match(line):
            self._epoch, self.is_last_epoch = int(found[1]), found[1] == found[2]
        elif FINAL.match(line):
            self._epoch = None
        elif found := self._regex.search(line):
            self.value = float(found[1])
            if self._epoch is not None:
                self.by_epoch[self._epoch] = self.value

    @property
    def intermediate(self) -> list[float]:
        """The objective after each epoch, in order."""
        return [value for _, value in sorted(self.by_epoch.items())]
