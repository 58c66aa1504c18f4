import json
from pathlib import Path
from typing import Any

import pytest

from container.debugger.tensors.hook_config import EVAL_BATCHES, SMALL_SNAPSHOTS, SNAPSHOTS, read_hook_config
from container.errors import SettingsError


def write_config(base_dir: Path, content: Any) -> None:
    path = base_dir / "input" / "config" / "debughookconfig.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))


def collection_parameters(content: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {item["CollectionName"]: item["CollectionParameters"] for item in content["CollectionConfigurations"]}


def test_without_a_file_snapshots_are_spread_over_the_job(tmp_path: Path) -> None:
    config = read_hook_config(tmp_path, {"losses": "", "gradients": "", "relu_output": ".*relu_output"}, 10_000, 100)
    assert config.is_ours
    assert config.folder == tmp_path / "output" / "tensors"
    assert collection_parameters(config.content) == {
        "losses": {
            "train.save_interval": str(10_000 // SMALL_SNAPSHOTS),
            "eval.save_interval": str(100 // EVAL_BATCHES),
        },
        "gradients": {"train.save_interval": str(10_000 // SNAPSHOTS), "eval.end_step": "0"},
        "relu_output": {
            "train.save_interval": str(10_000 // SNAPSHOTS),
            "eval.end_step": "0",
            "include_regex": ".*relu_output",
        },
    }


def test_a_job_of_few_steps_saves_every_one(tmp_path: Path) -> None:
    content = read_hook_config(tmp_path, {"losses": "", "weights": ""}, 8, 2).content
    assert {item["train.save_interval"] for item in collection_parameters(content).values()} == {"1"}


def test_the_platforms_file_is_used_as_it_is(tmp_path: Path) -> None:
    given = {
        "S3OutputPath": "s3://bucket/prefix",
        "LocalPath": "/opt/ml/output/elsewhere",
        "HookParameters": {"train.save_interval": "100", "include_workers": "all"},
        "CollectionConfigurations": [{"CollectionName": "weights", "CollectionParameters": {"save_steps": "0,4"}}],
    }
    write_config(tmp_path, given)
    config = read_hook_config(tmp_path, {"losses": ""}, 10, 1)
    assert not config.is_ours
    assert config.all_workers
    assert config.folder == tmp_path / "output" / "elsewhere"
    assert config.content == {**given, "LocalPath": str(config.folder)}


@pytest.mark.parametrize("content", [{}, {"HookParameters": None, "CollectionConfigurations": None}])
def test_an_empty_file_is_a_configuration_too(tmp_path: Path, content: dict[str, Any]) -> None:
    write_config(tmp_path, content)
    config = read_hook_config(tmp_path, {"weights": ""}, 10, 1)
    assert not config.is_ours
    assert config.folder == tmp_path / "output" / "tensors"
    assert not config.all_workers


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"HookParameters": ["a"]}, "HookParameters must be a JSON object, not ['a']."),
        ({"CollectionConfigurations": {"a": 1}}, "CollectionConfigurations must be a JSON array, not {'a': 1}."),
        ({"CollectionConfigurations": [{}]}, "each of CollectionConfigurations needs a CollectionName, unlike {}."),
    ],
)
def test_a_wrong_file_is_named_with_what_it_must_hold(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    write_config(tmp_path, content)
    with pytest.raises(SettingsError, match="debughookconfig") as raised:
        read_hook_config(tmp_path, {}, 10, 1)
    assert message in str(raised.value)
