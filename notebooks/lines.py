"""Which lines of a command are worth a reader's time; how long things took is left to the log, as no two runs agree."""

import re

SECONDS = re.compile(r", \d+ s(?=;)")
METRIC = re.compile(r"(Train loss|Train accuracy|Average loss|Accuracy): ([\d.]+)$")
EPOCH = re.compile(r"Epoch \d+ of \d+$")
AROUND = re.compile(r"(Channel \w+:|Best epoch:|Average loss:|Accuracy:|Test \w+:)")
RULES = re.compile(r"Rules: .*?\.(?= Report: )")
CREATES = "Creates: "


def every_line(line: str) -> str:
    return line


def trial_line(line: str) -> str:
    """`[3/6] trial-003 Completed: ...`, how it went and the best so far."""
    return SECONDS.sub("", line) if line.startswith("[") else ""


def creates_line(line: str) -> str:
    """What a command is about to create, and its price."""
    return line if line.startswith(CREATES) else ""


class TrainingLines:
    """Of a training job: its channels, a line per epoch, and what came out. Called line after line."""

    def __init__(self) -> None:
        self._epoch = ""
        self._metrics: dict[str, float] = {}

    def __call__(self, line: str) -> str:
        if EPOCH.match(line):
            self._epoch, self._metrics = line, {}
            return ""
        if self._epoch and (found := METRIC.match(line)):
            self._metrics[found[1]] = float(found[2])
            return self._end_of_epoch() if found[1] == "Accuracy" else ""
        if found := RULES.match(line):
            return found[0]
        return line if AROUND.match(line) else ""

    def _end_of_epoch(self) -> str:
        train, valid = (
            f"loss {self._metrics[loss]:.3f}, accuracy {self._metrics[accuracy]:6.1%}"
            for loss, accuracy in (("Train loss", "Train accuracy"), ("Average loss", "Accuracy"))
        )
        epoch, self._epoch = self._epoch, ""
        return f"{epoch + ':':15} train {train}   valid {valid}"
