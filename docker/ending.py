"""Ctrl-C, SIGTERM and a closed terminal for the scripts of this folder, which need no package: not even ours."""

import signal
import sys
from collections.abc import Callable

INTERRUPTED = 130  # exit status after Ctrl-C, as a shell has it


def exit_status(main: Callable[[], int], sentence: str) -> int:
    """What `main` returns; after any of them INTERRUPTED and one sentence. `subprocess.run` ends what it waits for."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
            signal.signal(number, signal.default_int_handler)
    try:
        return main()
    except KeyboardInterrupt:
        print(f"\n{sentence}", file=sys.stderr)
        return INTERRUPTED
