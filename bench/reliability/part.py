"""Reliability: overload and faults, each with figures and the limits that they are held to.

The load generators share the machine's cores with the server, so every latency is one under more pressure than callers
on other machines would cause.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.errors import BenchError
from bench.load import require_h2load
from bench.part import Part
from bench.photos import photo
from bench.processes import run_module
from bench.record import Record, left_out_record
from bench.reliability import (
    clock_jumps,
    disconnects,
    full_tmp,
    overload,
    recycling,
    serverless,
    slow_callers,
    soak,
    stop,
    worker_kill,
)
from bench.reliability.chart import draw_goals
from bench.reliability.goals import at_least, table
from bench.reliability.ground import FULL, QUICK, Ground, MissingToolError, Plan
from local_test.image import DEFAULT_IMAGE

Measure = Callable[[Ground], list[Record]]
SCENARIOS: dict[str, Measure] = {
    module.NAME: module.measure
    for module in (
        overload,
        disconnects,
        slow_callers,
        worker_kill,
        stop,
        recycling,
        soak,
        clock_jumps,
        full_tmp,
        serverless,
    )
}


def bench_reliability(work_dir: Path, plan: Plan) -> list[Record]:
    """Records of every scenario's figures."""
    base_dir = work_dir / "ml"
    made = json.loads(run_module("bench.models", str(base_dir), str(work_dir / "resnet18.pt")))
    print(f"reliability: the server takes {made['reason']}", flush=True)
    image = os.environ.get("IMAGE", DEFAULT_IMAGE)
    return measure_all(Ground(base_dir=base_dir, work_dir=work_dir, photo=photo(0), plan=plan, image=image), SCENARIOS)


def measure_all(ground: Ground, scenarios: dict[str, Measure]) -> list[Record]:
    """Records of each scenario. One that this machine lacks the tools for is left out; one that fails is missed."""
    records: list[Record] = []
    for name, measure in scenarios.items():
        print(f"\nreliability: {name}", flush=True)
        measured = _measure(name, measure, ground)
        print(table(measured), flush=True)
        records += measured
    return records


def _measure(name: str, measure: Measure, ground: Ground) -> list[Record]:
    try:
        return measure(ground)
    except MissingToolError as error:
        return [replace(left_out_record("", str(error)), side=name)]
    except BenchError as error:
        print(error, flush=True)
        return [at_least(name, "measured to its end", "", 0, 1)]


PART = Part(
    name="reliability",
    help="overload and faults, each with a figure and its limit; about a quarter of an hour",
    title="Overload and faults",
    measure=lambda work_dir, quick: bench_reliability(work_dir, QUICK if quick else FULL),
    chart=draw_goals,
    show=table,
    check=require_h2load,
)
