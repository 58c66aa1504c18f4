"""A model on SageMaker and its entry in the model registry, each made once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.context import Context
from deploy.creation import create_once, is_taken, require_ours
from deploy.endpoint.model_source import ModelSource
from deploy.errors import AwsError
from deploy.requests.model import model_request
from deploy.requests.registry import APPROVED, group_request, package_description, package_request, quality_report
from deploy.stored import put_bytes


@dataclass(frozen=True)
class RegisteredModel:
    name: str
    package_arn: str  # empty in a dry run


def register(
    context: Context, source: ModelSource, environment: Mapping[str, str], *, is_approved: bool
) -> RegisteredModel:
    """The model of a source, with its registry entry; both are in the state afterwards."""
    request = model_request(context, source.model_data, source.image_uri, environment)
    create_once(context.aws, "DescribeModel", "CreateModel", "ModelName", request)
    context.state.put(model=request["ModelName"])
    package_arn = source.package_arn
    if not package_arn:
        ensure_group(context)
        package_arn = find_package(context, request["ModelName"])
    if not package_arn:
        metadata = {**source.metrics, **source.facts}
        package = package_request(context, request, metadata, _put_quality(context, source), is_approved=is_approved)
        package_arn = context.aws.change("sagemaker", "CreateModelPackage", **package).get("ModelPackageArn", "")
    elif is_approved:
        approve(context, package_arn)
    context.state.put(model_package=package_arn)
    return RegisteredModel(request["ModelName"], package_arn)


def ensure_group(context: Context) -> None:
    group = group_request(context)
    if context.aws.exists("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=context.project):
        found = context.aws.read("sagemaker", "DescribeModelPackageGroup", ModelPackageGroupName=context.project)
        require_ours(context, "model package group", context.project, found["ModelPackageGroupArn"])
        return
    try:
        context.aws.change("sagemaker", "CreateModelPackageGroup", **group)
    except AwsError as error:
        if not is_taken(error):
            raise


def find_package(context: Context, model_name: str) -> str:
    """The ARN of the project's registry entry for a model, or nothing."""
    packages = context.aws.pages(
        "sagemaker", "ListModelPackages", "ModelPackageSummaryList", ModelPackageGroupName=context.project
    )
    description = package_description(model_name)
    found = (
        package["ModelPackageArn"] for package in packages if package.get("ModelPackageDescription") == description
    )
    return next(found, "")


def approve(context: Context, package_arn: str) -> None:
    package = context.aws.read("sagemaker", "DescribeModelPackage", ModelPackageName=package_arn)
    if package.get("ModelApprovalStatus") != APPROVED:
        context.aws.change("sagemaker", "UpdateModelPackage", ModelPackageArn=package_arn, ModelApprovalStatus=APPROVED)


def _put_quality(context: Context, source: ModelSource) -> str | None:
    if not source.metrics:
        return None
    report = quality_report(source.metrics)
    return put_bytes(context, report, "models", hashlib.sha256(report).hexdigest(), "quality.json")
