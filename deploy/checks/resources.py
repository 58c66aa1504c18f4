"""What the project's own commands create: bucket, role, image and data."""

import json

from deploy.checks.check import Check, missing, ok, unknown
from deploy.commands.role import POLICY_NAME
from deploy.context import Context
from deploy.data.bucket import find_bucket
from deploy.data.remote_files import list_remote
from deploy.errors import DeployError, NotFoundError
from deploy.image.engine import LocalImage, find_image
from deploy.image.repository import find_digest
from deploy.policy import execution_policy

UPLOAD = "python -m deploy upload FOLDER"


def look_at_bucket(context: Context) -> list[Check]:
    if find_bucket(context):
        return [ok("bucket", context.bucket)]
    mend = "create it, or empty the setting bucket" if context.settings.bucket else UPLOAD
    return [missing("bucket", f"there is no bucket {context.bucket}", mend)]


def look_at_role(context: Context) -> list[Check]:
    name = context.role_arn.rpartition("/")[2]
    mend = "correct the setting role_arn" if context.settings.role_arn else "python -m deploy role"
    try:
        trust = context.aws.read("iam", "GetRole", RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    except NotFoundError:
        return [missing("role", f"there is no role {name}", mend)]
    if "sagemaker.amazonaws.com" not in json.dumps(trust):
        return [missing("role", f"{name} does not trust SageMaker", "add sagemaker.amazonaws.com to its trust policy")]
    if context.settings.role_arn:
        return [ok("role", f"{context.settings.role_arn} (what it allows is yours to know)")]
    if not _is_policy_current(context, name):
        return [missing("role", f"the policy of {name} is not this version's", mend)]
    return [ok("role", context.role_arn)]


def _is_policy_current(context: Context, role: str) -> bool:
    try:
        answer = context.aws.read("iam", "GetRolePolicy", RoleName=role, PolicyName=POLICY_NAME)
    except NotFoundError:
        return False
    aws = context.aws
    wanted = execution_policy(context.project, context.bucket, aws.region, aws.account)
    return bool(answer["PolicyDocument"] == wanted)


def look_at_local_image(context: Context) -> list[Check]:
    """The engine and the image in it: needed until the image has been pushed."""
    try:
        image = find_image(context.settings.image)
    except DeployError as error:
        if context.state.get("image_uri") is None:
            raise
        return [unknown("local image", f"{error} (Needed only to push another.)")]
    return [ok("local image", f"{image.name} ({image.size / 1e9:.1f} GB)")]


def look_at_pushed_image(context: Context) -> list[Check]:
    uri, mend = context.state.get("image_uri"), "python -m deploy push"
    if uri is None:
        return [missing("image in ECR", "no image has been pushed", mend)]
    digest = str(uri).partition("@")[2]
    if find_digest(context, imageDigest=digest) is None:
        return [missing("image in ECR", f"{uri} is no longer there", mend)]
    local = _local_image(context)
    if local is not None and find_digest(context, imageTag=local.tag) != digest:
        return [missing("image in ECR", f"{local.name} has changed since it was pushed", mend)]
    return [ok("image in ECR", str(uri))]


def _local_image(context: Context) -> LocalImage | None:
    try:
        return find_image(context.settings.image)
    except DeployError:
        return None  # said by the line of the local image


def look_at_data(context: Context) -> list[Check]:
    uri, counts = context.state.get("data_s3_uri"), context.state.get("num_files") or {}
    if uri is None:
        return [missing("data", "no data has been uploaded, or not to its end", UPLOAD)]
    prefix = str(uri).removeprefix(f"s3://{context.bucket}/")
    try:
        found = {name: len(list_remote(context.aws, context.bucket, f"{prefix}/{name}/")) for name in counts}
    except NotFoundError:
        found = {}
    if found != counts:
        return [missing("data", f"{uri} holds {_counts(found)}; uploaded were {_counts(counts)}", UPLOAD)]
    return [ok("data", f"{uri} ({_counts(counts)} files)")]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
