"""Docker for the tests of the push: a tiny image in the real engine, and clients that only pretend."""

import os
import shutil
import subprocess
from pathlib import Path

LOCAL = "deploy-test-push:latest"
DOCKER = os.environ.get("DOCKER", "docker")


def docker(*arguments: str, **options: object) -> str:
    return subprocess.run([DOCKER, *arguments], check=True, capture_output=True, **options).stdout.decode().strip()  # type: ignore[call-overload]


def import_image(content: str, tmp_path: Path) -> None:
    """Make LOCAL an image of one file."""
    shutil.rmtree(tmp_path / "layer", ignore_errors=True)
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer/file").write_text(content)
    archive = subprocess.run(["tar", "-C", str(tmp_path / "layer"), "-c", "."], check=True, capture_output=True).stdout
    docker("import", "-", LOCAL, input=archive)


def put_client(path: Path, script: str) -> str:
    """A docker client that does what the script says."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)
