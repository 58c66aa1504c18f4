"""This host's share of a job's tensors, as a trial that smdebug's rules read."""

import json
from pathlib import Path
from typing import Any

from smdebug.trials.local_trial import LocalTrial


class HostTrial(LocalTrial):
    """Of a job on several hosts: the other hosts' workers write elsewhere, and must not be waited for."""

    def __init__(self, folder: Path, num_hosts: int) -> None:
        self._num_hosts = num_hosts
        super().__init__(name=folder.name, dirname=str(folder))

    def _read_collections(self, collection_files: list[str]) -> None:
        super()._read_collections(collection_files)
        self.num_workers: int = -(-self.collection_manager.get_num_workers() // self._num_hosts)


def open_tensors(folder: Path, num_hosts: int) -> Any:
    """The trial in a folder, or None as long as a worker of this host has not started to write."""
    files = list(folder.glob("collections/*/*_collections.json"))
    if not files:
        return None
    # smdebug would wait for them without end.
    num_workers = json.loads(files[0].read_text())["_meta"]["num_workers"]
    return HostTrial(folder, num_hosts) if len(files) >= num_workers // num_hosts else None
