"""What the hook saves: the platform's debughookconfig.json where there is one, else our own, in the same format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from container import contract
from container.errors import SettingsError
from container.settings import read_json, under_base_dir

SNAPSHOTS = 20  # of weights, gradients and activations in a whole job, however long
SMALL_SNAPSHOTS = 500  # of losses, labels and predictions
EVAL_BATCHES = 20  # batches of one evaluation whose loss and predictions are saved
NEVER = "0"  # as an end step
# They cost next to nothing, and are all that changes while a model is evaluated.
SMALL = ("losses", "labels", "predictions")


@dataclass(frozen=True)
class HookConfig:
    content: dict[str, Any]  # as in debughookconfig.json
    folder: Path
    is_ours: bool  # then large tensors are sampled; what somebody asked for is saved in full

    @property
    def all_workers(self) -> bool:
        return (self.content.get("HookParameters") or {}).get("include_workers") == "all"


def read_hook_config(base_dir: Path, collections: dict[str, str], num_steps: int, num_eval_batches: int) -> HookConfig:
    """The platform's file, or our default for a job of `num_steps` steps and evaluations of `num_eval_batches`.

    `collections` are the names and regular expressions that the job's rules need. Raises SettingsError for a file that
    smdebug could not read.
    """
    given = _read_platforms(base_dir)
    content = default_content(collections, num_steps, num_eval_batches) if given is None else given
    folder = tensors_dir(base_dir)
    return HookConfig({**content, "LocalPath": str(folder)}, folder, is_ours=given is None)


def tensors_dir(base_dir: Path) -> Path:
    """Where the tensors are saved. Raises SettingsError as `read_hook_config` does."""
    content = _read_platforms(base_dir) or {}
    return under_base_dir(content.get("LocalPath") or contract.TENSORS_DIR, base_dir)


def _read_platforms(base_dir: Path) -> dict[str, Any] | None:
    """The content of debughookconfig.json, or None where the platform wrote none."""
    path = base_dir / "input" / "config" / contract.DEBUG_HOOK_CONFIG_FILE
    if not path.is_file():
        return None
    content = read_json(path)
    _check(content, path)
    return content


def default_content(collections: dict[str, str], num_steps: int, num_eval_batches: int) -> dict[str, Any]:
    """Snapshots spread over the whole job, so that what they cost and the disk they take do not grow with it."""
    configurations = []
    for name, regex in collections.items():
        number = SMALL_SNAPSHOTS if name in SMALL else SNAPSHOTS
        parameters = {"train.save_interval": str(max(1, num_steps // number))}
        if name in SMALL:
            parameters["eval.save_interval"] = str(max(1, num_eval_batches // EVAL_BATCHES))
        else:
            parameters["eval.end_step"] = NEVER
        if regex:
            parameters["include_regex"] = regex
        configurations.append({"CollectionName": name, "CollectionParameters": parameters})
    return {"HookParameters": {"include_workers": "one"}, "CollectionConfigurations": configurations}


def _check(content: dict[str, Any], path: Path) -> None:
    for name, kind, shape in (("HookParameters", dict, "object"), ("CollectionConfigurations", list, "array")):
        if not isinstance(content.get(name) or kind(), kind):
            raise SettingsError(f"{path}: {name} must be a JSON {shape}, not {content[name]!r}.")
    for item in content.get("CollectionConfigurations") or []:
        if not isinstance(item, dict) or not item.get("CollectionName"):
            raise SettingsError(f"{path}: each of CollectionConfigurations needs a CollectionName, unlike {item!r}.")
