"""A command of the project, run from a cell: what it is, those of its lines that tell the story, the rest in a file."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from container.errors import UserError

STOP_SECONDS = 30  # for a command to end by itself after Ctrl-C: a job writes its checkpoint
LAST_LINES = 12  # of a command that failed, in the error
WIDTH = 100  # characters of a printed line


class CommandError(UserError):
    """A command has failed; the message has its last lines."""


def run(module: str, *arguments: object, show: Callable[[str], str], log: Path) -> None:
    """`python -m module arguments`: prints the command and what `show` makes of each of its lines, nothing for "".

    Everything it printed is in `log`. Raises CommandError if it fails. Ctrl-C ends the command too.
    """
    words = [str(argument) for argument in arguments]
    print(wrapped(["python", "-m", module, *words]), flush=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        with log.open("w") as file:
            for line in process.stdout or ():
                file.write(line)
                if text := show(line.rstrip()):
                    print(text, flush=True)
        status = process.wait()
    finally:
        end(process)
    if status:
        last = "\n".join(log.read_text().splitlines()[-LAST_LINES:])
        raise CommandError(f"python -m {module} ended with status {status}. Its last lines ({log} has all):\n{last}")


def end(process: subprocess.Popen[str]) -> None:
    """Wait for a command that Ctrl-C has reached as well, as Jupyter sends it to the whole group; else send it."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
    finally:
        if process.stdout:
            process.stdout.close()


def wrapped(words: list[str]) -> str:
    """The command as it is typed into a shell, in lines that can be read."""
    lines = ["$"]
    for part in shlex.join(words).replace(" -p ", "\n-p ").replace(" --", "\n--").split("\n"):
        if len(lines[-1]) + len(part) < WIDTH:
            lines[-1] += f" {part}"
        else:
            lines.append(f"    {part}")
    return " \\\n".join(lines)
