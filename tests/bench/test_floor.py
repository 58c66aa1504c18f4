"""How fast the machine could be at best."""

import pytest

from bench import floor


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_a_peak_is_measured_in_every_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "SIDE", 64)
    monkeypatch.setattr(floor, "CONVOLUTION", (1, 8, 8))
    assert floor.peak_operations_per_second(precision, 1) > 1e6


def test_a_product_of_small_integers_is_the_product_of_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "SIDE", 64)
    ((num_operations, multiply),) = floor.works("int8")
    assert num_operations == 2 * 64**3
    # Random numbers from 0 to 1: each sum of 64 products is near a quarter of 64.
    assert float(multiply().dequantize().mean()) == pytest.approx(16, rel=0.1)


def test_a_convolution_s_operations_count_each_weight_at_each_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "CONVOLUTION", (2, 4, 5))
    _, (num_operations, convolve) = floor.works("fp32")
    assert num_operations == 2 * 9 * 4 * convolve().numel()
