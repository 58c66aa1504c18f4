import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from container.errors import CheckpointError
from container.training.checkpoint import checkpoints, load_checkpoint, refuse_other_job, save_checkpoint


def state(number: int) -> dict[str, Any]:
    return {"network": {"weight": torch.full((500, 100), float(number))}, "epoch": number, "history": [{"loss": 0.5}]}


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoints", 7, state(7))
    loaded = load_checkpoint(tmp_path / "checkpoints")
    assert loaded is not None
    assert torch.equal(loaded["network"]["weight"], state(7)["network"]["weight"])
    assert (loaded["epoch"], loaded["history"]) == (7, [{"loss": 0.5}])


@pytest.mark.parametrize("make", [lambda folder: None, Path.mkdir])
def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "checkpoints")
    assert load_checkpoint(tmp_path / "checkpoints") is None


def test_the_newest_by_step_counts_whatever_the_files_times(tmp_path: Path) -> None:
    newest = save_checkpoint(tmp_path, 1000, state(2))
    save_checkpoint(tmp_path, 999, state(1))
    os.utime(newest, (0, 0))
    assert (load_checkpoint(tmp_path) or {})["epoch"] == 2


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    for step in (1, 5, 20, 100):
        save_checkpoint(tmp_path, step, state(step))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "checkpoint-000000000020.pt",
        "checkpoint-000000000100.pt",
    ]


def test_a_partial_file_is_no_checkpoint(tmp_path: Path) -> None:
    whole = save_checkpoint(tmp_path, 1, state(1))
    (tmp_path / "checkpoint-000000000002.partial").write_bytes(whole.read_bytes()[:1000])
    assert checkpoints(tmp_path) == [whole]
    assert (load_checkpoint(tmp_path) or {})["epoch"] == 1


def damage_one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF  # among the weights
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_one_byte,
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"hello"),
    ],
    ids=["one byte", "truncated", "empty", "other content"],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tmp_path: Path, damage: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before, newest = save_checkpoint(tmp_path, 1, state(1)), save_checkpoint(tmp_path, 2, state(2))
    damage(newest)
    assert (load_checkpoint(tmp_path) or {})["epoch"] == 1
    printed = capsys.readouterr().out
    assert f"Checkpoint {newest} cannot be read" in printed
    assert f"Resuming from {before}." in printed


def test_if_every_checkpoint_is_damaged_the_job_starts_anew(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, step, state(step)).write_bytes(b"damaged")
    assert load_checkpoint(tmp_path) is None


class Attack:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    torch.save({"network": Attack(proof)}, tmp_path / "checkpoint-000000000001.pt")
    (tmp_path / "checkpoint-000000000002.pt").write_bytes(pickle.dumps(Attack(proof)))
    assert load_checkpoint(tmp_path) is None
    assert not proof.exists()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_death_while_writing_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    save_checkpoint(tmp_path, 1, state(1))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((os, "fsync", die) if call == "fsync" else (Path, "replace", die)))
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, 2, state(2))
    assert (load_checkpoint(tmp_path) or {})["epoch"] == 1


def test_the_bytes_reach_the_disk_before_the_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append("fsync"), fsync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda *paths: (calls.append("rename"), replace(*paths))[1])
    save_checkpoint(tmp_path, 1, state(1))
    assert calls == ["fsync", "rename", "fsync"]  # the file, then the name, then the folder that holds the name


def test_a_full_disk_is_a_sentence_and_leaves_no_partial_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(
        CheckpointError, match=r"cannot be written: .*No space left on device; free or enlarge the disk"
    ):
        save_checkpoint(tmp_path, 1, state(1))
    assert list(tmp_path.iterdir()) == []


def test_a_full_device_is_a_sentence(tmp_path: Path) -> None:
    # /dev/full refuses every byte, as a full disk does.
    (tmp_path / "checkpoint-000000000001.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path, 1, state(1))


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "checkpoints", 1, state(1))


def test_another_jobs_checkpoint_is_refused_by_what_differs(tmp_path: Path) -> None:
    saved = {"learning_rate": 0.1, "seed": 0, "fingerprint": "abc"}
    with pytest.raises(CheckpointError) as caught:
        refuse_other_job(tmp_path, saved, {**saved, "learning_rate": 0.2})
    assert str(caught.value) == (
        f"The checkpoint in {tmp_path} belongs to another job: learning_rate was 0.1 and is 0.2; use an empty folder."
    )


def test_the_same_jobs_checkpoint_is_accepted(tmp_path: Path) -> None:
    refuse_other_job(tmp_path, {"seed": 0, "no_longer_known": 1}, {"seed": 0})
