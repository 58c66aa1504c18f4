"""The notebook's steps on SageMaker, each a command of deploy/: it says what it creates and costs before it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.aws import Aws
from deploy.endpoint.image_file import read_image
from deploy.job.fetch_results import RUNS
from deploy.settings import DeploySettings
from deploy.state import State
from notebooks import command
from notebooks.lines import creates_line, every_line
from notebooks.place import Place

TUNING_JOBS = RUNS / "tune"  # where `tune` leaves a folder per tuning job
PARALLEL = 2  # trials at a time


@dataclass
class OnAws(Place):
    """A project of its own on AWS, so that its teardown touches nothing else of the account's."""

    project: str

    def announce(self, data: Path, space: Path, trials: int) -> None:
        print(f"Project {self.project}. All that the cells below will create, and the last one removes:")
        tuning = self._tuning(space, trials)
        for name, *arguments in (["role"], ["upload", data], ["push"], ["tune", *tuning], ["train"], ["deploy"]):
            self._do(str(name), *arguments, "--dry-run", quietly=True)

    def prepare(self, data: Path) -> None:
        self._do("role")
        self._do("upload", data)
        self._do("push")

    def tune(self, data: Path, space: Path, trials: int) -> Path:
        self._do("tune", *self._tuning(space, trials))
        return TUNING_JOBS / str(self._state.require("tuning_job", "tune")) / "trials.json"

    def train(self, data: Path, hyperparameters: Mapping[str, str]) -> Path:
        self._do("train", *(word for name, value in hyperparameters.items() for word in ("-p", f"{name}={value}")))
        return RUNS / str(self._state.require("training_job", "train"))

    def deploy(self) -> None:
        self._do("deploy")

    def invoke(self, image_path: Path) -> None:
        self._do("invoke", image_path)

    def ask(self, image_path: Path, *, accept: str = "application/json", attributes: str = "") -> bytes:
        image = read_image(image_path)
        answer = Aws(self._settings.region).change(
            "sagemaker-runtime",
            "InvokeEndpoint",
            EndpointName=self._state.require("endpoint", "deploy"),
            ContentType=image.content_type,
            Accept=accept,
            CustomAttributes=attributes,
            Body=image.body,
        )
        return bytes(answer["Body"].read())

    def teardown(self) -> None:
        self._do("teardown", "--yes")

    def after_failure(self) -> None:
        """Nothing is removed: a job may be worth keeping, and the same cell goes on where it was."""
        print(
            f"What AWS has begun for the project {self.project} goes on, and an endpoint costs money every hour. Run "
            f"this cell again to go on, or the last one to remove everything: python -m deploy "
            f"{' '.join(self._words('teardown'))}"
        )

    def _tuning(self, space: Path, trials: int) -> list[object]:
        return ["--space", space, "--jobs", trials, "--parallel", min(PARALLEL, trials)]

    def _do(self, name: str, *arguments: object, quietly: bool = False) -> None:
        show = creates_line if quietly else every_line
        command.run("deploy", *self._words(name), *arguments, show=show, log=self.log(name))

    def _words(self, name: str) -> list[str]:
        return [name, "--set", f"project={self.project}", "--set", f"image={self.image}"]

    @property
    def _state(self) -> State:
        return State.of_project(self.project)

    @property
    def _settings(self) -> DeploySettings:
        return DeploySettings.read()
