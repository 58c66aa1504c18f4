"""docker/audit.py: vulnerable, clean and "could not be asked" are three answers."""

import io
import json
import subprocess
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

import online_advisories
from accepted import read_accepted
from advisories import AdvisoryError, is_affected
from audit import CLEAN, NOT_ASKED, VULNERABLE, main
from online_advisories import batches

TODAY = date(2026, 6, 1)
NOW = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
JSON_ADVISORY: dict[str, Any] = {
    "id": "GHSA-aaaa",
    "aliases": ["CVE-1"],
    "modified": NOW,
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Proto.Buf"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "4.25.8"}]}],
        }
    ],
}
YAML_ADVISORY = f"""
id: PYSEC-2
modified: "{NOW}"
affected:
- package: {{name: other, ecosystem: PyPI}}
  ranges:
  - type: GIT
    events:
    - introduced: "0"
  versions:
  - "1.0"
"""
ACCEPTED = """
[[accepted]]
package = "proto-buf"
id = "CVE-1"
reason = "nothing is parsed"
expires = 2026-06-30
"""


@pytest.fixture
def lock(tmp_path) -> Path:
    path = tmp_path / "lock.txt"
    path.write_text("# pins\nproto_buf==3.20.3\nother==2.0 ; python_version < '3.12'\n")
    return path


@pytest.fixture
def database(tmp_path) -> Path:
    """A zip as OSV exports it, with a file of the Python advisory database beside."""
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("GHSA-aaaa.json", json.dumps(JSON_ADVISORY))
        archive.writestr("advisory-database-main/vulns/other/PYSEC-2.yaml", YAML_ADVISORY)
        archive.writestr("README.md", "no advisory")
    return path


@pytest.fixture
def audit(lock, tmp_path, capsys):
    """`audit("--database", PATH, accepted=TOML)` -> exit status, all that was printed."""

    def run(*arguments: object, accepted: str = "", today: date = TODAY) -> tuple[int, str]:
        (tmp_path / "accepted.toml").write_text(accepted)
        given = [str(each) for each in arguments]
        what = [] if "--sbom" in given else ["--requirements", str(lock)]
        status = main([*given, *what, "--accepted", str(tmp_path / "accepted.toml")], today)
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    return run


def test_the_three_answers_are_three_statuses_and_none_is_a_wrong_option_s():
    assert CLEAN == 0
    assert len({CLEAN, VULNERABLE, NOT_ASKED, 2}) == 4


def test_a_vulnerable_pin_is_named_with_what_mends_it(audit, database):
    status, output = audit("--database", database)
    assert status == VULNERABLE
    assert "proto-buf 3.20.3: GHSA-aaaa (CVE-1), fixed in 4.25.8: OPEN" in output
    assert "VULNERABLE: 1 of 1 known vulnerabilities in 2 packages are open." in output


def test_an_accepted_one_is_told_and_does_not_fail(audit, database):
    status, output = audit("--database", database, accepted=ACCEPTED)
    assert status == CLEAN
    assert "GHSA-aaaa (CVE-1), fixed in 4.25.8: accepted until 2026-06-30" in output


def test_on_the_day_after_it_expires_it_is_open_again(audit, database):
    assert audit("--database", database, accepted=ACCEPTED, today=date(2026, 6, 30))[0] == CLEAN
    status, output = audit("--database", database, accepted=ACCEPTED, today=date(2026, 7, 1))
    assert status == VULNERABLE
    assert "OPEN since 2026-06-30" in output


def test_an_acceptance_that_is_no_longer_needed_is_named(audit, database, lock):
    lock.write_text("proto-buf==5.0\n")
    status, output = audit("--database", database, accepted=ACCEPTED)
    assert status == CLEAN
    assert "Accepted, and no longer found: CVE-1 of proto-buf; take it out of the list." in output


def test_an_acceptance_for_another_package_covers_nothing(audit, database):
    assert audit("--database", database, accepted=ACCEPTED.replace("proto-buf", "other"))[0] == VULNERABLE


def test_a_version_that_is_only_listed_is_found_in_a_folder_of_yaml(audit, lock, tmp_path):
    (tmp_path / "vulns" / "other").mkdir(parents=True)
    (tmp_path / "vulns" / "other" / "PYSEC-2.yaml").write_text(YAML_ADVISORY)
    assert audit("--database", tmp_path / "vulns")[0] == CLEAN
    lock.write_text("other==1.0\n")
    assert audit("--database", tmp_path / "vulns")[0] == VULNERABLE


def test_a_withdrawn_advisory_is_none(audit, lock, tmp_path):
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "a.json").write_text(json.dumps({**JSON_ADVISORY, "withdrawn": NOW}))
    assert audit("--database", tmp_path / "db")[0] == CLEAN


