"""A program on a terminal of its own, as a person starts it from a shell, and what of it is left when it has ended."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.job_folder import PROJECT_DIR

CTRL_C = b"\x03"
SIZE = 30, 120  # lines and columns; a bar that has no room is not drawn
MARK = "TERMINAL_TEST"  # a variable that everything which it starts inherits


class Terminal:
    def __init__(self, command: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
        self.shown = ""
        self._mark = f"{MARK}={os.urandom(8).hex()}"
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self._screen = ours
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT_DIR,
            env={**environ, MARK: self._mark.partition("=")[2]},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C reaches all of its processes
        )
        os.close(theirs)

    def wait_for(self, pattern: str, seconds: float = 120) -> re.Match[str]:
        """The first match in what is shown."""
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self.shown)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not shown:\n{self.shown[-3000:]}"
            assert self._read() or self.process.poll() is None, f"it has ended:\n{self.shown[-3000:]}"
        return found

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def press_ctrl_c(self) -> None:
        os.write(self._screen, CTRL_C)

    def close(self) -> None:
        """As the window's button does."""
        os.close(self._screen)
        self._screen = -1

    def end(self, seconds: float = 60) -> int:
        """The exit status."""
        deadline = time.monotonic() + seconds
        while self._screen != -1 and self._read() and time.monotonic() < deadline:
            pass
        return self.process.wait(max(1, deadline - time.monotonic()))

    def kill(self) -> None:
        """Whatever still runs, at the end of a test that failed."""
        for pid in self.running():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self._screen != -1:
            os.close(self._screen)

    def running(self) -> list[int]:
        """Every process that it has started and that has not ended, in whatever session."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes() and not _is_zombie(folder):
                    found.append(int(folder.name))
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found

    def _read(self) -> bool:
        """Whether more may come."""
        readable, _, _ = select.select([self._screen], [], [], 0.2)
        if not readable:
            return self.process.poll() is None
        try:
            content = os.read(self._screen, 1 << 16)
        except OSError:  # nothing has the terminal open any more
            return False
        self.shown += content.decode(errors="replace")
        return bool(content)


def _is_zombie(folder: Path) -> bool:
    return (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
