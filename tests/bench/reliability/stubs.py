"""Servers of a few lines that each do one thing badly: what a scenario must not let pass."""

import sys
from collections.abc import Callable
from pathlib import Path

from bench.sides import Side
from local_test.serve_local import free_port

COMMON = """
import http.server, json, os, random, signal, socket, sys, tempfile, threading, time
PREDICTION = json.dumps({"predictions": [{"labels": ["a"], "probabilities": [1.0]}]}).encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_):
        pass
    def do_GET(self):
        self.answer(200)
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(200)
    def answer(self, status, *headers):
        self.send_response(status)
        for name, value in [("Content-Length", str(len(PREDICTION))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(PREDICTION)
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1000
    def handle_error(self, *_):
        pass
"""
SERVE = """
Server(("127.0.0.1", PORT), Handler).serve_forever()
"""

# Refuses half of what it gets, once by a 429 that does not say when to come back, once by a 503.
RUDE = """
class Handler(Handler):
    number = 0
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        Handler.number += 1
        self.answer(200 if Handler.number < 20 or Handler.number % 3 == 0 else 429 if Handler.number % 3 == 1 else 503)
"""

# Keeps a descriptor of every request, and prints what is no JSON.
LEAKY = """
kept = []
class Handler(Handler):
    def do_POST(self):
        kept.append(open("/dev/null"))
        print("Traceback: a caller has gone", flush=True)
        super().do_POST()
"""

# Serves one connection at a time, so that whoever is slow keeps all others waiting.
ONE_AT_A_TIME = """
class Handler(Handler):
    protocol_version = "HTTP/1.0"
class Server(http.server.HTTPServer):
    request_queue_size = 1000
    def handle_error(self, *_):
        pass
"""

# Workers that are forked once and never replaced.
FORK_ONCE = """
class Server(Server):
    def serve_forever(self):
        for _ in range(2):
            if os.fork() == 0:
                super().serve_forever()
        signal.pause()
"""

# Answers after a while, and dies of SIGTERM with all that it has begun.
SLOW = """
class Handler(Handler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.1)
        self.answer(200)
"""

# Measures by the wall clock.
BY_THE_WALL_CLOCK = """
class Handler(Handler):
    def do_POST(self):
        started = time.time()
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.05)
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        print(json.dumps({"time": now, "total_ms": 1000 * (time.time() - started)}), flush=True)
        self.answer(200)
"""

# Keeps bodies in /tmp while it reads them.
ON_DISK = """
class Handler(Handler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            with open("/tmp/body", "wb") as file:
                file.write(body)
        except OSError:
            return self.answer(500 if len(body) > 200_000 else 200)
        self.answer(200)
"""


def stub(code: str) -> Callable[..., Side]:
    """A maker of sides in place of bench.sides.our_side: the server of these lines, whatever its settings."""

    def make_side(name: str, _base_dir: Path, logs: Path, **_variables: str) -> Side:
        port = free_port()
        command = [sys.executable, "-c", COMMON + code + SERVE.replace("PORT", str(port))]
        return Side(name=name, command=command, port=port, log_path=logs / "stub.log")

    return make_side
