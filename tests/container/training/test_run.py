import os
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from container import contract
from container.data.channels import read_channel
from container.data.decode import decode_image
from container.model.artifact import load_artifact
from container.training import run
from tests.conftest import TrainedJob
from tests.job_folder import CLASS_NAMES, JobFolder


def readings(output: str, metric: str) -> list[float]:
    """What a tuning job or CloudWatch would read."""
    return [float(number) for number in re.findall(contract.metric_regex(metric), output)]


def test_every_epochs_metrics_are_printed_one_a_line(trained_job: TrainedJob) -> None:
    history = trained_job.folder.metrics["history"]
    lines = trained_job.output.splitlines()
    assert len(history) == 4
    for number, record in enumerate(history, start=1):
        at = lines.index(f"Epoch {number} of 4")
        assert lines[at + 1 : at + 6] == [
            contract.metric_line("Train loss", record["train_loss"]),
            contract.metric_line("Train accuracy", record["train_accuracy"]),
            contract.metric_line("Average loss", record["valid_loss"]),
            contract.metric_line("Accuracy", record["valid_accuracy"]),
            contract.metric_line("Images per second", record["images_per_second"]),
        ]


def test_the_last_reading_of_each_metric_is_the_exported_models(trained_job: TrainedJob) -> None:
    metrics = trained_job.folder.metrics
    for name, expected in (
        ("Average loss", metrics["valid"]["loss"]),
        ("Accuracy", metrics["valid"]["accuracy"]),
        ("Test loss", metrics["test"]["loss"]),
        ("Test accuracy", metrics["test"]["accuracy"]),
    ):
        assert readings(trained_job.output, name)[-1] == pytest.approx(expected, abs=1e-6)
    assert len(readings(trained_job.output, "Average loss")) == 5  # of each epoch, and of the model
    assert len(readings(trained_job.output, "Test accuracy")) == 1


def test_the_job_learns_what_its_pictures_show(trained_job: TrainedJob) -> None:
    history = trained_job.folder.metrics["history"]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert trained_job.folder.metrics["test"]["accuracy"] > 0.8


def test_every_file_of_a_job_is_where_sagemaker_looks_for_it(trained_job: TrainedJob) -> None:
    base_dir = trained_job.folder.base_dir
    written = {str(path.relative_to(base_dir)) for path in base_dir.rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(("input/", "checkpoints/"))} == {
        "model/model.pt",
        "output/data/metrics.json",
        "output/data/confusion_matrix.csv",
        "output/data/confusion_matrix.png",
        "output/data/per_class.csv",
        "output/data/predictions.csv",
        "output/data/curves.png",
    }


def test_the_metrics_tell_the_whole_run(trained_job: TrainedJob) -> None:
    metrics = trained_job.folder.metrics
    assert metrics["num_images"] == {"train": 30, "valid": 12, "test": 15}
    assert metrics["num_unreadable"] == {"train": 0, "valid": 0, "test": 0}
    assert metrics["epochs_trained"] == 4
    assert metrics["stopped"] is False
    best = metrics["history"][metrics["best_epoch"] - 1]
    assert metrics["valid"]["loss"] == best["valid_loss"] == min(record["valid_loss"] for record in metrics["history"])


def test_the_settings_are_logged_once_and_the_data_is_described(trained_job: TrainedJob) -> None:
    lines = trained_job.output.splitlines()
    assert [line.startswith("Settings: {") for line in lines] == [True] + [False] * (len(lines) - 1)
    assert "Channel train: 30 images of 3 classes." in lines


