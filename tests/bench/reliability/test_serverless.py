"""The restrictions of a serverless endpoint. That the image bears them is tested in tests/image."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.reliability import serverless
from bench.reliability.ground import Ground, MissingToolError
from bench.reliability.serverless import docker_command
from tests.bench.reliability.stubs import COMMON, SERVE, stub
from tests.bench.reliability.verdicts import missed, values

# Runs a server of its own on the port that is published, and tells of a container that was killed for its memory.
FAKE_DOCKER = """#!{python}
import sys
arguments = sys.argv[1:]
if arguments[0] == "inspect":
    print('[{{"State": {{"Running": true, "OOMKilled": true}}}}]')
elif arguments[0] == "exec":
    print(2**31)
elif arguments[0] == "run":
    PORT = int(arguments[arguments.index("--publish") + 1].split(":")[1])
    exec({code!r})
"""


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "docker"
    path.write_text(FAKE_DOCKER.format(python=sys.executable, code=COMMON + SERVE))
    path.chmod(0o755)
    monkeypatch.setenv("DOCKER", str(path))


@pytest.mark.usefixtures("fake_docker")
def test_a_container_that_ran_out_of_memory_misses_its_goals(bad: Callable[..., Ground]) -> None:
    records = serverless.measure(bad(stub("")))
    assert missed(records) >= {"peak memory of the container", "alive at the end"}
    assert values(records)["peak memory of the container"] == 2048
    assert {record.side for record in records} == {"serverless, 1 GiB"}


def test_without_an_engine_one_sentence_says_so(real: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER", str(tmp_path / "none"))
    with pytest.raises(MissingToolError, match="install Docker"):
        serverless.measure(real)


def test_the_container_gets_what_a_serverless_endpoint_gives(real: Ground) -> None:
    command = " ".join(docker_command(real, gib=1, name="n", port=8000))
    for option in (
        "--read-only",
        "--tmpfs /tmp",
        "--ipc none",
        "--user 1000",
        "--cap-drop ALL",
        "--memory 1g --memory-swap 1g",
        "--cpus 0.58",
    ):
        assert option in command
    assert command.endswith("serve")
