from pathlib import Path

import pytest

from container.errors import UserError
from local_test.report.run_files import read_run
from tests.local_test.report.made_run import HOSTILE, MadeRun


@pytest.fixture
def run(tmp_path: Path) -> MadeRun:
    return MadeRun(tmp_path, ["cat", "dog"], per_class=4)


def test_what_a_job_writes_is_read(run: MadeRun) -> None:
    run.rows[0][1] = 'valid/cat/\udcff, "quoted"\n.jpg'
    run.write()
    run.skip(("train", "train/cat/x.jpg", "no, picture"))
    files = read_run(run.root)
    assert (files.split, files.classes, files.confusion) == ("test", ["cat", "dog"], [[3, 1], [1, 3]])
    assert len(files.predictions) == 16
    assert len(files.measured) == 8
    assert files.predictions[0].path == 'valid/cat/\udcff, "quoted"\n.jpg'
    assert sum(not each.is_right for each in files.measured) == 2
    assert files.skipped == {"train/cat/x.jpg": "no, picture"}


def test_a_run_without_tables_is_one_of_earlier(run: MadeRun) -> None:
    for name in ("predictions.csv", "confusion_matrix.csv"):
        (run.output_dir / name).unlink()
    files = read_run(run.root)
    assert (files.predictions, files.skipped, files.classes) == ([], {}, [])


def test_without_a_test_channel_the_valid_one_was_measured(run: MadeRun) -> None:
    run.metrics["test"] = {}
    run.write()
    assert {each.split for each in read_run(run.root).measured} == {"valid"}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("metrics.json", None, "is not there: the job has failed or still runs"),
        ("metrics.json", "{", "is no JSON"),
        ("metrics.json", "[]", "holds no JSON object"),
        ("predictions.csv", "split,path\nvalid,x\n", "line 2 has no value for probability"),
        (
            "predictions.csv",
            "split,path,class,predicted,probability,true_probability,uncalibrated\nvalid,x,a,b,much,0,0\n",
            "line 2: probability is 'much', which is no number",
        ),
        ("predictions.csv", 'split\n"open\n', "is damaged .unexpected end of data"),
        ("skipped_files.csv", "split\nvalid\n", "line 2 has no value for path"),
        ("confusion_matrix.csv", "true,a,b\na,1,2\n", "is no square of numbers"),
        ("confusion_matrix.csv", f"true,a\na,{HOSTILE}\n", "holds what is no number"),
    ],
)
def test_a_file_that_is_missing_or_damaged_is_named_with_its_fault(
    run: MadeRun, name: str, content: str | None, sentence: str
) -> None:
    path = run.output_dir / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=sentence) as raised:
        read_run(run.root)
    assert str(path) in str(raised.value)
    assert "the same training command" in str(raised.value)
