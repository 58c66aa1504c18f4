"""The Docker engine as the checks use it: every container bears this session's label and is removed at the end."""

import json
import subprocess
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from local_test.check_contract.errors import NotStartedError, StoppedError, UsageError
from local_test.image import docker

LABEL = "check-contract"
COMMAND_SECONDS = 120


class Engine:
    """Starts containers until it is closed; `close` leaves none of them."""

    def __init__(self) -> None:
        self.label = f"{LABEL}={uuid.uuid4().hex[:12]}"
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def run(self, *arguments: str, timeout: float = COMMAND_SECONDS) -> subprocess.CompletedProcess[str]:
        """The ended docker command with its output, whatever its status. Ctrl-C does not reach it.

        Raises subprocess.TimeoutExpired after `timeout` seconds.
        """
        return subprocess.run(
            [docker(), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout,
            start_new_session=True,
        )

    def inspect_image(self, image: str) -> dict[str, Any]:
        """Raises UsageError where no engine answers or the engine does not have the image."""
        try:
            result = self.run("image", "inspect", image)
        except FileNotFoundError as error:
            raise UsageError(f"There is no {docker()!r} command; install Docker, or name it in DOCKER.") from error
        if result.returncode == 0:
            content: dict[str, Any] = json.loads(result.stdout)[0]
            return content
        if "no such image" in result.stderr.lower():
            raise UsageError(f"The engine has no image {image}; build it (`make build`) or pull it first.")
        raise UsageError(f"No Docker engine answers ({result.stderr.strip()}); start one.")

    def start(self, image: str, *command: str, options: list[str] | None = None) -> "Container":
        """A started container. Raises NotStartedError if Docker refuses, StoppedError once the engine is closed."""
        if self.closed:
            raise StoppedError
        name = f"{LABEL}-{uuid.uuid4().hex[:12]}"
        result = self.run("run", "-d", "--name", name, "--label", self.label, *(options or []), image, *command)
        container = Container(self, name)
        if self.closed:
            container.remove()
            raise StoppedError
        if result.returncode != 0:
            container.remove()
            lines = result.stderr.strip().splitlines() or ["no reason given"]
            raise NotStartedError(f"docker run: {next((line for line in lines if 'rror' in line), lines[-1])}")
        return container

    def close(self) -> None:
        """Remove every container of this session, those too that are being created at this moment."""
        self._closed.set()
        while left := self.run("ps", "-aq", "--filter", f"label={self.label}").stdout.split():
            self.run("rm", "-f", "-v", *left)


class Container:
    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name

    def __enter__(self) -> "Container":
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        self._engine.run("rm", "-f", "-v", self.name)

    def inspect(self) -> dict[str, Any]:
        """Raises StoppedError if the container was removed, which happens when the tool is ended."""
        result = self._engine.run("inspect", self.name)
        if result.returncode != 0:
            raise StoppedError
        content: dict[str, Any] = json.loads(result.stdout)[0]
        return content

    @property
    def running(self) -> bool:
        return bool(self.inspect()["State"]["Running"])

    @property
    def exit_status(self) -> int:
        return int(self.inspect()["State"]["ExitCode"])

    def wait(self, seconds: float) -> float | None:
        """How long it took to end, in seconds; None if it still runs after that long."""
        started = time.monotonic()
        try:
            self._engine.run("wait", self.name, timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        if self._engine.closed:
            raise StoppedError
        return time.monotonic() - started

    def signal(self, name: str) -> None:
        self._engine.run("kill", "--signal", name, self.name)

    def logs(self) -> tuple[str, str]:
        """What it has written to stdout and to stderr."""
        result = self._engine.run("logs", self.name)
        return result.stdout, result.stderr

    def last_words(self) -> str:
        """The last line that it wrote, shortened, for a person to read."""
        lines = [line.strip() for text in self.logs() for line in text.splitlines() if line.strip()]
        return lines[-1][:160] if lines else "it wrote nothing"

    def read(self, *paths: str) -> str | None:
        """The content of the first of these files that `cat` in the container can read; None if it can read none."""
        for path in paths:
            result = self._engine.run("exec", self.name, "cat", path)
            if result.returncode == 0:
                return result.stdout
        return None


def mount(folder: Path, target: str, *, read_only: bool = False) -> list[str]:
    """Options of `docker run`."""
    return ["-v", f"{folder}:{target}{':ro' if read_only else ''}"]


def variables(values: dict[str, str]) -> list[str]:
    """Options of `docker run`."""
    return [part for name, value in values.items() for part in ("-e", f"{name}={value}")]
