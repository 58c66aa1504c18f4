import pytest

from container.debugger.report import units


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (0.0, units.NUMBER, "0"),
        (1234.4, units.NUMBER, "1,234"),
        (0.12345, units.NUMBER, "0.123"),
        (-2.5, units.NUMBER, "\u22122.5"),
        (1e-7, units.NUMBER, "1e\u221207"),
        (12345.0, units.STEP, "12,345"),
        (99.6, units.PERCENT, "100 %"),
        (0.0002, units.PERCENT, "0 %"),
        (0.125, units.SHARE, "12 %"),
        (0.0032, units.SECONDS, "3.2 ms"),
        (4e-5, units.SECONDS, "40 µs"),
        (7.25, units.SECONDS, "7.25 s"),
        (5400, units.SECONDS, "90 min"),
        (3660 * 5, units.ELAPSED, "5 h 05"),
        (2.5e6, units.RATE, "2.5 MB/s"),
        (12.0, units.RATE, "12 B/s"),
    ],
)
def test_a_number_is_written_with_the_unit_that_suits_its_size(value: float, kind: str, written: str) -> None:
    assert units.text(value, kind) == written


def test_what_is_missing_or_no_number_is_said_without_a_unit() -> None:
    assert units.text(None) == units.text(float("nan"), units.SECONDS) == units.MISSING
    assert units.text(float("-inf")) == "\u2212∞"
