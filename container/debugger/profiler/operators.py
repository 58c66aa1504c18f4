"""torch.profiler on a few chosen training steps: which operators and modules the time goes to."""

import json
import os
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from container.debugger.profiler.config import LiveConfig, ProfilerConfig
from container.debugger.profiler.flame import flame_graph, operator_table

TRAIN = "TRAIN"
MAX_STEPS = 50  # in one window, as a ResNet-18 makes 2,600 events per step, which stay in memory


@dataclass
class Window:
    first: int
    last: int  # so far
    end: int  # not to be profiled any more
    end_time: float  # the same in seconds since the epoch
    started_at: float  # seconds, monotonic
    profiler: profile


class OperatorProfiler:
    """Writes framework/torch_profiler/TRAIN-<first>-<last>/ with trace.json.gz and operators.json. Never raises."""

    def __init__(self, folder: Path, live_config: LiveConfig) -> None:
        self._folder = folder / "framework" / "torch_profiler"
        self._live_config = live_config
        self._window: Window | None = None
        self._started: tuple[object, ...] = ()  # the choice whose window has been opened: each has one
        self._first_choice = _choice(live_config.current())
        self._offset: int | None = None
        self._writer: threading.Thread | None = None
        self._is_off = False

    def step(self, mode: str, number: int) -> None:
        """Step `number` (from 0, of TRAIN or EVAL) is about to begin."""
        if self._is_off:
            return
        try:
            self._step(mode, number)
        except Exception as error:  # whatever it is, training goes on
            self._turn_off(error)

    def end_window(self) -> None:
        """No step follows for a while, as at the end of an epoch: what is between steps is no part of them."""
        try:
            if self._window is not None:
                self._end()
        except Exception as error:  # as above
            self._turn_off(error)

    def close(self) -> None:
        """End an open window and wait until it is written."""
        self.end_window()
        self._is_off = True
        if self._writer is not None:
            self._writer.join()

    def _step(self, mode: str, number: int) -> None:
        config = self._live_config.current()
        window = self._window
        if window is not None:
            if mode == TRAIN and config.enabled and number < window.end and time.time() < window.end_time:
                window.last = number
                return
            self._end()
        if mode == TRAIN and config.enabled:
            self._begin_if_due(config, number)

    def _begin_if_due(self, config: ProfilerConfig, number: int) -> None:
        choice = _choice(config)
        if self._offset is None:
            # A resumed job begins beyond the chosen steps: the same steps after its own beginning are taken.
            self._offset = number if number > config.operators_start_step else 0
        if choice == self._started:
            return
        start = config.operators_start_step + (self._offset if choice == self._first_choice else 0)
        end, end_time = start + config.operators_num_steps, float("inf")
        if config.operators_start_time is not None:
            end_time = config.operators_start_time + config.operators_seconds
            if not config.operators_start_time <= time.time() < end_time:
                return
            start, end = number, number + MAX_STEPS
        if start <= number < end:
            self._started = choice
            self._begin(number, min(end, number + MAX_STEPS), end_time)

    def _begin(self, number: int, end: int, end_time: float) -> None:
        if self._writer is not None:
            self._writer.join()
        # Kineto prints lines of its own to stderr below this level; it reads the variable when first used.
        os.environ.setdefault("KINETO_LOG_LEVEL", "6")
        activities = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(ProfilerActivity.CUDA)
        profiler = profile(activities=activities, with_stack=True)  # the stack is what tells modules apart
        profiler.start()
        self._window = Window(number, number, end, end_time, time.perf_counter(), profiler)

    def _end(self) -> None:
        window, self._window = self._window, None
        assert window is not None
        seconds = time.perf_counter() - window.started_at
        window.profiler.stop()
        # In a thread, as it takes some tenths of a second. `close` waits for it; a job that dies does not.
        self._writer = threading.Thread(target=self._write, args=(window, seconds), name="operators", daemon=True)
        self._writer.start()

    def _write(self, window: Window, seconds: float) -> None:
        try:
            folder = self._folder / f"{TRAIN}-{window.first}-{window.last}"
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            (partial / "operators.json").write_text(json.dumps(summarize(window, seconds)))
            window.profiler.export_chrome_trace(str(partial / "trace.json.gz"))
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        except Exception as error:  # as above
            self._turn_off(error)

    def _turn_off(self, error: Exception) -> None:
        self._is_off = True
        print(f"Profiler: operators are not profiled any more: {error!r}", flush=True)


def _choice(config: ProfilerConfig) -> tuple[object, ...]:
    """What a person can choose about the window: a change of it asks for another one."""
    return (
        config.operators_start_step,
        config.operators_num_steps,
        config.operators_start_time,
        config.operators_seconds,
    )


def summarize(window: Window, seconds: float) -> dict[str, Any]:
    """The content of operators.json; `seconds` is the window's wall time."""
    assert window.profiler.profiler is not None
    results = window.profiler.profiler.kineto_results
    assert results is not None
    roots = results.experimental_event_tree()
    return {
        "steps": [window.first, window.last],
        "seconds": round(seconds, 6),
        "operators": operator_table(roots, results.events()),
        "flame": flame_graph(roots, seconds),
    }
