"""The best weights on the channels that they were not trained on: sums, and every image's logits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from container.training import calibration
from container.training.calibration import FEWEST_IMAGES, ChosenTemperature
from container.training.job import Job
from container.training.metrics import Tally

NOT_ASKED_FOR = ChosenTemperature(1.0, "calibrate=false")
TRIAL = ChosenTemperature(1.0, "a tuning job's trials are compared as they were trained")
NOT_MEASURED = ChosenTemperature(1.0, "the job ended before it could be fitted")


@dataclass(frozen=True)
class Measurement:
    """`tally` is that of the channel `split`; `logits` (N, K) and `labels` (N,) of it and of others by name."""

    split: str
    tally: Tally
    logits: dict[str, Tensor]
    labels: dict[str, Tensor]
    temperature: ChosenTemperature

    def calibrated(self, split: str, summary: dict[str, float]) -> dict[str, float]:
        """A channel's summary with the loss that the exported model has on it: that of served probabilities.

        Accuracies are the same at any temperature. At 1 the summary stays as it is, to the bit.
        """
        if self.temperature.value == 1 or split not in self.logits or not summary:
            return summary
        loss = calibration.mean_loss(self.logits[split], self.labels[split], self.temperature.value)
        return {**summary, "loss": loss}

    def calibration(self) -> dict[str, Any]:
        """What the model card and metrics.json say of it."""
        return {
            "reason": self.temperature.reason,
            "bins": calibration.BINS,
            **{
                split: calibration.summary(self.logits[split], self.labels[split], self.temperature.value)
                for split in sorted(self.logits)
            },
        }


def measured_split(job: Job) -> str:
    return "test" if "test" in job.splits else "valid"


def measure(job: Job, check: Callable[[], None], stop_requested: Callable[[], bool]) -> Measurement:
    """The best weights, which the network has from here on, on the test channel, or else the valid one.

    On the valid channel too where a temperature is to be fitted. Raises Stopped, as the time left after a stop is for
    the artifact.
    """
    job.changing.load_state_dict(job.progress.weights_to_export(job.changing))
    measured, settings = measured_split(job), job.settings
    is_calibrated = settings.hyperparameters.calibrate and not settings.is_trial
    is_fitted = is_calibrated and len(job.splits["valid"]) >= FEWEST_IMAGES
    tallies, logits, labels = {}, {}, {}
    for split in dict.fromkeys((measured, *(["valid"] if is_fitted else []))):
        job.prepare(split, 0, check)
        channel = job.splits[split]
        own = torch.zeros(len(channel), len(channel.class_names))
        tallies[split] = job.trainer.evaluate(job.loaders[split], stop_requested, own)
        logits[split] = job.group.sum(own)  # every image is one process's, and zero in the others
        labels[split] = torch.tensor(channel.labels)
    if is_fitted:
        temperature = calibration.choose_temperature(logits["valid"], labels["valid"])
    elif is_calibrated:
        temperature = calibration.too_few(len(job.splits["valid"]))
    else:
        temperature = TRIAL if settings.is_trial else NOT_ASKED_FOR
    return Measurement(measured, tallies[measured], logits, labels, temperature)
