"""The phases of training -> smdebug's timeline: Chrome trace events in framework/pevents/<YYYYMMDDHH>/.

Training only appends to a queue; a thread formats and writes. No error of it reaches training.
"""

import json
import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

MICROSECONDS = 1_000_000
EVENT_BYTES = 140  # of one event in a file, about
MAX_WAITING = 100_000  # events in memory, some 25 MB: more come only if the disk stands still
FULL_BYTES = 100 * 2**20  # written before events are thinned out
THINNING_BYTES = 50 * 2**20  # and between one halving and the next
ALWAYS_KEPT = ("Checkpoint", "Initialization")  # they are few, and each matters


@dataclass(frozen=True, slots=True)
class Event:
    phase: str
    op_name: str
    start: float  # seconds since the epoch
    duration: float  # seconds
    step: int
    mode: str


class Timeline:
    """Events of one process. `rotate_seconds` is also the most that a killed process loses."""

    def __init__(self, folder: Path, node: str, rotate_bytes: int, rotate_seconds: float) -> None:
        self._waiting: deque[tuple[str, str, float, float, int, str]] = deque()
        self._events_per_file = max(1, rotate_bytes // EVENT_BYTES)
        self._rotate_seconds = rotate_seconds
        self._files = TimelineFiles(folder, node)
        self._is_off = False
        self._has_dropped = False
        self._is_closing = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._write_until_closed, name="timeline", daemon=True)
        self._thread.start()

    def record(self, phase: str, op_name: str, start: float, duration: float, step: int, mode: str) -> None:
        """Note that something ran. `start` in seconds since the epoch; `mode` is TRAIN, EVAL or empty."""
        if self._is_off:
            return
        waiting = len(self._waiting)
        if waiting >= MAX_WAITING:
            self._has_dropped = True
            return
        self._waiting.append((phase, op_name, start, duration, step, mode))
        if waiting == self._events_per_file:
            self._wake.set()

    def close(self) -> None:
        """Write what is left. More events are ignored."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        self._write_waiting()  # what came while the thread wrote its last
        self._is_off = True

    def _write_until_closed(self) -> None:
        warned = False
        while not self._is_off and not self._is_closing:
            self._wake.wait(self._rotate_seconds)
            self._wake.clear()
            self._write_waiting()
            if self._has_dropped and not warned:
                warned = True
                print("Profiler: the timeline has gaps, as its files are written too slowly.", flush=True)

    def _write_waiting(self) -> None:
        try:
            while self._waiting:
                count = min(len(self._waiting), self._events_per_file)
                self._files.write([Event(*self._waiting.popleft()) for _ in range(count)])
        except Exception as error:  # whatever it is, training goes on
            self._is_off = True
            self._waiting.clear()
            print(f"Profiler: the timeline ends here: {error!r}", flush=True)


class TimelineFiles:
    """Writes lists of events, each as a file of its own, thinning them out once there is much."""

    def __init__(self, folder: Path, node: str) -> None:
        self._folder, self._node, self._pid = folder, node, os.getpid()
        self._origin = int(time.time() * MICROSECONDS)  # times in the files count from here
        self._phases: dict[str, int] = {}  # what Chrome's format calls processes
        self._last_end = 0
        self._num_bytes = 0
        self.keep_every = 1  # steps

    def write(self, events: list[Event]) -> None:
        """Write one file, whole or not at all. Raises OSError."""
        kept = [event for event in events if event.step % self.keep_every == 0 or event.phase in ALWAYS_KEPT]
        if not kept:
            return
        # Two files may end at the same moment; a name is only given once.
        ends = (int((event.start + event.duration) * MICROSECONDS) for event in kept)
        self._last_end = max(self._last_end + 1, *ends)
        text = self._format(kept)
        name = f"{self._pid}-{self._node}_pythontimeline.json"
        hour = time.strftime("%Y%m%d%H", time.gmtime(self._last_end / MICROSECONDS))
        path = self._folder / "framework" / "pevents" / hour / f"{self._last_end}_{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not quite smdebug's name for an open file, as its own writer, if it is on, holds that one open.
        partial = self._folder / "framework" / f"{path.name}.tmp"
        partial.write_text(text)
        partial.replace(path)
        self._num_bytes += len(text)
        self._thin_out()

    def _thin_out(self) -> None:
        """Twice as rare each time that as much has been written again: the size grows as the logarithm of the time."""
        while self._num_bytes > FULL_BYTES:
            self._num_bytes -= THINNING_BYTES
            self.keep_every *= 2

    def _format(self, events: list[Event]) -> str:
        head = [_meta(0, {"start_time_since_epoch_in_micros": self._origin}), *_sort_index(0)]
        if self.keep_every > 1:
            head.append({**_meta(0, {"keep_every_nth_step": self.keep_every}), "name": "thinning"})
        named: set[str] = set()
        lines = []
        for event in events:
            phase = self._phases.setdefault(event.phase, len(self._phases) + 1)  # 0 is the file's own
            if event.phase not in named:
                named.add(event.phase)
                head += [_meta(phase, {"name": event.phase}), *_sort_index(phase)]
            lines.append(self._to_json(event, phase))
        return "[\n" + ",\n".join(map(json.dumps, head + lines)) + "\n]"

    def _to_json(self, event: Event, phase: int) -> dict[str, object]:
        # What belongs to no step says 0, as smdebug's analysis stops at an event that has none.
        args = {"pid": self._pid, "step_num": str(max(0, event.step))}
        return {
            "name": event.op_name or event.phase,
            "pid": phase,
            "ph": "X",
            "ts": int(event.start * MICROSECONDS) - self._origin,
            "dur": int(event.duration * MICROSECONDS),
            "args": args | ({"mode": event.mode} if event.mode else {}),
        }


def _meta(phase: int, args: dict[str, object]) -> dict[str, object]:
    return {"name": "process_name", "ph": "M", "pid": phase, "args": args}


def _sort_index(phase: int) -> list[dict[str, object]]:
    return [{"name": "process_sort_index", "ph": "M", "pid": phase, "args": {"sort_index": phase}}]
