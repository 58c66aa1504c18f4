"""Images -> probabilities -> the most likely labels."""

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

import torch
from torch import Tensor

from container.errors import ArtifactError, RequestError
from container.model.artifact import Artifact
from container.serving.stopwatch import Stopwatch

WARM_UP_RUNS = 3  # TorchScript profiles the first run of a process and optimises in the second
WARM_UP_IMAGE = (3, 240, 320)  # (channels, height, width)


@dataclass(frozen=True)
class Prediction:
    """Labels and their probabilities, most likely first."""

    labels: list[str]
    probabilities: list[float]


class Predictor:
    """Runs one artifact in `inferences` threads of its own, first come, first served.

    So cores are not oversubscribed, and only these threads ever own an OpenMP pool, not each thread of the web server.
    """

    def __init__(self, artifact: Artifact, *, inferences: int, batch_size: int, timeout_seconds: float) -> None:
        self.class_names = artifact.class_names
        self._artifact = artifact
        self._threads = ThreadPoolExecutor(inferences, "inference")  # starts none before the first batch: fork-safe
        self._batch_size = batch_size
        self._timeout_seconds = timeout_seconds

    def predict(self, images: list[Tensor], stopwatch: Stopwatch) -> Tensor:
        """Probabilities (N, K), float32, of N images, each uint8 (3, H, W), in the order of `class_names`.

        Raises RequestError 503 if the model is not free in time.
        """
        batches = [images[at : at + self._batch_size] for at in range(0, len(images), self._batch_size)]
        return torch.cat([self._run(batch, stopwatch) for batch in batches])

    def warm_up(self) -> None:
        """Run the model until it is at full speed. Raises ArtifactError if its output does not fit its class names."""
        image = torch.zeros(WARM_UP_IMAGE, dtype=torch.uint8)
        for _ in range(WARM_UP_RUNS):
            probabilities = self.predict([image], Stopwatch())
        expected = (1, len(self.class_names))
        if tuple(probabilities.shape) != expected or not bool(probabilities.isfinite().all()):
            raise ArtifactError(
                f"The model answers one image with {probabilities.tolist()}; {expected} finite numbers are needed, "
                "one for each class name: export the artifact again."
            )

    def _run(self, batch: list[Tensor], stopwatch: Stopwatch) -> Tensor:
        # One request's images make a batch. Merging the batches of waiting requests belongs here, before `submit`.
        submitted = time.perf_counter()
        running = self._threads.submit(self._infer, batch)
        wait([running], self._timeout_seconds)
        if running.cancel():  # only a batch that no thread has begun can be cancelled
            seconds = self._timeout_seconds
            raise RequestError(503, "model_busy", f"The model was not free within {seconds} s; send the request again.")
        began, ended, probabilities = running.result()
        stopwatch.add("queue", began - submitted)
        stopwatch.add("inference", ended - began)
        return probabilities

    def _infer(self, batch: list[Tensor]) -> tuple[float, float, Tensor]:
        began = time.perf_counter()
        probabilities = torch.softmax(self._artifact.logits(batch), dim=1)  # (N, K)
        return began, time.perf_counter(), probabilities


def most_likely(probabilities: Tensor, class_names: list[str], top_k: int) -> Prediction:
    """The `top_k` most likely labels, or all of them where there are fewer, from probabilities (K,)."""
    values, indices = probabilities.topk(min(top_k, len(class_names)))
    labels = [class_names[index] for index in indices.tolist()]
    return Prediction(labels, [round(value, 6) for value in values.tolist()])
