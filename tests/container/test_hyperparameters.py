from dataclasses import fields

import pytest

from container.errors import SettingsError
from container.hyperparameters import Hyperparameters
from container.schema import describe, rule_of

# The list of the product's first issue, less what stands for several names there.
PROMISED = [
    "num_epochs",
    "batch_size",
    "learning_rate",
    "optimizer",
    "weight_decay",
    "label_smoothing",
    "lr_schedule",
    "warmup_epochs",
    "backbone",
    "head",
    "pretrained",
    "fine_tune",
    "image_size",
    "augment",
    "mixed_precision",
    "early_stopping_patience",
    "class_weights",
    "seed",
    "workers",
]


def test_every_promised_hyperparameter_exists() -> None:
    assert set(PROMISED) <= {item.name for item in fields(Hyperparameters)}


def test_the_defaults_are_those_of_the_original_projects_model() -> None:
    default = Hyperparameters()
    assert (default.backbone, default.head, default.fine_tune) == ("resnet18", "seed", "head")


@pytest.mark.parametrize("item", fields(Hyperparameters), ids=lambda item: item.name)
def test_every_default_keeps_its_own_rule_and_every_hyperparameter_is_explained(item: object) -> None:
    rule = rule_of(item)  # type: ignore[arg-type]
    assert rule.allows(item.default)  # type: ignore[attr-defined]
    assert rule.help


def test_the_reference_covers_every_hyperparameter() -> None:
    described = describe(Hyperparameters)
    assert [row["name"] for row in described] == [item.name for item in fields(Hyperparameters)]
    assert all(row["type"] and row["default"] and row["help"] for row in described)


def test_what_sagemaker_adds_is_skipped() -> None:
    given = {
        "num_epochs": "7",
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": '"s3://bucket/code.tar.gz"',
        "_tuning_objective_metric": "Average loss",
    }
    assert Hyperparameters.from_text(given) == Hyperparameters(num_epochs=7)


def test_the_values_of_a_tuning_job_are_read() -> None:
    # Automatic model tuning quotes numbers and writes them in scientific notation.
    given = {"learning_rate": '"1.2E-4"', "batch_size": '"64"', "num_epochs": '"5"'}
    read = Hyperparameters.from_text(given)
    assert (read.learning_rate, read.batch_size, read.num_epochs) == (1.2e-4, 64, 5)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("epochs", "3", "did you mean 'num_epochs'?"),
        ("learning-rate", "0.1", "did you mean 'learning_rate'?"),
        ("batchsize", "3", "did you mean 'batch_size'?"),
        ("num_epochs", "0", "num_epochs is '0'; it must be at least 1"),
        ("learning_rate", "NaN", "learning_rate is 'NaN'"),
        ("optimizer", "adamww", "did you mean 'adamw'?"),
        ("head", "conv", "use one of seed, linear"),
        ("image_size", "31", "at least 32"),
        ("image_size", "224.5", "must read as int"),
        ("mixed_precision", "fp8", "use one of auto, no, bf16, fp16."),
    ],
)
def test_a_wrong_hyperparameter_is_refused_with_what_to_do(name: str, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Hyperparameters.from_text({name: text})
    assert str(caught.value).startswith("hyperparameters.json: ")
    assert sentence in str(caught.value)
