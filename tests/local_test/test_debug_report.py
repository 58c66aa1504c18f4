"""debug_report and what it is made of, on folders and on a server that answers as S3 does."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from container import contract
from container.errors import UserError
from local_test import debug_report, s3_run
from local_test.job_archive import unpack_results
from local_test.s3_run import fetch_run, place_of
from tests.container.debugger.report.sample_run import metrics, write_run

JOB = "jobs/dogs-1"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "run"
    write_run(path)
    return path


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an S3 that starts empty but for a bucket named `bucket`."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    for name, value in {**settings, "AWS_DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    requests.post(f"http://{host}:{port}/moto-api/reset", timeout=10)  # what an earlier server held
    client = boto3.session.Session().client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


def upload(client: Any, files: dict[str, bytes]) -> None:
    for key, body in files.items():
        client.put_object(Bucket="bucket", Key=f"{JOB}/{key}", Body=body)


def archive(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            tar.addfile(member, io.BytesIO(body))
        for name, target_name in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target_name
            tar.addfile(member)
    return target.getvalue()


def as_the_platform_stores_it(run_dir: Path) -> dict[str, bytes]:
    """A run's files by the keys that a training job on SageMaker leaves below its prefix."""
    tensors, data = run_dir / "output" / "tensors", run_dir / "output" / "data"
    files = {
        f"debug-output/{path.relative_to(tensors)}": path.read_bytes() for path in tensors.rglob("*") if path.is_file()
    }
    results = {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*.json")}
    own = {"RuleTriggered": 2, "Violations": 2, "Datapoints": 9, "RuleParameters": "", "Details": {}}
    return {
        **files,
        "output/output.tar.gz": archive(results),
        "output/model.tar.gz": b"large and of no use here",
        "profiler-output/system/incremental/2026112401/1790000040.algo-1.json": b"{}",
        "profiler-output/framework/training_job_end.ts": b"",
        "rule-output/ProfilerReport-1790000000/profiler-output/profiler-reports/IOBottleneck.json": json.dumps(
            own
        ).encode(),
    }


def test_a_run_folder_becomes_a_page_and_the_next_step_is_printed(run_dir: Path, capsys: Any) -> None:
    assert debug_report.main([str(run_dir)]) == 0
    page = run_dir / "debug-report.html"
    output = capsys.readouterr().out
    assert "2 of 4 rules found issues" in page.read_text()
    assert str(page) in output
    assert page.absolute().as_uri() in output
    assert "--compare OTHER" in output


def test_the_jobs_own_report_is_left_as_it_is(run_dir: Path) -> None:
    own = run_dir / "output" / "data" / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE
    own.write_text("the job's own")
    assert debug_report.main([str(run_dir)]) == 0
    assert own.read_text() == "the job's own"
    assert debug_report.main([str(run_dir), "--out", str(own)]) == 0
    assert own.read_text().startswith("<!DOCTYPE html>")


def test_two_runs_are_compared(run_dir: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_run(other, tensors=False)
    changed = metrics(job_name="other-job", hyperparameters={"learning_rate": 0.5})
    (other / "output" / "data" / "metrics.json").write_text(json.dumps(changed))
    page = tmp_path / "both.html"
    assert debug_report.main([str(run_dir), "--compare", str(other), "--out", str(page)]) == 0
    assert "dogs-2026-11-24 and other-job" in page.read_text()


def test_a_folder_that_is_no_run_ends_in_a_sentence(tmp_path: Path, capsys: Any) -> None:
    assert debug_report.main([str(tmp_path)]) == 1
    assert "is no run: it has no folder `output`" in capsys.readouterr().err


def test_without_a_browser_the_page_is_written_and_the_pdf_refused(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr("local_test.browser.MAC_PATHS", ())
    assert debug_report.main([str(run_dir), "--out", str(tmp_path / "page.html"), "--pdf"]) == 1
    assert "PDF and PNG need Chromium" in capsys.readouterr().err
    assert (tmp_path / "page.html").is_file()


def test_a_job_in_s3_becomes_the_same_run(run_dir: Path, tmp_path: Path, s3: Any) -> None:
    upload(s3, as_the_platform_stores_it(run_dir))
    fetched = fetch_run(f"s3://bucket/{JOB}/", tmp_path)
    assert fetched == tmp_path / "bucket" / JOB
    content = debug_report.content_of(fetched, "dogs")
    here = debug_report.content_of(run_dir, "dogs")
    assert content.tensors.losses == here.tensors.losses
    assert content.metrics == here.metrics
    rules = {verdict.rule for verdict in content.verdicts}
    assert rules == {verdict.rule for verdict in here.verdicts} | {"IOBottleneck"}
    assert not list(fetched.rglob("model.tar.gz"))
    assert (fetched / "output" / "profiler" / "framework" / "training_job_end.ts").is_file()


def test_a_copy_of_the_run_folder_in_s3_is_understood_too(run_dir: Path, tmp_path: Path, s3: Any) -> None:
    upload(s3, {str(path.relative_to(run_dir)): path.read_bytes() for path in run_dir.rglob("*") if path.is_file()})
    content = debug_report.content_of(fetch_run(f"s3://bucket/{JOB}", tmp_path), "dogs")
    assert len(content.verdicts) == 4
    assert content.metrics["job_name"] == "dogs-2026-11-24"
    assert content.tensors.losses


def test_a_second_call_fetches_only_what_is_new_or_changed(tmp_path: Path, s3: Any) -> None:
    upload(s3, {"output/data/metrics.json": b"{}", "debug-output/training_job_end.ts": b""})
    run = fetch_run(f"s3://bucket/{JOB}", tmp_path)
    kept, changed = run / "output" / "tensors" / "training_job_end.ts", run / "output" / "data" / "metrics.json"
    before = kept.stat().st_ino
    upload(s3, {"output/data/metrics.json": b'{"job_name": "later"}'})
    fetch_run(f"s3://bucket/{JOB}", tmp_path)
    assert kept.stat().st_ino == before
    assert "later" in changed.read_text()


def test_of_too_many_tensors_an_even_choice_of_steps_is_fetched(
    tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_run, "MAX_BYTES", 5_000)
    files = {f"debug-output/events/{step:012d}/{step:012d}_worker_0.tfevents": b"x" * 950 for step in range(0, 200, 10)}
    indices = {f"debug-output/index/000000000/{step:012d}_worker_0.json": b"y" * 50 for step in range(0, 200, 10)}
    upload(s3, {**files, **indices, "debug-output/collections/000000000/worker_0_collections.json": b"{}"})
    tensors = fetch_run(f"s3://bucket/{JOB}", tmp_path) / "output" / "tensors"
    steps = sorted(int(path.parent.name) for path in tensors.glob("events/*/*"))
    assert steps == [int(path.name.split("_")[0]) for path in sorted(tensors.glob("index/*/*"))]
    assert len(steps) == 5
    assert (steps[0], steps[-1]) == (0, 190)
    assert (tensors / "collections" / "000000000" / "worker_0_collections.json").is_file()


def test_an_empty_prefix_and_a_missing_bucket_end_in_a_sentence(tmp_path: Path, s3: Any, capsys: Any) -> None:
    with pytest.raises(UserError, match="holds neither debug-output"):
        fetch_run("s3://bucket/nothing/here", tmp_path)
    with pytest.raises(UserError, match="there is no such bucket"):
        fetch_run("s3://no-such-bucket/job", tmp_path)
    with pytest.raises(UserError, match="is no prefix of a job"):
        fetch_run("s3://bucket", tmp_path)
    assert debug_report.main(["s3://bucket/nothing/here"]) == 1
    assert "holds neither" in capsys.readouterr().err


def test_without_credentials_it_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(UserError, match="There are no AWS credentials"):
        fetch_run("s3://bucket/job", tmp_path)


@pytest.mark.parametrize(
    "key",
    [
        "debug-output/../../../etc/passwd",
        "debug-output//etc/passwd",
        "debug-output/..\\x",
        "output/data/../metrics.json",
        "rule-output/x/profiler-reports/../../a.json",
        "output/model.tar.gz",
        "source/sourcedir.tar.gz",
    ],
)
def test_a_key_that_leads_elsewhere_or_is_of_no_use_is_not_fetched(key: str) -> None:
    assert place_of(key) == ""


def test_an_archive_writes_only_what_a_job_leaves_to_be_read_and_only_below_its_folder(tmp_path: Path) -> None:
    path, data_dir = tmp_path / "output.tar.gz", tmp_path / "data"
    outside = {
        "/etc/metrics.json": b"{}",
        "../metrics.json": b"{}",
        "rules/../../x.json": b"{}",
        "../curves.png": b"png",
    }
    outside |= {"notes.html": b"", "a/b.png": b"", "model.pt": b"weights"}
    inside = {"data/metrics.json": b"{}", "./rules/DeadRelu.json": b"{}", "curves.png": b"png", "per_class.csv": b""}
    inside |= {"ProfilerReport/profiler-output/profiler-report.html": b"<p>"}
    path.write_bytes(archive({**outside, **inside}, links={"rules/Overfit.json": "/etc/passwd"}))
    written = unpack_results(path, data_dir)
    names = {name.removeprefix("./").removeprefix("data/") for name in inside}
    assert {file.relative_to(data_dir).as_posix() for file in written} == names
    assert sorted(file for file in tmp_path.rglob("*") if file.is_file()) == sorted([path, *written])


def test_a_damaged_archive_ends_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "output.tar.gz"
    path.write_bytes(archive({"metrics.json": b"x" * 5000})[:60])
    with pytest.raises(UserError, match="is damaged"):
        unpack_results(path, tmp_path / "data")
