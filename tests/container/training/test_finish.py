"""What a job leaves at its end, where that depends on more than the training."""

import json
import signal
from collections.abc import Callable

import pytest
import torch

from container import contract
from container.model.artifact import load_artifact
from container.model.precision import choose_variant, variant_path
from container.training import finish
from tests.container.training.test_variants import FASTER
from tests.job_folder import JobFolder

LOW = ("bf16", "int8")
OPTIONS = {"precisions": "auto", "num_epochs": "1", "fine_tune": "head", "head": "linear", "learning_rate": "0.01"}


def make_job(folder: JobFolder, **options: object) -> JobFolder:
    return folder.configure(**{**OPTIONS, **options}).add_channels(train=8, valid=6, test=2)


def model_files(folder: JobFolder) -> list[str]:
    return sorted(path.name for path in folder.model_path.parent.iterdir())


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variant is measured to be faster, which no test can wait for on a busy machine."""
    monkeypatch.setattr(
        "container.training.variants.measure_speed",
        lambda artifacts, *_: {name: FASTER for name in artifacts if name != "fp32"},
    )


@pytest.mark.usefixtures("fast")
def test_a_job_leaves_the_variants_that_its_metrics_its_log_and_their_cards_tell_of(
    job_folder: JobFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    make_job(job_folder).train()
    trials = {trial["precision"]: trial for trial in job_folder.metrics["variants"]}
    log = capsys.readouterr().out
    assert trials.keys() == set(LOW)
    assert any(trial["kept"] for trial in trials.values())
    for name, trial in trials.items():
        path = variant_path(job_folder.model_path.parent, name)
        word = "kept" if trial["kept"] else "dropped"
        assert path.exists() == trial["kept"] == (trial["fp32_accuracy"] - trial["accuracy"] <= 0.005)
        assert f"Variant {name} {word}: {trial['reason']}.\n" in log
        if trial["kept"]:
            card = load_artifact(path).card
            assert card["measured"] == trial
            assert card["hyperparameters"] == job_folder.metrics["hyperparameters"]
            assert card["valid"] == job_folder.metrics["valid"]
    assert log.rindex("Test accuracy: ") < log.index("Variant bf16")  # a tuning job's objective has been told before
    assert len(job_folder.metrics["history"]) == 1


def test_what_a_job_measures_by_itself_is_what_it_decides_by(job_folder: JobFolder) -> None:
    make_job(job_folder).train()
    flags = frozenset({"avx512_vnni", "avx512_bf16"})
    kept = [trial["precision"] for trial in job_folder.metrics["variants"] if trial["kept"]]
    assert model_files(job_folder) == sorted(["model.pt", *(f"model-{name}.pt" for name in kept)])
    for trial in job_folder.metrics["variants"]:
        assert trial["kept"] == (trial["precision"] in kept)
        assert trial["kept"] == (
            min(trial["speed"].values()) >= 1.05 and trial["fp32_accuracy"] - trial["accuracy"] <= 0.005
        )
    assert choose_variant(job_folder.model_path.parent, "auto", "cpu", flags).precision in ("fp32", *kept)


@pytest.mark.usefixtures("fast")
def test_a_job_that_exports_fp32_alone_removes_what_an_earlier_one_left(job_folder: JobFolder) -> None:
    make_job(job_folder, precisions="fp32")
    folder = job_folder.model_path.parent
    folder.mkdir()
    for name in ("model-bf16.pt", "model-int8.pt", "model-int8.partial"):
        (folder / name).touch()
    job_folder.train()
    assert model_files(job_folder) == ["model.pt"]
    assert "variants" not in job_folder.metrics


@pytest.mark.parametrize("is_trial", [False, True])
def test_a_tuning_jobs_trials_leave_out_fewer_bits_and_pictures(job_folder: JobFolder, is_trial: bool) -> None:
    mark = {contract.TUNING_OBJECTIVE: "Average loss"} if is_trial else {}
    make_job(job_folder, **mark).train()
    assert ("variants" in job_folder.metrics) == (not is_trial)
    pictures = {path.name for path in (job_folder.output_dir / "data").glob("*.png")}
    assert pictures == (set() if is_trial else {"curves.png", "confusion_matrix.png"})
    assert job_folder.model_path.is_file()


MOMENTS = {
    "before the calibration": ("container.training.variants:_convert", 1),
    "during the calibration": ("container.training.variants:to_int8", 1),
    "before the measurements": ("container.training.variants:_measure", 1),
    "between two images": ("container.training.variant_trial:_decode", 10),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_stop_while_variants_are_made_leaves_model_pt_whole_and_nothing_else(
    job_folder: JobFolder, moment: str
) -> None:
    process = make_job(job_folder).start(signal_before=(signal.SIGTERM, *MOMENTS[moment]))
    assert process.wait() == 0, process.output
    assert "Stopped as asked, before the model was tried in bf16 and int8; model.pt is complete." in process.output
    assert model_files(job_folder) == ["model.pt"]
    assert load_artifact(job_folder.model_path).logits([torch.zeros(3, 40, 40, dtype=torch.uint8)]).shape == (1, 3)
    assert job_folder.metrics["stopped"] is False  # the training was over
    assert "variants" not in job_folder.metrics
    assert not (job_folder.output_dir / "failure").exists()


def test_a_job_killed_while_variants_are_made_makes_them_when_it_is_started_again(job_folder: JobFolder) -> None:
    killed = make_job(job_folder).start(signal_before=(signal.SIGKILL, "container.training.variants:_measure", 1))
    assert killed.wait() == -signal.SIGKILL
    assert load_artifact(job_folder.model_path).precision == "fp32"
    again = job_folder.start()
    assert again.wait() == 0, again.output
    assert [trial["precision"] for trial in job_folder.metrics["variants"]] == list(LOW)


def test_a_job_that_was_stopped_in_training_makes_no_variants(job_folder: JobFolder) -> None:
    process = make_job(job_folder, num_epochs=3, feature_cache="off").start(
        signal_before=(signal.SIGTERM, "container.training.run:print_epoch", 1)
    )
    assert process.wait() == 0, process.output
    assert job_folder.metrics["stopped"] is True
    assert model_files(job_folder) == ["model.pt"]
    assert "Variant" not in process.output


def raise_(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("can't allocate memory")])
def test_whatever_happens_to_the_variants_the_job_has_its_model(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    monkeypatch.setattr(finish, "add_variants", raise_(error))
    make_job(job_folder).train()
    output = capsys.readouterr()
    assert f"in bf16 and int8 was given up; model.pt is complete. The reason: {error}" in output.out
    assert ("Traceback" in output.err) == isinstance(error, RuntimeError)  # of a defect of ours
    assert load_artifact(job_folder.model_path).precision == "fp32"
    assert "variants" not in job_folder.metrics


def test_a_picture_that_goes_away_costs_the_variants_and_not_the_job(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write_and_spoil(*arguments: object) -> None:
        original(*arguments)
        for path in (job_folder.data_dir / "train").rglob("*.jpg"):
            path.write_bytes(b"no image")

    original = finish.write
    monkeypatch.setattr(finish, "write", write_and_spoil)
    make_job(job_folder).train()
    log = capsys.readouterr().out
    assert "was given up; model.pt is complete. The reason: " in log
    assert ".jpg: These 8 bytes are not a JPEG" in log
    assert model_files(job_folder) == ["model.pt"]


@pytest.mark.usefixtures("fast")
def test_metrics_that_cannot_be_written_again_stay_whole(
    job_folder: JobFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(finish, "write_metrics", raise_(OSError(28, "No space left on device")))
    make_job(job_folder).train()
    assert "given up; model.pt is complete. The reason: [Errno 28]" in capsys.readouterr().out
    assert job_folder.metrics["num_classes"] == 3
    assert json.loads((job_folder.output_dir / "data" / "metrics.json").read_text()) == job_folder.metrics
