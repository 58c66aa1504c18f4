"""Fetch the original project's dogImages.zip (1.1 GB, 133 breeds, 8351 photos), check it and unpack it.

Verified against a local server with a small archive of the same layout: resuming, cut connections, servers without
ranges, damaged and hostile archives. Not verified: the address below, and that the archive there has the expected
counts (those that copies of the original project report) and no other members: the development machine cannot reach it.
"""

import argparse
import http.client
import shutil
import stat
import sys
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from container.errors import UserError
from local_test.interrupts import exit_status

URL = "https://s3-us-west-1.amazonaws.com/udacity-aind/dog-project/dogImages.zip"
EXAMPLES = """examples:
  python -m local_test.dog_images
  python -m local_test.dog_images --dir /mnt/data --url https://example.com/dogImages.zip"""
TOP = "dogImages"  # the archive's only folder
TIMEOUT_SECONDS = 30  # without a byte
ATTEMPTS = 4  # connections in a row that are cut before this gives up; the next run goes on from there
MAX_FILES, MAX_FILE_BYTES, MAX_BYTES = 50_000, 64 << 20, 8 << 30  # far above the real ones: an archive bomb ends here


@dataclass(frozen=True)
class Expected:
    """Classes and images per split that a complete set holds."""

    num_classes: int = 133
    num_images: dict[str, int] = field(default_factory=lambda: {"train": 6680, "valid": 835, "test": 836})


def fetch_dog_images(data_dir: Path, url: str = URL, expected: Expected | None = None) -> Path:
    """The folder `data_dir`/dogImages, complete; fetched and unpacked if it is not there yet.

    An archive that lies at `data_dir`/dogImages.zip is used instead of a download. Raises UserError.
    """
    expected = expected or Expected()
    images_dir, zip_path = data_dir / TOP, data_dir / f"{TOP}.zip"
    if images_dir.is_dir():
        check_counts(images_dir, expected)
        return images_dir
    data_dir.mkdir(parents=True, exist_ok=True)
    if not zip_path.is_file():
        download(url, zip_path)
    unpacked_dir = data_dir / f"{TOP}.unpacking"
    shutil.rmtree(unpacked_dir, ignore_errors=True)  # what an interrupted run of this command left
    try:
        unpack(zip_path, unpacked_dir)
        check_counts(unpacked_dir / TOP, expected)
        (unpacked_dir / TOP).rename(images_dir)
    finally:
        shutil.rmtree(unpacked_dir, ignore_errors=True)
    return images_dir


def download(url: str, path: Path) -> None:
    """Fetch `url` to `path`, which appears only when complete; goes on where a cut or an earlier run ended."""
    if not url.startswith(("http://", "https://")):
        raise UserError(f"{url!r} is no address this can fetch; give one that starts with https:// or http://.")
    for _ in range(ATTEMPTS):
        try:
            is_complete = transfer(url, path)
        except urllib.error.HTTPError as error:
            error.close()
            raise UserError(f"{url} answers {error.code} {error.reason}; {other_ways(path)}.") from error
        except urllib.error.URLError as error:
            raise UserError(f"{url} cannot be reached ({error.reason}); {other_ways(path)}.") from error
        except (ConnectionError, TimeoutError, http.client.HTTPException):  # cut before the answer's first byte
            continue
        if is_complete:
            return
    got = partial_path(path).stat().st_size if partial_path(path).is_file() else 0
    raise UserError(f"{url} was cut off after {got} bytes, {ATTEMPTS} times; run this again to go on from there.")


def transfer(url: str, path: Path) -> bool:
    """Fetch what is missing over one connection; False if it was cut before the end."""
    partial, version_path = partial_path(path), path.with_name(path.name + ".version")
    version = version_path.read_text() if version_path.is_file() else ""
    start = partial.stat().st_size if partial.is_file() and version else 0
    # If-Range: a server whose file has changed since sends the whole new one, with status 200, as does one that knows
    # no ranges.
    ranges = {"Range": f"bytes={start}-", "If-Range": version} if start else {}
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **ranges})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code != 416 or not start:
            raise
        error.close()  # nothing lies behind `start`: it was all there, or it is no part of this file
        if error.headers.get("Content-Range") == f"bytes */{start}":
            return finish(path)
        partial.unlink()
        return False
    with response:
        if response.status != 206:
            start = 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        check_space(path.parent, 2 * (total or 0) - start)  # the archive, and the same again unpacked
        version_path.write_text(version_of(response.headers))
        was_cut = not save(response, partial, start, total)
    if was_cut or (total is not None and partial.stat().st_size < total):
        return False
    return finish(path)


