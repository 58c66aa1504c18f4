"""What watches a training process: tensors, phases and operators. Each part that is off does nothing.

An error in here never reaches training: it is said once, and the part that had it is switched off.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

TRAIN, EVAL = "TRAIN", "EVAL"  # smdebug's modes
PARTS = ("tensors", "timeline", "operators")


class Debugger:
    """Steps are counted per mode from 0 over the whole job; `resume_at` sets them where a checkpoint left off."""

    def __init__(self, started: float | None = None) -> None:
        """`started` is when the process was, in seconds since the epoch: the time until the first step is recorded."""
        self._parts: dict[str, Any] = dict.fromkeys(PARTS)
        self._started = started
        self._seen = {TRAIN: 0, EVAL: 0}
        self._mode = TRAIN
        self._failed: set[str] = set()
        # Phases must not be bent by a clock that is set while the job runs.
        self._epoch = time.time() - time.perf_counter()

    def attach(self, part: str, target: Any) -> None:
        """Have `tensors` (a TensorHook), `timeline` (a Timeline) or `operators` (an OperatorProfiler) record steps."""
        assert part in PARTS, part
        self._parts[part] = target

    def resume_at(self, train_steps: int, eval_steps: int) -> None:
        self._seen = {TRAIN: train_steps, EVAL: eval_steps}

    @contextmanager
    def step(self, mode: str) -> Iterator[None]:
        """One optimizer step, or one batch of an evaluation, from the wait for its data on."""
        self._mode = mode
        number, global_step = self._seen[mode], sum(self._seen.values())
        self._call("operators", "step", mode, number)
        self._record_initialization()
        self._call("tensors", "begin_step", mode, number, global_step)
        try:
            with self.phase(f"Step:ModeKeys.{mode}"):
                yield
            self._seen[mode] += 1
        finally:
            self._call("tensors", "end_step")

    def phase(self, name: str, op_name: str = "") -> "Phase":
        """A part of a step, or something between steps, whose time is recorded."""
        return Phase(self._record, name, op_name)

    def close(self) -> None:
        """Write what is left, and leave the network as it was: a hooked one cannot be exported."""
        for name in self._parts:
            self._call(name, "close")
            self._parts[name] = None

    def warn(self, part: str, error: Exception) -> None:
        """Say once that a part has failed; a part that fails by itself, in a thread of its own, calls this."""
        if part not in self._failed:
            self._failed.add(part)
            reason = (str(error).splitlines() or [""])[0]
            print(
                f"Debugger: {part} are no longer recorded ({type(error).__name__}: {reason}); training goes on.",
                flush=True,
            )

    def _call(self, part: str, method: str, *arguments: Any) -> None:
        if (target := self._parts[part]) is None:
            return
        try:
            getattr(target, method)(*arguments)
        except Exception as error:  # whatever it is, it is not training's
            self._parts[part] = None
            self.warn(part, error)
            if method != "close":
                with suppress(Exception):
                    target.close()

    def _record(self, phase: str, op_name: str, started: float, seconds: float) -> None:
        step = self._seen[self._mode]
        self._call("timeline", "record", phase, op_name or phase, self._epoch + started, seconds, step, self._mode)

    def _record_initialization(self) -> None:
        if self._started is not None:
            now = time.perf_counter()
            since = self._started - self._epoch
            self._record("Initialization", "", since, now - since)
            self._started = None


class Phase:
    """A class and not a generator, as it is entered several times a step: half a microsecond instead of two."""

    __slots__ = ("_name", "_op_name", "_record", "_started")

    def __init__(self, record: Callable[[str, str, float, float], None], name: str, op_name: str) -> None:
        self._record, self._name, self._op_name = record, name, op_name

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._record(self._name, self._op_name, self._started, time.perf_counter() - self._started)
