"""Every tensor rule by name, those that a fine-tuning job runs by default, and what must be saved for them."""

import difflib
import inspect
from collections.abc import Iterable

from container.debugger.rules.all_zero import AllZero
from container.debugger.rules.base import TensorRule
from container.debugger.rules.check_input_images import CheckInputImages
from container.debugger.rules.class_imbalance import ClassImbalance
from container.debugger.rules.confusion import Confusion
from container.debugger.rules.dead_relu import DeadRelu
from container.debugger.rules.exploding_tensor import ExplodingTensor
from container.debugger.rules.loss_not_decreasing import LossNotDecreasing
from container.debugger.rules.overfit import Overfit
from container.debugger.rules.overtraining import Overtraining
from container.debugger.rules.poor_weight_initialization import PoorWeightInitialization
from container.debugger.rules.saturated_activation import SaturatedActivation
from container.debugger.rules.selection import GRADIENTS_BUT_BIASES
from container.debugger.rules.similar_across_runs import SimilarAcrossRuns
from container.debugger.rules.stalled_training import StalledTraining
from container.debugger.rules.tensor_variance import TensorVariance
from container.debugger.rules.unchanged_tensor import UnchangedTensor
from container.debugger.rules.vanishing_gradient import VanishingGradient
from container.debugger.rules.weight_update_ratio import WeightUpdateRatio
from container.errors import SettingsError

RULES: dict[str, type[TensorRule]] = {
    rule.__name__: rule
    for rule in (
        AllZero,
        CheckInputImages,
        ClassImbalance,
        Confusion,
        DeadRelu,
        ExplodingTensor,
        LossNotDecreasing,
        Overfit,
        Overtraining,
        PoorWeightInitialization,
        SaturatedActivation,
        SimilarAcrossRuns,
        StalledTraining,
        TensorVariance,
        UnchangedTensor,
        VanishingGradient,
        WeightUpdateRatio,
    )
}
ALIASES = {"StalledTrainingRule": "StalledTraining"}  # the platform's name for it

# The built-ins' thresholds suit training from scratch; those given here leave a healthy fine-tuning run alone.
# PoorWeightInitialization is left out, as pretrained layers differ by more than its limits, and so is Overtraining,
# which a run that has simply converged meets. The others left out need somebody to choose what they compare.
DEFAULT_RULES: dict[str, dict[str, str]] = {
    # Under a loss scaler the first gradients may be infinite: it finds its scale that way.
    "ExplodingTensor": {"tensor_regex": "^(?!gradient/)"},
    # Adam's own epsilon is 1e-8: gradients below it no longer move anything. Well-fitted layers come close to 1e-7.
    "VanishingGradient": {"threshold": "1e-9"},
    "AllZero": {"tensor_regex": GRADIENTS_BUT_BIASES},
    # Where the learning rate has nearly come down to zero, some weights near 1 are lost to rounding from one saved step
    # to the next; five of them show a change, and nothing but equality says that there was none.
    "WeightUpdateRatio": {"num_steps": "5"},
    "UnchangedTensor": {"collection_names": "weights", "num_steps": "5", "rtol": "0", "atol": "0"},
    "DeadRelu": {},
    # The furthest that a channel of a white or black picture lies from zero after the usual normalisation is 2.64.
    "CheckInputImages": {"threshold_mean": "2.7", "threshold_samples": "100"},
    # In the first steps nearly every image is mistaken, so only the labels are judged.
    "ClassImbalance": {"threshold_misprediction": "1"},
    "LossNotDecreasing": {"mode": "TRAIN", "num_steps": "50", "enough_percent": "20"},
    "Overfit": {"ratio_threshold": "0.5", "patience": "3", "min_gap": "0.3"},
    "StalledTraining": {},
}

GIVEN_BY_CALLER = ("base_trial", "action_str", "other_trials")


def find_rule(name: str) -> type[TensorRule]:
    """The rule of a name or alias. Raises SettingsError, with the nearest name, if there is none."""
    try:
        return RULES[ALIASES.get(name, name)]
    except KeyError:
        near = difflib.get_close_matches(name, RULES, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(RULES)}."
        raise SettingsError(f"No tensor rule is named {name!r}; {hint}") from None


def known_parameters(rule: type[TensorRule]) -> list[str]:
    """Names of the parameters that a rule takes from a person."""
    return [name for name in inspect.signature(rule).parameters if name not in GIVEN_BY_CALLER]


def collections_for(names: Iterable[str]) -> dict[str, str]:
    """The collections that these rules need saved: name -> include_regex, empty where smdebug knows the name."""
    return {collection: regex for name in names for collection, regex in find_rule(name).collections}
