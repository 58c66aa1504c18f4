"""What is waited for, and for how long already, on a terminal; a log has only the lines that are printed anyway."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

TICK_SECONDS = 1.0


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Shows `what`, and the time, until it is left; what is yielded changes the text. Nobody knows the time left.

    Lines that are printed meanwhile go through tqdm.write, which keeps them apart from it.
    """
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    over = threading.Event()
    with tqdm(desc=what, bar_format="{desc} … {elapsed}", leave=False) as line:

        def tick() -> None:
            while not over.wait(TICK_SECONDS):
                line.refresh()

        thread = threading.Thread(target=tick, daemon=True)
        thread.start()
        try:
            yield line.set_description_str
        finally:
            over.set()
            thread.join()
