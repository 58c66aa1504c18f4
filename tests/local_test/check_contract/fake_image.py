"""A server in this process that keeps the contract, and can be made to break it one rule at a time."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from local_test.check_contract.exchange import Address
from local_test.check_contract.subject import Request, json_lines

REQUEST = Request(b'{"features": [1, 2, 3]}', "application/json")
LINES = json_lines([{"features": [number]} for number in range(3)])
LIMIT_BYTES = 25 * 2**20
MODEL_SLOTS = 3


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class Reply:
    """`status` 0: the connection is closed without a word."""

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Call], Reply | None]  # None: the right answer


class FakeImage:
    """Answers every call rightly, except where `wrong` answers it."""

    def __init__(self, wrong: Rule = lambda _: None) -> None:
        self._wrong = wrong
        self._models: dict[str, str] = {}

    def answer(self, call: Call) -> Reply:
        return self._wrong(call) or self._right(call)

    def _right(self, call: Call) -> Reply:
        if call.path == "/ping":
            return Reply()
        if call.path == "/execution-parameters":
            return as_json({"MaxConcurrentTransforms": 2, "MaxPayloadInMB": 25})
        if call.path == "/invocations":
            return predict(call)
        return self._answer_models(call)

    def _answer_models(self, call: Call) -> Reply:
        name = call.path.removeprefix("/models").strip("/").removesuffix("/invoke")
        if not name:
            return self._load(call) if call.method == "POST" else self._list()
        if name not in self._models:
            return Reply(404)
        if call.path.endswith("/invoke"):
            return predict(call)
        if call.method == "DELETE":
            del self._models[name]
            return Reply()
        return as_json({"modelName": name, "modelUrl": self._models[name]})

    def _load(self, call: Call) -> Reply:
        given = json.loads(call.body)
        if given["model_name"] in self._models:
            return Reply(409)
        if "broken" in given["url"]:
            return Reply(400)
        if len(self._models) >= MODEL_SLOTS:
            return Reply(507)
        self._models[given["model_name"]] = given["url"]
        return Reply()

    def _list(self) -> Reply:
        return as_json({"models": [{"modelName": name, "modelUrl": url} for name, url in self._models.items()]})


def predict(call: Call) -> Reply:
    """The right answer to an invocation."""
    content_type = call.headers.get("content-type", "application/json")
    accept = call.headers.get("accept", "*/*")
    if content_type not in ("application/json", "application/jsonlines"):
        return Reply(415)
    if accept not in ("*/*", "application/json", "text/csv", "application/jsonlines"):
        return Reply(406)
    if len(call.body) > LIMIT_BYTES:
        return Reply(413)
    if content_type == "application/jsonlines":
        return Reply(200, b"".join(map(predict_line, call.body.splitlines())), "application/jsonlines")
    try:
        json.loads(call.body)["features"]
    except (ValueError, TypeError, KeyError):
        return Reply(400)
    return Reply(200, b"red,0.9\n", "text/csv") if accept == "text/csv" else as_json({"label": "red"})


def predict_line(line: bytes) -> bytes:
    """A line for a line, none for an empty one."""
    if not line.strip():
        return b""
    try:
        json.loads(line)
    except ValueError:
        return b'{"error": "no JSON"}\n'
    return b'{"label": "red"}\n'


def as_json(content: object) -> Reply:
    return Reply(200, json.dumps(content).encode(), "application/json")


@contextmanager
def listening(image: FakeImage) -> Iterator["Listener"]:
    with Listener(image) as listener:
        yield listener


class Listener(ThreadingHTTPServer):
    """The image on a free port of this machine."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, image: FakeImage) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.image = image
        self._connections: list[socket.socket] = []

    def __enter__(self) -> "Listener":
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.server_address[1])

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._connections.append(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def hang_up(self) -> None:
        """Break every connection."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no news."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.image.answer(Call(self.command, self.path, headers, self._body(headers)))
        if not reply.status:
            self.close_connection = True
            return
        self.send_response(reply.status)
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass
