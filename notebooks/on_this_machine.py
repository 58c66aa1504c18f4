"""The notebook's steps as processes of this machine, or in Docker: nothing is sent anywhere, nothing costs money."""

import shutil
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from container import contract
from local_test.invoke import InvocationError
from local_test.opt_ml import Run
from local_test.serve_local import server
from notebooks import command
from notebooks.lines import TrainingLines, every_line, trial_line
from notebooks.place import Place


@dataclass
class OnThisMachine(Place):
    in_docker: bool = False
    port: int = contract.DEFAULT_PORT
    _run: Path | None = None
    _server: ExitStack = field(default_factory=ExitStack)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def _where(self) -> list[str]:
        return ["--image", self.image] if self.in_docker else ["--no-docker"]

    def announce(self, data: Path, space: Path, trials: int) -> None:
        where = f"in the image {self.image}" if self.in_docker else "as processes"
        print(f"Everything runs on this machine, {where}; results go to {self.runs}. Nothing is sent anywhere.")

    def prepare(self, data: Path) -> None:
        print(f"Jobs read {data} where it lies.")

    def tune(self, data: Path, space: Path, trials: int) -> Path:
        folder = self.runs / "tune"
        command.run(
            "local_test.tune", data, "--run", folder, "--trials", trials, "--space", space, *self._where,
            show=trial_line, log=self.log("tune"),
        )  # fmt: skip
        return folder / "trials.json"

    def train(self, data: Path, hyperparameters: Mapping[str, str]) -> Path:
        """Begins anew every time: a run that is there already is replaced."""
        self._run = self.runs / "best"
        shutil.rmtree(self._run, ignore_errors=True)
        parameters = [word for name, value in hyperparameters.items() for word in ("-p", f"{name}={value}")]
        command.run(
            "local_test.train_local", data, "--run", self._run, *self._where, *parameters,
            show=TrainingLines(), log=self.log("train"),
        )  # fmt: skip
        return self._run

    def deploy(self) -> None:
        self.stop()
        run = Run((self._run or self.runs / "best").absolute())
        image = self.image if self.in_docker else None
        self._server.enter_context(server(run, image=image, port=self.port, quiet=True))
        print(f"Endpoint: {self.url}/invocations")

    def invoke(self, image_path: Path) -> None:
        command.run("local_test.invoke", "--url", self.url, image_path, show=every_line, log=self.log("invoke"))

    def ask(self, image_path: Path, *, accept: str = "application/json", attributes: str = "") -> bytes:
        request = urllib.request.Request(  # noqa: S310  this machine's own server
            f"{self.url}/invocations",
            data=image_path.read_bytes(),
            headers={
                "Content-Type": "application/x-image",
                "Accept": accept,
                contract.CUSTOM_ATTRIBUTES_HEADER: attributes,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                return bytes(response.read())
        except OSError as error:
            raise InvocationError(f"{self.url} did not answer ({error}); run the cell that deploys again.") from error

    def teardown(self) -> None:
        self.stop()
        print("The server is stopped; nothing is left running.")

    def after_failure(self) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server, if there is one."""
        self._server.close()
