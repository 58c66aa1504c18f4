"""An endpoint on this machine: serves a run's model.pt from the image, or, without Docker, from a process."""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType

from container import contract
from container.serving.demo.run_files import shown_paths
from local_test.image import DEFAULT_IMAGE, EngineError, docker, require_image, without_privileges
from local_test.interrupts import deaf_children, end_in_order, listening
from local_test.opt_ml import Run
from local_test.started import Started, StartedContainer, end
from local_test.train_local import PROJECT_DIR
from local_test.waiting import waiting

READY_SECONDS = 60
AT_HOME = {"SERVE_DEMO": "true"}  # a page to drop a picture on
HOST_VARIABLE = "SERVE_HOST"
THIS_MACHINE = "127.0.0.1"  # a run's reports and images are nobody else's, unless asked for
EXAMPLES = """examples:
  python -m local_test.serve_local runs/dogs
  python -m local_test.serve_local runs/photos --no-docker --port 8081"""


class ServerError(Exception):
    """The server did not become ready; one sentence says why."""


@contextlib.contextmanager
def server(run: Run, *, image: str | None, port: int, quiet: bool = False, host: str = THIS_MACHINE) -> Iterator[str]:
    """The URL of a ready server of the run's model, stopped by SIGTERM afterwards. `image` None: no Docker.

    Raises ServerError if it is not ready within READY_SECONDS.
    """
    require_model(run)
    beside = shown_paths(run.root)
    with serving(
        run.root, "model", image=image, port=port, quiet=quiet, host=host, variables=AT_HOME, beside=beside
    ) as url:
        yield url


def require_model(run: Run) -> None:
    """Raises ServerError if the run has none."""
    if not (run.model_dir / contract.MODEL_FILE).is_file():
        raise ServerError(f"{run.root} holds no model/{contract.MODEL_FILE}; train first, with local_test.train_local.")


@contextlib.contextmanager
def serving(
    root: Path,
    folder: str,
    *,
    image: str | None,
    port: int,
    quiet: bool = False,
    host: str = THIS_MACHINE,
    variables: Mapping[str, str] = MappingProxyType({}),
    beside: Sequence[str] = (),
) -> Iterator[str]:
    """The URL of a ready server of the `folder` below `root`, which stands in for /opt/ml. Raises ServerError.

    `beside` are files and folders below `root` that it shows as well.
    """
    name = f"serve-{uuid.uuid4().hex[:8]}"
    url = f"http://localhost:{port}"
    if _answers(url):
        raise ServerError(f"Port {port} is in use; choose another with --port, or stop what listens there.")
    heard: list[int] = []
    started: Started | None = None
    try:
        with deaf_children():
            output = subprocess.DEVNULL if quiet else None
            if image:
                served = [root / path for path in (folder, *beside)]
                command = _docker_command(served, root, image, f"{host}:{port}", name, variables)
                started = StartedContainer(name, command, stdout=output)
            else:
                where = {contract.BASE_DIR_VARIABLE: str(root), contract.BIND_TO_PORT_VARIABLE: str(port)}
                environ = {**os.environ, **where, HOST_VARIABLE: host, **variables}
                command = [sys.executable, "-m", "container.entrypoint", "serve"]
                started = Started(command, cwd=PROJECT_DIR, env=environ, stdout=output)
        with waiting("The server starts") if quiet else contextlib.nullcontext():  # or else it says so itself
            _wait_until_ready(url, started)
        yield url
    finally:
        if started:
            with listening(heard.append):  # a second Ctrl-C ends it at once
                end(started, heard, contract.SERVE_GRACE_SECONDS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local_test.serve_local",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="folder of a run of train_local")
    add_where_arguments(parser)
    options = parser.parse_args(arguments)
    run = Run(options.run.absolute())
    return serve_until_stopped(
        options,
        lambda image: server(run, image=image, port=options.port, host=options.host),
        lambda url: f"open {url} in a browser, or ask it: python -m local_test.invoke --url {url} IMAGE",
    )


def add_where_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=contract.DEFAULT_PORT, help="port on localhost (default: 8080)")
    parser.add_argument(
        "--host",
        default=os.environ.get(HOST_VARIABLE, THIS_MACHINE),
        help="address to listen on (default: 127.0.0.1, for this machine alone; 0.0.0.0: for every network it is in)",
    )
    parser.add_argument("--image", default=DEFAULT_IMAGE, help=f"image to run (default: {DEFAULT_IMAGE})")
    parser.add_argument("--no-docker", action="store_true", help="run as a process instead of in the image")


def serve_until_stopped(
    options: argparse.Namespace,
    start: Callable[[str | None], AbstractContextManager[str]],
    how_to_ask: Callable[[str], str],
) -> int:
    """Exit status, once Ctrl-C or SIGTERM has ended the server. `start` is given the image, or None for a process."""
    end_in_order()
    try:
        if not options.no_docker:
            require_image(options.image)
        image = None if options.no_docker else options.image
        # Ctrl-C is the way to stop it, while it starts too; leaving it ends the server.
        with contextlib.suppress(KeyboardInterrupt), start(image) as url:
            print(f"\nReady: {how_to_ask(url)}\nCtrl-C stops it.", flush=True)
            signal.pause()
    except (ServerError, EngineError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _docker_command(
    served: Sequence[Path], root: Path, image: str, address: str, name: str, variables: Mapping[str, str]
) -> list[str]:
    # What is served alone, read-only, as an endpoint gets it; and fewer rights than there, where it runs as root.
    return [
        docker(),
        "run",
        "--rm",
        "--name",
        name,
        *without_privileges(served[0], write=False),
        "-p",
        f"{address}:{contract.DEFAULT_PORT}",
        *(part for path in served for part in ("-v", f"{path}:{contract.BASE_DIR / path.relative_to(root)}:ro")),
        *(part for variable, value in variables.items() for part in ("-e", f"{variable}={value}")),
        image,
        "serve",
    ]


def _wait_until_ready(url: str, started: Started) -> None:
    deadline = time.monotonic() + READY_SECONDS
    reason = "it did not answer"
    while time.monotonic() < deadline:
        if started.status is not None:
            raise ServerError(f"The server ended with status {started.status}; its last lines say why.")
        try:
            with urllib.request.urlopen(f"{url}/ping", timeout=2):  # noqa: S310  localhost
                return
        except urllib.error.HTTPError as error:
            reason = json.loads(error.read() or b"{}").get("error", {}).get("message", f"status {error.code}")
        except OSError:
            pass
        time.sleep(0.1)
    raise ServerError(f"The server was not ready after {READY_SECONDS} s: {reason}")


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether nothing listens on this port, on any of this machine's addresses."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended keep it from nobody
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/ping", timeout=2)  # noqa: S310  localhost
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
