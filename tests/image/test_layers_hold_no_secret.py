"""No layer that we add keeps the certificates that a build is lent."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from build import CA_VARIABLES
from standin_base import build_standin

pytestmark = pytest.mark.docker

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
LARGEST_BUNDLE = 2_000_000  # bytes


@pytest.fixture(scope="module")
def our_layers(docker, inspected) -> list[Path]:
    """The folders of the layers above the base, in the engine's own storage.

    `docker save` would do for any user, but takes a minute or two and 7 GB of disk, mostly for the base's torch.
    """
    base = json.loads(docker.run("image", "inspect", build_standin(docker, [])).stdout)[0]
    num_ours = len(inspected["RootFS"]["Layers"]) - len(base["RootFS"]["Layers"])
    data = inspected.get("GraphDriver", {}).get("Data") or {}
    folders = [Path(text) for text in [data.get("UpperDir", ""), *data.get("LowerDir", "").split(":")]][:num_ours]
    overlay = inspected.get("GraphDriver", {}).get("Name") == "overlay2"
    if not overlay or not all(os.access(folder, os.R_OK) for folder in folders):
        pytest.skip("the engine's layers are not readable here; run as root beside an engine with overlay2 storage")
    return folders


@pytest.fixture(scope="module")
def private_certificates(docker, image) -> set[bytes]:
    """Certificates that this machine trusts and no public bundle has: those of a network that re-signs HTTPS."""
    lent = [Path(os.environ[name]) for name in CA_VARIABLES if os.environ.get(name)]
    mine = {each for path in lent if path.is_file() for each in CERTIFICATE.findall(path.read_bytes())}
    show_public = "cat /etc/ssl/certs/*.crt; find / -xdev -name cacert.pem -exec cat {} +"
    public = docker.run("run", "--rm", image, "sh", "-c", show_public)
    private = mine - set(CERTIFICATE.findall(public.stdout.encode()))
    if not private:
        pytest.skip("this machine's builds are lent no certificates")
    return private


def small_files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < LARGEST_BUNDLE:
                yield path


def test_the_layers_read_are_ours(our_layers):
    assert any((folder / "opt/program/container/entrypoint.py").is_file() for folder in our_layers)
    assert any((folder / "opt/program/venv/bin/gunicorn").is_file() for folder in our_layers)
    assert not any((folder / "opt/venv/bin/pip").exists() for folder in our_layers)  # the base's


def test_no_layer_keeps_a_certificate_that_the_build_was_lent(our_layers, private_certificates):
    certificates = {path: set(CERTIFICATE.findall(path.read_bytes())) for path in small_files(our_layers)}
    assert any(certificates.values())  # public bundles are there, so what is looked for can be found
    assert [str(path) for path, found in certificates.items() if found & private_certificates] == []


def test_no_secret_installer_or_download_is_left_behind(our_layers):
    leftovers = ("run/secrets/ca", "installer/bin", "build/requirements.txt", "root/.cache", "tmp/.cache")
    assert [name for folder in our_layers for name in leftovers if (folder / name).exists()] == []
    assert [str(path) for folder in our_layers for path in (folder / "tmp").glob("*")] == []


def test_the_image_s_history_does_not_say_where_certificates_were(docker, image):
    history = docker.run("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert "container.entrypoint" in history
    paths = [os.environ[name] for name in CA_VARIABLES if os.environ.get(name)]
    assert [path for path in paths if path in history] == []
