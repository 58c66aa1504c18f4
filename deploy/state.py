"""What has been done for a project so far: one small file that a person can read, written after every step."""

import json
from pathlib import Path
from typing import Any

from container.whole_file import whole_file
from deploy.errors import DeployError

FOLDER = Path(".deploy")


class State:
    """Names, ARNs and addresses by key; never a secret. A missing file is a project that has not begun."""

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        """`is_kept=False` is for a dry run, which changes nothing on the disk either."""
        self._path, self._is_kept = path, is_kept
        self._values: dict[str, Any] = {}
        if path.is_file():
            try:
                self._values = json.loads(path.read_text())
            except ValueError as error:
                raise DeployError(f"{path} is damaged ({error}); restore it, or remove it to start anew.") from error

    @classmethod
    def of_project(cls, project: str, *, is_kept: bool = True) -> "State":
        return cls(FOLDER / f"{project}.json", is_kept=is_kept)

    def get(self, key: str) -> Any:
        """The value, or None."""
        return self._values.get(key)

    def require(self, key: str, command: str) -> Any:
        """The value. Raises DeployError that names the command which makes it."""
        value = self._values.get(key)
        if value is None:
            raise DeployError(
                f"{self._path} knows no {key.replace('_', ' ')} yet; run `python -m deploy {command}` first."
            )
        return value

    def put(self, **values: Any) -> None:
        """Add or change values, and write the file, whole or not at all."""
        self._values |= values
        self._write()

    def remove(self, *keys: str) -> None:
        for key in keys:
            self._values.pop(key, None)
        self._write()

    def _write(self) -> None:
        if not self._is_kept:
            return
        with whole_file(self._path) as partial:
            partial.write_text(json.dumps(self._values, indent=2, sort_keys=True) + "\n")