def test_early_stopping_ends_training_and_exports_the_best_epoch(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    # A learning rate so high that the validation loss soon jumps about.
    job_folder.configure(
        num_epochs=40,
        early_stopping_patience=2,
        fine_tune="head",
        head="linear",
        learning_rate=0.3,
        lr_schedule="constant",
    ).add_channels(train=6, valid=4)
    job_folder.train()
    history, best_epoch = job_folder.metrics["history"], job_folder.metrics["best_epoch"]
    losses = [record["valid_loss"] for record in history]
    assert len(history) == best_epoch + 2 < 40
    assert losses.index(min(losses)) + 1 == best_epoch
    assert "Early stopping: no better validation loss for 2 epochs." in capsys.readouterr().out

    # The artifact is the best epoch's, not the last one's.
    channel = read_channel("valid", job_folder.data_dir / "valid", max_corrupt_share=0)
    logits = load_artifact(job_folder.model_path).logits([decode_image(path.read_bytes()) for path in channel.files])
    loss = F.cross_entropy(logits, torch.tensor(channel.labels)).item()
    assert loss == pytest.approx(min(losses), rel=1e-4)
    assert loss != pytest.approx(losses[-1], rel=1e-2)


@pytest.mark.parametrize(
    "options",
    [
        {"mixed_precision": "bf16", "class_weights": "balanced", "label_smoothing": 0.1, "augment": "strong"},
        {"optimizer": "sgd", "weight_decay": 0.01, "warmup_epochs": 0.5, "accumulation_steps": 2, "head": "linear"},
        {"optimizer": "adamw", "fine_tune": "last_block", "backbone": "resnet18", "num_epochs": 1, "workers": 1},
    ],
)
def test_every_hyperparameter_reaches_a_job_that_trains_and_exports(
    job_folder: JobFolder, options: dict[str, Any]
) -> None:
    job_folder.configure(**options).add_channels(train={"001.Red": 6, "002.Green": 5, "003.Blue": 3}, valid=2)
    job_folder.train()
    written = job_folder.metrics["hyperparameters"]
    assert {name: written[name] for name in options} == options
    assert load_artifact(job_folder.model_path).class_names == list(CLASS_NAMES)
    assert job_folder.metrics["artifact_logit_difference"] < 1e-3


def test_without_a_test_channel_the_results_are_the_valid_channels(job_folder: JobFolder) -> None:
    job_folder.configure(num_epochs=1).add_channels(train=4, valid=2)
    job_folder.train()
    assert job_folder.metrics["test"] == {}
    rows = (job_folder.output_dir / "data" / "per_class.csv").read_text().splitlines()[1:]
    assert [row.split(",")[1] for row in rows] == ["2", "2", "2"]


def test_the_weights_of_the_pretrained_channel_are_what_a_frozen_job_exports(job_folder: JobFolder) -> None:
    from torchvision import models

    state = models.squeezenet1_1(weights=None).state_dict()
    (job_folder.data_dir / "pretrained").mkdir()
    torch.save(state, job_folder.data_dir / "pretrained" / "squeezenet1_1.pth")
    job_folder.configure(pretrained="imagenet", fine_tune="head", num_epochs=1).add_channels(train=4)
    job_folder.train()
    exported = job_folder.weights()
    assert torch.equal(exported["network.backbone.features.0.weight"], state["features.0.weight"])


def test_a_git_revision_in_the_environment_reaches_the_model_card(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_REVISION", "0123abc")
    job_folder.configure(num_epochs=1).add_channels(train=4)
    job_folder.train()
    assert load_artifact(job_folder.model_path).card["git_revision"] == "0123abc"


def spoil_half(folder: JobFolder) -> None:
    for path in sorted((folder.data_dir / "train").rglob("*.jpg"))[::2]:
        path.write_bytes(b"no image")


MISTAKES: dict[str, tuple[Callable[[JobFolder], object], str]] = {
    "unknown hyperparameter": (lambda job: job.configure(epochs=3), "did you mean 'num_epochs'?"),
    "value out of range": (lambda job: job.configure(num_epochs=0), "num_epochs is '0'; it must be at least 1"),
    "fp16 on a CPU": (lambda job: job.configure(mixed_precision="fp16"), "needs a GPU; use bf16, no or auto"),
    "unknown backbone": (lambda job: job.configure(backbone="resnet"), "no torchvision classifier; did you mean"),
    "backbone and size": (lambda job: job.configure(backbone="alexnet"), "cannot take image_size=32"),
    "slices too small": (lambda job: job.configure(accumulation_steps=5), "lower accumulation_steps"),
    "missing weights": (lambda job: job.configure(pretrained="/nowhere.pth"), "is no file; use imagenet, none"),
    "corrupt files": (spoil_half, "6 of 12 files are not readable images, more than max_corrupt_share=0.01 allows"),
    "malformed json": (lambda job: job.write_config("hyperparameters.json", "{"), "is not valid JSON"),
    "divergence": (
        lambda job: job.configure(optimizer="sgd", learning_rate=10, num_epochs=20, lr_schedule="constant"),
        "The training loss is nan at step",
    ),
}


@pytest.mark.filterwarnings("ignore:.*GPU.*")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_persons_mistake_ends_the_job_with_one_sentence(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    make, sentence = MISTAKES[mistake]
    make(job_folder.configure().add_channels(train=4, valid=1))
    for name, value in job_folder.environ.items():
        monkeypatch.setenv(name, value)
    assert run.main() == 1
    assert sentence in job_folder.failure
    assert "\n" not in job_folder.failure
    assert len(job_folder.failure) <= contract.FAILURE_LIMIT
    assert "Traceback" not in capsys.readouterr().err
    assert job_folder.model_path.exists() == ("model.pt is that of the best epoch so far" in job_folder.failure)


def test_a_job_without_a_train_channel_names_it(job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(contract.BASE_DIR_VARIABLE, str(job_folder.configure().base_dir))
    assert run.main() == 1
    assert job_folder.failure == "There is no channel named 'train' (channels found: none); give the job one."


def test_a_defect_is_told_apart_from_a_persons_mistake(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setenv(contract.BASE_DIR_VARIABLE, str(job_folder.configure().base_dir))
    monkeypatch.setattr(run, "load_splits", defect)
    assert run.main() == 1
    assert job_folder.failure.startswith("Training ended with an error that is not the data's or the settings' fault")
    assert "Traceback" in capsys.readouterr().err


def test_an_image_that_is_damaged_while_the_job_runs_ends_it_by_name(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_folder.configure(workers=1).add_channels(train=4, valid=1)
    victim = next(iter(sorted((job_folder.data_dir / "train").rglob("*.jpg"))))
    original = run.run_epoch

    def damage_then_run(*arguments: Any) -> None:
        victim.write_bytes(b"damaged")
        original(*arguments)

    monkeypatch.setenv(contract.BASE_DIR_VARIABLE, str(job_folder.base_dir))
    monkeypatch.setattr(run, "run_epoch", damage_then_run)
    assert run.main() == 1
    assert job_folder.failure.startswith(f"{victim} was readable when the job started and is no longer: ")


def test_skipped_files_are_named_counted_in_the_metrics_and_left_where_they_are(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job_folder.configure(max_corrupt_share=0.2, num_epochs=1).add_channels(train=4, valid=1)
    bad = job_folder.data_dir / "train" / CLASS_NAMES[0] / os.fsdecode(b"caf\xe9.jpg")  # a name that is no text
    bad.write_bytes(b"bad")
    monkeypatch.setenv(contract.BASE_DIR_VARIABLE, str(job_folder.base_dir))
    assert run.main() == 0
    assert "/caf\\udce9.jpg: These 3 bytes are not a JPEG" in capsys.readouterr().out
    assert job_folder.metrics["num_unreadable"] == {"train": 1, "valid": 0}
    assert bad.read_bytes() == b"bad"
