"""AWS on this machine: a real HTTP server in front of moto's, which records every request and can fail any of them.

boto3 talks to it as to AWS, by AWS_ENDPOINT_URL. What moto lacks is answered by functions that a test registers; their
answers, and every request, are checked against botocore's own description of the service.
"""

import http.client
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.model import OperationModel
from botocore.validate import ParamValidator
from moto.server import ThreadedMotoServer
from werkzeug.serving import WSGIRequestHandler

from deploy.aws import service_model

Answer = Callable[[dict[str, Any]], dict[str, Any]]
SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Signing name -> botocore's name, where they differ and cannot be told apart otherwise.
SERVICES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
# S3's operations that share method and path with another, and what tells them apart.
BY_QUERY = {("PUT", "partNumber"): "UploadPart", ("GET", "uploadId"): "ListParts"}
COPIES = {"CopyObject", "UploadPartCopy"}
HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "host", "expect"}


@dataclass(frozen=True)
class Call:
    service: str
    operation: str
    parameters: dict[str, Any]


@dataclass
class Fault:
    service: str
    operation: str
    code: str
    status: int
    message: str
    times: int
    cuts: bool = False

    def fits(self, call: Call) -> bool:
        return self.times > 0 and self.service in ("*", call.service) and self.operation in ("*", call.operation)


