"""Requests for the project's image repository in ECR: every push scanned, tags that never move, old images dropped."""

import json
from typing import Any

KEPT_IMAGES = 10


def create_repository(project: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    """Tags are immutable, as `push` makes them from the image's content: the same tag is the same image for good."""
    return {
        "repositoryName": project,
        "tags": tags,
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfiguration": {"encryptionType": "AES256"},
    }


def put_lifecycle_policy(project: str) -> dict[str, Any]:
    """The newest images stay, tagged or not, so that storage stops growing."""
    rule = {
        "rulePriority": 1,
        "description": f"keep the newest {KEPT_IMAGES} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES},
        "action": {"type": "expire"},
    }
    return {"repositoryName": project, "lifecyclePolicyText": json.dumps({"rules": [rule]})}
