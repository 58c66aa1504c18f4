"""Vulnerabilities that the image is known to have: each with a reason, and only until a day."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from advisories import AdvisoryError, Finding
from link_torch import normalised

FILE = Path(__file__).parent / "accepted_vulnerabilities.toml"
FIELDS = {"package": str, "id": str, "reason": str, "expires": date}


@dataclass(frozen=True)
class Accepted:
    package: str
    id: str
    reason: str
    expires: date

    def covers(self, finding: Finding) -> bool:
        return normalised(self.package) == finding.package and self.id in finding.ids


def read_accepted(path: Path = FILE) -> list[Accepted]:
    """The file's entries. Raises AdvisoryError for one that lacks a field, or has another kind of value in it."""
    try:
        entries = tomllib.loads(path.read_text()).get("accepted", [])
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise AdvisoryError(f"{path.name}, the list of accepted vulnerabilities, cannot be read: {error}") from error
    for entry in entries:
        wrong = [name for name, kind in FIELDS.items() if type(entry.get(name)) is not kind or not entry[name]]
        wrong += sorted(set(entry) - set(FIELDS))
        if wrong:
            raise AdvisoryError(
                f"{path.name}: the entry {entry.get('id', '?')} is wrong in {', '.join(wrong)}; each has package, id "
                "and reason as text, and expires as a date."
            )
    return [Accepted(**entry) for entry in entries]


def acceptance(finding: Finding, accepted: Iterable[Accepted]) -> Accepted | None:
    """The entry that covers it; of several the one that expires last."""
    return max((each for each in accepted if each.covers(finding)), key=lambda each: each.expires, default=None)
