"""Parts of the benchmark that must run in a process of their own."""

import subprocess
import sys

from bench.errors import BenchError
from bench.loops import PROJECT_DIR


def run_module(name: str, *arguments: str) -> str:
    """What another module of the benchmark prints, run as a process. Raises BenchError if it fails."""
    command = [sys.executable, "-m", name, *arguments]
    answer = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise BenchError(f"{name} failed: {answer.stderr.strip().splitlines()[-1]}")
    return answer.stdout
