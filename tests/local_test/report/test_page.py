"""The page as text: what it says of made-up runs whose numbers are known, and that nothing in it is believed."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from container import contract
from local_test import tune_report
from local_test.report.__main__ import main
from local_test.report.album import MOST_BYTES as MOST_BYTES_OF_PICTURES
from local_test.report.cells import shown_cells, shown_images
from local_test.report.content import gather
from local_test.report.page import render
from local_test.report.sections.others import TRIALS_FILE, TUNING_REPORT_FILE
from local_test.tuning import results
from tests.job_folder import JobFolder
from tests.local_test.report.made_run import HOSTILE, MadeRun, write_picture

MOST_BYTES = 8_000_000


def page_of(run: MadeRun, data: Path | None = None) -> str:
    return render(gather(run.root, "a run", data), run.root / "report.html")


def data_of(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)
    content = json.loads(text)
    assert isinstance(content, dict)
    return content


def text_of(page: str) -> str:
    """The page's words, without markup, style and scripts."""
    body = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_a_trained_run_becomes_a_page_whose_numbers_are_those_of_its_metrics(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    job_folder.add_channels(train=8, valid=6, test=6).configure(num_epochs=1).train()
    profiler = job_folder.output_dir / "data" / contract.PROFILER_REPORT_DIR / contract.PROFILER_REPORT_FILE
    profiler.parent.mkdir(parents=True)
    profiler.touch()
    capsys.readouterr()
    assert main([str(job_folder.base_dir)]) == 0
    path = job_folder.base_dir / "report.html"
    assert capsys.readouterr().out == f"{path}\n\nOpen it: {path.as_uri()}\n"
    page, metrics = path.read_text(), job_folder.metrics
    text, cells = text_of(page), data_of(page)["cells"]
    assert f"{100 * metrics['test']['accuracy']:.1f} % of 18 images of test are named rightly." in text
    assert f"Calibration error {100 * metrics['calibration']['test']['ece']:.1f} %" in text
    assert "the valid channel has 18 images, and a fit needs 100" in text
    assert sum(cell["count"] for cell in cells.values()) == 18
    assert all(image["source"] or image["picture"] >= 0 for cell in cells.values() for image in cell["images"])
    assert f'href="output/data/{contract.PROFILER_REPORT_DIR}/{contract.PROFILER_REPORT_FILE}"' in page
    assert "tuning-report.html" not in page
    for address in re.findall(r'href="([^#"]*)"', page):
        assert (path.parent / address).is_file()


def test_look_alikes_and_broken_files_are_shown_and_the_accuracy_without_them_is_told(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, ["cat", "dog"], per_class=4)
    seen = run.data_dir / "train" / "cat" / "001.jpg"
    (run.data_dir / "test" / "dog" / "003.jpg").write_bytes(seen.read_bytes())
    (run.data_dir / "train" / "dog" / "002.jpg").write_bytes(b"no picture")
    run.skip(("train", "train/dog/002.jpg", "These 10 bytes are not a JPEG"))
    (run.data_dir / "valid" / "dog" / "new.jpg").write_bytes(b"")
    text = text_of(page_of(run))
    assert "1 images of test are in train too, as they are or nearly; without them it is 85.7 % of 7." in text
    assert "The same file, under two labels." in text
    assert "train/dog/002.jpg skipped These 10 bytes are not a JPEG" in text
    assert "valid/dog/new.jpg not skipped: it was readable then, or is new" in text
    assert "Files that are no images 2" in text


def test_mistakes_come_the_surest_first_and_cells_hold_their_images(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, ["cat", "dog", "cow"], per_class=8)
    page = page_of(run)
    shares = [float(share) for share in re.findall(r'</strong> <span class="share">([\d.]+) %', page)]
    wrong = sorted((row[4] for row in run.rows if row[0] == "test" and row[2] != row[3]), reverse=True)
    assert shares == [round(100 * value, 1) for value in wrong]
    cells = data_of(page)["cells"]
    assert {key: cell["count"] for key, cell in cells.items()} == {
        **{f"{number},{number}": 6 for number in range(3)},
        **{f"{number},{(number + 1) % 3}": 2 for number in range(3)},
    }
    assert [image["probability"] for image in cells["0,0"]["images"]] == sorted(
        image["probability"] for image in cells["0,0"]["images"]
    )
    assert "All 6 mistakes in 24 images of test" in text_of(page)


def test_names_are_never_markup(tmp_path: Path) -> None:
    names = ["cat", HOSTILE.replace("/", ""), "</script><script>alert(2)</script>".replace("/", "\u2215")]
    run = MadeRun(tmp_path, names, per_class=4)
    write_picture(run.data_dir / "test" / "cat" / "\udcff<b>.jpg", 9)
    run.rows.append(["test", "test/cat/\udcff<b>.jpg", "cat", names[1], 0.9, 0.1, 0.9])
    run.metrics["hyperparameters"]["backbone"] = run.metrics["calibration"]["reason"] = "<script>alert(3)</script>"
    run.metrics["failure"] = "<script>alert(4)</script>"
    run.write()
    page = page_of(run)
    page.encode()  # whatever bytes a file has in its name
    assert page.count("<script") == 2  # data, and our own
    assert "<img src=x" not in page
    assert "<b>.jpg" not in page
    assert "The job failed: &lt;script&gt;alert(4)" in page
    assert data_of(page)["classes"] == names
    assert "default-src &#39;none&#39;; img-src data:;" in page


def test_a_run_of_before_says_what_it_lacks_and_how_to_get_it(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, ["cat", "dog"], per_class=4)
    (run.output_dir / contract.PREDICTIONS_FILE).unlink()
    for name in ("temperature", "calibration"):
        del run.metrics[name]
    run.metrics["num_unreadable"] = {"train": 3}
    (run.output_dir / contract.METRICS_FILE).write_text(json.dumps(run.metrics))
    page = page_of(run)
    assert text_of(page).count("the same training command writes predictions.csv, without training again") == 3
    assert "The run skipped 3 files that were no images" in text_of(page)
    assert data_of(page)["cells"]["0,1"] == {"count": 1, "images": [], "order": "the surest first"}


def test_images_that_are_not_at_hand_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = MadeRun(tmp_path / "run", ["cat", "dog"], per_class=4)
    run.data_dir.rename(tmp_path / "data")
    text = text_of(page_of(run))
    assert "The images are not at hand" in text
    assert "This picture is not at hand." in text
    assert "Images of train 8" in text
    page = page_of(run, tmp_path / "data")
    assert page.count('src="data:image/jpeg') == 2  # the mistakes; the others are in cells
    assert "The images are not at hand" not in page
    assert main([str(run.root), "--data", str(tmp_path / "nowhere")]) == 1
    assert f"{tmp_path / 'nowhere'} holds no images to train on" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 1
    assert "is no run" in capsys.readouterr().err


def test_a_trial_links_to_its_study(tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "trial-001", ["cat", "dog"], per_class=2)
    for name in (TUNING_REPORT_FILE, TRIALS_FILE):
        (tmp_path / name).write_text("")
    assert 'href="../tuning-report.html"' in page_of(run)
    assert (TUNING_REPORT_FILE, TRIALS_FILE) == (tune_report.REPORT_FILE, results.TRIALS_FILE)
    elsewhere = render(gather(run.root, "a run", None), tmp_path / "elsewhere" / "page.html")
    assert f'href="{run.root.as_uri()}/../tuning-report.html"' in elsewhere


def test_a_run_that_was_stopped_has_a_page_too(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, ["cat", "dog"], per_class=2)
    run.metrics |= {"valid": {}, "test": {}, "history": [], "best_epoch": 0, "temperature": 1.0}
    run.rows, run.confusion = [], run.confusion * 0
    run.write()
    text = text_of(page_of(run))
    assert "The run was stopped before its model was measured." in text
    assert "No epoch came to its end." in text


def test_a_page_of_very_many_classes_and_mistakes_keeps_its_size(tmp_path: Path) -> None:
    run = MadeRun(tmp_path, ["cat", "dog"], per_class=2)
    names = [f"{number:03d}.a class whose name is as long as names of classes usually are" for number in range(600)]
    run.classes, run.rows = names, []
    run.confusion = run.confusion.repeat(300, 0).repeat(300, 1) * 0
    for number in range(24_000):
        label, predicted = number % 600, (number * 7 + number // 600) % 600
        run.confusion[label, predicted] += 1
        path = f"test/{names[label]}/an image with a name like those of cameras {number:06d}.jpg"
        run.rows.append(["test", path, names[label], names[predicted], 0.5, 0.1, 0.6])
    run.write()
    content = gather(run.root, "many", None)
    source = "data:image/jpeg;base64," + "A" * 4000
    wanted = [image.path for cell in shown_cells(600, content.counts) for image in shown_images(content.cells[cell])]
    content.album.sources.update(dict.fromkeys(wanted[: MOST_BYTES_OF_PICTURES // len(source)], source))
    page = render(content, run.root / "report.html")
    assert 6_000_000 < len(page.encode()) < MOST_BYTES
    assert "200 of 600 classes, those with most mistakes; 400 are left out." in text_of(page)
