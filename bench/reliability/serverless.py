"""The image as a serverless endpoint runs it: read-only root, only /tmp, no /dev/shm, no rights, little memory.

Processor time is given as AWS Lambda gives it, in proportion to the memory; SageMaker publishes no figure of its own.
"""

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from bench.errors import BenchError
from bench.record import Record
from bench.reliability.callers import Request, ask, calling, failed
from bench.reliability.goals import at_least, at_most, without_goal
from bench.reliability.ground import Ground, MissingToolError
from bench.reliability.inputs import good_requests
from bench.servers import RunningServer, running
from bench.sides import Side
from container import contract
from container.cores import available_cores
from local_test.image import EngineError, docker, require_image

NAME = "serverless"
CALLERS = 4
READY_SECONDS = (
    180  # in which /ping must answer. Source: the developer guide, "Deploy models with Serverless Inference"
)
FIRST_ANSWER_SECONDS = 60  # after that: the time-out of an invocation
MOST_BODY_BYTES = 4 * 2**20  # of a serverless endpoint's request
MIB_PER_CORE = 1769  # of AWS Lambda. Source: its guide, "Configure Lambda function memory"
PEAK_FILES = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")  # of cgroup 2 and 1


def measure(ground: Ground) -> list[Record]:
    """Raises MissingToolError where there is no Docker engine or no image."""
    try:
        require_image(ground.image)
    except EngineError as error:
        raise MissingToolError(str(error).replace(", or add --no-docker", "")) from error
    records = []
    for gib in ground.plan.memory_gib:
        with container_side(ground, gib) as (side, name), running(side, ground.photo) as server:
            records += serverless(server, ground, name, gib)
    return records


def serverless(server: RunningServer, ground: Ground, name: str, gib: int) -> list[Record]:
    """The figures of a running container of that name with so much memory."""
    small = [request for request in good_requests() if len(request.body) <= MOST_BODY_BYTES]
    with calling(server.url, small, CALLERS) as callers:
        largest = Request(body=ground.photo + bytes(MOST_BODY_BYTES - len(ground.photo)))  # JPEGs may have a tail
        outcomes = [ask(server.url, largest) for _ in range(5)]
    outcomes += callers.outcomes
    of = f"{NAME}, {gib} GiB"
    state = json.loads(_docker("inspect", name))[0]["State"]
    after_ready = server.first_answer_seconds - server.ready_seconds
    return [
        without_goal(of, "cores", "", float(cores(gib))),
        at_most(of, "start to /ping 200", "s", server.ready_seconds, READY_SECONDS),
        at_most(of, "from there to the first prediction", "s", after_ready, FIRST_ANSWER_SECONDS),
        without_goal(of, "requests of all kinds, up to 4 MB", "requests", len(outcomes)),
        at_most(of, "of them failed", "requests", len(failed(outcomes)), 0),
        at_most(of, "peak memory of the container", "MiB", peak_mib(name), gib * 1024),
        at_least(of, "alive at the end", "", float(state["Running"] and not state["OOMKilled"]), 1),
    ]


@contextmanager
def container_side(ground: Ground, gib: int) -> Iterator[tuple[Side, str]]:
    """The image's server as a command, and its container's name; the container is removed afterwards."""
    name = f"serverless-{uuid.uuid4().hex[:8]}"
    side = ground.side(f"{NAME} {gib} GiB")
    try:
        yield replace(side, command=docker_command(ground, gib, name, side.port)), name
    finally:
        with suppress(BenchError):
            _docker("rm", "--force", name)


def docker_command(ground: Ground, gib: int, name: str, port: int) -> list[str]:
    model = f"{ground.base_dir / 'model'}:{contract.BASE_DIR / 'model'}:ro"
    restrictions = ["--read-only", "--tmpfs", "/tmp", "--ipc", "none", "--user", "1000", "--cap-drop", "ALL"]  # noqa: S108
    limits = ["--memory", f"{gib}g", "--memory-swap", f"{gib}g", "--cpus", cores(gib)]
    where = ["--name", name, "--publish", f"127.0.0.1:{port}:{contract.DEFAULT_PORT}", "--volume", model]
    return [docker(), "run", *restrictions, *limits, *where, ground.image, "serve"]


def cores(gib: int) -> str:
    """As many as that much memory comes with, of those that there are."""
    return f"{min(available_cores(), gib * 1024 / MIB_PER_CORE):.2f}"


def peak_mib(name: str) -> float:
    """The most memory that the container's control group has held, caches of files included."""
    for path in PEAK_FILES:
        with suppress(BenchError):
            return int(_docker("exec", name, "cat", path)) / 2**20
    raise BenchError(f"The container {name} tells no peak of its memory.")


def _docker(*arguments: str) -> str:
    done = subprocess.run([docker(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
