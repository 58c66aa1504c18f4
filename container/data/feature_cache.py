"""Features on disk: a folder with a file for every view of a channel, which any number of jobs may use at once.

Files are named by their key, so what depends on other data, weights or settings is another file, and none is ever
changed. What has not been used for longest makes way for what is new.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from container.data.feature_file import HEADER_BYTES, PARTIAL, FeatureKey, Features, read_features, write_features

SUFFIX = ".features"
WRITERS_LOCK = "writers.lock"


@dataclass(frozen=True)
class FeatureCache:
    """`folder` is read and written, `channel` only read. Files in `folder` never take more than `limit_bytes`."""

    folder: Path
    channel: Path | None
    limit_bytes: int
    _refused: set[Path] = field(default_factory=set, compare=False)  # files that were told to be of no use

    def find(self, key: FeatureKey) -> Features | None:
        """The view's features (N, D), memory-mapped, or None where no whole file has them."""
        for path in self._paths(key):
            try:
                features = read_features(path, key)
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                if path not in self._refused:
                    print(f"Features {path} cannot be used ({error}); they are computed anew.", flush=True)
                    self._refused.add(path)
                continue
            if path.parent == self.folder:
                with contextlib.suppress(OSError):
                    os.utime(path)  # the files that were used last are the last to go
            return features
        return None

    def has(self, key: FeatureKey) -> bool:
        """Whether there is a file, whole or not: `find` knows."""
        return any(path.exists() for path in self._paths(key))

    def has_in_channel(self, key: FeatureKey) -> bool:
        """The same of the channel alone, in which a file takes no room of the folder."""
        return self.channel is not None and (self.channel / (key.name + SUFFIX)).exists()

    @contextlib.contextmanager
    def lock(self, key: FeatureKey) -> Iterator[bool]:
        """Whether this process may compute these features now; another one that asks is refused meanwhile.

        The lock ends with the process that holds it, however that ends. Where the folder cannot be written there is
        none, and all may.
        """
        with contextlib.ExitStack() as held:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                held.enter_context(_locked(self.folder / f"{key.name}.lock", wait=False))
            except BlockingIOError:
                is_mine = False
            except OSError:
                is_mine = True
            else:
                is_mine = True
            yield is_mine

    def write(self, key: FeatureKey, features: Features, keep: Iterable[FeatureKey]) -> None:
        """Keep a view's features, by whoever holds its lock. Files of the keys in `keep` are not removed to make room.

        Raises OSError if the folder cannot be written or they do not fit.
        """
        path = self.folder / (key.name + SUFFIX)
        with _locked(self.folder / WRITERS_LOCK, wait=True):  # one at a time, so that the limit holds for all together
            for left in self.folder.glob("*" + PARTIAL):
                left.unlink(missing_ok=True)  # by a writer that was killed
            self._make_room(HEADER_BYTES + features.nbytes, path, {other.name + SUFFIX for other in keep})
            write_features(path, key, features)

    def fits(self, num_bytes: int) -> bool:
        """Whether files of that size fit, by the limit and by the disk's free space, if all that is there makes way.

        Raises OSError if there can be no such folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        present = sum(size for _, size, _ in self._files())
        return num_bytes <= min(self.limit_bytes, shutil.disk_usage(self.folder).free + present)

    def _make_room(self, num_bytes: int, replaced: Path, keep: set[str]) -> None:
        others = [item for item in self._files() if item[2] != replaced]
        excess = num_bytes + sum(size for _, size, _ in others) - self.limit_bytes
        removable = [item for item in others if item[2].name not in keep]
        if excess > sum(size for _, size, _ in removable):
            raise OSError(f"more than feature_cache_mib={self.limit_bytes / 2**20:.0f} are needed")
        for _, size, path in removable:
            if excess <= 0:
                break
            path.unlink(missing_ok=True)  # who has mapped it can go on reading it
            excess -= size

    def _files(self) -> list[tuple[int, int, Path]]:
        """Time of the last use, size and path of every file, the one that was not used for longest first."""
        found = []
        for path in self.folder.glob("*" + SUFFIX):
            with contextlib.suppress(FileNotFoundError):  # another process makes room
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        return sorted(found)

    def _paths(self, key: FeatureKey) -> list[Path]:
        return [folder / (key.name + SUFFIX) for folder in (self.channel, self.folder) if folder is not None]


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Within it no other process holds the lock. Raises BlockingIOError if one does and this one shall not wait."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        # Not flock, whose locks are inherited: loader processes would hold them for seconds after a kill of this one.
        fcntl.lockf(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
