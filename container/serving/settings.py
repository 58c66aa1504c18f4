"""The server's settings: one environment variable each, SERVE_ and the name in capitals, read once at start."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from container import contract
from container.errors import SettingsError
from container.schema import parse, setting

PREFIX = "SERVE_"
WHERE = "Environment variables SERVE_*"
MOST_LONE_THREADS = 4  # a single image has no work for more
# One process's Python code runs on one core, and four lanes of int8 want more: two processes on 4 cores answer a third
# more at least. Beyond one per four little is gained, and a lone image loses cores (docs/performance.md).
CORES_OF_TWO_WORKERS = 4
CORES_PER_WORKER = 4
WORKER_BYTES = 700 * 2**20  # of one process with ResNet-18 under load; in little memory there are fewer
CORES_PER_GPU_WORKER = 2  # as that code is most of what is left on the cores
MOST_GPU_WORKERS = 8


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    host: str = setting("0.0.0.0", "address to listen on; SageMaker needs all of them")  # noqa: S104
    port: int = setting(contract.DEFAULT_PORT, "port; SAGEMAKER_BIND_TO_PORT wins", minimum=1, maximum=65_535)
    workers: int = setting(
        0,
        "processes; 0: one on up to 3 cores, two on up to 8, then one per 4; beside a GPU one per 2, at most 8; fewer "
        "in little memory",
        minimum=0,
        maximum=256,
    )
    precision: str = setting(
        "auto",
        "auto: the fastest form of the model that was exported and that the processor has arithmetic for",
        choices=("auto", "fp32", "bf16", "int8"),
    )
    device: str = setting("auto", "auto: a GPU where there is one", choices=("auto", "cpu", "cuda"))
    inferences: int = setting(
        0, "batches at a time, per worker; 0: its share of the cores, or 2 on a GPU", minimum=0, maximum=256
    )
    torch_threads: int = setting(0, "cores that one batch uses; 0: one", minimum=0, maximum=256)
    lone_threads: int = setting(
        0,
        "cores for an image while no other is waiting; 0: the worker's, at most 4; 1: no more than for others",
        minimum=0,
        maximum=256,
    )
    decodes: int = setting(
        0, "requests at a time, per worker, whose images are decoded; 0: its share of the cores", minimum=0, maximum=256
    )
    threads: int = setting(
        0,
        "requests at a time, per worker, most of them waiting; one is kept for /ping; 0: 96 or more",
        minimum=0,
        maximum=1024,
    )
    batch_size: int = setting(
        0, "most images that go through the network together; 0: 8, or 64 on a GPU", minimum=0, maximum=1024
    )
    batch_wait_ms: float = setting(
        0.0,
        "longest that a free core waits for images which are being decoded, to make a larger batch",
        minimum=0,
        maximum=1000,
    )
    max_body_bytes: int = setting(25 * 2**20, "largest request body; larger: 413", minimum=1)
    max_image_pixels: int = setting(50_000_000, "largest image, width times height; larger: 413", minimum=1)
    max_request_pixels: int = setting(100_000_000, "the same for all images of a request together", minimum=1)
    max_images_per_request: int = setting(64, "most images in one request; more: 413", minimum=1, maximum=10_000)
    top_k: int = setting(5, "labels per image, if the request does not say", minimum=1)
    demo: bool = setting(
        False,
        "whether GET / is a page to drop a picture on, for browsers; serving at home sets it",
    )
    errors: str = setting(
        "status",
        "how an image that cannot be read is answered: status: 400 or 413; body: 200 and the error in its place, so "
        "that one bad file does not fail a whole batch transform",
        choices=("status", "body"),
    )
    receive_seconds: int = setting(
        20, "longest that a request may take to come, and 1 s more for each 100 kB; then 408", minimum=1, maximum=3600
    )
    max_held_mib: int = setting(
        256,
        "bodies of all requests together, per worker, or one as large as it may be; more: 429",
        minimum=1,
        maximum=1_000_000,
    )
    max_worker_mib: int = setting(
        0, "memory at which a worker is replaced, once its successor is ready; 0: any", minimum=0, maximum=1_000_000
    )
    metrics_namespace: str = setting(
        "", "if given, the log's lines of requests are metrics of this namespace for CloudWatch too"
    )
    timeout_seconds: int = setting(
        60, "longest wait for the model (then 429); a worker that hangs this long is replaced", minimum=1, maximum=3600
    )
    graceful_seconds: int = setting(
        25, "time for requests in flight after SIGTERM; SageMaker kills after 30", minimum=0, maximum=3600
    )
    keepalive_seconds: int = setting(5, "how long an idle connection stays open", minimum=0, maximum=3600)
    log_level: str = setting(
        "info", "debug adds /ping and the web server's own lines", choices=("debug", "info", "warning", "error")
    )
    max_models: int = setting(0, "of a multi-model endpoint: most models at a time; 0: any number", minimum=0)
    max_models_mib: int = setting(
        0,
        "of a multi-model endpoint: memory of all models together; 0: 80 % of the container's, for the whole server",
        minimum=0,
        maximum=10_000_000,
    )
    full_memory: str = setting(
        "refuse",
        "of a multi-model endpoint, when a model does not fit: refuse: 507, and SageMaker unloads another one and asks "
        "again; evict: the server itself unloads the models whose last use is longest ago",
        choices=("refuse", "evict"),
    )
    loads: int = setting(2, "of a multi-model endpoint: models that are loaded at a time", minimum=1, maximum=64)
    # What follows variables of SageMaker, and so has none of its own.
    base_dir: Path = contract.BASE_DIR
    model_dir: Path = contract.BASE_DIR / "model"
    models_dir: Path = contract.BASE_DIR / contract.MODELS_DIR
    multi_model: bool = False

    @property
    def max_held_bytes(self) -> int:
        """Bytes of bodies that a worker may hold: those of one request at least."""
        return max(self.max_held_mib * 2**20, self.max_body_bytes)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str], cores: int, device: str = "cpu", memory: float = math.inf
    ) -> "ServeSettings":
        """The settings with every 0 that means `automatic` replaced by its number for the cores, device and memory.

        `memory` is what the container may use, in bytes: by itself it has no more processes than fit.
        Raises SettingsError for an unknown SERVE_ variable, with the nearest valid name, or for a bad value.
        """
        given = {name.removeprefix(PREFIX).lower(): text for name, text in environ.items() if name.startswith(PREFIX)}
        _check_names(given, [item.name for item in fields(cls) if "rule" in item.metadata])
        settings = parse(cls, given, WHERE)
        bound = environ.get(contract.BIND_TO_PORT_VARIABLE)
        if bound is not None:
            settings = replace(settings, port=parse(cls, {"port": bound}, contract.BIND_TO_PORT_VARIABLE).port)
        if "max_body_bytes" not in given:
            settings = replace(settings, max_body_bytes=max(settings.max_body_bytes, _transform_payload(environ)))
        base_dir = Path(environ.get(contract.BASE_DIR_VARIABLE, contract.BASE_DIR))
        settings = replace(
            settings, base_dir=base_dir, model_dir=base_dir / "model", models_dir=base_dir / contract.MODELS_DIR
        )
        if environ.get(contract.MULTI_MODEL_VARIABLE, "").lower() == "true":
            settings = _for_many_models(settings)
        return _share_cores(settings, cores, memory) if device == "cpu" else _share_gpu(settings, cores, memory)


def _transform_payload(environ: Mapping[str, str]) -> int:
    """Bytes that a batch transform job sends in one request, where its creator has said so; 0 elsewhere."""
    megabytes = environ.get(contract.MAX_PAYLOAD_VARIABLE, "")
    return int(megabytes) * 2**20 if megabytes.isdecimal() else 0


def _check_names(given: Mapping[str, str], known: list[str]) -> None:
    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1) or known
            valid = ", ".join(PREFIX + valid_name.upper() for valid_name in close)
            raise SettingsError(f"No setting of the server is named {PREFIX}{name.upper()}; use {valid}.")


def _for_many_models(settings: ServeSettings) -> ServeSettings:
    # Models are loaded into a process, and SageMaker's requests do not say into which; a successor would have none.
    for name, value, most in (("workers", settings.workers, 1), ("max_worker_mib", settings.max_worker_mib, 0)):
        if value > most:
            raise SettingsError(
                f"{WHERE}: {name} is {value}, but with {contract.MULTI_MODEL_VARIABLE}=true one process holds all "
                f"models; leave {PREFIX}{name.upper()} out."
            )
    return replace(settings, workers=1, multi_model=True)


def _share_cores(settings: ServeSettings, cores: int, memory: float) -> ServeSettings:
    # workers x inferences x torch_threads is at most the cores: threads that fight for a core cost far more than they
    # give. Threads that wait cost next to nothing, so there are enough of them for a burst, and for /ping.
    torch_threads = settings.torch_threads or 1
    at_once = max(1, cores // torch_threads)
    needed = 1 if at_once < CORES_OF_TWO_WORKERS else max(2, math.ceil(at_once / CORES_PER_WORKER))
    workers = settings.workers or _fitting(needed, memory)
    inferences = settings.inferences or max(1, at_once // workers)
    return replace(
        settings,
        workers=workers,
        torch_threads=torch_threads,
        inferences=inferences,
        lone_threads=settings.lone_threads or min(MOST_LONE_THREADS, inferences * torch_threads),
        decodes=settings.decodes or max(1, cores // workers),
        batch_size=settings.batch_size or 8,
        threads=settings.threads or max(96, 4 * inferences),
    )


def _share_gpu(settings: ServeSettings, cores: int, memory: float) -> ServeSettings:
    # The GPU waits for Python: one process, whose code runs on one core, serves 230 to 400 requests/s whatever the GPU,
    # 8 up to 1170 (docs/performance.md). Each holds the network and CUDA's context in the GPU's memory once more.
    workers = settings.workers or _fitting(min(MOST_GPU_WORKERS, cores // CORES_PER_GPU_WORKER), memory)
    return replace(
        settings,
        workers=workers,
        torch_threads=1,
        inferences=settings.inferences or 2,
        lone_threads=1,
        decodes=settings.decodes or max(1, cores // workers),
        batch_size=settings.batch_size or 64,
        threads=settings.threads or 256,
    )


def _fitting(workers: int, memory: float) -> int:
    return max(1, int(min(workers, memory / WORKER_BYTES)))
