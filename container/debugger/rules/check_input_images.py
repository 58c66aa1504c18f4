from __future__ import annotations

from typing import Any

import numpy as np

from container.debugger.rules.base import TensorRule
from container.debugger.rules.parameters import number, patterns, whole
from container.debugger.rules.selection import Moment

# The built-in's regex is MXNet's. In PyTorch the images are the input of the root module, which smdebug names by its
# class: a capital letter and no dot, as in ResNet_input_0. A loss has such a name too.
ROOT_INPUT = r"^(?!\w*Loss_)[A-Z]\w*_input_0$"


class CheckInputImages(TensorRule):
    summary = "Looks for input images that were not normalised to a mean of zero."
    advice = (
        "Normalise the images with the mean and deviation of the data that the weights were, or will be, trained on."
    )
    collections = (("input_image", ROOT_INPUT),)

    def __init__(
        self,
        base_trial: Any,
        action_str: str = "",
        other_trials: Any = None,
        threshold_mean: object = 0.2,
        threshold_samples: object = 500,
        regex: object = ".*hybridsequential0_input_0|" + ROOT_INPUT,
        channel: object = 1,
    ) -> None:
        super().__init__(base_trial, action_str, other_trials)
        self.threshold_mean = self.parameter("threshold_mean", threshold_mean, number)
        self.threshold_samples = self.parameter("threshold_samples", threshold_samples, whole)
        self._inputs = self.select([], self.parameter("regex", regex, patterns))
        self.channel = self.parameter("channel", channel, whole)
        self._seen: dict[str, tuple[Any, int, int]] = {}  # sums (C,), values of each channel, images

    def look(self, moment: Moment) -> None:
        for name in self._inputs.of(moment):
            images = self.value(name, moment)
            if images is None or images.ndim != 4:
                continue
            others = tuple(axis for axis in range(4) if axis != self.channel)
            sums, num_values, num_images = self._seen.get(name, (0.0, 0, 0))
            sums = sums + images.sum(axis=others, dtype=np.float64)
            num_values += images.size // images.shape[self.channel]
            num_images += len(images)
            self._seen[name] = (sums, num_values, num_images)
            self._judge(moment, name, sums / num_values, num_images)

    def _judge(self, moment: Moment, name: str, means: Any, num_images: int) -> None:
        if num_images < self.threshold_samples:
            self.lack = f"Only {num_images} images were saved, and the rule needs {self.threshold_samples}; save more."
            return
        self.datapoints += 1
        worst = int(np.argmax(np.abs(means)))
        if np.abs(means[worst]) > self.threshold_mean:
            mean = f"The mean of channel {worst} is {means[worst]:.3g} over {num_images} images"
            self.accuse(moment, name, f"{mean}; it should lie within {self.threshold_mean:g} of zero.")
