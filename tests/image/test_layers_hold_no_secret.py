"""No layer that we add, and nothing else of the image, keeps what a build is lent, or anything that looks secret."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from build import CA_VARIABLES, PROXY_VARIABLES

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")
# Kind -> parts one of which each has, which are found a hundred times faster, and how it looks.
SECRETS = {
    "a private key": ((b"PRIVATE KEY-----",), rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\n)?\s*[\w+/=]{40,}"),
    # AWS's own documents use ...EXAMPLE.
    "an AWS access key": ((b"AKIA", b"ASIA"), rb"\b(?:AKIA|ASIA)(?!\w*EXAMPLE)[A-Z0-9]{16}\b"),
    "a token of a code host": (
        (b"ghp_", b"gho_", b"ghs_", b"github_pat_", b"glpat-"),
        rb"\b(?:gh[pos]_\w{36}|github_pat_\w{50,}|glpat-[\w-]{20})",
    ),
    "a token of a package index": ((b"pypi-AgEI",), rb"\bpypi-AgEIcHlwaS5vcmc[\w-]{50,}"),
    "a password in an address": ((b"://",), rb"https?://[\w.%-]+:(?!password|pass|pwd|pw)[\w.%!-]{3,}@[\w-]+\.[\w.]+"),
}
# What packages show as examples in their own text, found by reading every hit.
EXAMPLES = re.compile(rb"example|user(name)?:|httpbin|localhost|auth:|myproxy|proxy\.com", re.IGNORECASE)


def secrets(content: bytes) -> list[str]:
    found = []
    for kind, (hints, pattern) in SECRETS.items():
        if any(hint in content for hint in hints):
            found += [kind for match in re.finditer(pattern, content) if not EXAMPLES.search(match[0])]
    return found


def files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@pytest.fixture(scope="module")
def contents(our_layers) -> dict[Path, bytes]:
    """Every file of every layer of ours, none left out for its size: 300 MB."""
    return {path: path.read_bytes() for path in files(our_layers)}


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


@pytest.fixture(scope="module")
def told(docker, image, inspected) -> str:
    """All that the image says of itself beside its files: configuration with variables and labels, and its history."""
    history = docker.run("history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", image).stdout
    text = json.dumps(inspected["Config"]) + json.dumps(inspected.get("ContainerConfig")) + history
    assert all(part in text for part in ("SAGEMAKER_TRAINING_MODULE", "accept-bind-to-port", "uv pip install"))
    return text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE" * 2),
        ("an AWS access key", 'aws_access_key_id = "AKIA' + "ABCDEFGHIJKLMNOP" + '"'),
        ("a token of a code host", "token: ghp_" + "a1B2" * 9),
        ("a token of a package index", "password = pypi-AgEIcHlwaS5vcmc" + "a1B2" * 20),
        ("a password in an address", "HTTP_PROXY=http://alice:s3cr3t-Word@proxy.corp.net:3128"),
    ],
)
def test_a_secret_that_lay_in_a_layer_would_be_found(tmp_path, kind, text):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / ".hidden").write_bytes(b"\0" * 3_000_000 + text.encode())
    (tmp_path / "harmless").write_text("AKIAIOSFODNN7EXAMPLE https://user:password@example.com")
    found = {path.name: secrets(path.read_bytes()) for path in files([tmp_path])}
    assert found == {".hidden": [kind], "harmless": []}


@pytest.mark.docker
def test_the_layers_read_are_all_of_ours_and_none_of_the_base_s(our_layers, inspected):
    assert any((folder / "opt/program/container/entrypoint.py").is_file() for folder in our_layers)
    assert any((folder / "opt/program/venv/bin/gunicorn").is_file() for folder in our_layers)
    assert not any((folder / "opt/venv/bin/pip").exists() for folder in our_layers)
    assert len(our_layers) < len(inspected["RootFS"]["Layers"])


@pytest.mark.docker
def test_no_layer_keeps_a_certificate_that_the_build_was_lent(contents, private_certificates):
    certificates = {path: set(CERTIFICATE.findall(content)) for path, content in contents.items()}
    assert any(certificates.values())  # public bundles are there, so what is looked for can be found
    assert [str(path) for path, found in certificates.items() if found & private_certificates] == []


@pytest.mark.docker
def test_no_file_of_a_layer_looks_like_a_secret(contents):
    assert len(contents) > 5000
    assert {str(path): found for path, content in contents.items() if (found := secrets(content))} == {}


@pytest.mark.docker
def test_variables_labels_and_history_hold_no_secret_and_nothing_of_this_machine_s_network(told):
    assert secrets(told.encode()) == []
    lent = [os.environ[name] for name in (*CA_VARIABLES, *PROXY_VARIABLES) if os.environ.get(name)]
    assert [value for value in lent if value in told] == []
