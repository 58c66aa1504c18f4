import re
from pathlib import Path

import pytest
import torch
from torch import nn

from container.debugger.rules.catalogue import (
    DEFAULT_RULES,
    RULES,
    collections_for,
    find_rule,
    known_parameters,
)
from container.debugger.rules.stalled_training import StalledTraining
from container.errors import SettingsError
from tests.container.debugger.rules.sick_models import Batch, Network, judge, train

BUILT_INS = {
    "VanishingGradient": "threshold",
    "ExplodingTensor": "collection_names tensor_regex only_nan",
    "PoorWeightInitialization": "activation_inputs_regex threshold distribution_range patience steps",
    "SaturatedActivation": "collection_names tensor_regex threshold_tanh_min threshold_tanh_max threshold_sigmoid_min "
    "threshold_sigmoid_max threshold_inactivity threshold_layer",
    "DeadRelu": "tensor_regex threshold_inactivity threshold_layer",
    "WeightUpdateRatio": "num_steps large_threshold small_threshold epsilon",
    "AllZero": "collection_names tensor_regex threshold",
    "UnchangedTensor": "collection_names tensor_regex num_steps rtol atol equal_nan",
    "TensorVariance": "collection_names tensor_regex max_threshold min_threshold",
    "LossNotDecreasing": "collection_names tensor_regex use_losses_collection num_steps diff_percent "
    "increase_threshold_percent mode",
    "Overfit": "tensor_regex start_step patience ratio_threshold",
    "Overtraining": "patience_train patience_validation delta",
    "ClassImbalance": "threshold_imbalance threshold_misprediction samples argmax labels_regex predictions_regex",
    "Confusion": "category_no labels predictions labels_collection predictions_collection min_diag max_off_diag",
    "StalledTrainingRule": "threshold stop_training_on_fire training_job_name_prefix",
    "CheckInputImages": "threshold_mean threshold_samples regex channel",
    "SimilarAcrossRuns": "collection_names tensor_regex",
}


def images(num_images: int, seed: int, shift: int = 0) -> Batch:
    """Normalised images (n, 3, 8, 8) of three classes: each brighter in one channel."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (num_images,), generator=generator)
    noise = torch.randn(num_images, 3, 8, 8, generator=generator)
    return noise + torch.eye(3)[(labels + shift) % 3][:, :, None, None] - 1 / 3, labels


def normalised() -> Network:
    """A network like a pretrained one in its layers; the bias before its normalisation never gets a gradient."""
    torch.manual_seed(0)
    return Network(
        conv1=nn.Conv2d(3, 16, 3),
        norm1=nn.BatchNorm2d(16),
        relu=nn.ReLU(),
        pool=nn.AdaptiveAvgPool2d(1),
        flat=nn.Flatten(),
        head=nn.Linear(16, 3),
    )


@pytest.mark.parametrize("name", BUILT_INS)
def test_every_rule_takes_the_built_ins_parameters(name: str) -> None:
    assert set(BUILT_INS[name].split()) <= set(known_parameters(find_rule(name)))


def test_every_rule_is_one_of_the_built_ins_and_says_what_it_is_for() -> None:
    assert {find_rule(name) for name in BUILT_INS} == set(RULES.values())
    for name, rule in RULES.items():
        assert rule.__name__ == name
        assert re.fullmatch(r"Looks .*\.", rule.summary)
        assert rule.advice.endswith(".")
        assert all("," not in regex for _, regex in rule.collections)  # it would be taken for two


def test_the_platforms_name_of_a_rule_is_known() -> None:
    assert find_rule("StalledTrainingRule") is StalledTraining


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match=r"'VanishingGradients'; did you mean VanishingGradient\?"):
        find_rule("VanishingGradients")


def test_a_name_like_no_other_gets_all_of_them() -> None:
    with pytest.raises(SettingsError, match="use one of AllZero, "):
        find_rule("zzz")


def test_collections_are_those_of_all_rules_together() -> None:
    assert collections_for(["DeadRelu", "LossNotDecreasing", "Overfit"]) == {
        "relu_output": ".*relu_output",
        "losses": "",
    }


def test_the_default_rules_leave_a_healthy_run_alone(tmp_path: Path) -> None:
    collections = list(collections_for(DEFAULT_RULES).items())
    batches = [images(24, seed) for seed in range(120)]
    trial = train(
        tmp_path / "run", normalised(), batches, valid=images(60, 999), evaluate_every=30, collections=collections
    )
    rules = [RULES[name](trial, **parameters) for name, parameters in DEFAULT_RULES.items()]
    assert {rule.rule_name: judge(rule) for rule in rules} == {rule.rule_name: [] for rule in rules}
    assert [rule.rule_name for rule in rules if not rule.datapoints] == []
