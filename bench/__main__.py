"""Measure training, the debugger and serving against plain ones, on this machine, in one run; write bench/results."""

import argparse
import os
import signal
import sys
from pathlib import Path

from bench import debugger, serving, training
from bench.errors import BenchError
from bench.figure import draw
from bench.part import Part
from bench.record import command_line, machine, table, write_records
from container.cores import available_cores

PARTS = (training.PART, debugger.PART, serving.PART)  # in the order in which they run
BENCH_DIR = Path(__file__).parent
WORK_DIR = BENCH_DIR.parent / "build" / "bench"
RESULTS_DIR = BENCH_DIR / "results"
QUICK_RESULTS_DIR = WORK_DIR / "quick-results"  # never beside the real ones
QUIET_LOAD = 0.5  # processes that want a core; above it, something else is running

EXAMPLES = """examples:
  python -m bench                   every part
  python -m bench debugger          what the debugger costs a training step
  python -m bench training --quick  one short round: whether it works, not how fast it is

Results: bench/results/PART.json and .png; of --quick: build/bench/quick-results.
A ratio above 1 means that this project is better, whether a high or a low value is good."""


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are stopped
    warn_if_busy()
    parts = [part for part in PARTS if options.part in (None, part.name)]
    try:
        for part in parts:
            part.check()
        for part in parts:
            run(part, command_line(arguments), options.quick)
    except BenchError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def run(part: Part, command: str, quick: bool) -> None:
    """Measure a part, write its results and print them."""
    results_dir = QUICK_RESULTS_DIR if quick else RESULTS_DIR
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    records = part.measure(WORK_DIR, quick)
    write_records(results_dir / f"{part.name}.json", records, command, quick=quick)
    where = machine()
    title = f"{part.title}, on {where['cores']} cores of {where['cpu']}"
    if quick:
        title += " (quick run: not a result)"
    draw(title, part.panels(records), results_dir / f"{part.name}.png", columns=part.columns)
    print(f"\n{table(records)}\n\nWritten: {os.path.relpath(results_dir / part.name)}.json and .png", flush=True)


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
    known = "; ".join(f"{part.name}: {part.help}" for part in PARTS)
    names = [part.name for part in PARTS]
    parser.add_argument("part", nargs="?", choices=names, help=f"one part only (default: all). {known}")
    parser.add_argument("--quick", action="store_true", help="one short round, marked as such in the results")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