def test_an_old_database_can_say_vulnerable_but_not_clean(audit, lock, tmp_path):
    old = (datetime.now(UTC) - timedelta(days=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "a.json").write_text(json.dumps({**JSON_ADVISORY, "modified": old}))
    assert audit("--database", tmp_path / "db")[0] == VULNERABLE
    status, output = audit("--database", tmp_path / "db", accepted=ACCEPTED)
    assert status == NOT_ASKED
    assert "is older than --max-age-days 30" in output
    assert audit("--database", tmp_path / "db", "--max-age-days", 90, accepted=ACCEPTED)[0] == CLEAN


@pytest.mark.parametrize("content", [b"no zip", None])
def test_a_database_that_is_none_is_not_taken_for_clean(audit, tmp_path, content):
    path = tmp_path / "none.zip"
    if content:
        path.write_bytes(content)
    status, output = audit("--database", path)
    assert status == NOT_ASKED
    assert "download it again" in output


def test_a_zip_without_an_advisory_is_not_taken_for_clean(audit, tmp_path):
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    (tmp_path / "empty.zip").write_bytes(out.getvalue())
    status, output = audit("--database", tmp_path / "empty.zip")
    assert status == NOT_ASKED
    assert "holds no advisory" in output


def test_python_packages_of_a_bill_of_materials_are_looked_up_without_local_labels(audit, database, tmp_path):
    purls = ("pkg:pypi/proto-buf@3.20.3%2Bslim", "pkg:deb/debian/other@1.0")
    (tmp_path / "sbom.json").write_text(json.dumps({"components": [{"purl": purl} for purl in purls]}))
    status, output = audit("--sbom", tmp_path / "sbom.json", "--database", database)
    assert status == VULNERABLE
    assert "in 1 packages" in output
    assert audit("--sbom", tmp_path / "none.json", "--database", database)[0] == NOT_ASKED


def answered(output: str, stderr: str = "", status: int = 0):
    return lambda *_, **__: subprocess.CompletedProcess([], status, output, stderr)


def dependencies(*given: dict[str, Any]) -> str:
    return json.dumps({"dependencies": given, "fixes": []})


VULN = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["4.25.8"], "description": "x"}
OTHER = {"name": "other", "version": "2.0", "vulns": []}


@pytest.mark.parametrize(
    ("output", "stderr", "expected"),
    [
        pytest.param(dependencies({"name": "proto-buf", "version": "3.20.3", "vulns": []}, OTHER), "", CLEAN),
        pytest.param(dependencies({"name": "proto-buf", "version": "3.20.3", "vulns": [VULN]}, OTHER), "", VULNERABLE),
        pytest.param(
            dependencies({"name": "proto-buf", "skip_reason": "not found"}, OTHER), "No known", NOT_ASKED, id="skipped"
        ),
        pytest.param(dependencies(OTHER), "", NOT_ASKED, id="one is missing"),
        pytest.param("", "ConnectionError: no route\n", NOT_ASKED, id="no network"),
        pytest.param("{}", "", NOT_ASKED, id="no answer"),
    ],
)
def test_what_pip_audit_says_is_taken_at_its_word_only_for_what_it_looked_up(
    audit, monkeypatch, output, stderr, expected
):
    monkeypatch.setattr(online_advisories.subprocess, "run", answered(output, stderr))
    assert audit()[0] == expected


def test_without_a_network_pip_audit_itself_leads_to_not_asked(audit, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    status, output = audit("--service", "osv")
    assert status == NOT_ASKED
    assert "The advisories of osv could not be asked: " in output


def test_two_versions_of_one_package_are_asked_about_one_after_the_other():
    assert batches([("a", "1"), ("B_b", "1"), ("a", "2")]) == [{"a": "1", "b-b": "1"}, {"a": "2"}]


@pytest.mark.parametrize(
    ("version", "expected"), [("0.9", False), ("1.0", True), ("1.5", True), ("2.0", False), ("3.0", True), ("4", False)]
)
def test_a_range_may_open_and_close_more_than_once(version, expected):
    events = [{"introduced": "3.0"}, {"introduced": "1.0"}, {"fixed": "2.0"}, {"last_affected": "3.1"}]
    assert is_affected(Version(version), {"ranges": [{"type": "ECOSYSTEM", "events": events}]}) is expected


def test_the_list_of_accepted_ones_is_whole_and_of_packages_that_are_pinned():
    pinned = (Path(__file__).parents[2] / "docker" / "requirements.txt").read_text()
    for entry in read_accepted():
        assert f"{entry.package}==" in pinned
        assert len(entry.reason) > 80


@pytest.mark.parametrize(
    ("old", "new"),
    [('id = "CVE-1"', ""), ("2026-06-30", '"soon"'), ("[[accepted]]", "[[accepted]]\nnote = 1"), ("]", "")],
)
def test_an_entry_that_is_not_whole_is_not_taken_for_clean(audit, database, tmp_path, old, new):
    status, output = audit("--database", database, accepted=ACCEPTED.replace(old, new))
    assert status == NOT_ASKED
    assert "accepted.toml" in output
    with pytest.raises(AdvisoryError):
        read_accepted(tmp_path / "accepted.toml")
