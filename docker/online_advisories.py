"""Known vulnerabilities of packages, asked of PyPI or OSV by pip-audit."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advisories import AdvisoryError, Finding
from link_torch import normalised

OPTIONS = ("--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off")


def ask(service: str, packages: Iterable[tuple[str, str]]) -> tuple[list[Finding], list[str]]:
    """What the service, `pypi` or `osv`, knows, and why it could not be asked about some. Raises AdvisoryError."""
    found, unknown = set(), []
    for batch in batches(packages):
        for dependency in run_pip_audit(service, batch):
            # Its own exit status would be 0 for these: "no known vulnerabilities" of packages that nobody looked up.
            if "skip_reason" in dependency:
                unknown.append(dependency["skip_reason"])
            else:
                found.update(findings(dependency))
    return sorted(found), unknown


def batches(packages: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Version by package, in as many parts as one package has versions: pip-audit takes one of each."""
    parts: list[dict[str, str]] = []
    for name, version in packages:
        part = next((each for each in parts if normalised(name) not in each), None)
        if part is None:
            part = {}
            parts.append(part)
        part[normalised(name)] = version
    return parts


def run_pip_audit(service: str, versions: dict[str, str]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("".join(f"{name}=={version}\n" for name, version in versions.items()))
        command = [sys.executable, "-m", "pip_audit", "-r", str(requirements), *OPTIONS, "-s", service]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        dependencies: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError) as error:
        reason = (done.stderr.strip().splitlines() or ["pip-audit gave no reason"])[-1]
        raise AdvisoryError(f"The advisories of {service} could not be asked: {reason}") from error
    if {normalised(each["name"]) for each in dependencies} != set(versions):
        raise AdvisoryError(
            f"{service} was asked, and pip-audit answered for other packages than those it was given; run it again."
        )
    return dependencies


def findings(dependency: dict[str, Any]) -> list[Finding]:
    return [
        Finding(
            normalised(dependency["name"]),
            dependency["version"],
            each["id"],
            tuple(sorted(each["aliases"])),
            tuple(each["fix_versions"]),
        )
        for each in dependency["vulns"]
    ]
