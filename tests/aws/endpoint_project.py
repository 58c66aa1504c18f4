"""A project that has come as far as `deploy`: role, bucket, image and a trained model."""

import json
from pathlib import Path

import boto3

from deploy import names
from deploy.state import State

PROJECT = "image-classifier"
BUCKET = "image-classifier-123456789012-us-east-1"
IMAGE_URI = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{PROJECT}@sha256:{'1' * 64}"
MODEL_DATA = f"s3://{BUCKET}/{PROJECT}/training/job-1/output/model.tar.gz"
JPEG = b"\xff\xd8\xff\xe0 a picture"
ANSWER = {"predictions": [{"labels": ["poodle", "pug"], "probabilities": [0.75, 0.25]}]}


def begin_project(model_data: str = MODEL_DATA) -> None:
    """Bucket and state as `upload`, `push` and `train` leave them."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": names.tags(PROJECT)})
    State.of_project(PROJECT).put(
        image_uri=IMAGE_URI, model_data=model_data, metrics={"Accuracy": 0.9, "Average loss": 0.31}
    )


def train_again(number: int) -> None:
    """What another `train` leaves: another model."""
    State.of_project(PROJECT).put(model_data=MODEL_DATA.replace("job-1", f"job-{number}"))


def read_state() -> State:
    return State.of_project(PROJECT)


def write_run(folder: Path, weights: bytes = b"weights") -> Path:
    """A run as local_test leaves it, as far as a deployment reads it."""
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.pt").write_bytes(weights)
    (folder / "output" / "data").mkdir(parents=True)
    metrics = {"valid": {"loss": 0.5, "accuracy": 0.8}, "test": {}, "data_fingerprint": "abc", "history": [1]}
    (folder / "output" / "data" / "metrics.json").write_text(json.dumps(metrics))
    return folder
