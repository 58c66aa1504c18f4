"""A server whose /tmp is full and that has no shared memory.

In a mount namespace of its own, /tmp is 64 KiB, all of them taken, and /dev/shm cannot be written; the machine's own
stay as they are. The model is seen through /mnt, as it may lie below the /tmp that is hidden.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from bench.loops import PROJECT_DIR
from bench.record import Record
from bench.reliability.callers import Outcome, Request, ask, failed
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground, MissingToolError
from bench.reliability.inputs import large_requests
from bench.reliability.server_log import LogMark
from bench.servers import RunningServer, running
from bench.sides import Side
from container import contract

NAME = "full /tmp"
NUM_REQUESTS = 20
START_SECONDS = 30
MODEL_MOUNT = "/mnt"
FILL = """
set -e
mount --bind "$1" /mnt; shift
mount -t tmpfs -o size=64k tmpfs /tmp
head -c 1000000 /dev/zero >/tmp/full 2>/dev/null || true
mount -t tmpfs -o size=4k,ro tmpfs /dev/shm
exec "$@"
"""


def measure(ground: Ground) -> list[Record]:
    """Raises MissingToolError where a process may not have mounts of its own."""
    side = with_full_tmp(ground.side(NAME), ground.base_dir)
    with running(side, ground.photo) as server:
        return full_tmp(server, ground, LogMark(side.log_path, 0))


def full_tmp(server: RunningServer, ground: Ground, mark: LogMark) -> list[Record]:
    """The figures of a running server."""
    small = [ask(server.url, Request(body=ground.photo)) for _ in range(NUM_REQUESTS)]
    large: list[Outcome] = [ask(server.url, request) for request in large_requests()]
    return [
        at_most(NAME, "start to ready", "s", server.ready_seconds, START_SECONDS),
        without_goal(NAME, "bytes free in /tmp", "B", _free_bytes(server.pid)),
        at_least(NAME, f"photos answered, of {NUM_REQUESTS}", "", len(small) - len(failed(small)), NUM_REQUESTS),
        at_least(
            NAME,
            f"bodies of 25 MB answered as they deserve, of {len(large)}",
            "",
            len(large) - len(failed(large)),
            len(large),
        ),
        at_most(NAME, "errors and answers of 500 in the log", "lines", len(mark.failures()), 0),
    ]


def with_full_tmp(side: Side, base_dir: Path) -> Side:
    """The same server with mounts of its own. Raises MissingToolError where that cannot be."""
    hidden = [path for path in (PROJECT_DIR, Path(sys.executable)) if path.is_relative_to("/tmp")]  # noqa: S108
    if hidden:
        raise MissingToolError(f"{hidden[0]} lies in /tmp, which this scenario hides; move the project elsewhere.")
    command = [*_own_mounts(), "sh", "-c", FILL, "sh", str(base_dir), *side.command]
    return replace(side, command=command, variables={**side.variables, contract.BASE_DIR_VARIABLE: MODEL_MOUNT})


def _own_mounts() -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = ["unshare", *as_root, "--mount"]
    try:
        probe = ["sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        subprocess.run([*command, *probe], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingToolError(
            "Processes may not have mounts of their own here; run as root on Linux, or allow user namespaces."
        ) from error
    return command


def _free_bytes(pid: int) -> int:
    """In the /tmp that the server sees."""
    seen = os.statvfs(f"/proc/{pid}/root/tmp")
    return seen.f_bavail * seen.f_frsize
