"""The platform's rule jobs for a training job, on accounts that still have SageMaker Debugger."""

import hashlib
from typing import Any

from deploy.context import Context
from deploy.errors import DeployError
from deploy.requests.debugger_config import own_rules, platform_rules

CHOICES = ("none", "aws", "own")
REPOSITORY = "sagemaker-debugger-rule-evaluator"
# Accounts of the image that runs custom rules; AWS lists them only in its documentation, and no client carries them.
EVALUATOR_ACCOUNTS = {"us-west-2": "759209512951"}


def rule_parts(context: Context, choice: str) -> dict[str, Any]:
    """DebugRuleConfigurations and ProfilerRuleConfigurations. Raises DeployError where no image is known."""
    if choice == "aws":
        return platform_rules(_platform_image(context.aws.region))
    if choice == "own":
        image = _evaluator_image(context.aws.region)
        return own_rules(image, {name: address for name, (address, _) in bundles(context).items()})
    return {}


def upload_rules(context: Context) -> None:
    """Put the files of this project's rules into S3, under names that change with their content."""
    for address, source in bundles(context).values():
        key = address.removeprefix(f"s3://{context.bucket}/")
        if not context.aws.exists("s3", "HeadObject", Bucket=context.bucket, Key=key):
            context.aws.change("s3", "PutObject", Bucket=context.bucket, Key=key, Body=source)


def bundles(context: Context) -> dict[str, tuple[str, str]]:
    """Rule -> S3 address and source of its one file."""
    # Imported here, as they bring in smdebug, and with it PyTorch where there is one.
    from container.debugger.rules.bundle import bundle
    from container.debugger.rules.catalogue import DEFAULT_RULES

    found = {}
    for name in DEFAULT_RULES:
        source = bundle(name)
        digest = hashlib.sha256(source.encode()).hexdigest()[:8]
        found[name] = context.s3_uri("rules", f"{name}-{digest}.py"), source
    return found


def _platform_image(region: str) -> str:
    try:
        from sagemaker.core import image_uris  # the SDK carries the accounts of AWS's own images

        return str(image_uris.retrieve("debugger", region))
    except (ImportError, ValueError) as error:
        raise DeployError(
            f"The image of SageMaker Debugger's rules for {region} is not known ({error}); install the package "
            "sagemaker, choose another region, or leave out --debugger-rules: the job judges itself by its own rules."
        ) from error


def _evaluator_image(region: str) -> str:
    account = EVALUATOR_ACCOUNTS.get(region)
    if account is None:
        raise DeployError(
            f"The account of SageMaker Debugger's image for custom rules in {region} is not known, only that of "
            f"{', '.join(EVALUATOR_ACCOUNTS)}; leave out --debugger-rules: the job judges itself by the same rules."
        )
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{REPOSITORY}:latest"
