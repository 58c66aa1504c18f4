"""The server's layouts: how many processes, lanes and threads serve most, on 1 to 8 cores and beside a GPU.

The layout that the server takes by itself is measured beside each other one. The server has the first cores to itself,
and the load generator the rest, so this needs a machine with twice as many cores as are measured.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError
from bench.gpu import has_gpu
from bench.layouts_chart import draw_layouts
from bench.load import closed_loop, require_h2load
from bench.part import Part
from bench.processes import run_module
from bench.record import Record, compare
from bench.servers import running
from bench.serving_round import SMALL, draw_photos, write_body
from bench.sides import Side, our_side
from container.serving.settings import ServeSettings

CORES = (1, 2, 4, 8)
LEAST_SPARE_CORES = 1  # for the load generator
CONCURRENCIES = (1, 64)
GPU_CONCURRENCIES = (1, 16, 64, 128)
AUTOMATIC = "automatic"
GPU = "a GPU"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A server on some cores, and the layouts in which it is measured: name -> variables."""

    name: str
    cores: int
    layouts: dict[str, dict[str, str]]
    concurrencies: Sequence[int]


def cases(cores: Sequence[int], precisions: Sequence[str], gpu: bool, all_cores: int) -> list[Case]:
    found = [
        Case(
            name=f"{precision} on {count} core{'s' if count > 1 else ''}",
            cores=count,
            layouts=_with_all(cpu_layouts(count), SERVE_DEVICE="cpu", SERVE_PRECISION=precision),
            concurrencies=CONCURRENCIES,
        )
        for count in cores
        for precision in precisions
    ]
    if gpu:
        beside = all_cores - max(LEAST_SPARE_CORES, all_cores // 4)
        layouts = {**gpu_layouts(beside), "its cores alone": {"SERVE_DEVICE": "cpu"}}
        found.append(
            Case(name=f"{GPU}, {beside} cores", cores=beside, layouts=layouts, concurrencies=GPU_CONCURRENCIES)
        )
    return found


def cpu_layouts(cores: int) -> dict[str, dict[str, str]]:
    """The automatic one, each split into as many processes as divide the cores, and all cores for one batch."""
    if cores == 1:
        return {AUTOMATIC: {}, "2 lanes": {"SERVE_INFERENCES": "2"}, "2 processes": {"SERVE_WORKERS": "2"}}
    layouts: dict[str, dict[str, str]] = {AUTOMATIC: {}}
    for workers in (count for count in (1, 2, 4, 8) if count <= cores):
        layouts[f"{workers} x {cores // workers} lanes"] = {"SERVE_WORKERS": str(workers)}
    layouts[f"1 lane of {cores} threads"] = {"SERVE_INFERENCES": "1", "SERVE_TORCH_THREADS": str(cores)}
    return _without_doubles(layouts, cores, "cpu")


def gpu_layouts(cores: int) -> dict[str, dict[str, str]]:
    layouts: dict[str, dict[str, str]] = {
        AUTOMATIC: {},
        "1 lane each": {"SERVE_INFERENCES": "1"},
        "4 lanes each": {"SERVE_INFERENCES": "4"},
        "1 process": {"SERVE_WORKERS": "1"},
        **{f"{workers} processes": {"SERVE_WORKERS": str(workers)} for workers in (2, 4, 8)},
    }
    return _without_doubles(layouts, cores, "cuda")


def _without_doubles(layouts: dict[str, dict[str, str]], cores: int, device: str) -> dict[str, dict[str, str]]:
    """Without those that are the automatic one by another name."""
    settings = {name: ServeSettings.from_environment(variables, cores, device) for name, variables in layouts.items()}
    return {name: layouts[name] for name, own in settings.items() if name == AUTOMATIC or own != settings[AUTOMATIC]}


def _with_all(layouts: dict[str, dict[str, str]], **variables: str) -> dict[str, dict[str, str]]:
    return {name: {**own, **variables} for name, own in layouts.items()}


def bench_layouts(work_dir: Path, measured: Sequence[Case], rounds: int, seconds: float) -> list[Record]:
    """Requests per second of the automatic layout beside each other, by case and concurrency."""
    base_dir, photo = work_dir / "ml", draw_photos()[SMALL]
    run_module("bench.models", str(base_dir), str(work_dir / "resnet18.pt"))
    records = []
    for case in measured:
        speeds: dict[str, dict[int, list[float]]] = {}
        for number in range(rounds):
            for layout, variables in case.layouts.items():
                print(f"layouts, {case.name}, round {number + 1} of {rounds}: {layout}", flush=True)
                side = on_cores(our_side("layouts", base_dir, work_dir, **variables), case.cores)
                body = write_body(side, photo, work_dir / "photo.body")
                with on_the_other_cores(case.cores), running(side, photo) as server:
                    for concurrency in case.concurrencies:
                        load = closed_loop(server.url, body, concurrency, seconds)
                        if load.num_errors:
                            raise BenchError(f"{load.num_errors} requests failed; see {side.log_path}.")
                        speeds.setdefault(layout, {}).setdefault(concurrency, []).append(load.requests_per_second)
        records += records_of(case, speeds)
    return records


def records_of(case: Case, speeds: dict[str, dict[int, list[float]]]) -> list[Record]:
    return [
        compare(
            f"{case.name}, concurrency {concurrency}",
            "requests/s",
            "higher",
            speeds[AUTOMATIC][concurrency],
            layout,
            speeds[layout][concurrency],
        )
        for concurrency in case.concurrencies
        for layout in case.layouts
        if layout != AUTOMATIC
    ]


def on_cores(side: Side, cores: int) -> Side:
    return replace(side, command=["taskset", "-c", f"0-{cores - 1}", *side.command])


@contextmanager
def on_the_other_cores(cores: int) -> Iterator[None]:
    """This process and what it starts, the load generator among them, on all cores but the first ones."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[cores:]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def check() -> None:
    require_h2load()
    if shutil.which("taskset") is None:
        raise BenchError("`taskset` is not on PATH; it is in the package util-linux.")
    if len(os.sched_getaffinity(0)) < CORES[0] + LEAST_SPARE_CORES + 1:
        raise BenchError("The part layouts needs cores to spare for the load generator; two are too few.")


def measure_rounds(work_dir: Path, rounds: int, seconds: float = 2) -> list[Record]:
    all_cores = len(os.sched_getaffinity(0))
    cores = [count for count in CORES if count + LEAST_SPARE_CORES < all_cores]
    return bench_layouts(work_dir, cases(cores, ("int8", "fp32"), has_gpu(), all_cores), rounds, seconds)


PART = Part(
    name="layouts",
    help="on a machine with cores to spare: how many processes, lanes and threads serve most, on a GPU too",
    title="Layouts of the server: the automatic one beside others, resnet18 at 224 px",
    measure=lambda work_dir, quick: measure_rounds(work_dir, 1, 0.5) if quick else measure_rounds(work_dir, 2),
    measure_rounds=measure_rounds,
    chart=draw_layouts,
    check=check,
    only_by_name=True,
)
