"""Where a job stands: what a checkpoint must hold so that a restarted job ends with the same weights, bit for bit.

Random numbers need no place here: each is a function of the seed and of its position (container/data/dataset.py).
"""

import math
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from container.training.loop import Trainer
from container.training.metrics import Tally


@dataclass
class Progress:
    """Epochs and steps already trained, the record of every epoch, and the best weights so far."""

    num_classes: int
    epoch: int = 0  # whole epochs trained
    step: int = 0  # steps trained of the epoch after those
    tally: Tally = field(init=False)  # of those steps
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1; 0: none yet
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tally = Tally.empty(self.num_classes)

    def end_epoch(self, record: dict[str, float], network: nn.Module) -> None:
        """Count an epoch, and keep the weights if its validation loss is the lowest so far."""
        self.epoch, self.step, self.tally = self.epoch + 1, 0, Tally.empty(self.num_classes)
        self.history.append(record)
        if record["valid_loss"] < self.best_loss:
            self.best_loss, self.best_epoch = record["valid_loss"], self.epoch
            self.best_weights = {name: value.cpu().clone() for name, value in network.state_dict().items()}

    @property
    def epochs_since_best(self) -> int:
        return self.epoch - self.best_epoch

    def to_state(self, network: nn.Module, trainer: Trainer) -> dict[str, Any]:
        """Tensors and plain values only, so that it can be read back without running code."""
        return {
            "network": network.state_dict(),
            "optimizer": trainer.optimizer.state_dict(),
            "scaler": trainer.scaler.state_dict(),
            "epoch": self.epoch,
            "step": self.step,
            "tally": self.tally.to_tensor(),
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "best_weights": self.best_weights,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], network: nn.Module, trainer: Trainer) -> "Progress":
        """The state's progress; network, optimizer and loss scaling are set to it too."""
        network.load_state_dict(state["network"])
        trainer.optimizer.load_state_dict(state["optimizer"])
        trainer.scaler.load_state_dict(state["scaler"])
        progress = cls(num_classes=round((len(state["tally"]) - 3) ** 0.5))
        if trainer.group.is_main:  # the sums are those of all processes
            progress.tally = Tally.from_tensor(state["tally"])
        for name in ("epoch", "step", "history", "best_epoch", "best_loss", "best_weights"):
            setattr(progress, name, state[name])
        return progress

    def weights_to_export(self, network: nn.Module) -> dict[str, Tensor]:
        """The best epoch's weights; those of now if a stop came before the first epoch ended."""
        return self.best_weights or {name: value.cpu() for name, value in network.state_dict().items()}
