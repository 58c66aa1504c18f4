import io
import re
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from container.errors import UserError
from local_test import dog_images
from local_test.dog_images import Expected, fetch_dog_images

EXPECTED = Expected(num_classes=2, num_images={"train": 4, "valid": 2, "test": 2})
NUM_FILES = 8


def small_archive(extra: dict[str | zipfile.ZipInfo, bytes] | None = None, images_per_class: int = 2) -> bytes:
    """An archive laid out as dogImages.zip, macOS's extra files included; about 200 kB, hardly compressible."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("dogImages/.DS_Store", b"finder")
        archive.writestr("__MACOSX/dogImages/train/._x", b"finder")
        for split, count in {"train": images_per_class, "valid": 1, "test": 1}.items():
            for name in ("001.Affenpinscher", "002.Afghan_hound"):
                archive.writestr(f"dogImages/{split}/{name}/", b"")
                for i in range(count):
                    content = bytes((i * 31 + j * j * 7 + j // 256) % 251 for j in range(25_000))
                    archive.writestr(f"dogImages/{split}/{name}/{i}.jpg", content, zipfile.ZIP_STORED)
        for member, content in (extra or {}).items():
            archive.writestr(member, content)
    return body.getvalue()


class FileServer(ThreadingHTTPServer):
    """Serves `body` at every path; the switches make it as unpleasant as real servers are."""

    body = b""
    etag: str | None = '"v1"'
    knows_ranges = True
    status = 200
    cut_after: list[int]  # bytes of the body that each next answer sends before it hangs up
    ranges: list[str | None]  # the Range header of each request so far

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}/dogImages.zip"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        given = self.headers.get("Range")
        self.server.ranges.append(given)
        same_version = self.headers.get("If-Range") == self.server.etag
        start = int(given[6:-1]) if given and self.server.knows_ranges and same_version else 0
        if self.server.status != 200:
            self.send_error(self.server.status)
            return
        if start >= len(self.server.body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(self.server.body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        rest = self.server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.server.body) - 1}/{len(self.server.body)}")
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.cut_after.pop(0)] if self.server.cut_after else rest)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")  # the test machine's proxy cannot reach a server on this machine


@pytest.fixture
def file_server() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@contextmanager
def serving() -> Iterator[FileServer]:
    with FileServer(("localhost", 0), FileHandler) as server:
        server.body, server.cut_after, server.ranges = small_archive(), [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def fetch(data_dir: Path, server: FileServer) -> Path:
    return fetch_dog_images(data_dir, server.url, EXPECTED)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_archive_is_fetched_and_unpacked(tmp_path: Path, file_server: FileServer) -> None:
    images_dir = fetch(tmp_path / "data", file_server)
    assert images_dir == tmp_path / "data" / "dogImages"
    files = [path for path in images_dir.rglob("*") if path.is_file()]
    assert len(files) == NUM_FILES
    assert {path.stat().st_size for path in files} == {25_000}
    assert (tmp_path / "data" / "dogImages.zip").read_bytes() == file_server.body
    assert names_in(tmp_path / "data") == ["dogImages", "dogImages.zip"]


def test_a_second_run_asks_the_server_for_nothing(tmp_path: Path, file_server: FileServer) -> None:
    fetch(tmp_path, file_server)
    fetch(tmp_path, file_server)
    assert len(file_server.ranges) == 1


def test_an_archive_put_there_by_hand_needs_no_server(tmp_path: Path) -> None:
    (tmp_path / "dogImages.zip").write_bytes(small_archive())
    assert names_in(fetch_dog_images(tmp_path, "http://localhost:9/x", EXPECTED)) == ["test", "train", "valid"]


def test_a_cut_connection_is_taken_up_where_it_broke(tmp_path: Path, file_server: FileServer) -> None:
    file_server.cut_after = [70_000, 50_000]
    fetch(tmp_path, file_server)
    assert file_server.ranges == [None, "bytes=70000-", "bytes=120000-"]


def test_a_later_run_goes_on_from_the_partial_file(tmp_path: Path, file_server: FileServer) -> None:
    file_server.cut_after = [20_000] * dog_images.ATTEMPTS
    with pytest.raises(UserError, match=r"was cut off after 80000 bytes.*run this again to go on"):
        fetch(tmp_path, file_server)
    assert names_in(tmp_path) == ["dogImages.zip.partial", "dogImages.zip.version"]
    fetch(tmp_path, file_server)
    assert file_server.ranges[-1] == "bytes=80000-"
    assert names_in(tmp_path) == ["dogImages", "dogImages.zip"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path, file_server: FileServer) -> None:
    file_server.cut_after = [20_000] * dog_images.ATTEMPTS
    file_server.etag = '"older"'
    with pytest.raises(UserError):
        fetch(tmp_path, file_server)
    file_server.etag = '"newer"'
    file_server.body = small_archive({"dogImages/test/002.Afghan_hound/.x": b"one more"})
    fetch(tmp_path, file_server)
    assert (tmp_path / "dogImages.zip").read_bytes() == file_server.body


@pytest.mark.parametrize(("etag", "knows_ranges"), [('"v1"', False), (None, True), ('W/"weak"', True)])
def test_without_ranges_or_a_version_a_cut_download_starts_anew(
    tmp_path: Path, file_server: FileServer, etag: str | None, knows_ranges: bool
) -> None:
    file_server.etag, file_server.knows_ranges, file_server.cut_after = etag, knows_ranges, [70_000]
    fetch(tmp_path, file_server)
    assert (tmp_path / "dogImages.zip").read_bytes() == file_server.body


def test_a_complete_partial_file_is_not_fetched_again(tmp_path: Path, file_server: FileServer) -> None:
    (tmp_path / "dogImages.zip.partial").write_bytes(file_server.body)
    (tmp_path / "dogImages.zip.version").write_text('"v1"')
    fetch(tmp_path, file_server)
    assert len(file_server.ranges) == 1


def test_a_partial_file_longer_than_the_file_is_dropped(tmp_path: Path, file_server: FileServer) -> None:
    (tmp_path / "dogImages.zip.partial").write_bytes(file_server.body + b"more")
    (tmp_path / "dogImages.zip.version").write_text('"v1"')
    fetch(tmp_path, file_server)
    assert (tmp_path / "dogImages.zip").read_bytes() == file_server.body


def test_an_http_error_is_told_with_what_to_do(tmp_path: Path, file_server: FileServer) -> None:
    file_server.status = 403
    with pytest.raises(UserError, match=r"answers 403 Forbidden; `make demo` needs no download, or put the archive"):
        fetch(tmp_path, file_server)


@pytest.mark.parametrize("host", ["name.invalid", "localhost:9"])
def test_a_host_out_of_reach_is_told_with_what_to_do(tmp_path: Path, host: str) -> None:
    sentence = rf"http://{host}/x cannot be reached \(.*{re.escape(str(tmp_path / 'dogImages.zip'))} by hand"
    with pytest.raises(UserError, match=sentence):
        fetch_dog_images(tmp_path, f"http://{host}/x", EXPECTED)


def test_an_address_that_is_no_web_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="starts with https://"):
        fetch_dog_images(tmp_path, "file:///etc/passwd", EXPECTED)


def test_a_disk_that_is_too_small_is_told_before_the_download(
    tmp_path: Path, file_server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dog_images.shutil, "disk_usage", lambda folder: SimpleNamespace(free=300_000))
    with pytest.raises(UserError, match=r"GB free, and .* GB are needed"):
        fetch(tmp_path, file_server)
    assert names_in(tmp_path) == []


def test_a_page_instead_of_an_archive_is_told(tmp_path: Path, file_server: FileServer) -> None:
    file_server.body = b"<html>Please log in to this network</html>"
    with pytest.raises(UserError, match=r"dogImages\.zip is damaged \(File is not a zip file\); remove it"):
        fetch(tmp_path, file_server)
    assert names_in(tmp_path) == ["dogImages.zip"]


def test_a_flipped_byte_is_found_by_its_crc(tmp_path: Path) -> None:
    body = bytearray(small_archive())
    body[len(body) // 2] ^= 1
    (tmp_path / "dogImages.zip").write_bytes(body)
    with pytest.raises(UserError, match=r"is damaged .*CRC"):
        fetch_dog_images(tmp_path, expected=EXPECTED)
    assert names_in(tmp_path) == ["dogImages.zip"]


def symbolic_link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


@pytest.mark.parametrize(
    "member",
    [
        "../outside.jpg",
        "/absolute.jpg",
        "dogImages/train/../../../outside.jpg",
        "dogImages/train/C:\\x/outside.jpg",
        "dogImages/train/001.Affenpinscher/deeper/1.jpg",
        "dogImages/other/001.Affenpinscher/1.jpg",
        "other/train/001.Affenpinscher/1.jpg",
        symbolic_link("dogImages/train/001.Affenpinscher/link.jpg"),
    ],
)
def test_a_member_outside_the_layout_is_refused_before_anything_is_written(
    tmp_path: Path, member: str | zipfile.ZipInfo
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    (data_dir / "dogImages.zip").write_bytes(small_archive({member: b"/etc/passwd"}))
    with pytest.raises(UserError, match="is no plain image file at dogImages/SPLIT/CLASS/FILE"):
        fetch_dog_images(data_dir, expected=EXPECTED)
    assert names_in(tmp_path) == ["data"]
    assert names_in(data_dir) == ["dogImages.zip"]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dog_images, "MAX_BYTES", NUM_FILES * 25_000 - 1)
    (tmp_path / "dogImages.zip").write_bytes(small_archive())
    with pytest.raises(UserError, match="would unpack to more than"):
        fetch_dog_images(tmp_path, expected=EXPECTED)


def test_a_set_with_missing_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dogImages.zip").write_bytes(small_archive(images_per_class=1))
    with pytest.raises(UserError, match="train has 2 images of 2 classes instead of 4 of 2"):
        fetch_dog_images(tmp_path, expected=EXPECTED)
    assert names_in(tmp_path) == ["dogImages.zip"]


def test_an_image_lost_after_unpacking_is_noticed(tmp_path: Path, file_server: FileServer) -> None:
    images_dir = fetch(tmp_path, file_server)
    next((images_dir / "test").rglob("*.jpg")).unlink()
    with pytest.raises(UserError, match=r"test has 1 images of 2 classes instead of 2 of 2; remove"):
        fetch(tmp_path, file_server)


def test_what_an_interrupted_unpacking_left_is_in_nobodys_way(tmp_path: Path, file_server: FileServer) -> None:
    left = tmp_path / "dogImages.unpacking" / "dogImages" / "train"
    left.mkdir(parents=True)
    (left / "half.jpg").write_bytes(b"ha")
    assert len(list(fetch(tmp_path, file_server).rglob("*.jpg"))) == NUM_FILES


def test_the_command_says_in_one_sentence_what_went_wrong(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_test.dog_images", "--dir", str(tmp_path), "--url", "http://localhost:9/x"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert re.fullmatch(r"http://localhost:9/x cannot be reached .*\n", result.stderr)
