"""Running the image: which Docker client, which name, and one sentence if there is no engine."""

import os
import subprocess

DEFAULT_IMAGE = "image-classifier:latest"


class EngineError(Exception):
    """Docker cannot do what is asked; one sentence says what to start or to build."""


def docker() -> str:
    return os.environ.get("DOCKER", "docker")


def require_image(name: str) -> None:
    """Raise EngineError unless an engine answers and holds the image."""
    try:
        answer = subprocess.run([docker(), "image", "inspect", name], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EngineError(f"There is no {docker()!r} command; install Docker, or add --no-docker.") from error
    if "Cannot connect" in answer.stderr or "daemon running" in answer.stderr:
        raise EngineError("No Docker engine answers; start one (`sudo systemctl start docker`), or add --no-docker.")
    if answer.returncode:
        raise EngineError(f"There is no image {name}; build it with `make build` (or `make build BASE=local`).")
