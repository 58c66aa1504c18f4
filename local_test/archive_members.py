"""Members of a .tar.gz that may be unpacked: plain files and folders inside of it, of a size that can be meant."""

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from container.errors import UserError

MAX_MEMBERS = 100_000  # a long job's tensors and profile are some ten thousand files


def checked_members(archive: tarfile.TarFile, path: Path, max_bytes: int) -> Iterator[tarfile.TarInfo]:
    """Each file and folder in turn, none of them written yet.

    Raises UserError that names the first member which is a link or a device, whose name leads out of the folder, or
    with which all the files have more than `max_bytes` bytes: what it has in front of it was unpacked then.
    """
    total_bytes = 0
    for number, member in enumerate(archive):
        total_bytes += member.size
        reason = _reason(member)
        if number >= MAX_MEMBERS:
            reason = f"it is one of more than {MAX_MEMBERS} members"
        elif total_bytes > max_bytes:
            reason = f"with it the archive unpacks to {total_bytes} bytes, more than the {max_bytes} that are accepted"
        if reason:
            raise UserError(f"{path} is not unpacked because of its member {member.name[:200]!r}: {reason}.")
        yield member


def _reason(member: tarfile.TarInfo) -> str:
    """Why this member by itself is refused, or nothing."""
    parts = PurePosixPath(member.name)
    if parts.is_absolute() or ".." in parts.parts or "\0" in member.name or "\\" in member.name:
        return "its name leads out of the folder"
    if member.issym() or member.islnk():
        return f"it is a link, to {member.linkname[:200]!r}"
    if not (member.isfile() or member.isdir()):
        return "it is a device or another special file"
    return "its size is negative" if member.size < 0 else ""
