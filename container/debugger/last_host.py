"""Hosts of one job end together: the first one still judges when training is over.

Where a host that leaves takes the others down with it, as in the SDK's local mode, the report would be cut off. The
first host listens until it is done; the others hold a connection to it, which ends with it, whatever its end.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from container.stop import waits

PORT = 7778  # the training toolkit's rendezvous has 7777
CONNECT_SECONDS = 5


@contextmanager
def holding_hosts(hosts: tuple[str, ...], port: int = PORT) -> Iterator[None]:
    """On the first host: within it the others wait in `wait_for_first_host`. With one host nothing."""
    if len(hosts) == 1:
        yield
        return
    try:
        # Connections wait in the queue, unaccepted, until the socket is closed.
        server = socket.create_server(("", port), backlog=len(hosts))
    except OSError as error:
        print(f"Debugger: the other hosts will not wait for the report ({error}).", flush=True)
        yield
        return
    with server:
        yield


def wait_for_first_host(host: str, seconds: float, port: int = PORT) -> None:
    """On every other host: return once the first one is done or gone, or after so many seconds, fewer after SIGTERM."""
    # Refused: it is gone. Reset: it has just gone. Timed out: we have waited long enough.
    with suppress(OSError), socket.create_connection((host, port), CONNECT_SECONDS) as connection:
        for wait in waits(seconds):
            connection.settimeout(wait)
            with suppress(TimeoutError):
                connection.recv(1)
                return
