"""What rows say of containers and jobs: of what was seen of them, without starting any."""

from pathlib import Path
from typing import Any

import pytest

from local_test.check_contract.catalogue import ROWS
from local_test.check_contract.errors import NotStartedError
from local_test.check_contract.exchange import Answer
from local_test.check_contract.lab import FinishedJob
from local_test.check_contract.restricted import Restricted
from local_test.check_contract.row import Outcome, Status
from local_test.check_contract.rows import stop
from local_test.check_contract.rows.image import secrets_in
from local_test.check_contract.rows.pipeline import Pipeline
from local_test.check_contract.rows.training_stop import StoppedJob
from local_test.check_contract.runner import run_row
from local_test.check_contract.server import Server
from local_test.check_contract.stopped_server import StoppedServer
from local_test.check_contract.training_job import TrainingJob
from local_test.check_contract.unhealthy import Unhealthy
from tests.local_test.check_contract.fake_image import REQUEST, FakeImage, Listener, listening
from tests.local_test.check_contract.fake_lab import FakeLab

BY_ID = {row.id: row for row in ROWS}
OK, REFUSED, UNAVAILABLE, FAILURE, SILENT = (Answer(status) for status in (200, 422, 503, 500, 0))


def outcome(row_id: str, lab: FakeLab) -> Outcome:
    return run_row(BY_ID[row_id], lab).outcome


def status(row_id: str, lab: FakeLab) -> Status:
    return outcome(row_id, lab).status


# The image


@pytest.mark.parametrize(
    ("entrypoint", "expected"),
    [
        (None, Status.PASSED),
        (["/usr/bin/python", "serve.py"], Status.PASSED),
        (["/bin/sh", "-c", "python serve.py"], Status.FAILED),
        (["bash", "-c", "python serve.py"], Status.FAILED),
    ],
)
def test_a_shell_as_process_1_is_told_by_the_entrypoint(
    tmp_path: Path, entrypoint: list[str] | None, expected: Status
) -> None:
    lab = FakeLab(tmp_path)
    lab.inspected["Config"]["Entrypoint"] = entrypoint
    assert status("image-exec-entrypoint", lab) is expected


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [("amd64", Status.PASSED), ("arm64", Status.WARNED), ("s390x", Status.FAILED)],
)
def test_the_platform_is_told(tmp_path: Path, architecture: str, expected: Status) -> None:
    lab = FakeLab(tmp_path)
    lab.inspected["Architecture"] = architecture
    assert status("image-platform", lab) is expected


def test_an_image_of_more_than_10_gb_is_too_large_for_serverless(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path)
    assert status("image-size", lab) is Status.PASSED
    lab.inspected["Size"] = 10_000_000_001
    assert status("image-size", lab) is Status.FAILED


