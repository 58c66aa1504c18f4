"""What a rule must know of a job so that its advice names numbers."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class JobFacts:
    """Plain values; those that nobody knows stay at their defaults."""

    workers: int = 0  # loader processes that each training process really used
    cores: int = 1  # of one host, as far as the job may use them
    batch_size: int = 0  # images per optimizer step, over all devices
    image_size: int = 0  # pixels
    num_gpus: int = 0  # of one host
    started: float | None = None  # seconds since the epoch, when the training process began
    hyperparameters: dict[str, Any] = field(default_factory=dict)  # as given; values may be text

    @property
    def cores_per_process(self) -> int:
        """There is a training process per GPU, and one without; the cores of a host are divided among them."""
        return max(1, self.cores // max(1, self.num_gpus))

    def number(self, name: str) -> float | None:
        """A hyperparameter as a number, or None if it was not given or is none."""
        try:
            return float(self.hyperparameters[name])
        except (KeyError, TypeError, ValueError):
            return None
