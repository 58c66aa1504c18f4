"""Serving: requests/s, latency, start and memory of this project and of its peers, round by round.

Every side serves the same weights and is sent the same two JPEGs. This project stands twice: at the precision that its
server takes by itself, and in fp32 as all peers are. Plain Flask comes in two forms: as tutorials leave it, with
torch's own number of threads in each worker, and with one thread per worker, which is better under load.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.errors import BenchError
from bench.load import require_h2load
from bench.part import Part
from bench.processes import run_module
from bench.record import Record, left_out_record
from bench.serving_chart import draw_serving
from bench.serving_records import compare_rounds, compare_with_floor
from bench.serving_round import RATES, Plan, Round, draw_photos, measure_round
from bench.sides import Side, our_side, peer_sides

FP32 = "this project, fp32"
FULL = Plan(rounds=5, seconds=2, open_seconds=4)  # within half an hour
QUICK = Plan(rounds=1, seconds=1, open_seconds=2)
COMMON_LABELS = 4  # of the top five: sides resize with different filters, so nearly equal classes may swap places
PROBABILITY_TOLERANCE = 0.003
KEEPS_UP = 0.95  # of the arrivals answered per second


def bench_serving(work_dir: Path, plan: Plan) -> list[Record]:
    """Records of every quantity, of each of our two sides beside each peer.

    Raises BenchError if any request to this project fails. A peer that cannot be run, or does not run the same model,
    is left out, which a record of its own says.
    """
    base_dir, bare_path = work_dir / "ml", work_dir / "resnet18.pt"
    made = json.loads(run_module("bench.models", str(base_dir), str(bare_path)))
    print(f"serving: by itself, this project takes {made['reason']} Its logits are {made['similarity']} like fp32's.")
    ours = our_sides(made["precision"], base_dir, work_dir)
    peers, left_out = peer_sides(bare_path, work_dir)
    measured = run_rounds([*ours.values(), *peers], left_out, work_dir, plan)
    print(describe_rates(measured), flush=True)
    records = [
        record
        for side in ours.values()
        for peer in peers
        if peer.name in measured
        for record in compare_rounds(side.name, measured[side.name], peer.name, measured[peer.name])
    ]
    floors = compare_with_floor({side.name: (precision, measured[side.name]) for precision, side in ours.items()})
    return [*records, *floors, *(left_out_record(name, reason) for name, reason in left_out.items())]


def our_sides(precision: str, base_dir: Path, logs: Path) -> dict[str, Side]:
    """By precision: this project in fp32, and at the one that it takes by itself."""
    sides = {"fp32": our_side(FP32, base_dir, logs, SERVE_PRECISION="fp32")}
    if precision != "fp32":
        sides[precision] = our_side(f"this project, {precision}", base_dir, logs)
    return sides


def run_rounds(sides: Sequence[Side], left_out: dict[str, str], work_dir: Path, plan: Plan) -> dict[str, list[Round]]:
    """The rounds of each side, in which they take turns, this project in fp32 first.

    A peer that fails twice moves to `left_out`, with the reason.
    """
    photos = draw_photos()
    measured: dict[str, list[Round]] = {side.name: [] for side in sides}
    for number in range(plan.rounds):
        for side in sides:
            if side.name in left_out:
                continue
            print(f"serving, round {number + 1} of {plan.rounds}: {side.name}", flush=True)
            try:
                done = _try_twice(side, photos, work_dir, plan)
                measured[side.name].append(done)
                check_agreement(measured[FP32][0].prediction, done.prediction, side.name)
            except BenchError as error:
                if side.is_ours:
                    raise
                print(f"left out: {error}", flush=True)
                left_out[side.name] = str(error)
                del measured[side.name]
    return measured


def _try_twice(side: Side, photos: dict[str, bytes], work_dir: Path, plan: Plan) -> Round:
    try:
        return measure_round(side, photos, work_dir, plan)
    except BenchError as error:
        if side.is_ours:
            raise
        print(f"once more, as {error}", flush=True)  # Ray Serve gives up on parts of its own that start slowly
        return measure_round(side, photos, work_dir, plan)


def check_agreement(reference: dict[str, float], theirs: dict[str, float], name: str) -> None:
    """Raise BenchError unless both give the photo the same label and nearly the same probabilities."""
    common = reference.keys() & theirs.keys()
    difference = max((abs(reference[label] - theirs[label]) for label in common), default=1.0)
    if next(iter(reference)) != next(iter(theirs)) or len(common) < COMMON_LABELS or difference > PROBABILITY_TOLERANCE:
        raise BenchError(
            f"The servers do not run the same model: this project answers {reference} in fp32, {name} answers "
            f"{theirs}; comparing their speed would mean nothing."
        )


def describe_rates(measured: dict[str, list[Round]]) -> str:
    """A sentence for each rate of arrivals: which sides could not keep up."""
    lines = []
    for rate in RATES:
        speeds = {
            name: median(done.open[rate].requests_per_second for done in rounds) for name, rounds in measured.items()
        }
        slow = [f"{name} ({speed:.1f}/s)" for name, speed in speeds.items() if speed < KEEPS_UP * rate]
        lines.append(f"At {rate} arrivals/s {'all sides keep up' if not slow else 'too slow: ' + ', '.join(slow)}.")
    return "\n".join(lines)


PART = Part(
    name="serving",
    help="requests/s, latency, start and memory, beside five servers; half an hour",
    title="Serving, ResNet-18",
    measure=lambda work_dir, quick: bench_serving(work_dir, QUICK if quick else FULL),
    measure_rounds=lambda work_dir, rounds: bench_serving(work_dir, replace(FULL, rounds=rounds)),
    chart=draw_serving,
    check=require_h2load,
)
