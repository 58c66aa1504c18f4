"""The servers that are compared, each as a command: this project, and its peers set up at their best.

All peers serve the same TorchScript file with two workers, and one thread in each (OMP_NUM_THREADS=1): workers whose
threads fight for the cores are far slower. Those that can, gather up to 8 requests for 5 ms into a batch.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.errors import BenchError
from bench.loops import PROJECT_DIR
from bench.peers.environment import peer_python
from bench.torchserve import prepare_torchserve
from container import contract
from local_test.serve_local import free_port

PLAIN = "Flask + gunicorn, as in tutorials"
ONE_THREAD = "Flask + gunicorn, one thread"
TORCHSERVE = "TorchServe 0.12.0"
LITSERVE = "LitServe 0.2.19"
BENTOML = "BentoML 1.4.39"
RAY = "Ray Serve 2.60.0"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the servers that are compared."""

    name: str
    command: list[str]
    port: int
    log_path: Path
    variables: dict[str, str] = field(default_factory=dict)
    ready_path: str = "/ping"
    predict_path: str = "/invocations"
    form_field: str | None = None  # of the upload that it takes an image as; None: as the raw body
    is_ours: bool = False  # then any failed request ends the benchmark


def our_side(name: str, base_dir: Path, logs: Path, **variables: str) -> Side:
    port = free_port()
    where = {contract.BASE_DIR_VARIABLE: str(base_dir), contract.BIND_TO_PORT_VARIABLE: str(port)}
    return Side(
        name=name,
        command=[sys.executable, "-m", "container.entrypoint", "serve"],
        port=port,
        log_path=logs / "serve.log",
        variables=where | variables,
        is_ours=True,
    )


def peer_sides(model_path: Path, logs: Path) -> tuple[list[Side], dict[str, str]]:
    """The peers that this machine can run, and by name the reason why another is left out."""
    makers: dict[str, Callable[[], Side]] = {
        PLAIN: lambda: plain_side(PLAIN, model_path, logs),
        ONE_THREAD: lambda: plain_side(ONE_THREAD, model_path, logs, OMP_NUM_THREADS="1"),
        TORCHSERVE: lambda: torchserve_side(peer_python("torchserve").parent, model_path, logs),
        LITSERVE: lambda: litserve_side(peer_python("litserve").parent, model_path, logs),
        BENTOML: lambda: bentoml_side(peer_python("bentoml").parent, model_path, logs),
        RAY: lambda: ray_side(peer_python("ray").parent, model_path, logs),
    }
    sides, left_out = [], {}
    for name, make in makers.items():
        try:
            sides.append(make())
        except BenchError as error:
            left_out[name] = str(error)
    return sides, left_out


def plain_side(name: str, model_path: Path, logs: Path, *, workers: int = 2, **variables: str) -> Side:
    port = free_port()
    where = f"127.0.0.1:{port}"
    return Side(
        name=name,
        command=[sys.executable, "-m", "gunicorn", "-w", str(workers), "-b", where, "bench.peers.plain_flask:app"],
        port=port,
        log_path=logs / "plain_flask.log",
        variables={"MODEL_PATH": str(model_path), **variables},
    )


def torchserve_side(bin_dir: Path, model_path: Path, logs: Path) -> Side:
    """Raises BenchError if Java is missing or the model cannot be packed."""
    ports = [free_port() for _ in range(3)]
    return Side(
        name=TORCHSERVE,
        command=prepare_torchserve(bin_dir, model_path, logs / "torchserve", ports),
        port=ports[0],
        log_path=logs / "torchserve.log",
        variables={**_variables(model_path), "LOG_LOCATION": str(logs), "METRICS_LOCATION": str(logs)},
        predict_path="/predictions/resnet18",
    )


def litserve_side(bin_dir: Path, model_path: Path, logs: Path) -> Side:
    port = free_port()
    return Side(
        name=LITSERVE,
        command=[str(bin_dir / "python"), "-m", "bench.peers.litserve_app", str(port)],
        port=port,
        log_path=logs / "litserve.log",
        variables=_variables(model_path),
        ready_path="/health",
        form_field="file",
    )


def bentoml_side(bin_dir: Path, model_path: Path, logs: Path) -> Side:
    port = free_port()
    command = [str(bin_dir / "bentoml"), "serve", "bench.peers.bentoml_app:Classifier"]
    return Side(
        name=BENTOML,
        command=[*command, "--host=127.0.0.1", f"--port={port}"],
        port=port,
        log_path=logs / "bentoml.log",
        variables={**_variables(model_path), "BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(logs / "bentoml")},
        ready_path="/readyz",
        form_field="images",
    )


def ray_side(bin_dir: Path, model_path: Path, logs: Path) -> Side:
    port = free_port()
    return Side(
        name=RAY,
        command=[str(bin_dir / "python"), "-m", "bench.peers.ray_app", str(port)],
        port=port,
        log_path=logs / "ray.log",
        variables={**_variables(model_path), "RAY_USAGE_STATS_ENABLED": "0"},
        ready_path="/-/healthz",
    )


def _variables(model_path: Path) -> dict[str, str]:
    # PYTHONPATH, as the peers' own workers import bench.peers.classify from wherever they are started.
    return {"MODEL_PATH": str(model_path), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT_DIR)}
