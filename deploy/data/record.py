"""What the state says about the data in S3: jobs are made from it, so it is never untrue."""

import hashlib
import json
from typing import Any

from deploy.state import State

IMAGES, WEIGHTS, FEATURES = "images", "pretrained", "features"  # the parts, which are uploaded each by itself
KEYS = ("data_s3_uri", "data_fingerprint", "num_files")


def forget(state: State, part: str) -> None:
    """Called before anything in S3 changes: a broken upload leaves data that no job must start from."""
    state.remove(*KEYS)
    state.put(data_parts={name: content for name, content in _parts(state).items() if name != part})


def record(state: State, uri: str, part: str, fingerprint: str, num_files: dict[str, int]) -> None:
    """Called when a part is in S3 as a whole. The keys that jobs read are there only while the images are.

    Features follow from images and weights, so that others make no other data.
    """
    parts = {**_parts(state), part: {"fingerprint": fingerprint, "num_files": num_files}}
    state.put(data_parts=parts)
    if IMAGES in parts:
        told = {name: content for name, content in parts.items() if name != FEATURES}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
        counts = {channel: count for content in parts.values() for channel, count in content["num_files"].items()}
        state.put(data_s3_uri=uri, data_fingerprint=digest, num_files=counts)


def _parts(state: State) -> dict[str, dict[str, Any]]:
    return dict(state.get("data_parts") or {})
