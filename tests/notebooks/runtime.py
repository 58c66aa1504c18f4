"""SageMaker's runtime on this machine: InvokeEndpoint, answered by a real server of a real model."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# What the platform hands on to the container, and what of the answer to the caller.
REQUEST_HEADERS = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")


@dataclass
class Runtime:
    """Set AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME to `url`; `asked` are the paths of the requests."""

    port: int  # of the model's server
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def runtime_before(server_port: int) -> Iterator[Runtime]:
    runtime = Runtime(server_port)
    handler = type("Handler", (RuntimeHandler,), {"runtime": runtime})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    runtime.url = f"http://127.0.0.1:{listening.server_address[1]}"
    try:
        yield runtime
    finally:
        listening.shutdown()
        listening.server_close()


class RuntimeHandler(BaseHTTPRequestHandler):
    runtime: Runtime

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is not for access logs."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.runtime.asked.append(self.path)
        server = http.client.HTTPConnection("localhost", self.runtime.port, timeout=60)
        headers = {name: self.headers[name] for name in REQUEST_HEADERS if name in self.headers}
        server.request("POST", "/invocations", body=body, headers=headers)
        answer = server.getresponse()
        content = answer.read()
        server.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-Amzn-Invoked-Production-Variant", "main")
        self.end_headers()
        self.wfile.write(content)
