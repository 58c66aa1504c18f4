"""Images -> probabilities -> the most likely labels."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from container.errors import ArtifactError, RequestError
from container.model.artifact import Artifact
from container.serving.batcher import Batcher, use_threads
from container.serving.device import make_run
from container.serving.stopwatch import Stopwatch

WARM_UP_RUNS = 3  # TorchScript profiles the first run of a process and optimises in the second
WARM_UP_IMAGE = (3, 240, 320)  # (channels, height, width)


@dataclass(frozen=True)
class Prediction:
    """Labels and their probabilities, most likely first."""

    labels: list[str]
    probabilities: list[float]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a process uses its cores; see ServeSettings, which has a variable for each."""

    inferences: int = 1
    torch_threads: int = 1
    lone_threads: int = 1
    decodes: int = 1
    batch_size: int = 8
    batch_wait_ms: float = 0.0


class Predictor:
    """Runs one artifact for many threads of a web server, which decode and crop their own images meanwhile."""

    def __init__(
        self,
        artifact: Artifact,
        layout: Layout,
        *,
        timeout_seconds: float,
        device: str = "cpu",
        description: dict[str, str] | None = None,
    ) -> None:
        self.class_names = artifact.class_names
        self.description = description or {}  # of the model, for /ping
        self.decode_side = artifact.decode_side
        self._artifact = artifact
        self._timeout_seconds = timeout_seconds
        self._slots = threading.BoundedSemaphore(layout.decodes)
        self._decoding: set[int] = set()  # threads
        self._lanes = layout.inferences
        self._batcher = Batcher(
            make_run(artifact, device),
            lanes=layout.inferences,
            max_batch=layout.batch_size,
            lane_threads=layout.torch_threads,
            lone_threads=layout.lone_threads,
            wait_seconds=layout.batch_wait_ms / 1000,
            is_more_coming=lambda: bool(self._decoding),
        )

    @contextmanager
    def decoding(self, stopwatch: Stopwatch) -> Iterator[None]:
        """Within it this thread may decode and crop: so many at a time that cores and memory are not overrun.

        Raises RequestError 503 if no place is free in time.
        """
        with stopwatch.measure("queue"):
            if not self._slots.acquire(timeout=self._timeout_seconds):
                raise self._busy()
        self._decoding.add(threading.get_ident())
        try:
            _use_one_thread()
            yield
        finally:
            self._decoding.discard(threading.get_ident())
            self._slots.release()

    def crop(self, image: Tensor) -> Tensor:
        """What the network sees of an image, uint8 (3, H, W) of any size: uint8 (3, S, S)."""
        return self._artifact.crop(image)

    def predict(self, crops: list[Tensor], stopwatch: Stopwatch) -> Tensor:
        """Probabilities (N, K), float32, of N crops, in the order of `class_names`.

        Raises RequestError 503 if the model is not free in time.
        """
        submitted = time.perf_counter()
        answers = self._batcher.submit(crops)
        wait(answers, self._timeout_seconds)
        if sum(answer.cancel() for answer in answers):  # only what no lane has begun can be cancelled
            raise self._busy()
        done = [answer.result() for answer in answers]
        began, ended = min(answer.began for answer in done), max(answer.ended for answer in done)
        stopwatch.add("queue", began - submitted)
        stopwatch.add("inference", ended - began)
        return torch.stack([answer.probabilities for answer in done])

    def warm_up(self) -> None:
        """Run every lane until it is at full speed. Raises ArtifactError if its output does not fit its class names."""
        crop = self.crop(torch.zeros(WARM_UP_IMAGE, dtype=torch.uint8))
        for num_images in (*[1] * WARM_UP_RUNS, *[self._lanes] * WARM_UP_RUNS):  # the lone lane, then the others
            probabilities = self.predict([crop] * num_images, Stopwatch())
        expected = (self._lanes, len(self.class_names))
        if tuple(probabilities.shape) != expected or not bool(probabilities.isfinite().all()):
            raise ArtifactError(
                f"The model answers one image with {probabilities[0].tolist()}; {expected[1]} finite numbers are "
                "needed, one for each class name: export the artifact again."
            )

    def _busy(self) -> RequestError:
        seconds = self._timeout_seconds
        return RequestError(503, "model_busy", f"The model was not free within {seconds} s; send the request again.")


def most_likely(probabilities: Tensor, class_names: list[str], top_k: int) -> Prediction:
    """The `top_k` most likely labels, or all of them where there are fewer, from probabilities (K,)."""
    values, indices = probabilities.topk(min(top_k, len(class_names)))
    labels = [class_names[index] for index in indices.tolist()]
    return Prediction(labels, [round(value, 6) for value in values.tolist()])


_told = threading.local()


def _use_one_thread() -> None:
    # A web server's thread that crops must not start a pool of threads of its own.
    if not hasattr(_told, "once"):
        use_threads(1)
        _told.once = True
