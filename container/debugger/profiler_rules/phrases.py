"""Numbers as people say them, and the statistics that the rules write down."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def percent(share: float) -> str:
    """`61 %` for 0.61."""
    return f"{100 * share:.0f} %"


def duration(seconds: float) -> str:
    """`1.2 s`, `35 ms` or `2.5 h`: three digits at most."""
    for limit, factor, unit in ((120, 1, "s"), (7200, 60, "min"), (float("inf"), 3600, "h")):
        if 1 <= seconds < limit or (unit == "h" and seconds >= 1):
            return f"{seconds / factor:.3g} {unit}"
    return f"{1000 * seconds:.3g} ms"


def quantiles(values: Floats) -> dict[str, float]:
    """What the platform's tables hold: max, p99, p95, p50 and min of values that are not empty."""
    numbers = np.quantile(values, (1, 0.99, 0.95, 0.5, 0))
    return {name: float(number) for name, number in zip(("max", "p99", "p95", "p50", "min"), numbers, strict=True)}


def box(values: Floats) -> dict[str, float]:
    """What a box plot needs, of values that are not empty; upper and lower are the whiskers."""
    low, p05, p25, p50, p75, p95, high = (
        float(number) for number in np.quantile(values, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1))
    )
    reach = 1.5 * (p75 - p25)
    whiskers = {"upper": min(high, p75 + reach), "lower": max(low, p25 - reach)}
    return {"p05": p05, "p25": p25, "p50": p50, "p75": p75, "p95": p95, "max": high, "min": low, **whiskers}


def histogram(values: Floats, bins: int = 50) -> dict[str, list[float]]:
    """`probs` (bins,), shares that sum to 1, and `binedges` (bins + 1,)."""
    counts, edges = np.histogram(values, bins)
    return {"probs": (counts / max(1, counts.sum())).tolist(), "binedges": edges.tolist()}
