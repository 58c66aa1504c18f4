"""Hostile bodies and connections to a real server, over sockets."""

import http.client
import re
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from tests.hostile.case import Case, Pause, Sent, Wire
from tests.hostile.generate import make_case
from tests.hostile.outcome import MOST_SECONDS, NO_ANSWER, Outcome, problem_of
from tests.hostile.wires import photo

STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
CALLERS = 4
PATIENCE_SECONDS = 4 * MOST_SECONDS  # to see how slow an answer is that comes too late


class Target:
    """A server that listens at `url`, such as http://127.0.0.1:8080."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80

    def run_all(self, names: Sequence[str], callers: int = CALLERS) -> list[Outcome]:
        """The outcome of each case; one that was slow among the others is tried again alone."""
        with ThreadPoolExecutor(callers) as pool:
            outcomes = list(pool.map(self.run_case, names))
        return [self.run_case(item.name) if item.seconds > MOST_SECONDS else item for item in outcomes]

    def run_case(self, name: str) -> Outcome:
        case = make_case(name)
        start = time.perf_counter()
        try:
            return self._post(case, case.sent) if isinstance(case.sent, Sent) else self._write(case, case.sent)
        except OSError as error:
            return Outcome(name, NO_ANSWER, time.perf_counter() - start, problem=f"{type(error).__name__}: {error}")

    def good_answer(self) -> bytes:
        """What a good photo is answered. Raises AssertionError if that is not 200."""
        status, answer = self._ask(Sent("image/jpeg", photo()))
        assert status == 200, answer
        return answer

    def _post(self, case: Case, sent: Sent) -> Outcome:
        start = time.perf_counter()
        try:
            status, answer = self._ask(sent)
        except (ConnectionError, http.client.HTTPException) as error:
            return Outcome(case.name, NO_ANSWER, time.perf_counter() - start, problem=f"no answer: {error!r}")
        seconds = time.perf_counter() - start
        problem = problem_of(status, seconds)
        if status >= 400 and b'"code"' not in answer and status != 400:
            problem = problem or f"an error without a code: {answer[:80]!r}"
        return Outcome(case.name, status, seconds, problem=problem)

    def _ask(self, sent: Sent) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", "/invocations", sent.body, {"Content-Type": sent.content_type.encode()})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _write(self, case: Case, wire: Wire) -> Outcome:
        """The outcome of the worst answer; a server may close a connection that breaks the rules without any."""
        paused = sum(piece.seconds for piece in wire.pieces if isinstance(piece, Pause))
        start = time.perf_counter()
        received = self._exchange(wire)
        seconds = time.perf_counter() - start - paused
        statuses = [int(status) for status in STATUS_LINE.findall(received)]
        status = max(statuses, default=NO_ANSWER)
        return Outcome(case.name, status, seconds, problem=problem_of(status, seconds))

    def _exchange(self, wire: Wire) -> bytes:
        """All that the server sends until it closes the connection."""
        received = []
        with socket.create_connection((self.host, self.port), timeout=PATIENCE_SECONDS) as connection:
            try:
                for piece in wire.pieces:
                    time.sleep(piece.seconds) if isinstance(piece, Pause) else connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass  # it was refused before its end; the answer may be there all the same
            try:
                while piece := connection.recv(2**16):
                    received.append(piece)
            except ConnectionError:
                pass
        return b"".join(received)
