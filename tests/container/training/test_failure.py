import errno
import os
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch

from container import contract
from container.errors import ChannelError
from container.training import failure
from tests.job_folder import JobFolder
from tests.small_disk import small_disk


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


PEER = (
    "[/w/third_party/gloo/gloo/transport/tcp/pair.cc:561] Connection closed by peer [10.0.0.7]:48804. This is "
    "typically caused by a remote worker crashing. Good luck!"
)
# What happened, and the whole sentence.
SENTENCES = [
    (
        OSError(errno.ENOSPC, "No space left on device"),
        "The disk is full: free or enlarge it, and start again with the same checkpoints ([Errno 28] No space left on "
        "device).",
    ),
    (
        PermissionError(errno.EACCES, "Permission denied", "/opt/ml/input/data"),
        "/opt/ml/input/data cannot be used: Permission denied; see that it is there and that this process may use it.",
    ),
    (
        MemoryError(),
        "The machine's memory ran out before training began: take a machine with more (MemoryError).",
    ),
    (
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
        "A process that reads images was killed, most likely because memory ran out: lower workers or batch_size "
        "(DataLoader worker (pid 7) is killed by signal: Killed).",
    ),
    (
        BrokenProcessPool("A process in the process pool was terminated abruptly."),
        "A process that reads images was killed, most likely because memory ran out: lower workers or batch_size (A "
        "process in the process pool was terminated abruptly).",
    ),
    (
        RuntimeError(PEER),
        "Another training process ended or can no longer be reached, so this one ended too: the failure file and log "
        "of the others say why (Connection closed by peer [10.0.0.7]:48804).",
    ),
]


@pytest.mark.parametrize(("error", "sentence"), SENTENCES, ids=[type(error).__name__ for error, _ in SENTENCES])
def test_what_a_person_can_mend_is_a_sentence_that_says_how(tmp_path: Path, error: Exception, sentence: str) -> None:
    failure.report(error, tmp_path)
    assert (tmp_path / "failure").read_text() == sentence


def test_a_lack_of_memory_names_the_settings_to_try(job_folder: JobFolder) -> None:
    settings = job_folder.configure(batch_size=64, accumulation_steps=2, image_size=224).settings()
    assert failure.explain(torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB.\nSee."), settings) == (
        "The GPU's memory ran out with batch_size=64, accumulation_steps=2 and image_size=224: set "
        "accumulation_steps=4, which trains the same batch of 64 in smaller parts, or batch_size=32 "
        "(CUDA out of memory. Tried 2 GiB)."
    )


def test_notes_on_an_error_follow_its_sentence(tmp_path: Path) -> None:
    error = ChannelError("Channel 'train' is empty; fill it.")
    error.add_note("model.pt is whole.")
    failure.report(error, tmp_path)
    assert (tmp_path / "failure").read_text() == "Channel 'train' is empty; fill it. model.pt is whole."


def test_a_cause_takes_the_place_of_a_consequence_and_of_nothing_else(tmp_path: Path) -> None:
    failure.report(RuntimeError(PEER), tmp_path)
    failure.write("Another consequence.", tmp_path)
    assert (tmp_path / "failure").read_text().startswith(failure.CONSEQUENCE)
    for sentence in ("The cause.", "A later cause."):
        failure.write(sentence, tmp_path, is_cause=True)
    assert (tmp_path / "failure").read_text() == "The cause."


def test_a_disk_without_room_for_the_sentence_leaves_it_in_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with small_disk(400):  # room for what is printed
        failure.write("The cause. " * 80, tmp_path)
    failure.write("The cause.", Path("/proc/none"))
    printed = capfd.readouterr().err
    assert f"The failure file {tmp_path}/failure cannot be written: File too large." in printed
    assert "The failure file /proc/none/failure cannot be written: " in printed


def test_a_file_name_that_is_no_text_is_written_as_far_as_it_goes(tmp_path: Path) -> None:
    failure.write(f"{os.fsdecode(b'caf' + bytes([0xE9]))}.jpg is gone.\nPut it back.", tmp_path)
    assert (tmp_path / "failure").read_text() == "caf?.jpg is gone. Put it back."


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
