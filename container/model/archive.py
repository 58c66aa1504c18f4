"""A model.pt as the zip archive that it is: what makes it unfit is found before PyTorch allocates anything for it."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from container.errors import ArtifactError
from container.model.stored_weights import missing_weight

MAX_MEMBERS = 20_000  # EfficientNet's model.pt has about 1,500
MAX_DIRECTORY_BYTES = MAX_MEMBERS * 256
# PyTorch stores weights as they are and deflates the code; that of a network has about 100 KB.
MAX_INFLATED_BYTES = 64 * 2**20
CHUNK_BYTES = 2**20

END, END_BYTES, COMMENT_BYTES = b"PK\5\6", 22, 2**16
LOCATOR, LOCATOR_BYTES = b"PK\6\7", 20
END_64 = b"PK\6\6"
LINK_TYPE, FILE_TYPE_BITS = 0xA000, 0xF000  # of a Unix file's mode, the upper half of a member's attributes
ENCRYPTED = 0x1
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, pickle.UnpicklingError)


def check_archive(path: Path) -> None:
    """Read every byte once, and compare it with its checksum.

    Raises ArtifactError that names the member and says why the file is not to be loaded: it leads out of the archive,
    is a link, is encrypted, inflates to far more than the file has, is damaged, or has fewer bytes than the network
    takes from it; or that there are too many members.
    """
    try:
        check_directory_size(path)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            for member in members:
                _check_content(path, archive, member)
            if reason := missing_weight(archive):
                raise ArtifactError(f"{path} is not loaded: its weight {reason}; export it again.")
    except (OSError, ValueError, EOFError, NotImplementedError, *BROKEN) as error:
        raise ArtifactError(
            f"{path} is not a TorchScript file that this image can load: {str(error).rstrip('.') or 'it is cut off'}; "
            "copy it again, or train again."
        ) from error


def check_directory_size(path: Path) -> None:
    """Raises ArtifactError if the table of contents is too long to be read, BadZipFile or OSError if there is none.

    The module zipfile makes an object of every entry before it can be asked how many there are.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - END_BYTES - LOCATOR_BYTES - COMMENT_BYTES)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(END)
        if at < 0 or at + END_BYTES > len(tail):
            raise zipfile.BadZipFile("it is no whole zip archive")
        (directory_bytes,) = struct.unpack_from("<I", tail, at + 12)
        if at >= LOCATOR_BYTES and tail.startswith(LOCATOR, at - LOCATOR_BYTES):
            (end_64,) = struct.unpack_from("<Q", tail, at - LOCATOR_BYTES + 8)
            file.seek(min(end_64, size))
            record = file.read(56)
            if record.startswith(END_64) and len(record) == 56:
                directory_bytes = max(directory_bytes % 0xFFFFFFFF, struct.unpack_from("<Q", record, 40)[0])
    if directory_bytes > MAX_DIRECTORY_BYTES:
        raise ArtifactError(
            f"{path} is not loaded: its table of contents has {directory_bytes} bytes, more than the "
            f"{MAX_DIRECTORY_BYTES} that are accepted; export it with this project's training."
        )


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise ArtifactError(f"{path} is not loaded: it has {len(members)} members; at most {MAX_MEMBERS} are accepted.")
    file_bytes, stored_bytes, inflated_bytes = path.stat().st_size, 0, 0
    names = set()
    for member in members:
        reason = _reason(member)
        if member.filename in names:
            reason = "it is there twice"
        names.add(member.filename)
        stored_bytes += member.compress_size
        if member.compress_type != zipfile.ZIP_STORED:
            inflated_bytes += member.file_size
        if stored_bytes > file_bytes:
            reason = "with it the members have more bytes than the file"
        elif inflated_bytes > MAX_INFLATED_BYTES:
            reason = f"with it {inflated_bytes} bytes are to be inflated; at most {MAX_INFLATED_BYTES} are accepted"
        if reason:
            raise ArtifactError(f"{path} is not loaded because of its member {member.filename[:200]!r}: {reason}.")


def _reason(member: zipfile.ZipInfo) -> str:
    """Why this member by itself is refused, or nothing."""
    name = PurePosixPath(member.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in member.filename or member.orig_filename != member.filename:
        return "its name leads out of the archive"
    if member.external_attr >> 16 & FILE_TYPE_BITS == LINK_TYPE:
        return "it is a link"
    if member.flag_bits & ENCRYPTED:
        return "it is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is compressed in a way that PyTorch does not know"
    if member.compress_type == zipfile.ZIP_STORED and member.compress_size != member.file_size:
        return "it is said to have two sizes"
    return ""


def _check_content(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    # PyTorch is built without this check: a damaged weight would only be seen in wrong answers.
    try:
        with archive.open(member) as content:
            while content.read(CHUNK_BYTES):
                pass
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ArtifactError(
            f"{path} is damaged: its member {member.filename[:200]!r} does not fit its checksum; copy the file again."
        ) from error
