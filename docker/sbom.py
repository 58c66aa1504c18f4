"""The image's bill of materials, in CycloneDX 1.6 JSON: python docker/sbom.py [--image NAME] [--output FILE].

Python's packages, those of our environment and of the base's, the interpreter, and the operating system's packages, as
the image itself lists them (docker/inventory.py). Needs the development environment (make setup-dev) and Docker.
"""

import argparse
import json
import re
import sys
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.contrib.this.builders import this_component
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType, Pedigree
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from base_image import DIGEST_LABEL, ID_LABEL, NAME_LABEL
from ending import exit_status
from engine import Docker, EngineError, find_docker
from link_torch import normalised

DOCKER_DIR = Path(__file__).parent
DEFAULT_IMAGE = "image-classifier:latest"
EXAMPLES = """examples:
  python docker/sbom.py
  python docker/sbom.py --image image-classifier:test --output sbom.json"""
OUR_PYTHON = "/opt/program/venv/bin/python"
ENVIRONMENT = "image-classifier:environment"  # the property that says in which of the image's environments a package is
PATCHED = re.compile(r"\+slim$")  # docker/slim_training_toolkit.py


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Write the image's bill of materials as CycloneDX JSON.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--image", default=DEFAULT_IMAGE, help="image to look into (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path("build/sbom.json"), help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        text = sbom(find_docker(), arguments.image)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 1
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(text)
    kinds = [str(each["purl"]).split("/")[0] for each in json.loads(text)["components"]]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    print(f"{arguments.output}: {counts}")
    return 0


def sbom(docker: Docker, image: str) -> str:
    """The document, valid by CycloneDX's own schema; the same image always has the same one. Raises EngineError."""
    inspected = docker.run("image", "inspect", image)
    if inspected.returncode != 0:
        raise EngineError(f"There is no image {image}; build it with `make build` (or `make build BASE=local`).")
    print(f"Asking {image} what is in it", file=sys.stderr)
    with (DOCKER_DIR / "inventory.py").open() as script:
        command = ("run", "--rm", "-i", "--network", "none", "--entrypoint", OUR_PYTHON, image, "-")
        listed = docker.run(*command, stdin=script)
    if listed.returncode != 0:
        raise EngineError(f"{image} cannot list what is in it: {listed.stderr.strip()[-300:]}")
    text = document(image, json.loads(inspected.stdout)[0], json.loads(listed.stdout))
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error
    return text


def document(image: str, inspected: dict[str, Any], inventory: dict[str, Any]) -> str:
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, inspected["Id"]))
    bom.metadata.timestamp = datetime.fromisoformat(re.sub(r"(\.\d+)?Z$", "+00:00", inspected["Created"]))
    bom.metadata.tools.components.add(this_component())
    bom.metadata.component = image_component(image, inspected)
    python = python_components(inventory["python"])
    interpreter = Component(
        type=ComponentType.PLATFORM,
        name="python",
        version=inventory["python_version"],
        purl=PackageURL("generic", name="python", version=inventory["python_version"]),
        bom_ref=f"pkg:generic/python@{inventory['python_version']}",
    )
    for component in (*python.values(), interpreter, *system_components(inventory["system"])):
        bom.components.add(component)
    bom.register_dependency(bom.metadata.component, bom.components)
    for environment in inventory["python"].values():
        register_requirements(bom, environment, python)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def image_component(image: str, inspected: dict[str, Any]) -> Component:
    """The image itself: its commit as version; its ID and its base as properties."""
    labels = inspected["Config"].get("Labels") or {}
    wanted = {name: value for name, value in labels.items() if name in (NAME_LABEL, DIGEST_LABEL, ID_LABEL)}
    properties = {"image-classifier:image-id": inspected["Id"], **wanted}
    return Component(
        type=ComponentType.CONTAINER,
        name=re.sub(r"(:[^/:]*|@.*)$", "", image),
        version=labels.get("org.opencontainers.image.revision", "unknown"),
        bom_ref=inspected["Id"],
        properties=[Property(name=name, value=value) for name, value in properties.items()],
    )


def python_components(environments: dict[str, list[dict[str, Any]]]) -> dict[str, Component]:
    """Component by purl; a package that two environments share, as torch is shared, is one of both."""
    found: dict[str, Component] = {}
    for environment, packages in environments.items():
        for package in packages:
            purl = python_purl(package)
            if purl.to_string() not in found:
                found[purl.to_string()] = component(package, purl, package["licenses"])
            found[purl.to_string()].properties.add(Property(name=ENVIRONMENT, value=environment))
    return found


def python_purl(package: dict[str, Any]) -> PackageURL:
    return PackageURL("pypi", name=normalised(package["name"]), version=package["version"])


def component(package: dict[str, Any], purl: PackageURL, licenses: list[str]) -> Component:
    made = Component(
        name=package["name"],
        version=package["version"],
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=[LicenseFactory().make_from_string(text) for text in licenses],
        description=package.get("summary") or None,
    )
    if PATCHED.search(package["version"]):
        version = PATCHED.sub("", package["version"])
        released = Component(name=package["name"], version=version, purl=PackageURL("pypi", None, purl.name, version))

        note = "As released, but for its metadata: scipy and gevent are extras instead of required, and not installed."
        made.pedigree = Pedigree(ancestors=[released], notes=note)
    return made


def system_components(system: dict[str, Any]) -> list[Component]:
    distro = f"{system['id']}-{system['version']}"
    found = []
    for package in system["packages"]:
        qualifiers = {"arch": package["architecture"], "distro": distro}
        version = package["version"]
        if system["kind"] == "rpm" and ":" in version:
            qualifiers["epoch"], version = version.split(":", 1)
        purl = PackageURL(system["kind"], system["id"], package["name"], version, qualifiers)
        found.append(component(package, purl, [package["license"]] if package["license"] else []))
    return found


def register_requirements(bom: Bom, packages: list[dict[str, Any]], components: dict[str, Component]) -> None:
    """Say what each package of an environment requires, as far as that is installed beside it."""
    by_name = {normalised(each["name"]): components[python_purl(each).to_string()] for each in packages}
    for package in packages:
        required = [by_name[normalised(name)] for name in package["requires"] if normalised(name) in by_name]
        bom.register_dependency(by_name[normalised(package["name"])], required)


if __name__ == "__main__":
    sys.exit(exit_status(main, "Stopped; nothing was written."))
