"""What the checks work with: the image, servers and jobs of it that several rows share, and new ones."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from local_test.check_contract.engine import Container, Engine, mount, variables
from local_test.check_contract.errors import NotApplicableError, NotStartedError
from local_test.check_contract.row import Mode, Outcome, failed, not_applicable, passed
from local_test.check_contract.server import PORT, PUBLISHED, Server, address_of, wait_until_ready
from local_test.check_contract.subject import Subject
from local_test.check_contract.training_job import TrainingJob

MODEL_DIR = "/opt/ml/model"
MODELS_DIR = "/opt/ml/models"
BIND_LABEL = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
MULTI_MODEL_LABEL = "com.amazonaws.sagemaker.capabilities.multi-models"
BATCH_PAYLOAD_MB = 40
BATCH_ENVIRONMENT = {
    "SAGEMAKER_BATCH": "true",
    "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(BATCH_PAYLOAD_MB),
    "SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD",
    "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
}
MODEL_NAMES = ("first", "second", "third")  # of a multi-model endpoint, all of the same content
BROKEN_MODEL = "broken"

Made = TypeVar("Made")


@dataclass(frozen=True)
class FinishedJob:
    job: TrainingJob
    exit_status: int
    seconds: float
    log: str
    last_words: str


class Lab:
    """`folder` is for what has to lie on the disk; whoever made it removes it, and closes the engine."""

    def __init__(self, subject: Subject, engine: Engine, folder: Path) -> None:
        self.subject = subject
        self.engine = engine
        self._folder = folder
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._made: dict[str, object] = {}

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` returns, made by whoever asks first; if that fails, it fails for all in the same way."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._made:
                try:
                    self._made[name] = make()
                except (NotStartedError, NotApplicableError) as error:
                    self._made[name] = error
            made = self._made[name]
        if isinstance(made, NotStartedError | NotApplicableError):
            raise made
        return made  # type: ignore[return-value]

    @cached_property
    def inspected(self) -> dict[str, Any]:
        return self.engine.inspect_image(self.subject.image)

    def claims(self, label: str) -> bool:
        return str((self.inspected["Config"].get("Labels") or {}).get(label)) == "true"

    def require_label(self, name: str) -> None:
        """Raises NotApplicableError if the image does not claim the mode, in which SageMaker would refuse it."""
        if not self.claims(name):
            raise NotApplicableError(f"the image has no label {name}=true")

    def judge_label(self, name: str, mode: Mode) -> Outcome:
        """An image without the label need not have it, unless the mode was asked for by name."""
        if self.claims(name):
            return passed(f"{name}=true")
        return (failed if mode in self.subject.named_modes else not_applicable)(f"the image has no label {name}=true")

    def new_folder(self, name: str) -> Path:
        """An empty one."""
        with self._lock:
            folder = self._folder / f"{len(list(self._folder.iterdir()))}-{name}"
            folder.mkdir()
        return folder

    def new_job(self, name: str, hyperparameters: Mapping[str, str] | None = None) -> TrainingJob:
        given = {**self.subject.training.hyperparameters, **(hyperparameters or {})}
        return TrainingJob(self.new_folder(name), self.subject, given)

    def wait_for(self, job: TrainingJob, container: Container, seconds: float | None = None) -> FinishedJob:
        """The job once it has ended. Raises NotStartedError if it takes longer than `seconds`, or than any job may."""
        longest = seconds or self.subject.training.seconds
        took = container.wait(longest)
        if took is None:
            raise NotStartedError(f"train still ran after {longest:.0f} s: {container.last_words()}")
        log = "".join(container.logs())
        return FinishedJob(job, container.exit_status, took, log, container.last_words())

    def trained(self) -> FinishedJob:
        """The job that several rows look at."""
        return self.once("trained", self._train)

    def model_dir(self) -> Path:
        """The model to serve. Raises NotStartedError if none was given and none could be trained."""
        if self.subject.model_dir is not None:
            return self.subject.model_dir
        finished = self.trained()
        if finished.exit_status or not finished.job.files(finished.job.model_dir):
            raise NotStartedError(
                f"no model to serve: train ended with status {finished.exit_status} ({finished.last_words}); give one "
                "with --model"
            )
        return finished.job.model_dir

    def model_mount(self) -> list[str]:
        return mount(self.model_dir(), MODEL_DIR, read_only=True)

    def start_serving(
        self, options: list[str] | None = None, environment: Mapping[str, str] | None = None, port: int = PORT
    ) -> Container:
        """A container of `serve`, perhaps not ready yet; the model is mounted by `options`."""
        published = ["-p", f"127.0.0.1::{port}"] if PUBLISHED and "--network" not in (options or []) else []
        values = variables({**self.subject.environment, **(environment or {})})
        given = [*published, *values, *self.subject.docker_options, *(options or [])]
        return self.engine.start(self.subject.image, "serve", options=given)

    @contextmanager
    def serving(
        self, options: list[str] | None = None, environment: Mapping[str, str] | None = None, port: int = PORT
    ) -> Iterator[Server]:
        """A ready server of one's own, on the model."""
        with self.start_serving([*self.model_mount(), *(options or [])], environment, port) as container:
            yield wait_until_ready(container, address_of(container, port), self.subject.ready_seconds)

    def server(self) -> Server:
        """The server that most rows ask: an endpoint's, started with nothing but the model."""
        return self.once("server", lambda: self._serve(self.model_mount(), {}))

    def batch_server(self) -> Server:
        return self.once("batch server", lambda: self._serve(self.model_mount(), BATCH_ENVIRONMENT))

    def multi_model_server(self) -> Server:
        """A server without models; those of MODEL_NAMES and BROKEN_MODEL lie ready. Raises NotApplicableError."""
        self.require_label(MULTI_MODEL_LABEL)
        environment = {"SAGEMAKER_MULTI_MODEL": "true", **self.subject.multi_model_environment}
        return self.once("multi-model server", lambda: self._serve(self._model_mounts(), environment))

    def broken_model_dir(self) -> Path:
        """The model's files with their content spoilt."""
        return self.once("broken model", self._spoil_model)

    def _train(self) -> FinishedJob:
        job = self.new_job("trained")
        with job.start(self.engine, "train") as container:
            return self.wait_for(job, container)

    def _serve(self, options: list[str], environment: Mapping[str, str]) -> Server:
        container = self.start_serving(options, environment)
        return wait_until_ready(container, address_of(container, PORT), self.subject.ready_seconds)

    def _model_mounts(self) -> list[str]:
        mounts = mount(self.broken_model_dir(), f"{MODELS_DIR}/{BROKEN_MODEL}/model", read_only=True)
        for name in MODEL_NAMES:
            mounts += mount(self.model_dir(), f"{MODELS_DIR}/{name}/model", read_only=True)
        return mounts

    def _spoil_model(self) -> Path:
        source, folder = self.model_dir(), self.new_folder("broken-model")
        for path in source.rglob("*"):
            if path.is_file():
                target = folder / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(b"this is no model\n")
        return folder
