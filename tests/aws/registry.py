"""ECR with real images: Debian's docker-registry behind a password, and the answers that lead to it."""

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bcrypt

from tests.aws.gateway import Gateway, RefusalError

PROGRAM = "docker-registry"
START_SECONDS = 20
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}/images}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""


@dataclass
class Registry:
    """A registry that is running. `user` and `password` are those that ECR's token holds."""

    host: str
    user: str = "AWS"
    password: str = "a-long-secret-password"

    def stand_in(self, aws: Gateway) -> None:
        """Have ECR's answers lead to this registry, and tell what is in it."""
        aws.answer("ecr", "GetAuthorizationToken", self._token)
        aws.answer("ecr", "DescribeImages", self._describe)

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest of a manifest, by tag or digest, or None."""
        request = urllib.request.Request(
            f"http://{self.host}/v2/{repository}/manifests/{reference}",
            method="HEAD",
            headers={"Accept": MANIFEST, "Authorization": f"Basic {self._basic()}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return str(answer.headers["Docker-Content-Digest"])
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 404:
                return None
            raise

    def _basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def _token(self, parameters: dict[str, Any]) -> dict[str, Any]:
        data = {
            "authorizationToken": self._basic(),
            "proxyEndpoint": f"http://{self.host}",
            "expiresAt": datetime(2030, 1, 1, tzinfo=UTC),
        }
        return {"authorizationData": [data]}

    def _describe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        name, (wanted,) = parameters["repositoryName"], parameters["imageIds"]
        digest = self.digest(name, wanted.get("imageTag") or wanted["imageDigest"])
        if digest is None:
            raise RefusalError("ImageNotFoundException", f"The image with imageId {json.dumps(wanted)} does not exist")
        return {"imageDetails": [{"repositoryName": name, "imageDigest": digest}]}


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """A registry whose images lie in the folder. Only Docker engines of this machine reach it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    registry = Registry(f"127.0.0.1:{port}")
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, port=port))
    hashed = bcrypt.hashpw(registry.password.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{registry.user}:{hashed}\n")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait(registry, process, folder / "log")
        yield registry
    finally:
        process.terminate()
        process.wait(10)


def _wait(registry: Registry, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            registry.digest("nothing", "latest")
        except urllib.error.URLError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the registry does not answer: {log.read_text()[-1000:]}")
