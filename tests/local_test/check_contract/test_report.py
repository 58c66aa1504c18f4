import json
from pathlib import Path

from local_test.check_contract.report import listing, summary, table, write_json
from local_test.check_contract.row import Mode, Outcome, Row, Status, passed
from local_test.check_contract.runner import Result


def result(row_id: str, mode: Mode, status: Status, seen: str) -> Result:
    row = Row(row_id, mode, True, "GET /ping is 200.", "a page", lambda _: passed(""))
    return Result(row, Outcome(status, seen), 0.25)


RESULTS = [
    result("platform", Mode.IMAGE, Status.PASSED, "linux/amd64"),
    result("ping", Mode.HOSTING, Status.FAILED, "GET /ping: 500 in 3 ms"),
    result("pull", Mode.HOSTING, Status.NOT_APPLICABLE, "only on AWS: ECR"),
]


def test_the_table_has_a_line_per_row_and_the_demand_where_it_was_not_met() -> None:
    assert table(RESULTS) == (
        "\nimage\n"
        "  pass  platform  linux/amd64\n"
        "\nhosting\n"
        "  FAIL  ping      GET /ping: 500 in 3 ms\n"
        "                  demanded: GET /ping is 200. (a page)\n"
        "  n/a   pull      only on AWS: ECR"
    )


def test_the_summary_names_what_breaks_the_contract() -> None:
    assert summary("image:1", RESULTS) == "image:1 breaks the contract: ping. (1 pass, 1 FAIL, 1 n/a)"
    assert summary("image:1", RESULTS[:1]) == "image:1 keeps the contract, as far as it was checked. (1 pass)"


def test_the_json_file_has_what_the_table_has(tmp_path: Path) -> None:
    write_json(tmp_path / "results.json", "image:1", "sha256:1", RESULTS)
    content = json.loads((tmp_path / "results.json").read_text())
    assert (content["image"], content["image_id"], content["keeps_the_contract"]) == ("image:1", "sha256:1", False)
    assert [(row["id"], row["status"]) for row in content["rows"]] == [
        ("platform", "pass"),
        ("ping", "fail"),
        ("pull", "not applicable"),
    ]
    assert content["rows"][1]["seen"] == "GET /ping: 500 in 3 ms"
    assert list(tmp_path.iterdir()) == [tmp_path / "results.json"]


def test_the_listing_tells_level_and_demand() -> None:
    lines = listing(result.row for result in RESULTS).splitlines()
    assert lines[0] == "image"
    assert lines[1].split(maxsplit=2) == ["platform", "required", "GET /ping is 200."]
