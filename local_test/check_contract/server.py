"""A container that serves, or whatever answers in its place: where it listens, and waiting until it is ready."""

import sys
import time
from collections.abc import Mapping

from local_test.check_contract.engine import Container
from local_test.check_contract.errors import NotStartedError
from local_test.check_contract.exchange import Address, Answer
from local_test.check_contract.subject import Request

PORT = 8080
PING_SECONDS = 2  # each health check: developer guide, "Custom Inference Code with Hosting Services"
POLL_SECONDS = 0.05
LOOK_SECONDS = 1  # between looks at whether the container still runs
# Where containers have no addresses of their own (Docker Desktop), their ports have to be published. Elsewhere not:
# Docker's proxy accepts connections for a server that does not.
PUBLISHED = sys.platform != "linux"


class Server:
    """Something that answers at an address; `container` is None for a server that is no container (in tests)."""

    def __init__(self, address: Address, container: Container | None = None, seconds_until_ready: float = 0) -> None:
        self.address = address
        self._container = container
        self.seconds_until_ready = seconds_until_ready

    @property
    def container(self) -> Container:
        assert self._container is not None, "this check needs a container"
        return self._container

    def ping(self) -> Answer:
        return self.address.ask("GET", "/ping", seconds=PING_SECONDS)

    def invoke(self, request: Request, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to POST /invocations; these headers are added to the request's own."""
        return self.address.ask("POST", "/invocations", request.body, {**request.headers, **(headers or {})})

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self.address.ask("POST", "/invocations", body, headers)


def address_of(container: Container, port: int) -> Address:
    """Where a container's port is reached from here."""
    settings = container.inspect()["NetworkSettings"]
    if PUBLISHED:
        published = (settings.get("Ports") or {}).get(f"{port}/tcp") or [{"HostPort": "0"}]
        return Address("127.0.0.1", int(published[0]["HostPort"]))
    networks = (settings.get("Networks") or {}).values()
    host = settings.get("IPAddress") or next((item["IPAddress"] for item in networks if item["IPAddress"]), "")
    return Address(host or "127.0.0.1", port)


def wait_until_ready(container: Container, address: Address, seconds: float) -> Server:
    """The server once /ping is 200. Raises NotStartedError if the container ends, or is not ready after that long."""
    started = looked = time.monotonic()
    while True:
        answer = address.ask("GET", "/ping", seconds=PING_SECONDS)
        now = time.monotonic()
        if answer.status == 200:
            return Server(address, container, now - started)
        if now - looked > LOOK_SECONDS:
            looked = now
            if not container.running:
                raise NotStartedError(f"ended with status {container.exit_status}: {container.last_words()}")
        if now - started > seconds:
            raise NotStartedError(f"GET /ping: {answer}, {seconds:.0f} s after the start")
        time.sleep(POLL_SECONDS)
