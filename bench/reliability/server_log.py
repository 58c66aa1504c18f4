"""The server's log, a JSON object on each line, as far as it was written after a certain moment."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class LogMark:
    """A place in a log; what stands after it is read."""

    path: Path
    offset: int

    @classmethod
    def at_end(cls, path: Path) -> "LogMark":
        return cls(path, path.stat().st_size)

    def lines(self) -> list[dict[str, Any]]:
        """The complete lines since then; one that is no JSON object is an error with its text."""
        with self.path.open("rb") as file:
            file.seek(self.offset)
            complete = file.read().rpartition(b"\n")[0]
        return [_parse(line) for line in complete.decode(errors="replace").splitlines()]

    def failures(self) -> list[dict[str, Any]]:
        """Lines that tell of a failure of the server itself: errors, and answers of 500."""
        return [
            line for line in self.lines() if line.get("level") in ("error", "critical") or line.get("status") == 500
        ]


def wall_time(line: dict[str, Any]) -> float:
    """When a line was written, by time.time()."""
    return datetime.fromisoformat(line["time"]).timestamp()


def _parse(line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"event": "no_json", "level": "error", "text": line}
