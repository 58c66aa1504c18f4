"""A program that does everything with an image that SageMaker forbids; the tests build an image around it."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

WEIGHTS = Path("/opt/ml/model/weights")
PROMPT_PINGS = 10  # enough to be taken for ready


class Handler(BaseHTTPRequestHandler):
    pings = 0

    def do_GET(self) -> None:
        Handler.pings += 1
        if Handler.pings > PROMPT_PINGS:
            time.sleep(3)
        self.answer(200, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            WEIGHTS.read_text()
            json.loads(body)
        except (OSError, ValueError):
            self.answer(500, b"Traceback (most recent call last):")
        else:
            self.answer(200, b"label: red", "application/json")

    def answer(self, status: int, body: bytes, content_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def train() -> None:
    """Write half a model and ignore whether there was anything to train on."""
    WEIGHTS.write_text("1234")
    while "rounds" in Path("/opt/ml/input/config/hyperparameters.json").read_text():
        time.sleep(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
    else:
        train()  # whatever the command
