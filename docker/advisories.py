"""Known vulnerabilities of packages, from a downloaded copy of a database in OSV's format: no network is needed.

Source of the format and of the rule for versions: https://ossf.github.io/osv-schema/.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from packaging.version import InvalidVersion, Version

from link_torch import normalised

SUFFIXES = (".json", ".yaml")  # OSV's own export is JSON, the Python advisory database is YAML
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # that of libyaml, where it is there, is ten times faster
NAME = re.compile(r"""["']?\bname["']?:\s*["']?([\w.-]+)""")
MODIFIED = re.compile(r"""["']?\bmodified["']?:\s*["']?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)""")


class AdvisoryError(Exception):
    """Nobody could say whether the packages are vulnerable; one sentence says why, and what to do."""


@dataclass(frozen=True, order=True)
class Finding:
    """A vulnerability of one installed version."""

    package: str
    version: str
    id: str
    aliases: tuple[str, ...]
    fixed_in: tuple[str, ...]

    @property
    def ids(self) -> set[str]:
        return {self.id, *self.aliases}


@dataclass(frozen=True)
class Snapshot:
    """What a copy says of some packages, and the last moment that it knows of."""

    findings: list[Finding]
    newest: datetime


def read_snapshot(path: Path, packages: Iterable[tuple[str, str]]) -> Snapshot:
    """Look up packages, each a name and a version, in a zip file or a folder. Raises AdvisoryError."""
    versions: dict[str, set[str]] = {}
    for name, version in packages:
        versions.setdefault(normalised(name), set()).add(version)
    newest = ""
    found: set[Finding] = set()
    for text, is_json in texts(path):
        newest = max([newest, *MODIFIED.findall(text)])
        if any(normalised(name) in versions for name in NAME.findall(text)):  # parsing all of them takes minutes
            advisory = json.loads(text) if is_json else yaml.load(text, Loader=LOADER)  # noqa: S506  safe: see LOADER
            found.update(findings(advisory, versions))
    if not newest:
        raise AdvisoryError(f"{path} holds no advisory in OSV's format; docs/supply_chain.md says where to get them.")
    return Snapshot(sorted(found), datetime.fromisoformat(newest).replace(tzinfo=UTC))


def texts(path: Path) -> Iterator[tuple[str, bool]]:
    """The text of each advisory, and whether it is JSON. Raises AdvisoryError."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in SUFFIXES:
                yield file.read_text(encoding="utf-8"), file.suffix == ".json"
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(SUFFIXES):
                    yield archive.read(name).decode(), name.endswith(".json")
    except (OSError, zipfile.BadZipFile) as error:
        raise AdvisoryError(f"{path} cannot be read as a folder or a zip file ({error}); download it again.") from error


def findings(advisory: dict[str, Any], versions: dict[str, set[str]]) -> Iterator[Finding]:
    """What one advisory says of the given versions by package; nothing if it has been withdrawn."""
    if advisory.get("withdrawn"):
        return
    for affected in advisory.get("affected", []):
        package = affected.get("package", {})
        name = normalised(package.get("name", ""))
        if package.get("ecosystem") != "PyPI":
            continue
        for version in versions.get(name, ()):
            if is_affected(Version(version), affected):
                aliases = tuple(sorted(advisory.get("aliases", [])))
                yield Finding(name, version, advisory["id"], aliases, tuple(fixed_versions(affected)))


def is_affected(version: Version, affected: dict[str, Any]) -> bool:
    """Whether a version is listed or lies in a range. A range that cannot be read is taken to hold it."""
    if any(parsed(text) == version for text in affected.get("versions", [])):
        return True
    ranges = (each["events"] for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM")
    return any(in_range(version, events) for events in ranges)


def in_range(version: Version, events: list[dict[str, str]]) -> bool:
    changes = [(parsed(text), kind) for event in events for kind, text in event.items()]
    if any(at is None for at, _ in changes):
        return True
    inside = False
    for at, kind in sorted(changes, key=lambda change: change[0]):  # type: ignore[arg-type, return-value]
        if kind == "introduced" and version >= at:  # type: ignore[operator]
            inside = True
        elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):  # type: ignore[operator]
            inside = False
    return inside


def parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def fixed_versions(affected: dict[str, Any]) -> list[str]:
    events = [event for each in affected.get("ranges", []) if each["type"] == "ECOSYSTEM" for event in each["events"]]
    return sorted(
        {event["fixed"] for event in events if "fixed" in event}, key=lambda text: parsed(text) or Version("0")
    )
