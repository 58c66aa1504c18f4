"""Names of everything that a project creates: always the same for the same thing, so that nothing is created twice."""

import hashlib
import json
import re

TAG = "image-classifier-project"  # on everything created; teardown goes by it
NAME_LIMIT = 63  # characters, of jobs, models and endpoints


def tags(project: str) -> list[dict[str, str]]:
    return [{"Key": TAG, "Value": project}]


def bucket_name(project: str, account: str, region: str) -> str:
    return f"{project}-{account}-{region}"[:63].rstrip("-").lower()


def role_name(project: str) -> str:
    return f"{project}-sagemaker"


def role_arn(project: str, account: str) -> str:
    return f"arn:aws:iam::{account}:role/{role_name(project)}"


def job_name(project: str, kind: str, request: object) -> str:
    """`<project>-<kind>-<8 hex digits>`: the same request gets the same name, any change another.

    Limited to 32 characters for tuning jobs, whose trials' names are longer than theirs.
    """
    digest = hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()[:8]
    limit = 32 if kind == "tune" else NAME_LIMIT
    stem = re.sub("[^a-zA-Z0-9-]", "-", f"{project}-{kind}")[: limit - 9].strip("-")
    return f"{stem}-{digest}"
