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
IN_EVAL = ("losses", "labels", "predictions")  # the rest does not change while a model is evaluated
SMALL = ("losses", "labels", "predictions")  # saved more often: they cost next to nothing


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
    path = base_dir / "input" / "config" / contract.DEBUG_HOOK_CONFIG_FILE
    content = read_json(path) if path.is_file() else default_content(collections, num_steps, num_eval_batches)
    _check(content, path)
    folder = under_base_dir(content.get("LocalPath") or contract.TENSORS_DIR, base_dir)
    return HookConfig({**content, "LocalPath": str(folder)}, folder, is_ours=not path.is_file())


def default_content(collections: dict[str, str], num_steps: int, num_eval_batches: int) -> dict[str, Any]:
    """Snapshots spread over the whole job, so that what they cost and the disk they take do not grow with it."""
    configurations = []
    for name, regex in collections.items():
        number = SMALL_SNAPSHOTS if name in SMALL else SNAPSHOTS
        parameters = {"train.save_interval": str(max(1, num_steps // number))}
        if name in IN_EVAL:
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