@dataclass
class Gateway:
    """Start it with `with Gateway() as gateway`. `calls` grows with every request that arrives."""

    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def __enter__(self) -> "Gateway":
        WSGIRequestHandler.disable_nagle_algorithm = True  # as below
        self._moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self.moto_address = self._moto.get_host_and_port()
        handler = type("Handler", (GatewayHandler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._moto.stop()

    def reset(self) -> None:
        """An AWS account in which nothing exists."""
        connection = http.client.HTTPConnection(*self.moto_address)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        connection.close()
        self.calls.clear()
        self.faults.clear()
        self.answers.clear()

    def fail(
        self,
        service: str,
        operation: str,
        code: str = "ThrottlingException",
        status: int = 400,
        message: str = "made to fail",
        times: int = 1,
    ) -> None:
        """Have the next calls of an operation refused; `*` is any service or operation."""
        self.faults.append(Fault(service, operation, code, status, message, times))

    def cut(self, service: str, operation: str, times: int = 1) -> None:
        """Have the connection of the next calls closed without an answer, and without the call taking effect."""
        self.faults.append(Fault(service, operation, "", 0, "", times, cuts=True))

    def answer(self, service: str, operation: str, function: Answer) -> None:
        """Answer an operation (of a JSON protocol) by a function of its parameters, instead of moto."""
        self.answers[service, operation] = function

    def operations(self) -> list[str]:
        """`service:Operation` of every call so far, in order."""
        return [f"{call.service}:{call.operation}" for call in self.calls]


class RefusalError(Exception):
    """Raise it in an answer's function: AWS's error code and message, with HTTP status 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CutOffError(Exception):
    """The caller went away in the middle of a request's body."""


class GatewayHandler(BaseHTTPRequestHandler):
    gateway: Gateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer's head and body are two packets; the second would wait 40 ms

    def log_message(self, *_: object) -> None:
        """Nothing: the tests' output is not for access logs."""

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except CutOffError:  # as S3 does, nothing is made of a request that never arrived whole
            self.close_connection = True
            return
        call = identify(self.command, self.path, dict(self.headers), body)
        if call is None:
            self._forward(body)
            return
        self.gateway.calls.append(call)
        fault = next((fault for fault in self.gateway.faults if fault.fits(call)), None)
        if fault is not None:
            fault.times -= 1
            self._fail(fault)
        elif (call.service, call.operation) in self.gateway.answers:
            self._answer(call, self.gateway.answers[call.service, call.operation])
        else:
            self._forward(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815  the names that http.server looks for

    def _read_body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        return self._read_exactly(int(self.headers.get("Content-Length") or 0))

    def _read_exactly(self, size: int) -> bytes:
        content = self.rfile.read(size)
        if len(content) < size:
            raise CutOffError
        return content

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            line = self.rfile.readline()
            if not line:
                raise CutOffError
            if not (size := int(line.split(b";")[0], 16)):
                break
            body += self._read_exactly(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return body

    def _fail(self, fault: Fault) -> None:
        if fault.cuts:
            self.close_connection = True
            self.connection.close()
            return
        if self.headers.get("X-Amz-Target"):
            self._send(fault.status, {"__type": fault.code, "message": fault.message})
            return
        text = (
            f"<ErrorResponse><Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error></ErrorResponse>"
            if b"s3" not in (self.headers.get("Authorization") or "").encode()
            else f"<Error><Code>{fault.code}</Code><Message>{fault.message}</Message></Error>"
        )
        self._send_bytes(fault.status, text.encode(), {"Content-Type": "text/xml"})

    def _answer(self, call: Call, function: Answer) -> None:
        try:
            content = function(call.parameters)
        except RefusalError as error:
            self._send(400, {"__type": error.code, "message": str(error)})
            return
        shape = operation_model(call.service, call.operation).output_shape
        if shape is not None:
            report = ParamValidator().validate(content, shape)
            if report.has_errors():  # a test's own mistake: said at once, where an exception would be tried again
                self._send(400, {"__type": "WrongAnswer", "message": report.generate_report()})
                return
        self._send(200, content)

    def _send(self, status: int, content: dict[str, Any]) -> None:
        # Times in AWS's JSON are seconds since the epoch.
        body = json.dumps(content, default=lambda value: value.timestamp()).encode()
        self._send_bytes(status, body, {"Content-Type": "application/x-amz-json-1.1"})

    def _send_bytes(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(*self.gateway.moto_address, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
        headers |= {"Host": self.headers["Host"], "Content-Length": str(len(body))}
        connection.request(self.command, self.path, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in HOP_HEADERS:
                self.send_header(name, value)
        length = response.headers.get("Content-Length") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        connection.close()


def identify(method: str, path: str, headers: dict[str, str], body: bytes) -> Call | None:
    """Which operation of which service a request is, with its parameters; None if it is not signed for AWS."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = SIGNED_FOR.search(lower.get("authorization", ""))
    if signed is None:
        return None
    service, target = signed[1], lower.get("x-amz-target", "")
    service = SERVICES.get(service, service)
    if target:
        return Call(_of_target(service, target), target.rpartition(".")[2], json.loads(body or b"{}"))
    form = parse_qs(body.decode("latin-1")) if b"Action=" in body else {}
    if "Action" in form:
        return Call(service, form["Action"][0], {name: values[0] for name, values in form.items() if name != "Action"})
    return _of_path(service, method, path)


def _of_target(service: str, target: str) -> str:
    # Services that are signed for under another's name.
    if target.startswith("AnyScaleFrontendService"):
        return "application-autoscaling"
    return {"GraniteServiceVersion20100801": "cloudwatch"}.get(target.split(".")[0], service)


def _of_path(service: str, method: str, path: str) -> Call:
    """By the REST protocols' paths: the service's own list of methods and paths, the most specific first."""
    parts = urlsplit(path)
    given = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    runtime = "/invocations" in parts.path or "/async-invocations" in parts.path
    name = "sagemaker-runtime" if service == "sagemaker" and runtime else service
    special = (
        next((BY_QUERY[method, key] for key in given if (method, key) in BY_QUERY), None) if name == "s3" else None
    )
    for route, fixed, operation in rest_operations(name, method):
        found = re.fullmatch(_pattern(route), unquote(parts.path))
        if found is not None and fixed <= given.keys():
            return Call(name, special or operation, {**found.groupdict(), **given})
    return Call(name, f"{method} {parts.path}", {})


def _pattern(route: str) -> str:
    pattern = re.escape(route.rstrip("/") or "/")
    pattern = re.sub(r"\\\{(\w+)\\\+\\\}", r"(?P<\1>.+)", pattern)
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern) + "/?"


@cache
def rest_operations(service: str, method: str) -> list[tuple[str, frozenset[str], str]]:
    """(path, names in the query, operation) of every operation with this HTTP method, the most specific first."""
    model = service_model(service)
    found = []
    for name in model.operation_names:
        http_trait = model.operation_model(name).http
        if http_trait.get("method") != method or name in COPIES:
            continue
        route, _, query = http_trait.get("requestUri", "/").partition("?")
        if service == "s3" and not route.startswith("/{Bucket}") and route != "/":
            route = f"/{{Bucket}}{route}"
        fixed = frozenset(item.split("=")[0] for item in query.split("&") if item) - {"x-id"}
        found.append((route, fixed, name))
    return sorted(found, key=lambda item: (-len(item[1]), -item[0].count("/")))


def operation_model(service: str, operation: str) -> OperationModel:
    return service_model(service).operation_model(operation)
