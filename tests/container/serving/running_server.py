"""The real server in a process of its own, over real HTTP."""

import http.client
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from local_test.serve_local import free_port

START = "from container.serving.server import serve; serve()"
START_SECONDS = 60


class RunningServer:
    """`statuses` are what /ping answered until now, without repetitions; None where nothing listened yet."""

    def __init__(self, base_dir: Path, home_dir: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.home_dir = home_dir
        self.statuses: list[int | None] = []
        self._log_path = home_dir.with_suffix(".log")
        own = {"SAGEMAKER_BASE_DIR": str(base_dir), "SAGEMAKER_BIND_TO_PORT": str(self.port), "HOME": str(home_dir)}
        with self._log_path.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START], env={**environment, **own, "SERVE_HOST": "127.0.0.1"}, stdout=log
            )

    def wait_for_ping(self, status: int) -> None:
        give_up = time.monotonic() + START_SECONDS
        while (answered := self._ping_status()) != status:
            assert self.process.poll() is None, f"the server ended: {self.log_text()}"
            assert time.monotonic() < give_up, f"/ping answers {answered}: {self.log_text()}"
            time.sleep(0.02)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Status, headers and, read as JSON, the body of the answer. Underscores in header names become hyphens."""
        connection = self.connect()
        connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
        answer = read_answer(connection)
        connection.close()
        return answer

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def terminate(self, within_seconds: float) -> int:
        """The exit status after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_seconds)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of the log with this event. Every line of the log must be JSON."""
        lines = [json.loads(line) for line in self.log_text().splitlines()]
        return [line for line in lines if line["event"] == name]

    def log_text(self) -> str:
        return self._log_path.read_text()

    def _ping_status(self) -> int | None:
        try:
            status = self.request("GET", "/ping")[0]
        except ConnectionError:
            status = None
        if self.statuses[-1:] != [status]:
            self.statuses.append(status)
        return status


def read_answer(connection: http.client.HTTPConnection) -> tuple[int, dict[str, str], Any]:
    response = connection.getresponse()
    content = response.read()
    is_json = response.getheader("Content-Type") == "application/json" and content
    return response.status, dict(response.getheaders()), json.loads(content) if is_json else content
