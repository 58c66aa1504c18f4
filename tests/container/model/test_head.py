import pytest
import torch
from torch import nn

from container.model.head import make_head, with_temperature


def test_the_seed_head_is_that_of_the_original_project() -> None:
    linear, dropout, norm = make_head("seed", 512, 133)
    assert isinstance(linear, nn.Linear)
    assert (linear.in_features, linear.out_features) == (512, 133)
    assert isinstance(dropout, nn.Dropout)
    assert dropout.p == 0.5
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.num_features == 133


def test_the_linear_head_is_one_layer() -> None:
    assert [type(layer) for layer in make_head("linear", 512, 133)] == [nn.Linear]


@pytest.mark.parametrize("name", ["seed", "linear"])
def test_a_head_turns_features_into_a_logit_per_class(name: str) -> None:
    assert make_head(name, 7, 3)(torch.randn(5, 7)).shape == (5, 3)


def test_a_temperature_divides_the_logits_and_can_be_changed_and_taken_away() -> None:
    head = make_head("seed", 7, 3).eval()
    features = torch.randn(5, 7)
    plain = head(features)
    warm = with_temperature(head, 2.0)
    assert torch.equal(warm(features), plain / 2)
    assert torch.equal(with_temperature(warm, 4.0)(features), plain / 4)
    assert [type(layer) for layer in with_temperature(warm, 1.0)] == [type(layer) for layer in head]
    assert warm.state_dict().keys() == head.state_dict().keys()  # a checkpoint fits both
    assert torch.equal(torch.jit.script(warm)(features), plain / 2)
