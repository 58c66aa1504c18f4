import subprocess
import sys

from tests.job_folder import PROJECT_DIR
from tests.terminal import Terminal

PROGRAM = """
import sys, time
from tqdm import tqdm
from local_test import waiting
waiting.TICK_SECONDS = 0.05
with waiting.waiting("The job") as say:
    time.sleep(1.2)
    tqdm.write("a line", file=sys.stderr)
    say("The job: Training")
    time.sleep(0.2)
print("over")
"""


def test_a_terminal_shows_what_is_waited_for_and_for_how_long_and_clears_it() -> None:
    terminal = Terminal([sys.executable, "-c", PROGRAM])
    try:
        terminal.wait_for(r"The job … 00:01")
        terminal.wait_for(r"\ra line\r\n")
        terminal.wait_for(r"The job: Training … 00:01")
        assert terminal.end() == 0
    finally:
        terminal.kill()
    assert terminal.shown.rpartition("\r")[0].rstrip().endswith("over")


def test_a_log_has_the_lines_alone() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT_DIR, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"over\n", b"a line\n")
