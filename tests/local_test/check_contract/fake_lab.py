"""A lab without Docker: one server in this process stands in for every container that serves."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local_test.check_contract.engine import Engine
from local_test.check_contract.lab import BIND_LABEL, MULTI_MODEL_LABEL, Lab
from local_test.check_contract.server import Server
from local_test.check_contract.subject import Subject, Training
from tests.local_test.check_contract.fake_image import LINES, REQUEST, Listener

METRIC = r"loss: ([0-9\.]+)"


class FakeLab(Lab):
    def __init__(self, folder: Path, listener: Listener | None = None, **changes: Any) -> None:
        training = Training(channels={}, hyperparameters={}, metric=METRIC)
        given = {"image": "fake", "request": REQUEST, "lines": LINES, "training": training, **changes}
        super().__init__(Subject(asynchronous_bytes=30 * 2**20, **given), Engine(), folder)
        self._listener = listener
        labels = {BIND_LABEL: "true", MULTI_MODEL_LABEL: "true"}
        config = {"Entrypoint": ["serve"], "Env": ["PATH=/bin"], "Labels": labels}
        self.inspected = {"Os": "linux", "Architecture": "amd64", "Size": 5 * 10**9, "Config": config}

    def server(self) -> Server:
        assert self._listener is not None
        return Server(self._listener.address)

    batch_server = multi_model_server = server

    @contextmanager
    def serving(
        self, options: list[str] | None = None, environment: Mapping[str, str] | None = None, port: int = 0
    ) -> Iterator[Server]:
        yield self.server()

    def prepare(self, name: str, value: object) -> "FakeLab":
        """Have `once(name)` give this value."""
        self.once(name, lambda: value)
        return self
