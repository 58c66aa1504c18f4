"""Numbers as a person reads them, by what they count. report.js says the same of the numbers under the pointer."""

import math

MISSING, MINUS = "\u2013", "\u2212"  # the dash and the sign that typography has for them

NUMBER, STEP, PERCENT, SHARE, SECONDS, ELAPSED, RATE = (
    "number",  # three significant digits
    "step",  # whole, with separators
    "percent",  # 0 to 100
    "share",  # 0 to 1, shown as percent
    "seconds",  # how long something took
    "elapsed",  # seconds since the job began
    "rate",  # bytes per second
)


def text(value: float | None, kind: str = NUMBER) -> str:
    """`value` with its unit, or a dash for what is missing or no number."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    return _WRITERS[kind](value)


def _number(value: float) -> str:
    size = abs(value)
    if value == 0:
        return "0"
    if size >= 1e6 or size < 1e-3:
        return f"{value:.2g}".replace("-", MINUS)
    digits = max(0, 2 - math.floor(math.log10(size)))
    written = f"{value:,.{digits}f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written).replace("-", MINUS)


def _step(value: float) -> str:
    return f"{round(value):,}"


def _percent(value: float) -> str:
    return f"{value:.1f} %".replace(".0 ", " ") if abs(value) < 10 else f"{round(value)} %"


def _share(value: float) -> str:
    return _percent(100 * value)


def _seconds(value: float) -> str:
    if value == 0:
        return "0 s"
    if abs(value) < 1e-3:
        return f"{_number(value * 1e6)} µs"
    if abs(value) < 1:
        return f"{_number(value * 1e3)} ms"
    if abs(value) < 120:
        return f"{_number(value)} s"
    return _elapsed(value)


def _elapsed(value: float) -> str:
    if value < 120:
        return f"{round(value)} s"
    minutes = round(value / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d}"


def _rate(value: float) -> str:
    for size, unit in ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s")):
        if abs(value) >= size:
            return f"{_number(value / size)} {unit}"
    return f"{_number(value)} B/s"


_WRITERS = {
    NUMBER: _number,
    STEP: _step,
    PERCENT: _percent,
    SHARE: _share,
    SECONDS: _seconds,
    ELAPSED: _elapsed,
    RATE: _rate,
}
