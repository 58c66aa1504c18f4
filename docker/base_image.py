"""Which base image exactly a build stands on, so that the same can be built again, and the image can say it."""

import re
from dataclasses import dataclass
from pathlib import Path

from engine import Docker, EngineError

DOCKERFILE = Path(__file__).parent / "Dockerfile"
NAME_LABEL = "org.opencontainers.image.base.name"
DIGEST_LABEL = "org.opencontainers.image.base.digest"
ID_LABEL = "image-classifier.base.id"  # for a base that no registry has given a digest


@dataclass(frozen=True)
class BaseImage:
    """`name` as it was asked for; `reference`, what is built on: by digest wherever a registry has given one."""

    name: str
    reference: str
    digest: str  # of its manifest, sha256:...; empty for an image that was made on this machine
    image_id: str

    @property
    def labels(self) -> dict[str, str]:
        known = {NAME_LABEL: self.name, DIGEST_LABEL: self.digest, ID_LABEL: self.image_id}
        return {name: value for name, value in known.items() if value}

    @property
    def warning(self) -> str:
        """What to say of a name that may mean another image tomorrow; empty for a digest."""
        if "@" in self.name:
            return ""
        if self.digest:
            return (
                f"{self.name} is a tag and may be another image tomorrow. Today it is {self.digest}; to build on the "
                f"same again: BASE={self.reference}"
            )
        return f"{self.name} is an image of this machine without a digest; its ID is {self.image_id}."


def default_base() -> str:
    """The base that the Dockerfile names."""
    found = re.search(r"^ARG BASE_IMAGE=(\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def find_base(docker: Docker, name: str) -> BaseImage:
    """The base of this name, fetched where the engine does not have it. Raises EngineError."""
    if docker.size_bytes(name) is None:
        fetch(docker, name)
    image_id = docker.run("image", "inspect", "--format", "{{.Id}}", name).stdout.strip()
    known = docker.run("image", "inspect", "--format", '{{join .RepoDigests "\\n"}}', name).stdout.split()
    own = next((each for each in known if each.split("@")[0] == repository(name)), "")
    reference = name if "@" in name else own or name
    return BaseImage(name, reference, reference.partition("@")[2], image_id)


def fetch(docker: Docker, name: str) -> None:
    """Pull it, its progress on the terminal. Raises EngineError."""
    print(f"Fetching the base image {name}.", flush=True)
    if docker.run("pull", name, capture_output=False).returncode != 0:
        raise EngineError(
            f"The base image {name} cannot be pulled, for the reason above; name another, log in to its registry, or "
            "build on a stand-in made here: make build BASE=local."
        )


def repository(name: str) -> str:
    """The name without its tag and digest; a port stays."""
    return re.sub(r":[^/:]*$", "", name.partition("@")[0])
