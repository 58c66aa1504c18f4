"""Measure training, the debugger and serving against plain ones, on this machine, in one run; write bench/results."""

import argparse
import os
import signal
import sys
from pathlib import Path

from bench.debugger import bench_debugger
from bench.errors import BenchError
from bench.figure import debugger_panels, draw, serving_panels, training_panels
from bench.load import require_hey
from bench.record import Record, command_line, machine, table, write_records
from bench.serving import bench_serving
from bench.training import bench_training
from container.cores import available_cores

PARTS = ("training", "debugger", "serving")
BENCH_DIR = Path(__file__).parent
WORK_DIR = BENCH_DIR.parent / "build" / "bench"
RESULTS_DIR = BENCH_DIR / "results"
QUICK_RESULTS_DIR = WORK_DIR / "quick-results"  # never beside the real ones
QUIET_LOAD = 0.5  # processes that want a core; above it, something else is running

EXAMPLES = """examples:
  python -m bench                   every part, 13 minutes on 2 cores
  python -m bench debugger          what the debugger costs a training step
  python -m bench serving           requests/s, latency, start and memory
  python -m bench training --quick  one short round: whether it works, not how fast it is

Results: bench/results/{training,debugger,serving}.json and .png; of --quick: build/bench/quick-results.
A ratio above 1 means that this project is better, whether a high or a low value is good."""


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are stopped
    warn_if_busy()
    results_dir = QUICK_RESULTS_DIR if options.quick else RESULTS_DIR
    command = command_line(arguments)
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    parts = [options.part] if options.part else PARTS
    try:
        if "serving" in parts:
            require_hey()  # before minutes of training
        for part in parts:
            records = measure(part, options.quick)
            write_records(results_dir / f"{part}.json", records, command, quick=options.quick)
            draw_part(part, records, results_dir, options.quick)
            print(f"\n{table(records)}\n\nWritten: {os.path.relpath(results_dir / part)}.json and .png", flush=True)
    except BenchError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def measure(part: str, quick: bool) -> list[Record]:
    if part == "training":
        return bench_training(WORK_DIR, rounds=1 if quick else 3, images_per_class=4 if quick else 16)
    if part == "debugger":
        size = {"images_per_class": 4, "epochs": 2} if quick else {"images_per_class": 40, "epochs": 11}
        return bench_debugger(WORK_DIR, rounds=1 if quick else 3, **size)
    return bench_serving(WORK_DIR, rounds=1 if quick else 3, seconds=1 if quick else 4)


def draw_part(part: str, records: list[Record], results_dir: Path, quick: bool) -> None:
    where = machine()
    title = f"{part.capitalize()} on {where['cores']} cores of {where['cpu']}, fp32"
    if quick:
        title += " (quick run: not a result)"
    panels = {"serving": serving_panels, "training": training_panels, "debugger": debugger_panels}[part](records)
    draw(title, panels, results_dir / f"{part}.png", columns=3 if part == "serving" else 1)


def warn_if_busy() -> None:
    load = os.getloadavg()[0]
    if load > QUIET_LOAD * available_cores():
        print(f"Other programs keep this machine busy (load {load:.1f}); the numbers will suffer.", file=sys.stderr)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=PARTS, help="one part only (default: all)")
    parser.add_argument("--quick", action="store_true", help="one short round, marked as such in the results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
