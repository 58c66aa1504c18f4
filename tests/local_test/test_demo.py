"""`make demo` from start to end: what the README promises of it."""

import re
import subprocess
import sys
from pathlib import Path

from container import contract
from container.debugger.verdict import NO_ISSUES, read_verdicts
from local_test import demo
from tests.job_folder import PROJECT_DIR, write_class_folders


def test_a_shorter_demo_is_far_above_chance_and_colours(tmp_path: Path) -> None:
    # Six epochs of its ten, for which 87.5 and 83.5 % were measured with two seeds; with all of them it is 97 %.
    command = [sys.executable, "-m", "local_test.demo", "--run", str(tmp_path / "run"), "-p", "num_epochs=6"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    shares = {
        name: float(percent) for name, percent in re.findall(r"^([a-z ]+?) {2,}([\d.]+)%", done.stdout, re.MULTILINE)
    }
    assert shares["test accuracy"] >= 75
    assert shares["colour histogram"] < 60
    assert shares["chance"] == 10
    labels = re.findall(r"^ +[\d.]+% .*(\d{3}\.\w+)$", done.stdout, re.MULTILINE)
    assert len(set(labels)) == 5
    assert "Everything is stopped." in done.stdout
    assert "\r" not in done.stdout + done.stderr  # bars are for terminals
    # The judge must leave a healthy job in peace.
    verdicts = read_verdicts(tmp_path / "run" / "output" / "data" / contract.RULES_DIR)
    assert len(verdicts) > 8
    assert {verdict.rule: verdict.message for verdict in verdicts if verdict.status != NO_ISSUES} == {}


def test_own_images_are_trained_from_random_weights_where_imagenets_cannot_be_had(
    tmp_path: Path, monkeypatch, capfd
) -> None:
    monkeypatch.setattr(demo, "WEIGHTS_HOST", "http://localhost:9/resnet18.pth")
    quick = {"num_epochs": "1", "backbone": "squeezenet1_1", "precisions": "fp32", "debugger": "false"}
    monkeypatch.setattr(demo, "SAMPLE_HYPERPARAMETERS", demo.SAMPLE_HYPERPARAMETERS | quick)
    photos = write_class_folders(tmp_path / "photos", per_class=12)
    demo.demonstrate(photos, tmp_path / "run")
    printed = capfd.readouterr().out
    assert "ImageNet weights cannot be downloaded" in printed
    assert "No valid channel: 3 images, 10% of each class" in printed
    assert "validation accuracy" in printed


def test_a_folder_without_images_is_said_in_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_test.demo", "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "holds no images to train on" in done.stderr
    assert "Traceback" not in done.stderr
