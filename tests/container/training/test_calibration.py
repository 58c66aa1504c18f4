import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from container.training.calibration import (
    FEWEST_IMAGES,
    choose_temperature,
    confidence,
    expected_calibration_error,
    fit_temperature,
    mean_loss,
    summary,
)
from local_test.report.drawings import bins_of, calibration_error


def drawn(count: int, classes: int = 5, temperature: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits (N, K) and labels that were drawn with the probabilities that they have at a temperature."""
    torch.manual_seed(seed)
    logits = 2 * torch.randn(count, classes)
    labels = torch.multinomial((logits / temperature).softmax(1), 1).squeeze(1)
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature: float) -> None:
    logits, labels = drawn(20_000, temperature=temperature)
    fitted = fit_temperature(logits, labels)
    assert fitted == pytest.approx(temperature, rel=0.05)
    around = [mean_loss(logits, labels, fitted * factor) for factor in (0.98, 1, 1.02)]
    assert min(around) == around[1]


def test_the_fit_lowers_loss_and_calibration_error_of_other_images() -> None:
    logits, labels = drawn(4000, temperature=3)
    chosen = choose_temperature(logits, labels)
    others = summary(*drawn(4000, temperature=3, seed=1), chosen.value)
    assert chosen.reason == "fitted on the 4000 images of the valid channel"
    assert others["loss"] < others["uncalibrated_loss"]
    assert others["ece"] < others["uncalibrated_ece"] / 4


def test_no_temperature_is_fitted_where_every_image_is_a_hit() -> None:
    logits, _ = drawn(500)
    assert fit_temperature(logits, logits.argmax(1)) is None  # the lower, the better
    chosen = choose_temperature(logits, logits.argmax(1))
    assert (chosen.value, "all are hits" in chosen.reason) == (1, True)


def test_no_temperature_is_fitted_where_the_logits_say_nothing() -> None:
    logits, labels = drawn(500)
    assert fit_temperature(logits, (logits.argmin(1))) is None  # the higher, the better
    assert choose_temperature(torch.zeros_like(logits), labels).value == 1


def test_too_few_images_leave_the_temperature_at_one() -> None:
    logits, labels = drawn(FEWEST_IMAGES, temperature=3)
    assert choose_temperature(logits, labels).value > 1.5
    few = choose_temperature(logits[1:], labels[1:])
    assert (few.value, few.reason) == (1, "the valid channel has 99 images, and a fit needs 100")


def test_a_temperature_that_does_not_carry_over_to_the_other_half_is_left_out() -> None:
    # One half wants a high temperature and the other a low one, so what fits either makes the other worse.
    logits = torch.tensor([[1.0, 0.0]]).repeat(200, 1)  # 73 % sure
    labels = torch.zeros(200, dtype=torch.int64)
    labels[0 : 2 * 38 : 2] = 1  # of 100 images at even places 38 are mistakes, at odd ones 12
    labels[1 : 2 * 12 : 2] = 1
    even, odd = (fit_temperature(logits[start::2], labels[start::2]) for start in (0, 1))
    assert even == pytest.approx(1 / math.log(62 / 38), rel=1e-4)
    assert odd == pytest.approx(1 / math.log(88 / 12), rel=1e-4)
    assert fit_temperature(logits, labels) == pytest.approx(1 / math.log(3), rel=1e-4)  # and lowers the loss of all
    chosen = choose_temperature(logits, labels)
    assert (chosen.value, "the other half's loss" in chosen.reason) == (1, True)


def test_the_loss_is_that_of_pytorch_for_any_number_of_rows() -> None:
    logits, labels = drawn(5000)
    assert mean_loss(logits, labels) == pytest.approx(F.cross_entropy(logits.double(), labels).item(), abs=1e-12)
    assert mean_loss(1000 * logits, labels) == pytest.approx(F.cross_entropy(1000 * logits.double(), labels).item())
    assert mean_loss(logits[:0], labels[:0]) == 0


def test_confidence_is_that_of_the_predicted_and_of_the_true_class() -> None:
    logits, labels = torch.tensor([[0.0, math.log(3)], [math.log(4), 0.0]]), torch.tensor([0, 0])
    found = confidence(logits, labels)
    assert found.predicted.tolist() == [1, 0]
    assert found.probability.tolist() == pytest.approx([0.75, 0.8])
    assert found.true_probability.tolist() == pytest.approx([0.25, 0.8])
    assert found.is_right.tolist() == [False, True]
    assert confidence(logits, labels, 1e6).probability.tolist() == pytest.approx([0.5, 0.5], abs=1e-5)


def test_the_calibration_error_is_the_mean_distance_in_bins() -> None:
    sure, right = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.5, 0.5]), torch.tensor([1, 1, 1, 0, 1, 0]).bool()
    assert expected_calibration_error(sure, right) == pytest.approx((4 * 0.15 + 2 * 0) / 6)
    assert expected_calibration_error(torch.ones(3), torch.ones(3, dtype=torch.bool)) == 0
    assert expected_calibration_error(torch.ones(3), torch.zeros(3, dtype=torch.bool)) == 1
    assert expected_calibration_error(torch.zeros(0), torch.zeros(0, dtype=torch.bool)) == 0


def test_the_report_comes_to_the_same_calibration_error_as_training() -> None:
    generator = torch.Generator().manual_seed(5)
    sure = torch.cat([torch.rand(500, generator=generator, dtype=torch.float64), torch.arange(16) / 15])  # bins' edges
    right = torch.rand(len(sure), generator=generator) < sure
    of_report = calibration_error(bins_of(sure.numpy(), right.numpy()))
    assert of_report == pytest.approx(expected_calibration_error(sure, right), abs=1e-9)
    assert of_report > 0.01
