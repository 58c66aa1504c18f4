"""Files' checksums: SHA-256, which says what a file holds, and the ETag that S3 gives to the same bytes."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tqdm import tqdm

from deploy.data.local_files import LocalFile
from deploy.errors import DeployError

PART_BYTES = 16 * 2**20
MULTIPART_BYTES = 64 * 2**20  # from this size on a file is sent in parts
BLOCK_BYTES = 2**20  # must divide PART_BYTES
THREADS = 4


@dataclass(frozen=True)
class Checksums:
    sha256: str
    etag: str


def read_checksums(files: list[LocalFile]) -> dict[str, Checksums]:
    """Name -> checksums of every file, each read once."""
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(checksums_of, files)
        shown = tqdm(found, total=len(files), desc="reading", unit="file", disable=None, leave=False)
        return {file.name: sums for file, sums in zip(files, shown, strict=True)}


def checksums_of(file: LocalFile) -> Checksums:
    """The ETag is that of a file under S3's own encryption or none: its MD5, or the MD5 of its parts' MD5s.

    Source: S3 user guide, "Checking object integrity in Amazon S3".
    """
    in_parts = file.size >= MULTIPART_BYTES
    whole = hashlib.sha256()
    parts = [hashlib.md5(usedforsecurity=False)]
    try:
        with file.path.open("rb") as source:
            while block := source.read(BLOCK_BYTES):
                if in_parts and source.tell() > len(parts) * PART_BYTES:
                    parts.append(hashlib.md5(usedforsecurity=False))
                whole.update(block)
                parts[-1].update(block)
    except OSError as error:
        raise DeployError(f"{file.path} cannot be read ({error.strerror}); repair or remove it.") from error
    if not in_parts:
        return Checksums(whole.hexdigest(), parts[0].hexdigest())
    joined = hashlib.md5(b"".join(part.digest() for part in parts), usedforsecurity=False)
    return Checksums(whole.hexdigest(), f"{joined.hexdigest()}-{len(parts)}")


def fingerprint(checksums: dict[str, Checksums]) -> str:
    """SHA-256 over names and contents: the same for the same data, wherever it lies and whenever it was copied."""
    digest = hashlib.sha256()
    for name, sums in sorted(checksums.items()):
        digest.update(f"{name}\0{sums.sha256}\n".encode())
    return digest.hexdigest()
