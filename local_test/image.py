"""Running the image: which Docker client, which name, as whom, and one sentence if there is no engine."""

import os
import stat
import subprocess
from pathlib import Path

DEFAULT_IMAGE = "image-classifier:latest"
NOBODY = 65534  # owns nothing; Debian and Amazon Linux both have it


class EngineError(Exception):
    """Docker cannot do what is asked; one sentence says what to start or to build."""


def docker() -> str:
    return os.environ.get("DOCKER", "docker")


def require_image(name: str) -> None:
    """Raise EngineError unless an engine answers and holds the image."""
    try:
        answer = subprocess.run([docker(), "image", "inspect", name], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise EngineError(f"There is no {docker()!r} command; install Docker, or add --no-docker.") from error
    if "Cannot connect" in answer.stderr or "daemon running" in answer.stderr:
        raise EngineError("No Docker engine answers; start one (`sudo systemctl start docker`), or add --no-docker.")
    if answer.returncode:
        raise EngineError(f"There is no image {name}; build it with `make build` (or `make build BASE=local`).")


def without_privileges(folder: Path, *, write: bool) -> list[str]:
    """Options of `docker run`: no capability, no way to gain one, and a user who can do no more than is needed.

    That is the folder's owner; and where it is root's and only has to be read, nobody. An engine that runs without
    root's rights gives the image's root those of whoever started the engine, and nobody else any to mounted folders.
    """
    options = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    if _is_rootless():
        return options
    owner = folder.stat()
    if owner.st_uid == 0 and not write and _all_can_read(folder):
        return [*options, "--user", f"{NOBODY}:{NOBODY}"]
    return [*options, "--user", f"{owner.st_uid}:{owner.st_gid}"]


def require_own_files(folder: Path) -> None:
    """Raise EngineError if something in the folder is another user's than the folder: that job could not go on."""
    owner = folder.stat().st_uid
    for path in folder.rglob("*"):
        if path.lstat().st_uid != owner:
            raise EngineError(
                f"{path} is another user's than {folder}, so the job, which runs as that folder's owner, could not "
                f"write there; give it back with `sudo chown -R {owner} {folder}`, or name another --run."
            )


def _is_rootless() -> bool:
    command = [docker(), "info", "--format", "{{.SecurityOptions}}"]
    return "rootless" in subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _all_can_read(folder: Path) -> bool:
    files = (path for path in (folder, *folder.rglob("*")) if not path.is_symlink())
    return all(path.stat().st_mode & stat.S_IROTH for path in files)
