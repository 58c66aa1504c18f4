"""Known vulnerabilities of what the image installs: python docker/audit.py [--sbom FILE] [--database PATH].

Exit status 0: none but accepted ones. 1: vulnerable. 3: nobody could say, which is never taken for "none".
Needs the development environment (make setup-dev).
"""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from packageurl import PackageURL

from accepted import Accepted, acceptance, read_accepted
from advisories import AdvisoryError, Finding, read_snapshot
from ending import exit_status
from online_advisories import ask

REQUIREMENTS = Path(__file__).parent / "requirements.txt"
CLEAN, VULNERABLE, NOT_ASKED = 0, 1, 3  # 2 is argparse's, for a wrong option
EXAMPLES = """examples:
  python docker/audit.py
  python docker/audit.py --sbom build/sbom.json --database pypi-all.zip"""
Packages = list[tuple[str, str]]  # names and versions


def main(arguments: Sequence[str] | None = None, today: date | None = None) -> int:
    options = parse(arguments)
    try:
        packages = sbom_packages(options.sbom) if options.sbom else pinned_packages(options.requirements)
        accepted = read_accepted(options.accepted)
        found, unknown = look_up(options, packages)
    except AdvisoryError as error:
        print(f"NOT ASKED: {error}", file=sys.stderr)
        return NOT_ASKED
    open_findings = report(found, accepted, today or datetime.now(UTC).date())
    if not unknown:
        report_outdated(found, accepted)
    if open_findings:
        print(
            f"VULNERABLE: {open_findings} of {len(found)} known vulnerabilities in {len(packages)} packages are open."
        )
        return VULNERABLE
    if unknown:
        print(f"NOT ASKED: {len(unknown)} of {len(packages)} packages are unknown to it: {unknown[0]}", file=sys.stderr)
        print("Ask another service, or a downloaded database: docs/supply_chain.md.", file=sys.stderr)
        return NOT_ASKED
    print(f"CLEAN: {len(packages)} packages, {len(found)} known vulnerabilities, all accepted.")
    return CLEAN


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Report known vulnerabilities of what the image installs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--requirements", type=Path, default=REQUIREMENTS, help="lock file (default: the image's)")
    what.add_argument("--sbom", type=Path, help="instead: every Python package of a bill of materials, the base's too")
    whom = parser.add_mutually_exclusive_group()
    whom.add_argument("--service", choices=("pypi", "osv"), default="pypi", help="whom to ask (default: %(default)s)")
    whom.add_argument("--database", type=Path, help="instead: a downloaded copy in OSV's format, a zip or a folder")
    parser.add_argument("--max-age-days", type=int, default=30, help="of --database, or else it cannot say `clean`")
    parser.add_argument(
        "--accepted",
        type=Path,
        default=Path(__file__).parent / "accepted_vulnerabilities.toml",
        help="what is known and may stay, until when and why (default: docker/accepted_vulnerabilities.toml)",
    )
    return parser.parse_args(arguments)


def pinned_packages(path: Path) -> Packages:
    """Every pin, whatever its marker: one file is for several versions of Python."""
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(), re.MULTILINE)
    if not pins:
        raise AdvisoryError(f"{path} pins no package; give a lock file, with `name==version` in each line.")
    return list(dict.fromkeys(pins))


def sbom_packages(path: Path) -> Packages:
    """Python's packages of a bill of materials, without local labels: 2.13.0+cpu is looked up as 2.13.0."""
    try:
        components = json.loads(path.read_text())["components"]
    except (OSError, ValueError, KeyError) as error:
        raise AdvisoryError(f"{path} is no bill of materials; write one with `make sbom`.") from error
    purls = [PackageURL.from_string(each["purl"]) for each in components if "purl" in each]
    return sorted({(purl.name, str(purl.version).split("+")[0]) for purl in purls if purl.type == "pypi"})


def look_up(options: argparse.Namespace, packages: Packages) -> tuple[list[Finding], list[str]]:
    """What is known, and why it may not be all."""
    if options.database is None:
        print(f"Asking {options.service} about {len(packages)} packages; a minute or so", file=sys.stderr)
        return ask(options.service, packages)
    snapshot = read_snapshot(options.database, packages)
    age = (datetime.now(UTC) - snapshot.newest).days
    print(f"{options.database}: the newest advisory is of {snapshot.newest:%Y-%m-%d}, {age} days ago.")
    if age <= options.max_age_days:
        return snapshot.findings, []
    return snapshot.findings, [f"{options.database} is older than --max-age-days {options.max_age_days}"] * len(
        packages
    )


def report(found: list[Finding], accepted: list[Accepted], today: date) -> int:
    """Print a line for each finding; how many of them nothing excuses."""
    open_findings = 0
    for finding in found:
        entry = acceptance(finding, accepted)
        if entry is None:
            state = "OPEN"
        else:
            state = f"accepted until {entry.expires}" if today <= entry.expires else f"OPEN since {entry.expires}"
        open_findings += state.startswith("OPEN")
        aliases = f" ({', '.join(finding.aliases)})" if finding.aliases else ""
        fixed = ", ".join(finding.fixed_in) or "no release"
        print(f"{finding.package} {finding.version}: {finding.id}{aliases}, fixed in {fixed}: {state}")
    return open_findings


def report_outdated(found: list[Finding], accepted: list[Accepted]) -> None:
    for entry in accepted:
        if not any(entry.covers(finding) for finding in found):
            print(f"Accepted, and no longer found: {entry.id} of {entry.package}; take it out of the list.")


if __name__ == "__main__":
    sys.exit(exit_status(main, "Stopped; nothing is left running."))
