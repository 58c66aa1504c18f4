"""The process that writes the machine's metrics, twice a second: `python -m container.debugger.profiler.sampler`.

It is a process of its own so that a busy training process neither delays nor pays for it, and it imports little, so
that it starts at once. It ends at SIGTERM or with its parent, and never by an error that anybody has to handle.
"""

import argparse
import errno
import json
import os
import select
import signal
import sys
import time
from io import FileIO
from pathlib import Path

from container import contract
from container.debugger.profiler.config import LiveConfig, ProfilerConfig
from container.debugger.profiler.counters import Counters, Metric
from container.errors import SettingsError

LOOK_SECONDS = 1.0  # between looks at the parent and at the configuration, where samples are rarer


class MetricsFile:
    """system/incremental/<YYYYMMDDHH>/<second of the full minute>.<node>.json, a new one every minute."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._path: Path | None = None
        self._file: FileIO | None = None

    def write(self, folder: Path, timestamp: float, metrics: list[Metric]) -> None:
        """Append one sample, `timestamp` in seconds since the epoch. Raises OSError, as on a full disk."""
        hour = time.strftime("%Y%m%d%H", time.gmtime(timestamp))
        path = folder / "system" / "incremental" / hour / f"{int(timestamp // 60 * 60)}.{self._node}.json"
        if path != self._path or self._file is None:
            self.close()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._path, self._file = path, FileIO(path, "a")
        text = "".join(_line(metric, self._node, timestamp) for metric in metrics).encode()
        # Unbuffered and in one write, so that readers of a running job see whole samples.
        if self._file.write(text) != len(text):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _line(metric: Metric, node: str, timestamp: float) -> str:
    """The platform's keys in the platform's order; every line of a sample has the same time, which rules group by."""
    content = {
        "Type": metric.type,
        "Name": metric.name,
        "Dimension": metric.dimension,
        "Value": round(metric.value, 2),
        "NodeId": node,
        "Timestamp": round(timestamp, 3),
    }
    return json.dumps(content) + "\n"


class Sampler:
    def __init__(self, live_config: LiveConfig, node: str, parent: int) -> None:
        self._live_config, self._parent = live_config, parent
        self._file = MetricsFile(node)
        self._signals = _signal_pipe()

    def run(self) -> None:
        """Sample until SIGTERM, or until the parent is gone. Raises OSError when the files cannot be written."""
        try:
            self._sample_until_ended()
        finally:
            self._file.close()

    def _sample_until_ended(self) -> None:
        counters = Counters(time.monotonic())
        due = time.monotonic() + self._live_config.current().interval_seconds
        while not self._ended_while_waiting(min(LOOK_SECONDS, due - time.monotonic())):
            config = self._live_config.current()
            now = time.monotonic()
            if now >= due:
                metrics = counters.read(now)  # also while disabled, or the next rates would be means over all that time
                if config.enabled:
                    self._file.write(config.folder, time.time(), metrics)
            due = next_due(due, now, config)

    def _ended_while_waiting(self, seconds: float) -> bool:
        arrived, _, _ = select.select([self._signals], [], [], max(0.0, seconds))
        return bool(arrived) or os.getppid() != self._parent


def next_due(due: float, now: float, config: ProfilerConfig) -> float:
    """When the next sample is due: on the same beat, however long the last one took, unless the beat has changed."""
    interval = config.interval_seconds
    if due > now:
        return min(due, now + interval)  # the interval may have become shorter
    missed = (now - due) // interval
    return due + (missed + 1) * interval


def _signal_pipe() -> int:
    """The reading end of a pipe that gets a byte at SIGTERM, so that a wait ends there and a write does not."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent as well, which decides
    return reading


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sampler", description="Write the machine's metrics until SIGTERM.")
    parser.add_argument("--base-dir", type=Path, default=contract.BASE_DIR)
    parser.add_argument("--node", default="algo-1", help="algo-<n>, which every reader demands")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="the process to end with")
    given = parser.parse_args(arguments)
    path = given.base_dir / "input" / "config" / contract.PROFILER_CONFIG_FILE
    try:
        Sampler(LiveConfig(path, given.base_dir), given.node, given.parent).run()
    except (SettingsError, OSError) as error:
        print(f"Profiler: the system's metrics end here: {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
