from pathlib import Path

import pytest

from container.errors import SettingsError
from local_test.tuning.search_space import Categorical, Continuous, Integer, Space, read_space

SPACE = """
objective = "Accuracy"
[ranges.learning_rate]
low = 1e-5
high = 0.1
scaling = "Logarithmic"
[ranges.batch_size]
low = 16
high = 64
[ranges.fine_tune]
values = ["head", "all"]
[fixed]
image_size = 128
debugger = false
"""


def read(tmp_path: Path, text: str) -> Space:
    path = tmp_path / "space.toml"
    path.write_text(text)
    return read_space(path)


def test_a_file_becomes_a_space(tmp_path: Path) -> None:
    assert read(tmp_path, SPACE) == Space(
        parameters=(
            Continuous("learning_rate", 1e-5, 0.1, "Logarithmic"),
            Integer("batch_size", 16, 64),
            Categorical("fine_tune", ("head", "all")),
        ),
        objective="Accuracy",
        direction="Maximize",
        fixed={"image_size": "128", "debugger": "false"},
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[ranges.learning_rat]\nlow=1\nhigh=2", "did you mean 'learning_rate'?"),
        ("[ranges.batch_size]\nlow=0\nhigh=8", "batch_size is '0'; it must be at least 1"),
        ("[ranges.batch_size]\nlow=1.5\nhigh=8", "it must read as int"),
        ("[ranges.batch_size]\nlow=8\nhigh=8", "low must be the smaller one"),
        ("[ranges.batch_size]\nlow=8", "has no high"),
        ("[ranges.batch_size]\nlow=8\nhigh=9\nscale='Auto'", "there is no 'scale'; did you mean 'scaling'?"),
        ("[ranges.batch_size]\nlow=8\nhigh=9\nscaling='Log'", "use one of Auto, Linear, Logarithmic"),
        ("[ranges.weight_decay]\nlow=0\nhigh=1\nscaling='Logarithmic'", "must begin above 0"),
        ("[ranges.optimizer]\nvalues=['adm']", "did you mean 'adam'?"),
        ("[ranges.optimizer]\nlow=1\nhigh=2", "there is no 'low'"),
        ("[ranges.optimizer]\nvalues=[]", "give a list"),
        ("[ranges]\noptimizer=3", "give a table"),
        ("[fixed]\nseed=1", "has 0 tables"),
        ("[ranges.seed]\nvalues=[1]\n[fixed]\nseed=1", "seed is in `ranges` and in `fixed`"),
        ("objective='Average los'\n[ranges.seed]\nvalues=[1]", "did you mean 'Average loss'?"),
        ("direction='Down'\n[ranges.seed]\nvalues=[1]", "use one of Minimize, Maximize"),
        ("ranges=3", "it must be a table"),
        ("range=3", "did you mean 'ranges'?"),
        ("= 3", "is not valid TOML"),
    ],
)
def test_what_training_or_tuning_would_refuse_is_named(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read(tmp_path, text)
    assert sentence in str(refused.value)
    assert "space.toml" in str(refused.value)
