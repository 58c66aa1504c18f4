"""Which model is meant: the one that `train` has made, a run on this machine, or an entry of the registry."""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from container import contract
from deploy.context import Context
from deploy.endpoint.model_archive import write_model_archive
from deploy.errors import DeployError, NotFoundError
from deploy.stored import put_file

FACTS = ("data_fingerprint", "git_revision", "epochs_trained", "best_epoch", "num_classes")


@dataclass(frozen=True)
class ModelSource:
    model_data: str  # address of its model.tar.gz
    image_uri: str
    metrics: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)  # of the run, as its data's fingerprint
    package_arn: str = ""  # of the registry entry, if it came from there


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--run", dest="run_dir", type=Path, metavar="FOLDER", help="a run trained on this machine (default: `train`'s)"
    )
    source.add_argument("--model-package", metavar="ARN", help="an entry of the model registry")
    parser.add_argument("--approve", action="store_true", help="mark the registry entry as approved")


def find_source(context: Context) -> ModelSource:
    """By the options --run and --model-package; else what `train` left in the state. A run's model is sent to S3."""
    options = context.options
    if options.model_package:
        return _of_package(context, options.model_package)
    if options.run_dir:
        return _of_run(context, options.run_dir)
    return ModelSource(
        known(context, "model_data", "train", context.s3_uri("training", "JOB", "output", "model.tar.gz")),
        image_uri(context),
        numbers(context.state.get("metrics") or {}),
    )


def image_uri(context: Context) -> str:
    registry = f"{context.aws.account}.dkr.ecr.{context.aws.region}.amazonaws.com"
    return str(known(context, "image_uri", "push", f"{registry}/{context.project}@sha256:{'0' * 64}"))


def known(context: Context, key: str, command: str, example: str) -> str:
    """The state's value; in a dry run of a project that has not come that far, an example in its place."""
    if context.aws.dry_run:
        return str(context.state.get(key) or example)
    return str(context.state.require(key, command))


def numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Every number of a nest of mappings by its path: {"valid": {"loss": 1.0}} gives {"valid_loss": 1.0}."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= numbers(value, f"{prefix}{name}_")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{prefix}{name}"] = float(value)
    return found


def _of_run(context: Context, run_dir: Path) -> ModelSource:
    with tempfile.TemporaryDirectory() as folder:
        archive_path = Path(folder) / "model.tar.gz"
        digest = write_model_archive(run_dir, archive_path)
        model_data = put_file(context, archive_path, "models", digest, "model.tar.gz")
    summary = _read_metrics(run_dir / "output" / "data" / contract.METRICS_FILE)
    measured = {name: summary.get(name) or {} for name in ("valid", "test")}
    facts = {name: summary[name] for name in FACTS if name in summary}
    return ModelSource(model_data, image_uri(context), numbers(measured), facts)


def _read_metrics(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise DeployError(
            f"{path} is damaged ({error}); train again, or remove it to deploy without metrics."
        ) from error


def _of_package(context: Context, arn: str) -> ModelSource:
    if context.aws.dry_run:
        return ModelSource(context.s3_uri("models", "DIGEST", "model.tar.gz"), image_uri(context), package_arn=arn)
    try:
        package = context.aws.read("sagemaker", "DescribeModelPackage", ModelPackageName=arn)
    except NotFoundError as error:
        raise DeployError(f"There is no model package {arn}; `python -m deploy status` lists them.") from error
    if package.get("ModelApprovalStatus") == "Rejected":
        raise DeployError(f"The model package {arn} was rejected; approve it first, or choose another.")
    container = package["InferenceSpecification"]["Containers"][0]
    return ModelSource(container["ModelDataUrl"], container["Image"], package_arn=package["ModelPackageArn"])
