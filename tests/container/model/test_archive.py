import contextlib
import random
import stat
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from container.errors import ArtifactError
from container.model import archive
from container.model.archive import MAX_DIRECTORY_BYTES, MAX_INFLATED_BYTES, check_archive
from container.model.artifact import load_artifact, read_card, save_artifact
from container.model.preprocess import Preprocess

WEIGHTS = b"weights " * 5000


def write_zip(path: Path, *extra: tuple[zipfile.ZipInfo | str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A file laid out like a model.pt, with further members."""
    with zipfile.ZipFile(path, "w", compression) as made:
        made.writestr("model/data/0", WEIGHTS, zipfile.ZIP_STORED)
        for name, content in extra:
            made.writestr(name, content)
    return path


def member(name: str = "model/x", **attributes: object) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def refusal(path: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        check_archive(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        (("../../etc/cron.d/x", b"x"), "'../../etc/cron.d/x': its name leads out of the archive"),
        (("/etc/passwd", b"x"), "its name leads out of the archive"),
        (("model/..\\..\\x", b"x"), "its name leads out of the archive"),
        ((member(external_attr=(stat.S_IFLNK | 0o777) << 16), b"/etc/passwd"), "'model/x': it is a link"),
        ((member(compress_type=zipfile.ZIP_BZIP2), b"x"), "compressed in a way that PyTorch does not know"),
        (("model/data/0", b"x"), "'model/data/0': it is there twice"),
    ],
    ids=["above", "absolute", "backslash", "link", "bzip2", "twice"],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_no_model_has_is_named(tmp_path: Path, extra: tuple, reason: str) -> None:
    message = refusal(write_zip(tmp_path / "model.pt", extra))
    assert "is not loaded because of its member" in message
    assert reason in message


def test_code_may_be_compressed_and_a_bomb_may_not(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    check_archive(write_zip(path, ("model/code.py", bytes(1_000_000)), compression=zipfile.ZIP_DEFLATED))
    bomb = bytes(MAX_INFLATED_BYTES // 3 + 1)
    write_zip(path, *[(f"model/{number}", bomb) for number in range(3)], compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 400_000
    start = time.process_time()
    assert "'model/2': with it 67108866 bytes are to be inflated; at most 67108864 are accepted" in refusal(path)
    assert time.process_time() - start < 0.5  # seconds: nothing was inflated


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """The densest kind of bomb: every entry of the table of contents points at the same data."""
    path = write_zip(tmp_path / "model.pt")
    content = path.read_bytes()
    at = content.rfind(b"PK\1\2")
    end = content.rfind(b"PK\5\6")
    entries = [content[at:end].replace(b"model/data/0", b"model/%06d" % number) for number in range(10)]
    table = b"".join(entries)
    counts = struct.pack("<HHII", 10, 10, len(table), at)
    path.write_bytes(content[:at] + table + content[end : end + 8] + counts + b"\0\0")
    assert "with it the members have more bytes than the file" in refusal(path)


def test_a_table_of_contents_without_end_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    entry = struct.pack("<4s42x", b"PK\1\2")
    table = entry * (MAX_DIRECTORY_BYTES // len(entry) + 1)
    path.write_bytes(table + struct.pack("<4s4xHHII2x", b"PK\5\6", 65535, 65535, len(table), 0))
    assert "its table of contents has" in refusal(path)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    path = write_zip(tmp_path / "model.pt", *[(f"model/{number}", b"") for number in range(3)])
    assert "it has 4 members; at most 3 are accepted" in refusal(path)


def small_network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2)).eval()


@pytest.fixture
def model_path(tmp_path: Path) -> Path:
    save_artifact(tmp_path / "model.pt", Preprocess(32), small_network(), ["a", "b"], {"input_size": 32})
    return tmp_path / "model.pt"


def test_a_saved_model_passes(model_path: Path) -> None:
    check_archive(model_path)


def test_a_flipped_bit_in_any_weight_is_found_and_named(model_path: Path) -> None:
    content = bytearray(model_path.read_bytes())
    with zipfile.ZipFile(model_path) as whole:
        stored = [info for info in whole.infolist() if info.compress_type == zipfile.ZIP_STORED]
    largest = max(stored, key=lambda info: info.file_size)
    content[largest.header_offset + largest.file_size // 2] ^= 0x10
    model_path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.pt is damaged: its member '.*' does not fit its checksum"):
        load_artifact(model_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-30],
        lambda content: content[len(content) // 2 :],
        lambda content: b"",
        lambda content: b"PK\5\6" + bytes(18),
        lambda content: b"\x80\x02}q\x00.",
    ],
    ids=["half", "end cut", "start cut", "empty", "empty archive", "pickle"],
)
def test_a_file_that_is_no_whole_archive_is_refused(model_path: Path, damage: Callable[[bytes], bytes]) -> None:
    model_path.write_bytes(damage(model_path.read_bytes()))
    with pytest.raises(ArtifactError, match=r"model\.pt is not a TorchScript file|model\.pt is not loaded"):
        load_artifact(model_path)


def test_a_card_is_not_read_from_an_archive_that_inflates_without_end(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    bomb = b" " * (MAX_INFLATED_BYTES + 1)
    write_zip(path, ("model/extra/model_card.json", bomb), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ArtifactError, match="no model card that can be read"):
        read_card(path)


@pytest.mark.parametrize(("class_names", "card"), [({"a": 1}, {}), (["a", 2], {}), ([], {}), (["a"], [1]), ("ab", {})])
def test_class_names_and_card_of_another_kind_are_refused(tmp_path: Path, class_names: object, card: object) -> None:
    path = tmp_path / "model.pt"
    save_artifact(path, Preprocess(32), small_network(), class_names, card)  # type: ignore[arg-type]
    with pytest.raises(ArtifactError, match="class names or a model card of another kind"):
        load_artifact(path)


def test_random_damage_is_refused_or_found_harmless(model_path: Path) -> None:
    """Whatever byte is changed: an error that a person can read, or a model of the same bytes."""
    whole = model_path.read_bytes()
    chance = random.Random(0)  # noqa: S311
    passed = 0
    for _ in range(40):
        content = bytearray(whole)
        for _ in range(3):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        model_path.write_bytes(content)
        with contextlib.suppress(ArtifactError):
            check_archive(model_path)
            passed += 1
    assert passed <= 2  # what pads the members, and a time or two of their making, is all that may change
