import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from container.errors import SettingsError
from container.training.optimization import (
    FINAL_SHARE,
    choose_precision,
    class_weights,
    learning_rate_factor,
    make_optimizer,
    set_learning_rate,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_each_optimizer_trains_only_what_needs_gradients(name: str, kind: type) -> None:
    trained, frozen = nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False)
    optimizer = make_optimizer(name, [*trained.parameters(), *frozen.parameters()], 0.1, 0.01)
    assert type(optimizer) is kind
    (group,) = optimizer.param_groups
    assert {id(item) for item in group["params"]} == {id(item) for item in trained.parameters()}
    assert (group["lr"], group["weight_decay"]) == (0.1, 0.01)


def test_sgd_uses_nesterov_momentum() -> None:
    (group,) = make_optimizer("sgd", nn.Linear(1, 1).parameters(), 0.1, 0.0).param_groups
    assert (group["momentum"], group["nesterov"]) == (0.9, True)


def test_a_constant_schedule_stays_at_its_peak() -> None:
    factor = learning_rate_factor("constant", warmup_steps=0, total_steps=10)
    assert [factor(step) for step in range(10)] == [1.0] * 10


def test_warm_up_rises_in_equal_steps_to_the_peak() -> None:
    factor = learning_rate_factor("constant", warmup_steps=4, total_steps=10)
    assert [factor(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_cosine_falls_from_the_peak_through_the_middle_to_its_final_share() -> None:
    factor = learning_rate_factor("cosine", warmup_steps=0, total_steps=100)
    assert factor(0) == 1.0
    assert factor(50) == pytest.approx((1 + FINAL_SHARE) / 2)
    assert factor(100) == pytest.approx(FINAL_SHARE)
    assert factor(25) == pytest.approx(FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi / 4)) / 2)
    falling = [factor(step) for step in range(101)]
    assert falling == sorted(falling, reverse=True)


def test_cosine_begins_where_warm_up_ends() -> None:
    factor = learning_rate_factor("cosine", warmup_steps=10, total_steps=110)
    assert factor(9) == factor(10) == 1.0
    assert factor(60) == pytest.approx((1 + FINAL_SHARE) / 2)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(("warmup", "total"), [(0, 1), (5, 5), (9, 5), (1, 1)])
def test_a_schedule_is_defined_for_every_step_of_short_jobs(schedule: str, warmup: int, total: int) -> None:
    factor = learning_rate_factor(schedule, warmup, total)
    assert all(0 < factor(step) <= 1 for step in range(total + 1))


def test_the_learning_rate_reaches_every_group() -> None:
    optimizer = make_optimizer("sgd", nn.Linear(1, 1).parameters(), 0.1, 0.0)
    optimizer.add_param_group({"params": list(nn.Linear(1, 1).parameters())})
    set_learning_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.25]


def test_balanced_weights_are_inverse_frequencies_with_mean_one() -> None:
    weights = class_weights("balanced", [10, 30, 60], CPU)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights * torch.tensor([10.0, 30, 60])).tolist() == pytest.approx([weights[0].item() * 10] * 3)


def test_a_class_without_images_weighs_no_more_than_a_class_of_one() -> None:
    assert class_weights("balanced", [0, 1, 4], CPU).tolist() == class_weights("balanced", [1, 1, 4], CPU).tolist()


def test_without_class_weights_all_weigh_one() -> None:
    assert class_weights("none", [1, 1000], CPU).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("name", "expected"), [("auto", torch.float32), ("no", torch.float32), ("bf16", torch.bfloat16)]
)
def test_precision_on_a_cpu(name: str, expected: torch.dtype) -> None:
    assert choose_precision(name, CPU) is expected


def test_fp16_needs_a_gpu() -> None:
    with pytest.raises(SettingsError, match="mixed_precision is 'fp16', which needs a GPU; use bf16, no or auto here"):
        choose_precision("fp16", CPU)


@pytest.mark.parametrize(("name", "plain"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)])
def test_a_step_in_one_pass_is_the_plain_step(name: str, plain: type) -> None:
    def weights_after_steps(make: Callable[[nn.Module], torch.optim.Optimizer]) -> Tensor:
        torch.manual_seed(0)
        network = nn.Linear(30, 20)
        optimizer = make(network)
        for _ in range(10):
            optimizer.zero_grad()
            network(torch.rand(8, 30)).square().sum().backward()
            optimizer.step()
        return network.weight.detach()

    ours = weights_after_steps(lambda network: make_optimizer(name, network.parameters(), 0.01, 0.1))
    theirs = weights_after_steps(
        lambda network: plain(network.parameters(), 0.01, weight_decay=0.1, foreach=False, fused=False)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