def finish(path: Path) -> bool:
    partial_path(path).rename(path)
    path.with_name(path.name + ".version").unlink()
    return True


def save(response: http.client.HTTPResponse, partial: Path, start: int, total: int | None) -> bool:
    """Write the body behind the first `start` bytes of `partial`, as far as it comes; False if it broke off."""
    with (
        partial.open("r+b" if start else "wb") as target,
        tqdm(desc="Downloading", initial=start, total=total, unit="B", unit_scale=True, disable=None) as bar,
    ):
        target.seek(start)
        try:
            while chunk := response.read(1 << 20):
                target.write(chunk)
                bar.update(len(chunk))
        except http.client.IncompleteRead as error:
            target.write(error.partial)
            return False
        except (ConnectionError, TimeoutError):  # what came is kept
            return False
    return True


def partial_path(path: Path) -> Path:
    return path.with_name(path.name + ".partial")


def version_of(headers: http.client.HTTPMessage) -> str:
    """What names this version of the file in If-Range: a strong ETag, else its date, else nothing."""
    etag: str = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")


def other_ways(path: Path) -> str:
    return f"`make demo` needs no download, or put the archive at {path} by hand and run this command again"


def check_space(folder: Path, num_bytes: int) -> None:
    """Raise UserError unless the disk that holds `folder` has room for `num_bytes` more."""
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise UserError(
            f"{folder} has {free / 1e9:.1f} GB free, and {num_bytes / 1e9:.1f} GB are needed; make room, "
            "or give another folder by --dir."
        )


def unpack(zip_path: Path, target_dir: Path) -> None:
    """Write every image of the archive under `target_dir`; reading a member to its end checks its CRC."""
    try:
        with zipfile.ZipFile(zip_path) as archive:
            members = [member for member in archive.infolist() if is_wanted(member)]
            check_members(zip_path, members)
            check_space(target_dir.parent, sum(member.file_size for member in members))
            for member in tqdm(members, desc="Unpacking", unit="file", disable=None):
                path = target_dir / member.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, path.open("xb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, FileExistsError, NotImplementedError) as error:
        raise UserError(f"{zip_path} is damaged ({error}); remove it and run this command again.") from error


def is_wanted(member: zipfile.ZipInfo) -> bool:
    """False for folders and for what macOS puts into archives."""
    name = PurePosixPath(member.filename).name
    return not (member.is_dir() or member.filename.startswith("__MACOSX/") or name.startswith("."))


def check_members(zip_path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Raise UserError unless every member is a plain file of the set's layout and of a sane size."""
    if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_BYTES:
        raise UserError(
            f"{zip_path} would unpack to more than {MAX_BYTES >> 30} GiB or {MAX_FILES} files; it is not the dogImages "
            "archive: remove it and run this command again."
        )
    for member in members:
        parts = member.filename.split("/")  # as stored: train/../x and C:\x must not be tidied into something harmless
        in_layout = len(parts) == 4 and parts[0] == TOP and parts[1] in Expected().num_images
        is_safe = all(part not in ("", ".", "..") and not set(part) & set("\\:\0") for part in parts)
        is_link = stat.S_ISLNK(member.external_attr >> 16)
        if not (in_layout and is_safe) or is_link or member.flag_bits & 1 or member.file_size > MAX_FILE_BYTES:
            raise UserError(
                f"{zip_path} holds {member.filename!r}, which is no plain image file at {TOP}/SPLIT/CLASS/FILE; "
                "it is not the dogImages archive: remove it and run this command again."
            )


def check_counts(images_dir: Path, expected: Expected) -> None:
    """Raise UserError unless every split has the expected classes and number of images."""
    for split, num_images in expected.num_images.items():
        class_dirs = [path for path in (images_dir / split).glob("*") if path.is_dir()]
        found = sum(1 for class_dir in class_dirs for path in class_dir.iterdir() if not path.name.startswith("."))
        if (len(class_dirs), found) != (expected.num_classes, num_images):
            raise UserError(
                f"{images_dir / split} has {found} images of {len(class_dirs)} classes instead of {num_images} of "
                f"{expected.num_classes}; remove {images_dir} and {images_dir}.zip and run this command again."
            )


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m local_test.dog_images",
        description=(__doc__ or "").splitlines()[0],
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dir", type=Path, default=Path("data"), help="folder that gets dogImages/ (default data)")
    parser.add_argument("--url", default=URL, help="where dogImages.zip is fetched from")
    options = parser.parse_args()
    try:
        images_dir = fetch_dog_images(options.dir, options.url)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The photos are in {images_dir}; {images_dir}.zip is no longer needed.")
    return 0


if __name__ == "__main__":
    sys.exit(exit_status(main, "\nStopped; the same command goes on from here."))
