"""Which threads of this process go first where there is more to do than cores.

The loop that accepts connections, and the thread that answers /ping, need little of a core but need it at once: all
others give way to them. Python's lock makes that worth it twice, as a thread that loses its core while it holds the
lock keeps every other one waiting.
"""

import os
import sys
import threading
from contextlib import suppress

# Measured: with 2 and 4, /ping takes 180 to 260 ms at ten times the load that can be answered, with 5 and 10 64 to 93.
# It costs a lone caller a tenth where another program wants the same core; at an endpoint there is none.
ANSWERING, COMPUTING = 5, 10  # levels of niceness below the process's own; each is a share of about 0.8


def give_way(levels: int) -> bool:
    """Whether the calling thread, and those that it starts, now have a core only after threads of fewer levels."""
    if sys.platform != "linux":  # elsewhere a niceness is the whole process's
        return False
    with suppress(OSError):
        own = os.getpriority(os.PRIO_PROCESS, os.getpid())  # of the thread that the process began with
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), own + levels)
        return True
    return False