@pytest.mark.parametrize(
    "text",
    [
        "AWS_SECRET_ACCESS_KEY=abcd",
        "DB_PASSWORD=hunter2",
        "|1 API_KEY=abcd /bin/sh -c make",
        "ENV GITHUB_TOKEN ghp_0123456789abcdefghij",
        "ID=AKIAABCDEFGHIJKLMNOP",
        "KEY=-----BEGIN RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_credential_is_named_without_its_value(text: str) -> None:
    (name,) = secrets_in(text)
    assert name.removesuffix("...") in text
    assert len(name) < 22
    assert "hunter2" not in name
    assert "0123456789" not in name


@pytest.mark.parametrize(
    "text",
    [
        "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "TOKENIZERS_PARALLELISM=false",
        "PYTHON_GET_PIP_SHA256=96461deced5c2a487ddc65207ec5a9cffeca0d34e7af7ea1afc470ff0d746207",
        "API_KEY=",
        "RUN export API_KEY=$(cat /run/secrets/key)",
        "RUN PASSWORD=/run/secrets/password make",
    ],
)
def test_what_is_no_credential_is_not_taken_for_one(text: str) -> None:
    assert secrets_in(text) == []


# Starting and stopping a server


class FakeContainer:
    """Hears SIGTERM as its image would: `ends` says when it is gone, `hangs_up` whether it drops what is in flight."""

    def __init__(self, listener: Listener, *, ends: bool = True, hangs_up: bool = False) -> None:
        self._listener, self._ends, self._hangs_up = listener, ends, hangs_up
        self.exit_status = 0

    def signal(self, name: str) -> None:
        assert name == "TERM"
        if self._hangs_up:
            self._listener.hang_up()

    def wait(self, seconds: float) -> float | None:
        return 0.1 if self._ends else None


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop, "TAKEN_SECONDS", 0.05)


def stopped_server(**behaviour: bool) -> StoppedServer:
    with listening(FakeImage()) as listener:
        container: Any = FakeContainer(listener, **behaviour)
        return stop.stop_with_requests(Server(listener.address, container), REQUEST)


def test_a_server_that_drains_and_ends_passes(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path).prepare("stopped", stopped_server())
    assert [status(row.id, lab) for row in stop.ROWS] == [Status.PASSED] * 3
    assert outcome("stop-in-flight", lab).seen == "4 of 4 answered"


def test_a_server_that_hangs_up_loses_what_is_in_flight(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path).prepare("stopped", stopped_server(hangs_up=True))
    assert status("stop-in-flight", lab) is Status.FAILED
    assert outcome("stop-in-flight", lab).seen.startswith("0 of 4 answered; no answer (")


def test_a_server_that_ignores_sigterm_fails(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path).prepare("stopped", stopped_server(ends=False))
    assert status("stop-in-time", lab) is Status.FAILED
    assert status("stop-status", lab) is Status.WARNED


def test_an_exit_status_that_tells_of_a_crash_warns(tmp_path: Path) -> None:
    lab = FakeLab(tmp_path).prepare("stopped", StoppedServer([OK], 1.0, 137))
    assert status("stop-status", lab) is Status.WARNED


def unhealthy(ping: Answer, exit_status: int | None = None, invocation: Answer | None = None) -> Unhealthy:
    return Unhealthy(ping, 3.0, exit_status, invocation, "model.pt is broken")


@pytest.mark.parametrize("what", ["missing", "broken"])
@pytest.mark.parametrize(
    ("found", "never_ready", "stays_up"),
    [
        (unhealthy(UNAVAILABLE), Status.PASSED, Status.PASSED),
        (unhealthy(FAILURE), Status.PASSED, Status.WARNED),
        (unhealthy(SILENT, exit_status=1), Status.PASSED, Status.WARNED),
        (unhealthy(OK, invocation=FAILURE), Status.FAILED, Status.WARNED),
        (unhealthy(OK, invocation=OK), Status.NOT_APPLICABLE, Status.NOT_APPLICABLE),  # the model is in the image
    ],
)
def test_a_container_without_a_good_model(
    tmp_path: Path, what: str, found: Unhealthy, never_ready: Status, stays_up: Status
) -> None:
    lab = FakeLab(tmp_path).prepare("unhealthy", (found, found))
    assert status(f"ping-{what}-model", lab) is never_ready
    assert status(f"ping-{what}-model-503", lab) is stays_up


# Serverless endpoints and pipelines


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Restricted(answer=OK, large_answer=OK, seconds=4, memory="peak 300 MiB"), Status.PASSED),
        (Restricted(answer=FAILURE, large_answer=OK, seconds=4), Status.FAILED),
        (Restricted(answer=OK, large_answer=OK, seconds=181), Status.FAILED),
        (Restricted(answer=OK, large_answer=OK, seconds=4, killed=True), Status.FAILED),
        (Restricted(problem="ended with status 1: read-only file system"), Status.FAILED),
    ],
)
def test_a_restricted_server_must_start_and_answer(tmp_path: Path, found: Restricted, expected: Status) -> None:
    lab = FakeLab(tmp_path).prepare("serverless 3", found).prepare("serverless 1", found)
    assert status("serverless-3-gib", lab) is expected
    assert status("serverless-1-gib", lab) is (Status.WARNED if expected is Status.FAILED else expected)


def test_restrictions_that_were_not_seen_to_hold_prove_nothing(tmp_path: Path) -> None:
    found = Restricted(answer=OK, large_answer=OK, unproven="/dev/shm is mounted")
    assert status("serverless-restrictions", FakeLab(tmp_path).prepare("serverless 3", found)) is Status.WARNED


@pytest.mark.parametrize(("large", "expected"), [(OK, Status.PASSED), (SILENT, Status.FAILED), (None, Status.FAILED)])
def test_a_4_mb_body_must_be_answered(tmp_path: Path, large: Answer | None, expected: Status) -> None:
    found = Restricted(answer=OK, large_answer=large)
    assert status("serverless-payload", FakeLab(tmp_path).prepare("serverless 3", found)) is expected


@pytest.mark.parametrize(
    ("second", "hop", "ports", "hops"),
    [
        (OK, REFUSED, Status.PASSED, Status.PASSED),
        (SILENT, FAILURE, Status.FAILED, Status.FAILED),
    ],
)
def test_two_containers_in_a_pipeline(tmp_path: Path, second: Answer, hop: Answer, ports: Status, hops: Status) -> None:
    lab = FakeLab(tmp_path).prepare("pipeline", Pipeline((OK, OK), OK, second, hop))
    assert (status("pipeline-ports", lab), status("pipeline-hop", lab)) == (ports, hops)


