import errno
from pathlib import Path

import pytest

from container import contract
from container.errors import ChannelError
from container.training import failure


def test_a_users_mistake_is_its_sentence_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failure.report(ChannelError("Channel 'train' is empty; fill it."), tmp_path / "output")
    assert (tmp_path / "output" / "failure").read_text() == "Channel 'train' is empty; fill it."
    printed = capsys.readouterr().err
    assert printed == "Training failed: Channel 'train' is empty; fill it.\n"


def test_a_defect_keeps_its_traceback_in_the_log_and_a_sentence_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        raise KeyError("layer9\nsecond line")
    except KeyError as error:
        failure.report(error, tmp_path)
    sentence = (tmp_path / "failure").read_text()
    assert sentence.startswith("Training ended with an error that is not the data's or the settings' fault")
    assert "KeyError" in sentence
    assert "\n" not in sentence
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full: enlarge the volume"),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"), "lower batch_size or image_size"),
    ],
)
def test_a_lack_of_room_says_what_to_do(tmp_path: Path, error: Exception, advice: str) -> None:
    failure.report(error, tmp_path)
    assert advice in (tmp_path / "failure").read_text()


def test_an_error_without_words_is_reported_too(tmp_path: Path) -> None:
    failure.report(RuntimeError(), tmp_path)
    assert "RuntimeError" in (tmp_path / "failure").read_text()


def test_the_first_of_several_processes_names_the_cause(tmp_path: Path) -> None:
    failure.write("The cause.", tmp_path)
    failure.write("A consequence.", tmp_path)
    assert (tmp_path / "failure").read_text() == "The cause."


def test_no_more_is_written_than_reaches_a_person(tmp_path: Path) -> None:
    failure.write("x" * 5000, tmp_path)
    assert len((tmp_path / "failure").read_text()) == contract.FAILURE_LIMIT
