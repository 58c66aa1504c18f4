"""The committed reference is that of the code, and has all of it."""

import re
from pathlib import Path

import pytest

from container.hyperparameters import Hyperparameters
from container.schema import describe
from deploy import prices
from deploy.cli import COMMANDS
from local_test.reference.make_page import make_page
from local_test.reference.pages import DOCS_DIR, pages
from local_test.reference.price_table import with_prices
from tests.job_folder import PROJECT_DIR


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return pages()


def test_the_committed_pages_are_those_of_the_code(made: dict[Path, str]) -> None:
    old = [path.relative_to(DOCS_DIR) for path, text in made.items() if path.read_text() != text]
    assert old == [], "run: python -m local_test.reference"


def test_no_page_of_the_reference_is_made_by_hand(made: dict[Path, str]) -> None:
    assert set((DOCS_DIR / "reference").glob("*")) == {path for path in made if path.parent.name == "reference"}


def test_no_page_depends_on_the_machine_that_made_it(made: dict[Path, str]) -> None:
    assert [path for path, text in made.items() if str(PROJECT_DIR) in text or str(Path.home()) + "/" in text] == []
    commands = made[DOCS_DIR / "reference" / "commands.md"]
    assert "| `--parallel PARALLEL` |  | trials at a time (default: one per core" in commands


def test_every_command_of_deploy_and_every_target_of_make_has_its_line(made: dict[Path, str]) -> None:
    commands, targets = (made[DOCS_DIR / "reference" / name] for name in ("commands.md", "make.md"))
    assert all(f"### python -m deploy {name}\n" in commands for name in COMMANDS)
    documented = re.findall(r"^([a-z-]+):.*##", (PROJECT_DIR / "Makefile").read_text(), re.MULTILINE)
    assert all(f"| `make {name}` |" in targets for name in documented)


def test_every_hyperparameter_has_its_line(made: dict[Path, str]) -> None:
    page = made[DOCS_DIR / "reference" / "hyperparameters.md"]
    assert all(f"| `{row['name']}` |" in page for row in describe(Hyperparameters))


def test_targets_stand_under_their_heading(tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    makefile.write_text("RUN ?= runs/local\n\nhelp: ## list them\n\n## Start\nrun: x ## run a|b\n\techo ## no target\n")
    page = make_page(makefile)
    assert "| `RUN` | `runs/local` |" in page
    assert page.endswith("| `make help` | list them |\n\n## Start\n\n" + page[-len(page.split("## Start\n\n")[1]) :])
    assert page.split("## Start\n\n")[1].splitlines()[2:] == ["| `make run` | run a\\|b |"]


def test_prices_stand_between_their_marks_and_nothing_else_changes() -> None:
    begin, end = "<!-- prices: python -m local_test.reference -->", "<!-- end of prices -->"
    page = with_prices(f"before\n{begin}\nold\n{end}\nafter\n")
    assert page.startswith(f"before\n{begin}\n")
    assert page.endswith(f"{end}\nafter\n")
    assert "old" not in page
    assert all(f"| `{name}` | {price:.3f} |" in page for name, price in prices.table()["instance_hour"].items())
