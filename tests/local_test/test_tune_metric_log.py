"""What is read from a trial's log while it grows."""

from pathlib import Path

from container import contract
from container.training.finish import print_final
from container.training.run import print_epoch
from local_test.tuning.metric_log import MetricLog


def record(loss: float) -> dict[str, float]:
    return {"train_loss": 9, "train_accuracy": 0.1, "valid_loss": loss, "valid_accuracy": 0.5, "images_per_second": 7}


def test_what_training_prints_is_read_epoch_by_epoch_with_the_exported_models_value_last(
    capsys, tmp_path: Path
) -> None:
    print_epoch(record(0.9), 1, 3)
    print_epoch(record(0.4), 2, 3)
    print_epoch(record(0.6), 3, 3)
    print_final({"best_epoch": 2, "valid": {"loss": 0.4, "accuracy": 0.5}, "test": {"loss": 5, "accuracy": 0.2}})
    path = tmp_path / "log.txt"
    path.write_text(capsys.readouterr().out)
    log = MetricLog(path, "Average loss")
    log.read()
    assert log.intermediate == [0.9, 0.4, 0.6]
    assert log.value == 0.4
    assert log.is_last_epoch
    test_loss = MetricLog(path, "Test loss")
    test_loss.read()
    assert (test_loss.intermediate, test_loss.value) == ([], 5)


def test_a_line_that_is_still_being_written_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    log = MetricLog(path, "Average loss")
    log.read()
    path.write_text("Epoch 1 of 2\nAverage loss: 0.1")
    log.read()
    assert log.value is None
    path.write_text("Epoch 1 of 2\nAverage loss: 0.125000\n")
    log.read()
    assert log.intermediate == [0.125]
    assert not log.is_last_epoch


def test_a_job_that_went_on_from_a_checkpoint_continues_its_epochs(tmp_path: Path) -> None:
    line = contract.metric_line
    parts = ["Epoch 1 of 3", line("Average loss", 3), "Epoch 2 of 3", line("Average loss", 2)]
    parts += ["Best epoch: 2", line("Average loss", 2), "Resuming", "Epoch 3 of 3", line("Average loss", 1)]
    path = tmp_path / "log.txt"
    path.write_text("\n".join(parts) + "\n")
    log = MetricLog(path, "Average loss")
    log.read()
    assert log.intermediate == [3, 2, 1]
