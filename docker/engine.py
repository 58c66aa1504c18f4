"""The docker client that can build our image, and whether an engine answers it."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

START_ENGINE = "start one with `sudo systemctl start docker`, or as root with `dockerd &`, and try again"
BUILTIN_BUILDKIT_BEFORE = 23  # major version; later clients leave BuildKit to the buildx plug-in


class EngineError(Exception):
    """One sentence that says what is missing and how to get it."""


@dataclass(frozen=True)
class Docker:
    """A docker client. `build_options` are what its kind of BuildKit needs to leave a plain image in the engine."""

    path: str
    build_options: tuple[str, ...] = ()

    def run(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """The ended command, its output captured unless `options` say otherwise. Never raises for its status."""
        environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
        settings = {"capture_output": True, "text": True, "env": environment, "check": False, **options}
        return subprocess.run([self.path, *arguments], **settings)  # type: ignore[call-overload, no-any-return]

    def build(self, *arguments: str) -> None:
        """Build an image, its progress on the terminal. Raises EngineError."""
        status = self.run("build", *self.build_options, *arguments, capture_output=False).returncode
        if status != 0:
            raise EngineError(f"The build ended with status {status}; its last lines, above, say why.")

    def size_bytes(self, image: str) -> int | None:
        """The size of an image with all its layers, or None where the engine does not have it."""
        result = self.run("image", "inspect", "--format", "{{.Size}}", image)
        return int(result.stdout) if result.returncode == 0 else None


def find_docker() -> Docker:
    """A client that can do BuildKit, with an engine that answers it. Raises EngineError."""
    docker = find_client()
    result = docker.run("version", "--format", "{{.Server.Version}}")
    if result.returncode != 0:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EngineError(f"No Docker engine answers {docker.path} ({reason}); {START_ENGINE}.")
    return docker


def find_client() -> Docker:
    """The client that DOCKER names, or else the first on PATH that can do BuildKit. Raises EngineError."""
    named = os.environ.get("DOCKER")
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    candidates = (
        [shutil.which(named)] if named else [shutil.which("docker", path=folder) for folder in folders if folder]
    )
    paths = list(dict.fromkeys(str(Path(path).resolve()) for path in candidates if path))
    for path in paths:
        options = build_options(path)
        if options is not None:
            return Docker(path, options)
    if not paths:
        where = f"DOCKER={named} is no program" if named else "There is no docker on PATH"
        raise EngineError(f"{where}; install Docker (Debian, Ubuntu: `sudo apt-get install docker.io`).")
    raise EngineError(
        f"{' and '.join(paths)} cannot do BuildKit; install Docker's buildx plug-in (package docker-buildx-plugin or "
        "docker-buildx), or name another client in the variable DOCKER."
    )


def build_options(path: str) -> tuple[str, ...] | None:
    """What `docker build` needs from this client, or None where it cannot do BuildKit."""
    version = re.search(r"version (\d+)", _output(path, "--version"))
    if version and int(version[1]) < BUILTIN_BUILDKIT_BEFORE:
        return ()
    if "buildx" in _output(path, "buildx", "version"):
        # Into the engine, wherever buildx builds; and one plain manifest, as ECR and SageMaker expect.
        return ("--load", "--provenance=false")
    return None


def _output(*command: str) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout if result.returncode == 0 else ""
