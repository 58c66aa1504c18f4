"""One server, started, sent every load of the comparison and stopped."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.load import Body, Load, closed_loop, open_loop
from bench.photos import photo
from bench.process_tree import tree_cpu_seconds
from bench.servers import RunningServer, running, status_of
from bench.sides import Side
from bench.upload import form

SMALL, LARGE = "500x375", "3000x2000"  # the two photos
SIZES = {SMALL: (500, 375), LARGE: (3000, 2000)}
CONCURRENCIES = {SMALL: (1, 4, 16, 64), LARGE: (1, 16)}
RATES = (10, 25)  # arrivals per second of the small photo
WARM_UP_CONCURRENCY = 16
BROKEN_IMAGE = b"this is no image"


@dataclass(frozen=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float  # of each closed loop, and of the warm-up before the first
    open_seconds: float  # of arrivals, of each open loop


@dataclass(frozen=True)
class Round:
    """What one server showed in one round."""

    ready_seconds: float
    first_answer_seconds: float
    peak_memory_mib: float
    cpu_ms_per_request: float  # of the small photo
    num_errors: int  # requests of any load that got no answer, or anything but 200
    broken_image_status: int
    prediction: dict[str, float]
    closed: dict[tuple[str, int], Load]  # by photo and concurrency
    open: dict[int, Load]  # by arrivals per second


def draw_photos() -> dict[str, bytes]:
    """The two JPEGs that every server is sent."""
    return {name: photo(0, size) for name, size in SIZES.items()}


def measure_round(side: Side, photos: dict[str, bytes], work_dir: Path, plan: Plan) -> Round:
    """Raises BenchError if the server cannot be started, or if it is this project's and any request fails."""
    bodies = {name: write_body(side, image, work_dir / f"{name}.body") for name, image in photos.items()}
    with running(side, photos[SMALL]) as server:
        warm_up = closed_loop(server.url, bodies[SMALL], WARM_UP_CONCURRENCY, plan.seconds)
        cpu_seconds = -tree_cpu_seconds(server.pid)
        closed = dict(_closed_loops(server, SMALL, bodies, plan))
        cpu_seconds += tree_cpu_seconds(server.pid)
        num_requests = sum(load.num_requests + load.num_warm_up for load in closed.values())
        closed |= _closed_loops(server, LARGE, bodies, plan)
        opened = {rate: open_loop(server.url, bodies[SMALL], rate, plan.open_seconds) for rate in RATES}
        status = status_of(side, BROKEN_IMAGE)
    num_errors = sum(load.num_errors for load in [warm_up, *closed.values(), *opened.values()])
    if side.is_ours and num_errors:
        raise BenchError(
            f"{side.name} failed {num_errors} requests; a speed with errors does not count: see {side.log_path}."
        )
    return Round(
        ready_seconds=server.ready_seconds,
        first_answer_seconds=server.first_answer_seconds,
        peak_memory_mib=server.peak_memory_mib,
        cpu_ms_per_request=cpu_seconds / num_requests * 1000,
        num_errors=num_errors,
        broken_image_status=status,
        prediction=server.prediction,
        closed=closed,
        open=opened,
    )


def write_body(side: Side, image: bytes, path: Path) -> Body:
    """What is posted to this server, in a file for the load generator."""
    body, content_type = form(image, side.form_field) if side.form_field else (image, "image/jpeg")
    path.write_bytes(body)
    return Body(path, content_type)


def _closed_loops(
    server: RunningServer, name: str, bodies: dict[str, Body], plan: Plan
) -> Iterator[tuple[tuple[str, int], Load]]:
    for concurrency in CONCURRENCIES[name]:
        yield (name, concurrency), closed_loop(server.url, bodies[name], concurrency, plan.seconds)