@pytest.mark.parametrize("mode", ["pipeline", "multi-model"])
def test_an_image_without_the_label_does_not_claim_the_mode(tmp_path: Path, mode: str) -> None:
    lab = FakeLab(tmp_path)
    assert status(f"{mode}-label", lab) is Status.PASSED
    lab.inspected["Config"]["Labels"] = None
    named = FakeLab(tmp_path, named_modes=frozenset({BY_ID[f"{mode}-label"].mode}))
    named.inspected["Config"]["Labels"] = {}
    assert status(f"{mode}-label", lab) is Status.NOT_APPLICABLE
    assert status(f"{mode}-label", named) is Status.FAILED
    assert status("pipeline-ports", lab) is Status.NOT_APPLICABLE


# Training jobs


@pytest.fixture
def job(tmp_path: Path) -> TrainingJob:
    lab = FakeLab(tmp_path)
    return lab.new_job("job")


def finished(job: TrainingJob, exit_status: int = 0, log: str = "loss: 0.25\n") -> FinishedJob:
    return FinishedJob(job, exit_status, 2.0, log, "last words")


def test_a_job_that_leaves_a_model_passes(tmp_path: Path, job: TrainingJob) -> None:
    (job.model_dir / "weights").write_bytes(b"1234")
    lab = FakeLab(tmp_path).prepare("trained", finished(job))
    for row_id in ("train", "train-model", "train-unknown-input", "train-read-only-channels", "train-metric"):
        assert status(row_id, lab) is Status.PASSED, row_id
    assert outcome("train-model", lab).seen == "weights (4 bytes)"


def test_a_job_that_fails_or_leaves_nothing_does_not(tmp_path: Path, job: TrainingJob) -> None:
    lab = FakeLab(tmp_path).prepare("trained", finished(job, exit_status=1, log=""))
    for row_id in ("train", "train-model", "train-unknown-input", "train-read-only-channels"):
        assert status(row_id, lab) is Status.FAILED, row_id
    assert status("train-metric", lab) is Status.WARNED
    with pytest.raises(NotStartedError, match="no model to serve: train ended with status 1"):
        lab.model_dir()


def test_links_in_the_model_are_named(tmp_path: Path, job: TrainingJob) -> None:
    (job.model_dir / "weights").write_bytes(b"1234")
    (job.model_dir / "latest").symlink_to("weights")
    lab = FakeLab(tmp_path).prepare("trained", finished(job))
    assert outcome("train-model", lab) == Outcome(Status.FAILED, "links: latest")


def test_a_failure_needs_a_status_and_a_reason(tmp_path: Path, job: TrainingJob) -> None:
    job.failure_path.write_text("The channel is empty.")
    lab = FakeLab(tmp_path).prepare("failing", (finished(job, 1), finished(job, 1)))
    for row_id in ("train-failure-status", "train-failure-file", "train-default-command"):
        assert status(row_id, lab) is Status.PASSED, row_id


@pytest.mark.parametrize("exit_status", [0, 137])
def test_a_job_on_nothing_that_succeeds_or_is_killed_fails(tmp_path: Path, job: TrainingJob, exit_status: int) -> None:
    lab = FakeLab(tmp_path).prepare("failing", (finished(job, exit_status), finished(job, 0)))
    assert status("train-failure-status", lab) is Status.FAILED
    assert status("train-failure-file", lab) is Status.WARNED
    assert status("train-default-command", lab) is Status.WARNED


def test_an_image_that_does_not_train_by_default_is_found_out(tmp_path: Path, job: TrainingJob) -> None:
    lab = FakeLab(tmp_path).prepare("failing", (finished(job, 1), None))
    assert status("train-default-command", lab) is Status.WARNED


def test_a_stopped_job_must_end_and_keep_its_work(tmp_path: Path, job: TrainingJob) -> None:
    lab = FakeLab(tmp_path).prepare("stopped job", StoppedJob(job, 2.0, 0))
    assert status("train-stop-in-time", lab) is Status.PASSED
    assert status("train-stop-keeps-work", lab) is Status.FAILED
    assert status("train-resume", lab) is Status.NOT_APPLICABLE
    (job.checkpoint_dir / "1.pt").write_bytes(b"1234")
    assert status("train-stop-keeps-work", lab) is Status.PASSED


def test_a_job_that_ignores_sigterm_fails(tmp_path: Path, job: TrainingJob) -> None:
    lab = FakeLab(tmp_path).prepare("stopped job", StoppedJob(job, None, None))
    assert status("train-stop-in-time", lab) is Status.FAILED


def test_rows_that_no_run_can_check_say_why(tmp_path: Path) -> None:
    for row in ROWS:
        if row.unchecked:
            assert run_row(row, FakeLab(tmp_path)).outcome == Outcome(Status.NOT_APPLICABLE, row.unchecked)
