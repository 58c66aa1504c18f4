"""docker/sbom.py: a CycloneDX document that names all that is in the image."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from link_torch import normalised
from sbom import document

PROJECT_DIR = Path(__file__).parents[2]
INSPECTED = {"Id": "sha256:" + "0" * 64, "Created": "2026-01-02T03:04:05.678901234Z", "Config": {"Labels": None}}
TORCH = {"name": "torch", "version": "2.13.0+cpu", "licenses": ["BSD-3-Clause"], "requires": ["Typing.Extensions"]}
TYPING = {"name": "typing_extensions", "version": "4.1", "licenses": [], "requires": ["absent"]}
RPM = {"name": "bash", "version": "1:5.2.15-1.amzn2023", "architecture": "x86_64", "license": "GPLv3+"}


def small_document() -> dict[str, Any]:
    inventory = {
        "python_version": "3.12.1",
        "python": {"/opt/program/venv": [TORCH, TYPING], "/opt/venv": [TORCH]},
        "system": {"kind": "rpm", "id": "amzn", "version": "2023", "packages": [RPM]},
    }
    text = document("registry:5000/image:tag", INSPECTED, inventory)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert text == document("registry:5000/image:tag", INSPECTED, inventory)
    return json.loads(text)


def test_a_package_of_two_environments_is_one_component_of_both():
    (torch,) = (each for each in small_document()["components"] if each["name"] == "torch")
    assert torch["purl"] == "pkg:pypi/torch@2.13.0%2Bcpu"
    assert torch["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]
    assert [each["value"] for each in torch["properties"]] == ["/opt/program/venv", "/opt/venv"]


def test_requirements_are_given_as_far_as_they_are_installed():
    needs = {each["ref"]: each.get("dependsOn", []) for each in small_document()["dependencies"]}
    assert needs["pkg:pypi/torch@2.13.0%2Bcpu"] == ["pkg:pypi/typing-extensions@4.1"]
    assert needs["pkg:pypi/typing-extensions@4.1"] == []


def test_amazon_linux_s_packages_have_their_epoch_apart():
    (bash,) = (each for each in small_document()["components"] if each["name"] == "bash")
    assert bash["purl"] == "pkg:rpm/amzn/bash@5.2.15-1.amzn2023?arch=x86_64&distro=amzn-2023&epoch=1"


def test_the_image_is_named_without_its_tag():
    image = small_document()["metadata"]["component"]
    assert (image["name"], image["type"]) == ("registry:5000/image", "container")


@pytest.fixture(scope="module")
def written(image: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `make sbom` writes for the image."""
    path = tmp_path_factory.mktemp("sbom") / "deep" / "sbom.json"
    command = [sys.executable, str(PROJECT_DIR / "docker" / "sbom.py"), "--image", image, "--output", str(path)]
    subprocess.run(command, check=True)
    return path.read_text()


@pytest.mark.docker
def test_it_is_valid_by_cyclonedx_s_schema(written):
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written) is None


@pytest.mark.docker
def test_all_that_pip_list_shows_is_in_it_with_its_version_and_purl(written, run_image):
    listed = json.loads(run_image("pip", "list", "--format", "json").stdout)
    components = {each["purl"]: each for each in json.loads(written)["components"]}
    assert len(listed) > 60
    for package in listed:
        purl = f"pkg:pypi/{normalised(package['name'])}@{package['version'].replace('+', '%2B')}"
        assert components[purl]["version"] == package["version"]


@pytest.mark.docker
def test_most_packages_have_a_licence(written):
    python = [each for each in json.loads(written)["components"] if each["purl"].startswith("pkg:pypi/")]
    without = [each["name"] for each in python if not each.get("licenses")]
    assert len(without) <= len(python) / 10, without  # cuda-toolkit and a few more say nothing that is short


@pytest.mark.docker
def test_the_base_and_the_operating_system_are_in_it(written):
    found = json.loads(written)
    purls = [each["purl"] for each in found["components"]]
    assert "pkg:pypi/protobuf@6.33.6" in purls  # the base's, which is there though nothing uses it
    assert "pkg:pypi/protobuf@3.20.3" in purls
    assert any(purl.startswith("pkg:deb/debian/bash@") for purl in purls)
    assert any(purl.startswith("pkg:generic/python@3.") for purl in purls)
    image = found["metadata"]["component"]
    assert "org.opencontainers.image.base.name" in {each["name"] for each in image["properties"]}


@pytest.mark.docker
def test_what_differs_from_the_release_says_of_which_and_how(written):
    (toolkit,) = (each for each in json.loads(written)["components"] if each["name"] == "sagemaker_training")
    assert toolkit["pedigree"]["ancestors"][0]["purl"] == "pkg:pypi/sagemaker-training@4.9.0"
    assert "scipy and gevent" in toolkit["pedigree"]["notes"]


@pytest.mark.docker
def test_an_image_that_is_not_there_ends_in_a_sentence():
    command = [sys.executable, str(PROJECT_DIR / "docker" / "sbom.py"), "--image", "no-such-image:at-all"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("There is no image no-such-image:at-all; build it with")
