"""Ctrl-C, SIGTERM and a closed terminal: all end a command in the same way, in order and with all that it started."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130  # exit status after Ctrl-C, as a shell has it
NOTHING_LEFT = "\nStopped; nothing is left running."


def exit_status(main: Callable[[], int], sentence: str = NOTHING_LEFT) -> int:
    """What `main` returns; after Ctrl-C, which its `finally` and `with` have seen, INTERRUPTED and one sentence."""
    before = {number: signal.getsignal(number) for number in _signals()}
    try:
        end_in_order()
        return main()
    except KeyboardInterrupt:
        with suppress(OSError):  # the terminal has been closed
            print(sentence, file=sys.stderr, flush=True)
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_in_order() -> None:
    """From here on all of them raise KeyboardInterrupt, also where a script started the command with `&`."""
    for number in _signals():
        signal.signal(number, _hang_up if number == signal.SIGHUP else signal.default_int_handler)


def _hang_up(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it may come twice, and would break into the end
    raise KeyboardInterrupt


@contextmanager
def listening(heard: Callable[[int], None]) -> Iterator[None]:
    """Within it `heard` is given the signal in place of an exception, so that none can come between two lines."""

    def handle(number: int, frame: FrameType | None) -> None:
        heard(number)

    before = {number: signal.signal(number, handle) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def deaf_children() -> Iterator[None]:
    """What is started within it never gets Ctrl-C, which a terminal sends to all: whoever started it ends it instead.

    A Ctrl-C meanwhile comes when it is left.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _signals() -> list[signal.Signals]:
    if threading.current_thread() is not threading.main_thread():
        return []  # only the main one may choose what signals do
    # `nohup` wants a command to outlive its terminal.
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if is_kept else [signal.SIGHUP])]
