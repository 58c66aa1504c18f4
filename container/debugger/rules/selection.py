"""Which of the tensors saved at a step a rule looks at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

GRADIENT = "gradient/"  # smdebug names the gradient of a parameter after it
# A bias before batch normalisation does nothing, and its gradient is zero but for rounding in the best of networks.
GRADIENTS_BUT_BIASES = f"^{GRADIENT}(?!.*bias)"


class Moment(NamedTuple):
    """One saved step."""

    step: int  # global
    mode: str  # TRAIN, EVAL, PREDICT, or GLOBAL where the training script sets no mode
    mode_step: int
    names: list  # of the tensors saved at it

    @property
    def is_training(self) -> bool:
        return self.mode in ("TRAIN", "GLOBAL")


class Selection:
    """The tensors of some collections and those that match some regular expressions; all if neither is given."""

    def __init__(self, trial: Any, collections: Iterable[str] = (), regexes: Iterable[str] = ()) -> None:
        self._trial = trial
        self._collections = list(collections)
        self._regexes = [re.compile(regex) for regex in regexes]
        self._known: dict[str, bool] = {}  # a collection does not change after the first step

    def of(self, moment: Moment) -> list[str]:
        """Names of the selected tensors saved at this step, sorted."""
        return [name for name in sorted(moment.names) if name in self]

    def __contains__(self, name: str) -> bool:
        if name not in self._known:
            self._known[name] = self._matches(name)
        return self._known[name]

    def _matches(self, name: str) -> bool:
        if not self._collections and not self._regexes:
            return True
        members = [self._trial.collection(collection) for collection in self._collections]
        regexes = self._regexes + [re.compile(regex) for member in members for regex in member.include_regex]
        return any(name in member.tensor_names for member in members) or any(regex.search(name) for regex in regexes)


def frozen_parameters(trial: Any, names: Iterable[str]) -> set[str]:
    """Those parameters that have no gradient although others have: they are meant to stay as they are."""
    gradients = {name for name in trial.tensor_names() if name.startswith(GRADIENT)}
    return {name for name in names if gradients and GRADIENT + name not in gradients}
