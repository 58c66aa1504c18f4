"""Page of the Makefile's targets and variables, from the Makefile."""

import re
from pathlib import Path

from local_test.reference.markdown import code, plain, table
from local_test.reference.programs import PROJECT_DIR

MAKEFILE = PROJECT_DIR / "Makefile"
VARIABLE = re.compile(r"^([A-Z]+) \?= ?(.*)$")
TARGET = re.compile(r"^([a-z-]+):.*## (.*)$")
GROUP = re.compile(r"^## (.*)$")


def make_page(makefile: Path = MAKEFILE) -> str:
    lines = makefile.read_text().splitlines()
    variables = [match.groups() for line in lines if (match := VARIABLE.match(line))]
    text = (
        "# make targets\n\nBare `make` prints this list. Everything runs in `.venv`, which the first target makes. "
        "Variables are given on the line: `make train DATA=photos RUN=runs/photos`; what the commands "
        "behind the targets take besides: [commands](commands.md).\n\n"
        + table(("variable", "default"), [(code(name), code(value) if value else "") for name, value in variables])
    )
    text += "\n"
    rows: list[tuple[str, str]] = []
    for line in lines:
        if match := GROUP.match(line):
            text += _targets(rows) + f"\n## {plain(match[1])}\n\n"
            rows = []
        elif match := TARGET.match(line):
            rows.append((code(f"make {match[1]}"), plain(match[2])))
    return text + _targets(rows)


def _targets(rows: list[tuple[str, str]]) -> str:
    return table(("target", "what it does"), rows) if rows else ""
