"""Measure training, the debugger and serving against plain ones, on this machine, in one run; write bench/results."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import debugger, decoders, gpu, layouts, loader, serving, training, tuning
from bench.check import compare_ratios, report
from bench.errors import BenchError
from bench.part import Part
from bench.record import Record, command_line, machine, read_records, write_records
from bench.reliability.part import PART as RELIABILITY
from container.cores import available_cores

# In the order in which they run.
PARTS = (
    training.PART,
    tuning.PART,
    loader.PART,
    decoders.PART,
    debugger.PART,
    serving.PART,
    RELIABILITY,
    gpu.PART,
    layouts.PART,
)
BENCH_DIR = Path(__file__).parent
WORK_DIR = BENCH_DIR.parent / "build" / "bench"
RESULTS_DIR = BENCH_DIR / "results"
QUICK_RESULTS_DIR = WORK_DIR / "quick-results"  # never beside the real ones
CHECK_RESULTS_DIR = WORK_DIR / "check-results"
CHECK_ROUNDS = 2
QUIET_LOAD = 0.5  # processes that want a core; above it, something else is running

EXAMPLES = """examples:
  python -m bench                     every part
  python -m bench serving --rounds 7  more rounds than usual
  python -m bench training --quick    one short round: whether it works, not how fast it is
  python -m bench serving --check     shorter; compares the ratios with the results, and ends with 1 if any fell

Results: bench/results/PART.json and .png; of --quick and --check: build/bench.
A ratio above 1 means that this project is better, whether a high or a low value is good."""


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that servers are stopped
    warn_if_busy()
    parts = [part for part in PARTS if part.name in options.parts or not (options.parts or part.only_by_name)]
    try:
        for part in parts:
            part.check()
        if options.check:
            return check(parts, command_line(arguments))
        for part in parts:
            run(part, command_line(arguments), options)
    except BenchError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def run(part: Part, command: str, options: argparse.Namespace) -> None:
    """Measure a part, write its results and print them."""
    if options.rounds and part.measure_rounds is None:
        print(f"The part {part.name} has a number of rounds of its own; --rounds does not change it.", file=sys.stderr)
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    if options.rounds and part.measure_rounds is not None:
        records = part.measure_rounds(WORK_DIR, options.rounds)
    else:
        records = part.measure(WORK_DIR, options.quick)
    results_dir = QUICK_RESULTS_DIR if options.quick else RESULTS_DIR
    write(part, records, results_dir, command, quick=options.quick)
    print(f"\n{part.show(records)}\n\nWritten: {os.path.relpath(results_dir / part.name)}.json and .png", flush=True)


def check(parts: Sequence[Part], command: str) -> int:
    """Measure parts again, with fewer rounds where they can; 1 if a ratio to a peer is lower than in the results."""
    committed = {part.name: read_records(RESULTS_DIR / f"{part.name}.json") for part in parts}
    WORK_DIR.mkdir(parents=True, exist_ok=True)
    comparisons = {}
    for part in parts:
        if part.measure_rounds is not None:
            records = part.measure_rounds(WORK_DIR, CHECK_ROUNDS)
        else:
            records = part.measure(WORK_DIR, False)
        write(part, records, CHECK_RESULTS_DIR, command, quick=False)
        comparisons[part.name] = compare_ratios(committed[part.name], records)
    for name, comparison in comparisons.items():
        print(f"\n{name}: {report(comparison)}", flush=True)
    return 1 if any(comparison.fallen for comparison in comparisons.values()) else 0


def write(part: Part, records: Sequence[Record], results_dir: Path, command: str, *, quick: bool) -> None:
    write_records(results_dir / f"{part.name}.json", records, command, quick=quick)
    where = machine()
    title = f"{part.title}, on {where['cores']} cores of {where['cpu']}"
    if quick:
        title += " (quick run: not a result)"
    part.draw(title, records, results_dir / f"{part.name}.png")


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
    parser.add_argument("parts", nargs="*", metavar="part", help=f"these parts only (default: all). {known}")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="one short round, marked as such in the results")
    how.add_argument("--rounds", type=int, help="how many rounds, for the parts that can have any number")
    how.add_argument("--check", action="store_true", help="compare with bench/results in place of writing them")
    options = parser.parse_args(arguments)
    for name in options.parts:
        if name not in names:
            parser.error(f"there is no part {name!r}; use one of {', '.join(names)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
