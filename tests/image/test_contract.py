"""check-contract on the image, whose every required row passes, and on a wrong one, whose faults it finds."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_test.check_contract.__main__ import main
from local_test.check_contract.catalogue import ROWS
from local_test.check_contract.notes import NOTES
from local_test.check_contract.rows import stop, training_stop
from standin_base import build_standin

pytestmark = pytest.mark.docker

PROJECT_DIR = Path(__file__).parents[2]
WRONG_TAG = "image-classifier:wrong"
WRONG_DOCKERFILE = """
FROM {base}
COPY wrong_image.py /wrong_image.py
ENV AWS_SECRET_ACCESS_KEY=abcdefgh
ENTRYPOINT ["/bin/sh", "-c", "/opt/venv/bin/python /wrong_image.py \\"$0\\"; exit 0"]
CMD ["serve"]
"""
FAULTS = {
    "image-exec-entrypoint",  # a shell, which swallows SIGTERM
    "image-no-secrets",
    "ping-quick",  # 3 s
    "ping-missing-model",  # 200 all the same
    "refuse-garbage",  # 500
    "invoke-truthful-type",  # no JSON, in spite of its type
    "stop-in-time",
    "train-failure-status",  # 0
    "train-stop-in-time",
    "pipeline-label",
}


def results(path: Path) -> dict[str, dict]:
    return {row["id"]: row for row in json.loads(path.read_text())["rows"]}


@pytest.mark.timeout(600)  # a minute on two cores that have nothing else to do
def test_our_image_keeps_the_contract(image: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status = main([image, "--jobs", "3", "--json", str(tmp_path / "results.json")])
    print(capfd.readouterr().out)  # the table, where the test fails
    rows = results(tmp_path / "results.json")
    assert {name: row["seen"] for name, row in rows.items() if row["required"] and row["status"] == "fail"} == {}
    assert status == 0
    known = {name for name, note in NOTES.items() if note.not_met}
    assert {name for name, row in rows.items() if row["status"] == "warn"} == known
    not_checked = {name for name, row in rows.items() if row["status"] == "not applicable"}
    assert not_checked == {row.id for row in ROWS if row.unchecked}
    assert list(rows) == [row.id for row in ROWS]


@pytest.fixture(scope="module")
def wrong_image(docker) -> Iterator[str]:
    content = WRONG_DOCKERFILE.format(base=build_standin(docker, []))
    context = str(Path(__file__).parent)
    built = docker.run("build", "--tag", WRONG_TAG, "--file", "-", context, input=content)
    assert built.returncode == 0, built.stderr
    yield WRONG_TAG
    docker.run("image", "rm", WRONG_TAG)


def test_the_faults_of_a_wrong_image_are_found(
    wrong_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stop, "GRACE_SECONDS", 2)
    monkeypatch.setattr(training_stop, "GRACE_SECONDS", 2)
    (tmp_path / "body.json").write_text("{}")
    (tmp_path / "channel").mkdir()
    given = ["--body", str(tmp_path / "body.json"), "--channel", f"train={tmp_path / 'channel'}"]
    chosen = ["--endless", "rounds=9", "--only", ",".join([*FAULTS, "train"]), "--json", str(tmp_path / "results.json")]
    modes = ["--modes", "image,hosting,training,pipeline"]
    assert main([wrong_image, *given, *chosen, *modes, "--ready-seconds", "60"]) == 1
    printed = capfd.readouterr().out
    rows = results(tmp_path / "results.json")
    assert {name for name, row in rows.items() if row["status"] == "fail"} == FAULTS, printed
    assert rows["train"]["status"] == "pass"
    assert rows["refuse-garbage"]["seen"].startswith("random bytes: 500 in ")
    assert f"{WRONG_TAG} breaks the contract: image-exec-entrypoint, " in printed
    assert containers_of(wrong_image) == []


def test_nothing_is_left_after_ctrl_c(docker, wrong_image: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "local_test.check_contract",
        wrong_image,
        "--modes",
        "training,hosting",
        "--jobs",
        "2",
    ]
    (tmp_path / "body.json").write_text("{}")
    arguments = ["--body", str(tmp_path / "body.json"), "--channel", f"train={tmp_path}", "-p", "rounds=9"]
    workspaces = tmp_path / "workspaces"
    workspaces.mkdir()
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=PROJECT_DIR,
        env={**os.environ, "TMPDIR": str(workspaces)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: containers_of(wrong_image))
        assert list(workspaces.iterdir())
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == "Stopped; nothing is left running."
    assert "Traceback" not in told
    assert containers_of(wrong_image) == []
    assert list(workspaces.iterdir()) == []


def test_an_image_that_the_engine_does_not_have_is_named(docker, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-image:1"]) == 2
    assert "The engine has no image no-such-image:1; build it" in capsys.readouterr().err


def containers_of(image: str) -> list[str]:
    """Ids of all containers of the image, running or not."""
    command = ["docker", "ps", "-aq", "--filter", f"ancestor={image}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def wait_for(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.1)
