"""What is installed in an image, as JSON on standard output. Run inside it, by its own Python, from standard input:

    docker run --rm -i --entrypoint /opt/program/venv/bin/python IMAGE - < docker/inventory.py

Needs the standard library alone. `python`: packages by environment, the image's own first, then the base's, which is in
the image too though nothing of it but torch is used. `system`: the packages of the operating system.
"""

import json
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, distributions
from pathlib import Path

BASE_ENVIRONMENT = "/opt/venv"
LONGEST_LICENSE_NAME = 80  # characters; some packages put the whole text in that field
DPKG = ("dpkg-query", "--show", "--showformat", "${Package}\\t${Version}\\t${Architecture}\\t\\n")
RPM = ("rpm", "--query", "--all", "--queryformat", "%{NAME}\\t%{EVR}\\t%{ARCH}\\t%{LICENSE}\\n")


def package(dist: Distribution) -> dict[str, object]:
    requires = [re.match(r"[\w.-]+", text)[0] for text in dist.requires or [] if "extra ==" not in text]  # type: ignore[index]
    return {
        "name": dist.metadata["Name"],
        "version": dist.version,
        "licenses": licenses(dist),
        "summary": field(dist, "Summary"),
        "requires": sorted(set(requires)),
    }


def field(dist: Distribution, name: str) -> str:
    return dist.metadata[name].strip() if name in dist.metadata else ""


def licenses(dist: Distribution) -> list[str]:
    """What the package says of its licence, from the most exact field that it has."""
    for name in ("License-Expression", "License"):
        text = field(dist, name)
        if text and text != "UNKNOWN" and "\n" not in text and len(text) <= LONGEST_LICENSE_NAME:
            return [text]
    found = [text for text in dist.metadata.get_all("Classifier") or [] if text.startswith("License ::")]
    return sorted(text.split(" :: ")[-1] for text in found)


def python_packages() -> dict[str, list[dict[str, object]]]:
    found = {}
    for environment in (sys.prefix, BASE_ENVIRONMENT):
        paths = sysconfig.get_path("purelib", "venv", {"base": environment, "platbase": environment})
        dists = [package(dist) for dist in distributions(path=[paths])]
        found[environment] = sorted(dists, key=lambda each: str(each["name"]).lower())
    return found


def system_packages() -> dict[str, object]:
    """The kind (`deb`, `rpm`), the distribution, and name, version, architecture and licence of each package."""
    kind, command = ("deb", DPKG) if shutil.which(DPKG[0]) else ("rpm", RPM)
    output = ""
    if shutil.which(command[0]):
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    fields = ("name", "version", "architecture", "license")
    packages = [dict(zip(fields, line.split("\t"), strict=True)) for line in output.splitlines()]
    return {"kind": kind, **distribution(), "packages": sorted(packages, key=lambda each: each["name"])}


def distribution() -> dict[str, str]:
    """`id` and `version` of the operating system, as its os-release has them."""
    lines = Path("/etc/os-release").read_text().splitlines()
    values = dict(line.replace('"', "").split("=", 1) for line in lines if "=" in line)
    return {"id": values.get("ID", "linux"), "version": values.get("VERSION_ID", "")}


if __name__ == "__main__":
    inventory = {"python_version": platform.python_version(), "python": python_packages(), "system": system_packages()}
    json.dump(inventory, sys.stdout)
