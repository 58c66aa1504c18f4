"""Tiny networks trained for real under smdebug's hook, and their trials: what the rules are tested on."""

import warnings
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import smdebug.pytorch as smd
import torch
from smdebug.exceptions import RuleEvaluationConditionMet
from smdebug.trials import create_trial
from torch import Tensor, nn

from container.debugger.rules.base import TensorRule

Batch = tuple[Tensor, Tensor]
TRAIN, EVAL = smd.modes.TRAIN, smd.modes.EVAL
LOSSES = [("losses", "")]


class Network(nn.Sequential):
    """Layers by name, so that tensors have the names that rules expect: relu1_output_0."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__(OrderedDict(layers))


def classifier(num_classes: int = 3, width: int = 16) -> Network:
    """Features (n, 4) -> logits (n, K) by two hidden layers."""
    torch.manual_seed(0)
    return Network(
        fc1=nn.Linear(4, width),
        relu1=nn.ReLU(),
        fc2=nn.Linear(width, width),
        relu2=nn.ReLU(),
        head=nn.Linear(width, num_classes),
    )


def examples(labels: Tensor, seed: int = 0, noise: float = 0.3) -> Batch:
    """Features (n, 4) around a corner for each label (at most four), and the labels."""
    generator = torch.Generator().manual_seed(seed)
    features = 2 * torch.eye(4)[labels % 4] + noise * torch.randn(len(labels), 4, generator=generator)
    return features, labels


def balanced(num_images: int = 30, num_classes: int = 3, seed: int = 0, noise: float = 0.3) -> Batch:
    return examples(torch.arange(num_images) % num_classes, seed, noise)


def train(
    folder: Path,
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    learning_rate: float = 0.1,
    valid: Batch | None = None,
    evaluate_every: int = 5,
    collections: list[tuple[str, str]] | None = None,
    reductions: list[tuple[str, bool]] | None = None,
) -> Any:
    """The trial of a model trained on these batches; every step is saved, all tensors unless `collections` are given.

    `reductions` (name, of the absolute values or not) are saved in place of the tensors.
    """
    names = None if collections is None else [name for name, _ in collections]
    hook = smd.Hook(
        out_dir=str(folder),
        save_config=smd.SaveConfig(save_interval=1),
        save_all=collections is None,
        include_collections=names,
        reduction_config=_reduction_config(reductions),
    )
    for name, regex in collections or []:
        if regex:
            hook.get_collection(name).include(regex)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "tostring", DeprecationWarning)  # smdebug's writer
        _run(hook, model, list(batches), learning_rate, valid, evaluate_every)
        hook.close()
    return create_trial(str(folder))


def _run(
    hook: Any, model: nn.Module, batches: list[Batch], learning_rate: float, valid: Batch | None, evaluate_every: int
) -> None:
    criterion = nn.CrossEntropyLoss()
    hook.register_module(model)
    hook.register_loss(criterion)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, learning_rate)
    for number, (features, labels) in enumerate(batches, 1):
        hook.set_mode(TRAIN)
        optimizer.zero_grad()
        criterion(model(features), labels).backward()
        optimizer.step()
        if valid is not None and number % evaluate_every == 0:
            hook.set_mode(EVAL)
            with torch.no_grad():
                criterion(model(valid[0]), valid[1])


def _reduction_config(reductions: list[tuple[str, bool]] | None) -> Any:
    if reductions is None:
        return None
    norms = [name for name, _ in reductions if name in ("l1", "l2")]
    return smd.ReductionConfig(
        reductions=[name for name, absolute in reductions if not absolute and name not in norms],
        abs_reductions=[name for name, absolute in reductions if absolute],
        norms=norms,
    )


def judge(rule: TensorRule) -> list[int]:
    """Call a rule with every saved step; the global steps at which its condition was met."""
    met = []
    for step in rule.base_trial.steps():
        try:
            rule.invoke(step)
        except RuleEvaluationConditionMet:
            met.append(step)
    return met


def accused(rule: TensorRule) -> set[str]:
    """The tensors in which a judged rule has found something."""
    return {issue["tensor"] for issue in rule.issues}
