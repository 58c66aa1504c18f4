"""The command line: which rows, what is served, asked and trained."""

import io
import tarfile
import tempfile
from pathlib import Path

import pytest

from container.data.decode import decode_image
from local_test.check_contract.__main__ import main
from local_test.check_contract.catalogue import ROWS
from local_test.check_contract.errors import UsageError
from local_test.check_contract.options import choose_rows, parse, read_subject
from local_test.check_contract.row import Mode
from local_test.check_contract.subject import Subject


def subject(tmp_path: Path, *arguments: str) -> Subject:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    return read_subject(parse(["image:1", *arguments]), folder)


def test_all_rows_are_chosen_unless_some_are_named() -> None:
    assert choose_rows(parse(["image"])) == list(ROWS)
    assert {row.mode for row in choose_rows(parse(["image", "--modes", "image, batch"]))} == {Mode.IMAGE, Mode.BATCH}
    chosen = choose_rows(parse(["image", "--only", "ping-quick,invoke", "--only", "train"]))
    assert [row.id for row in chosen] == ["ping-quick", "invoke", "train"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--modes", "hosting,hostin"], "'hostin' is not a valid Mode; use some of image, hosting, "),
        (["--only", "ping"], "No row is named 'ping'; --list shows them all."),
    ],
)
def test_names_that_are_none_are_refused_with_those_that_are(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["image", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_an_image_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Say which image" in capsys.readouterr().err


def test_the_list_needs_neither_image_nor_docker(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    printed = capsys.readouterr().out
    assert all(row.id in printed and row.demand in printed for row in ROWS)


def test_an_image_like_ours_needs_no_options(tmp_path: Path) -> None:
    found = subject(tmp_path)
    assert found.request.content_type == "image/jpeg"
    assert found.lines is not None
    assert found.model_dir is None
    assert set(found.training.channels) == {"train", "valid"}
    assert len(list(found.training.channels["train"].rglob("*.jpg"))) == 24
    assert found.training.endless["num_epochs"] == "9999"


def test_another_kind_of_image_is_described_by_options(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    arguments = ["--body", str(tmp_path / "rows.csv"), "--channel", f"training={tmp_path}", "-p", "depth=3"]
    found = subject(tmp_path, *arguments, "--env", "WORKERS=2", "--docker-option=--shm-size=1g")
    assert (found.request.body, found.request.content_type) == (b"1,2\n", "text/csv")
    assert found.lines is None
    assert found.training.channels == {"training": tmp_path}
    assert found.training.hyperparameters == {"depth": "3"}
    assert found.asynchronous_environment == found.multi_model_environment == {}
    assert found.environment == {"WORKERS": "2"}
    assert found.docker_options == ("--shm-size=1g",)


def test_a_model_is_a_folder_an_archive_or_a_runs(tmp_path: Path) -> None:
    (tmp_path / "run" / "model").mkdir(parents=True)
    assert subject(tmp_path, "--run", str(tmp_path / "run")).model_dir == tmp_path / "run" / "model"
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        member = tarfile.TarInfo("code/weights")
        member.size = 4
        file.addfile(member, io.BytesIO(b"1234"))
    model_dir = subject(tmp_path, "--model", str(archive)).model_dir
    assert model_dir is not None
    assert (model_dir / "code" / "weights").read_bytes() == b"1234"


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--model", "nowhere"], "There is no nowhere; give the folder of a model"),
        (["--model", "{}/no.tar.gz"], "no.tar.gz cannot be unpacked"),
        (["--body", "{}/body"], "does not tell its content type; add --content-type."),
        (["--image", "nowhere.jpg"], "nowhere.jpg cannot be read (No such file or directory); give another file."),
        (["--channel", "train=nowhere"], "The channel train cannot be nowhere, which is no folder"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, option: list[str], sentence: str) -> None:
    (tmp_path / "no.tar.gz").write_text("no archive")
    (tmp_path / "body").touch()
    with pytest.raises(UsageError) as caught:
        subject(tmp_path, *(word.format(tmp_path) for word in option))
    assert sentence in str(caught.value)


def test_requests_can_be_made_as_large_as_one_likes_and_stay_valid(tmp_path: Path) -> None:
    request = subject(tmp_path).request
    assert len(request.of_size(100_000)) == 100_000
    assert decode_image(request.of_size(100_000)).shape == decode_image(request.body).shape
