"""Whom AWS takes us for, and whether the region has SageMaker."""

import difflib

import boto3

from deploy.checks.check import Check, missing, ok
from deploy.context import Context
from deploy.errors import AwsError


def look_at_credentials(context: Context) -> list[Check]:
    try:
        answer = context.aws.read("sts", "GetCallerIdentity")
    except AwsError as error:
        return [missing("credentials", str(error), "aws configure    (or: aws sso login, or set AWS_PROFILE)")]
    return [ok("credentials", str(answer["Arn"]))]


def look_at_region(context: Context) -> list[Check]:
    """By the list that boto3 brings with it, so that a slip of the pen is found without a call."""
    region = context.aws.region
    session = boto3.session.Session()
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("sagemaker", partition)
    ]
    if region in known:
        return [ok("region", region)]
    close = difflib.get_close_matches(region, known, n=1) or ["us-east-1"]
    return [missing("region", f"no region {region} with SageMaker is known", f"--set region={close[0]}")]
