"""The horizontal axis of a hyperparameter: linear, logarithmic, or one place per word."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from container.debugger.report import units
from container.debugger.report.frame import TOP, Frame, ticks

LEFT, RIGHT = 0.06, 0.94  # of the width, for the outermost values; a Frame writes no label where no whole number lies
WIDE = 100  # ratio from which numbers of unknown scaling are set on a logarithmic axis
MANY_WORDS = 4  # more of them would run into each other, so every second one is set lower


@dataclass(frozen=True, kw_only=True)
class Axis:
    """Where a value lies between 0 and 1, and the labels there."""

    low: float = 0.0
    high: float = 1.0
    is_logarithmic: bool = False
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Sequence[str], *, is_logarithmic: bool | None = None) -> "Axis":
        """The axis for a hyperparameter's values, given as text; without `is_logarithmic` their range decides."""
        numbers = [number for value in values if (number := as_number(value)) is not None]
        if len(numbers) < len(values):
            return cls(words=tuple(sorted(set(values))))
        low, high = min(numbers), max(numbers)
        wide = low > 0 and high / low >= WIDE
        return cls(low=low, high=high, is_logarithmic=low > 0 and (wide if is_logarithmic is None else is_logarithmic))

    def place(self, value: str) -> float:
        """Where the value lies, between LEFT and RIGHT."""
        if self.words:
            share = (self.words.index(value) + 0.5) / len(self.words)
        else:
            low, high, at = (self._scaled(number) for number in (self.low, self.high, float(value)))
            share = (at - low) / (high - low) if high > low else 0.5
        return LEFT + share * (RIGHT - LEFT)

    def labels(self, frame: Frame) -> Markup:
        """The axis's texts below the frame's plot."""
        found = Markup("")
        lowered = len(self.words) > MANY_WORDS
        marks = self.words or tuple(f"{mark:.12g}" for mark in self._marks())
        for number, value in enumerate(marks):
            found += Markup('<text class="tick" x="{:g}%" y="{}" text-anchor="middle">{}</text>').format(
                frame.x(self.place(value)) / 10,
                frame.height + TOP + 16 + (14 if lowered and number % 2 else 0),
                value if self.words else units.text(float(value)),
            )
        return found

    def _marks(self) -> list[float]:
        if not self.is_logarithmic:
            return ticks(self.low, self.high, 4)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for steps in ((1,), (1, 3), (1, 2, 5)):
            marks = [step * 10.0**decade for decade in decades for step in steps]
            inside = [mark for mark in marks if self.low <= mark <= self.high]
            if len(inside) >= 3:  # fewer would not show that it is logarithmic
                break
        return inside or [self.low, self.high]

    def _scaled(self, number: float) -> float:
        return math.log10(number) if self.is_logarithmic else number


def as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
