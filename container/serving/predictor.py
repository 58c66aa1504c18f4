"""Images -> probabilities -> the most likely labels."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from container.errors import ArtifactError, RequestError
from container.model.activation_maps import ActivationMaps
from container.model.artifact import Artifact, stack
from container.serving.device import make_run
from container.serving.shared_cores import Layout, SharedCores
from container.serving.stopwatch import Stopwatch

WARM_UP_RUNS = 3  # TorchScript profiles the first run of a process and optimises in the second
WARM_UP_IMAGE = (3, 240, 320)  # (channels, height, width)


@dataclass(frozen=True)
class Prediction:
    """Labels and their probabilities, most likely first."""

    labels: list[str]
    probabilities: list[float]


class Predictor:
    """Runs one artifact for many threads of a web server, which decode and crop their own images meanwhile.

    On cores of its own, used as a layout says, or on those that it shares with other models.
    """

    def __init__(
        self,
        artifact: Artifact,
        cores: Layout | SharedCores,
        *,
        timeout_seconds: float,
        device: str = "cpu",
        description: dict[str, str] | None = None,
        load_maps: Callable[[], ActivationMaps] | None = None,
    ) -> None:
        self.class_names = artifact.class_names
        self.card = artifact.card
        self.description = description or {}  # of the model, for /ping
        self.decode_side = artifact.decode_side
        self._artifact = artifact
        self._timeout_seconds = timeout_seconds
        self._cores = SharedCores(cores) if isinstance(cores, Layout) else cores
        self._run = make_run(artifact, device)
        self._load_maps = load_maps
        self._maps: ActivationMaps | ArtifactError | None = None  # once somebody has asked for one
        self._explaining = threading.Lock()

    @contextmanager
    def decoding(self, stopwatch: Stopwatch) -> Iterator[None]:
        """Within it this thread may decode and crop: so many at a time that cores and memory are not overrun.

        Raises RequestError 429 if no place is free in time.
        """
        with stopwatch.measure("queue"):
            if not self._cores.wait_to_decode(self._timeout_seconds):
                raise self._busy()
        with self._cores.decoding():
            yield

    def crop(self, image: Tensor) -> Tensor:
        """What the network sees of an image, uint8 (3, H, W) of any size: uint8 (3, S, S)."""
        return self._artifact.crop(image)

    def predict(self, crops: list[Tensor], stopwatch: Stopwatch) -> Tensor:
        """Probabilities (N, K), float32, of N crops, in the order of `class_names`.

        Raises RequestError 429 if the model is not free in time.
        """
        submitted = time.perf_counter()
        answers = self._cores.batcher.submit(self._run, crops)
        wait(answers, self._timeout_seconds)
        if sum(answer.cancel() for answer in answers):  # only what no lane has begun can be cancelled
            raise self._busy()
        done = [answer.result() for answer in answers]
        began, ended = min(answer.began for answer in done), max(answer.ended for answer in done)
        stopwatch.add("queue", began - submitted)
        stopwatch.add("inference", ended - began)
        return torch.stack([answer.probabilities for answer in done])

    def try_out(self) -> None:
        """Run the network once in the calling thread: whatever becomes of it, no lane is held up."""
        self._run(stack([self.crop(torch.zeros(WARM_UP_IMAGE, dtype=torch.uint8))]))

    def explain(self, crops: list[Tensor], classes: list[int]) -> Tensor:
        """Maps (N, h, w) of what each place of N crops adds to the logit of one class each; their means are the logits.

        One request at a time, in its own thread. Raises RequestError 422 if the network has no such maps.
        """
        with self._explaining:
            if self._maps is None:
                try:
                    self._maps = self._load_maps() if self._load_maps else ArtifactError("No maps can be loaded.")
                except ArtifactError as error:
                    self._maps = error
            if isinstance(self._maps, ArtifactError):
                raise RequestError(422, "no_explanation", str(self._maps))
            maps = self._maps(stack(crops))  # (N, K, h, w)
        return maps[torch.arange(len(classes)), torch.tensor(classes)]

    def warm_up(self) -> None:
        """Run every lane until it is at full speed. Raises ArtifactError if its output does not fit its class names."""
        crop = self.crop(torch.zeros(WARM_UP_IMAGE, dtype=torch.uint8))
        for num_images in (*[1] * WARM_UP_RUNS, *[self._cores.lanes] * WARM_UP_RUNS):  # the lone lane, then the others
            probabilities = self.predict([crop] * num_images, Stopwatch())
        expected = (self._cores.lanes, len(self.class_names))
        if tuple(probabilities.shape) != expected or not bool(probabilities.isfinite().all()):
            raise ArtifactError(
                f"The model answers one image with {probabilities[0].tolist()}; {expected[1]} finite numbers are "
                "needed, one for each class name: export the artifact again."
            )

    def _busy(self) -> RequestError:
        seconds = self._timeout_seconds
        return RequestError(429, "model_busy", f"The model was not free within {seconds} s; send the request again.")


def most_likely(probabilities: Tensor, class_names: list[str], top_k: int) -> Prediction:
    """The `top_k` most likely labels, or all of them where there are fewer, from probabilities (K,)."""
    values, indices = probabilities.topk(min(top_k, len(class_names)))
    labels = [class_names[index] for index in indices.tolist()]
    return Prediction(labels, [round(value, 6) for value in values.tolist()])
