"""profilerconfig.json -> what is profiled, how often and where to; the file may change while the job runs."""

import ast
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container import contract
from container.errors import SettingsError
from container.settings import read_json, under_base_dir

INTERVALS = (100, 200, 500, 1000, 5000, 60_000)  # milliseconds; Source: CreateTrainingJob, ProfilerConfig
INTERVAL_NAME = "ProfilingIntervalInMilliseconds"
BYTES_NAME, SECONDS_NAME = "RotateMaxFileSizeInBytes", "RotateFileCloseIntervalInSeconds"
# The settings of smdebug's profilers. Ours is torch.profiler, and whichever is there chooses its steps.
WINDOW_NAMES = ("DetailedProfilingConfig", "PythonProfilingConfig")
BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class ProfilerConfig:
    enabled: bool = True
    folder: Path
    interval_seconds: float = 0.5  # between two samples of the system's metrics
    rotate_bytes: int = 10 * 2**20  # of one file of the timeline
    rotate_seconds: float = 10.0  # what a killed process loses at most
    operators_start_step: int = 2  # training step, from 0; the first ones are slow for reasons of their own
    operators_num_steps: int = 3  # 0 for none
    operators_start_time: float | None = None  # seconds since the epoch; instead of the two above, where given
    operators_seconds: float = 0.0


def read_profiler_config(path: Path, base_dir: Path) -> ProfilerConfig:
    """What the file asks for, and our defaults for the rest. Raises SettingsError that names the value at fault."""
    content = read_json(path)
    parameters = content.get("ProfilingParameters") or {}
    if not isinstance(parameters, dict):
        raise SettingsError(f"{path}: ProfilingParameters must hold a JSON object, not {parameters!r}.")
    values: dict[str, Any] = {}
    if content.get("DisableProfiler") is not None:
        values["enabled"] = not _boolean(content["DisableProfiler"], f"{path}: DisableProfiler")
    if content.get(INTERVAL_NAME) is not None:
        values["interval_seconds"] = _interval(content[INTERVAL_NAME], f"{path}: {INTERVAL_NAME}")
    if parameters.get(BYTES_NAME):
        values["rotate_bytes"] = int(_number(parameters[BYTES_NAME], 1, f"{path}: {BYTES_NAME}"))
    if parameters.get(SECONDS_NAME):
        values["rotate_seconds"] = _number(parameters[SECONDS_NAME], 1, f"{path}: {SECONDS_NAME}")
    name = next((name for name in WINDOW_NAMES if parameters.get(name)), None)
    if name is not None:
        values |= _window(parameters[name], f"{path}: {name}")
    return ProfilerConfig(
        folder=under_base_dir(parameters.get("LocalPath") or contract.PROFILER_DIR, base_dir), **values
    )


def _boolean(value: object, where: str) -> bool:
    flag = BOOLEANS.get(str(value).lower())
    if flag is None:
        raise SettingsError(f"{where} is {value!r}; use true or false.")
    return flag


def _number(value: object, minimum: float, where: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not minimum <= number < float("inf"):
        raise SettingsError(f"{where} is {value!r}; use a number of at least {minimum:g}.")
    return number


def _interval(value: object, where: str) -> float:
    milliseconds = _number(value, 1, where)
    if milliseconds not in INTERVALS:
        raise SettingsError(f"{where} is {value!r}; use one of {', '.join(map(str, INTERVALS))}.")
    return milliseconds / 1000


def _window(text: object, where: str) -> dict[str, Any]:
    """The steps, or the time, that torch.profiler looks at; empty where the text says nothing about them."""
    given = {str(name).lower(): value for name, value in _parse(text, where).items()}
    values: dict[str, Any] = {}
    if "startstep" in given or "numsteps" in given:
        values["operators_num_steps"] = 1  # the platform's default
        if "startstep" in given:
            values["operators_start_step"] = int(_number(given["startstep"], 0, f"{where}: StartStep"))
        if "numsteps" in given:
            values["operators_num_steps"] = int(_number(given["numsteps"], 0, f"{where}: NumSteps"))
    elif "starttimeinsecsinceepoch" in given or "durationinseconds" in given:
        start = given.get("starttimeinsecsinceepoch", 0)
        seconds = given.get("durationinseconds", 1)
        values["operators_start_time"] = _number(start, 0, f"{where}: StartTimeInSecSinceEpoch")
        values["operators_seconds"] = _number(seconds, 0, f"{where}: DurationInSeconds")
    return values


def _parse(text: object, where: str) -> dict[str, Any]:
    """The object in a text of JSON or of Python: smdebug evaluates the text as code, which no file of ours may be."""
    try:
        value = json.loads(str(text))
    except ValueError:
        try:
            value = ast.literal_eval(str(text))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise SettingsError(f'{where} is {text!r}; write it as in "{{\\"StartStep\\": 5, \\"NumSteps\\": 2}}".')
    return value


class LiveConfig:
    """The configuration as the file has it now. Raises SettingsError only when built."""

    def __init__(self, path: Path, base_dir: Path, check_seconds: float = 1.0) -> None:
        self._path, self._base_dir, self._check_seconds = path, base_dir, check_seconds
        self._stamp = self._read_stamp()
        self._config = read_profiler_config(path, base_dir)
        self._checked_at = time.monotonic()

    def current(self) -> ProfilerConfig:
        """Looks at the file once a second at most; a change that cannot be read leaves the last good one in force."""
        now = time.monotonic()
        if now - self._checked_at >= self._check_seconds:
            self._checked_at = now
            stamp = self._read_stamp()
            # An empty file is one about to be written, and one that is gone may be about to be replaced.
            if stamp != self._stamp and stamp[1] > 0:
                self._stamp = stamp
                self._reload()
        return self._config

    def _reload(self) -> None:
        try:
            self._config = read_profiler_config(self._path, self._base_dir)
        except (SettingsError, OSError) as error:
            print(f"Profiler: the last good configuration stays in force: {error}", flush=True)

    def _read_stamp(self) -> tuple[int, int]:
        """(time of the last change, bytes) of the file; zeros where there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_size
