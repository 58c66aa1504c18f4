"""What a dry run of `teardown` would find: it asks nobody, so by the state and by the names that a project gives."""

from collections.abc import Iterator
from typing import Any

from deploy import names
from deploy.context import Context
from deploy.endpoint.hosting import SUFFIXES, endpoint_name
from deploy.inventory.resource import DATA, IMAGE, Request, Resource
from deploy.requests.alarm import alarm_names
from deploy.requests.autoscaling import wake_name


def planned(context: Context) -> Iterator[Resource]:
    endpoints: dict[str, Any] = context.state.get("endpoints") or {}
    for endpoint in endpoints:
        yield _sagemaker("endpoint", "DeleteEndpoint", EndpointName=endpoint)
    alarms = [
        name
        for endpoint in (endpoints or [endpoint_name(context.project, kind) for kind in SUFFIXES])
        for name in (*alarm_names(endpoint), wake_name(endpoint))
    ]
    yield Resource("alarms", "", removal=(Request("cloudwatch", "DeleteAlarms", {"AlarmNames": alarms}),))
    for record in endpoints.values():
        for config in filter(None, [*record["before"], record["config"]]):
            yield _sagemaker("endpoint config", "DeleteEndpointConfig", EndpointConfigName=config)
    if context.state.get("model"):
        yield _sagemaker("model", "DeleteModel", ModelName=context.state.get("model"))
    if context.state.get("model_package"):
        yield _sagemaker("model package", "DeleteModelPackage", ModelPackageName=context.state.get("model_package"))
    yield _sagemaker("model package group", "DeleteModelPackageGroup", ModelPackageGroupName=context.project)
    yield from _ground(context)


def _ground(context: Context) -> Iterator[Resource]:
    repository = Request("ecr", "DeleteRepository", {"repositoryName": context.project, "force": True})
    yield Resource("image repository", context.project, removal=(repository,), keep=IMAGE)
    if not context.settings.bucket:
        bucket = Request("s3", "DeleteBucket", {"Bucket": context.bucket})
        yield Resource("bucket", context.bucket, removal=(bucket,), keep=DATA)
    if not context.settings.role_arn:
        role = names.role_name(context.project)
        yield Resource("role", role, removal=(Request("iam", "DeleteRole", {"RoleName": role}),))


def _sagemaker(kind: str, operation: str, **parameters: str) -> Resource:
    (name,) = parameters.values()
    return Resource(kind, name, removal=(Request("sagemaker", operation, parameters),))
