"""A virtual environment for each peer, as its versions would not fit beside this project's."""

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.errors import BenchError

REQUIREMENTS_DIR = Path(__file__).parent / "requirements"
ENVIRONMENTS_DIR = Path(__file__).parents[2] / "build" / "bench" / "peers"
READY_FILE = "requirements.sha256"  # in the environment, once everything is installed


def peer_python(name: str) -> Path:
    """The Python of the peer's environment, with all that requirements/NAME.txt lists; made on first use.

    Raises BenchError if it cannot be made.
    """
    requirements = REQUIREMENTS_DIR / f"{name}.txt"
    folder = ENVIRONMENTS_DIR / name
    python, ready = folder / "bin" / "python", folder / READY_FILE
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if ready.is_file() and ready.read_text() == digest:
        return python
    print(f"Installing the peer {name} into {folder} (once)", flush=True)
    _uv(name, "venv", "--clear", "--python", sys.executable, str(folder))
    _uv(name, "pip", "install", "--python", str(python), "--requirement", str(requirements))
    ready.write_text(digest)
    return python


def _uv(name: str, *arguments: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.is_file():
        raise BenchError(f"{uv} is missing, which installs the peer {name}; run `make setup-dev`.")
    done = subprocess.run([str(uv), *arguments, "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"The peer {name} cannot be installed: {done.stderr.strip()[-800:]}")
