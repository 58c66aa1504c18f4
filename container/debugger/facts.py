"""What the rules' advice needs to know of a job: written by its training process, read by the judge."""

import dataclasses
import json
from pathlib import Path

from container.debugger.profiler_rules.job import JobFacts
from container.whole_file import whole_file

FILE = "job.json"


def write_facts(folder: Path, facts: JobFacts) -> None:
    """Write job.json, whole or not at all."""
    with whole_file(folder / FILE) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(facts), indent=2) + "\n")


def read_facts(folder: Path) -> JobFacts:
    """The job's facts; the defaults if it has not got as far as writing them."""
    try:
        return JobFacts(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return JobFacts()
