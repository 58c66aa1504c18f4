"""What a job measures at its end, and what the artifact that it leaves then answers."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from container import contract
from container.data.decode import decode_image
from container.model.activation_maps import ActivationMaps
from container.model.artifact import Artifact, load_artifact, read_module, stack
from container.model.precision import variant_path
from container.training.calibration import confidence
from tests.container.training.test_variants import FASTER
from tests.job_folder import CLASS_NAMES, JobFolder, write_picture

COLUMNS = ["split", "path", "class", "predicted", "probability", "true_probability", "uncalibrated"]
OPTIONS = {"num_epochs": 6, "learning_rate": 0.02, "head": "linear", "fine_tune": "head", "augment": "none"}


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> JobFolder:
    """A job whose valid channel is large enough for a temperature. Read only: tests share it."""
    folder = JobFolder(tmp_path_factory.mktemp("calibrated") / "ml").configure(**OPTIONS, precisions="auto")
    folder.add_channels(train=8, valid=36, test=5)
    # Of the class Blue in valid every third is a Red one: without mistakes there is nothing to fit.
    for number in range(0, 36, 3):
        write_picture(folder.data_dir / "valid" / "003.Blue" / f"{number:03d}.jpg", (200, 40, 40), number)
    (folder.data_dir / "train" / "001.Red" / "broken.jpg").write_bytes(b"no picture")
    folder.configure(**OPTIONS, precisions="auto", max_corrupt_share=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "container.training.variants.measure_speed",
            lambda artifacts, *_: {name: FASTER for name in artifacts if name != "fp32"},
        )
        folder.train()
    return folder


def predictions(folder: JobFolder) -> list[dict[str, str]]:
    with (folder.output_dir / "data" / contract.PREDICTIONS_FILE).open(newline="") as file:
        rows = csv.DictReader(file)
        assert rows.fieldnames == COLUMNS
        return list(rows)


def best(metrics: dict[str, Any]) -> dict[str, float]:
    """What was measured in training of the epoch that is exported."""
    record = metrics["history"][metrics["best_epoch"] - 1]
    assert isinstance(record, dict)
    return record


def answers(artifact: Artifact, rows: list[dict[str, str]], data_dir: Path) -> tuple[Tensor, Tensor]:
    """The artifact's logits (N, K) of images as a server decodes them, and their labels (N,)."""
    images = [decode_image((data_dir / row["path"]).read_bytes()) for row in rows]
    return artifact.logits(images), torch.tensor([CLASS_NAMES.index(row["class"]) for row in rows])


def test_the_artifact_answers_with_the_probabilities_and_losses_that_were_written_down(calibrated: JobFolder) -> None:
    artifact, metrics, rows = load_artifact(calibrated.model_path), calibrated.metrics, predictions(calibrated)
    assert metrics["temperature"] != 1
    assert artifact.card["temperature"] == metrics["temperature"]
    assert artifact.card["calibration"] == metrics["calibration"]
    for split, count in (("valid", 108), ("test", 15)):
        own = [row for row in rows if row["split"] == split]
        logits, labels = answers(artifact, own, calibrated.data_dir)
        found = confidence(logits, labels)
        assert len(own) == count
        assert [row["predicted"] for row in own] == [CLASS_NAMES[index] for index in found.predicted.tolist()]
        assert [float(row["probability"]) for row in own] == pytest.approx(found.probability.tolist(), abs=2e-5)
        assert [float(row["true_probability"]) for row in own] == pytest.approx(
            found.true_probability.tolist(), abs=2e-5
        )
        trained = confidence(logits, labels, 1 / metrics["temperature"])
        assert [float(row["uncalibrated"]) for row in own] == pytest.approx(trained.probability.tolist(), abs=2e-5)
        assert metrics[split]["loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), abs=2e-5)
        assert metrics[split]["accuracy"] == pytest.approx(found.is_right.double().mean().item())
        calibration = metrics["calibration"][split]
        assert calibration["loss"] == metrics[split]["loss"]
        assert calibration["ece"] == pytest.approx(found.error, abs=2e-4)
        assert calibration["uncalibrated_ece"] == pytest.approx(trained.error, abs=2e-4)
    assert metrics["calibration"]["valid"]["loss"] < metrics["calibration"]["valid"]["uncalibrated_loss"]
    assert best(metrics)["valid_loss"] == pytest.approx(metrics["calibration"]["valid"]["uncalibrated_loss"], abs=1e-5)


def test_forms_in_fewer_bits_and_activation_maps_have_the_same_temperature(calibrated: JobFolder) -> None:
    rows = predictions(calibrated)[:4]
    logits, _ = answers(load_artifact(calibrated.model_path), rows, calibrated.data_dir)
    kept = [trial["precision"] for trial in calibrated.metrics["variants"] if trial["kept"]]
    assert kept
    for precision in kept:
        path = variant_path(calibrated.model_path.parent, precision)
        module = read_module(path, "cpu")[0]
        assert module.network.head._modules["1"].temperature == calibrated.metrics["temperature"]
        low, _ = answers(load_artifact(path), rows, calibrated.data_dir)
        assert (low - logits).abs().max() < 0.15 * logits.abs().max()
    artifact = load_artifact(calibrated.model_path)
    crops = stack([artifact.crop(decode_image((calibrated.data_dir / row["path"]).read_bytes())) for row in rows])
    assert ActivationMaps(calibrated.model_path)(crops).mean(dim=(2, 3)) == pytest.approx(logits.numpy(), abs=1e-4)


def test_skipped_files_are_written_down_by_name_and_reason(calibrated: JobFolder) -> None:
    with (calibrated.output_dir / "data" / contract.SKIPPED_FILES_FILE).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["split"], row["path"]) == ("train", "train/001.Red/broken.jpg")
    assert "not a JPEG" in row["reason"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"calibrate": "false"}, "calibrate=false"),
        ({contract.TUNING_OBJECTIVE: "Average loss"}, "a tuning job's trials are compared as they were trained"),
    ],
)
def test_a_job_that_is_not_calibrated_measures_as_it_was_trained(
    calibrated: JobFolder, job_folder: JobFolder, options: dict[str, str], reason: str, capsys: pytest.CaptureFixture
) -> None:
    job_folder.share_channels(calibrated).configure(**OPTIONS, max_corrupt_share=0.1, **options).train()
    metrics, trained = job_folder.metrics, calibrated.metrics["calibration"]
    assert (metrics["temperature"], metrics["calibration"]["reason"]) == (1, reason)
    assert metrics["valid"]["loss"] == best(metrics)["valid_loss"]
    assert metrics["test"]["loss"] == pytest.approx(trained["test"]["uncalibrated_loss"], abs=1e-6)
    assert {row["split"] for row in predictions(job_folder)} == {"test"}  # the pass that is made anyway, and no more
    losses = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Average loss: ")]
    assert losses[-1] in losses[:-1]  # that of the best epoch


def test_a_job_on_a_split_train_channel_tells_where_its_valid_images_lie(job_folder: JobFolder) -> None:
    job_folder.add_channels(train=8).configure(**OPTIONS, valid_share=0.25).train()
    rows = predictions(job_folder)
    assert len(rows) == 6
    assert {row["split"] for row in rows} == {"valid"}
    assert all((job_folder.data_dir / row["path"]).is_file() and row["path"].startswith("train/") for row in rows)
    assert job_folder.metrics["calibration"]["reason"] == "the valid channel has 6 images, and a fit needs 100"
    assert not (job_folder.output_dir / "data" / contract.SKIPPED_FILES_FILE).exists()
