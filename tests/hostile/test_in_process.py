"""Twenty thousand hostile bodies, straight into the code that reads them."""

import json
import subprocess
import sys
from pathlib import Path

PROJECT_DIR = Path(__file__).parents[2]
COUNT = 20_000


def test_no_body_of_twenty_thousand_breaks_what_reads_it(tmp_path: Path) -> None:
    """Nothing but an image or a refusal with its status; none takes 5 s of a core or adds 900 MiB to the process."""
    report = tmp_path / "outcomes.json"
    options = ["--seed", "1", "--count", str(COUNT), "--jobs", "2", "--json", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile", *options], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = json.loads(report.read_text())
    assert len(outcomes) > COUNT
    assert [outcome["problem"] for outcome in outcomes if outcome["problem"]] == []
    counts = {status: sum(outcome["status"] == status for outcome in outcomes) for status in (200, 400, 413, 415, 422)}
    assert sum(counts.values()) == len(outcomes)
    assert min(counts.values()) > 50, counts  # the bodies reach all kinds of answers, and many are read after all
