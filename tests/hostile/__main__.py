"""Hostile inputs by hand: `python -m tests.hostile --seed N --count M [--url URL]` prints a table by family.

Without --url the bodies go straight into the code that reads them, in this process or several. With --url they go to
a server, together with as many connections that break HTTP's rules as --wires says; --pid, its process id, adds its
workers to the check: none may end, and none may grow over --memory.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local_test.interrupts import exit_status
from tests.hostile.case import Sent
from tests.hostile.generate import body_names, heavy_names, make_case, wire_names
from tests.hostile.outcome import Outcome, problems, table
from tests.hostile.over_http import Target
from tests.hostile.process_memory import children, peak_mib

EXAMPLES = """examples:
  python -m tests.hostile --jobs 2
  python -m tests.hostile --url http://localhost:8080 --count 2000
  python -m tests.hostile --case NAME --save body.bin"""


def main(arguments: Sequence[str] | None = None) -> int:
    """1 if anything forbidden was seen."""
    options = _parse(arguments)
    if options.case:
        return _one(options.case, options.save, options.url)
    outcomes = _over_http(options) if options.url else _in_process(options)
    print(table(outcomes))
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes]))
    return 1 if problems(outcomes) else 0


def _in_process(options: argparse.Namespace) -> list[Outcome]:
    from tests.hostile.in_process import run_all  # torch: who only sends needs none

    return run_all([*body_names(options.seed, options.count), *heavy_names(options.seed)], options.jobs)


def _over_http(options: argparse.Namespace) -> list[Outcome]:
    target = Target(options.url)
    before, workers = target.good_answer(), children(options.pid) if options.pid else []
    outcomes = target.run_all([*body_names(options.seed, options.count), *wire_names(options.seed, options.wires)])
    problem = "" if target.good_answer() == before else "it is answered otherwise than before"
    outcomes.append(Outcome("good/photo/0", 200, 0, problem=problem))
    if options.pid:
        outcomes += check_workers(workers, children(options.pid), options.memory)
    return outcomes


def check_workers(before: Sequence[int], after: Sequence[int], most_mib: float) -> list[Outcome]:
    """An outcome for each worker that there was before."""
    outcomes = []
    for worker in before:
        peak = peak_mib(worker) if worker in after else 0.0
        problem = "" if worker in after else "it has ended"
        problem = problem or (f"{peak:.0f} MiB" if peak > most_mib else "")
        outcomes.append(Outcome(f"worker/{worker}/0", 200, 0, peak, problem))
    return outcomes


def _one(name: str, path: Path | None, url: str | None) -> int:
    """One case again: written to a file, or sent to the server, or read in this process."""
    sent = make_case(name).sent
    if path:
        pieces = [sent.body] if isinstance(sent, Sent) else [piece for piece in sent.pieces if isinstance(piece, bytes)]
        path.write_bytes(b"".join(pieces))
        return 0
    if url:
        outcome = Target(url).run_case(name)
    else:
        from tests.hostile.in_process import run_case

        outcome = run_case(name)
    print(outcome)
    return 1 if outcome.problem else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.hostile",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed makes other bodies (default: 1)")
    parser.add_argument("--count", type=int, default=20_000, help="bodies (default: 20000)")
    parser.add_argument("--wires", type=int, default=300, help="connections that break HTTP's rules, with --url")
    parser.add_argument("--url", help="of a server, such as http://127.0.0.1:8080; else: in this process")
    parser.add_argument("--pid", type=int, help="the server's process id on this machine")
    parser.add_argument("--memory", type=float, default=3000, metavar="MIB", help="bound of each of its workers")
    parser.add_argument("--jobs", type=int, default=1, help="processes to work in, without --url")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every outcome to it")
    parser.add_argument("--case", metavar="NAME", help="this one alone, by its name")
    parser.add_argument("--save", type=Path, metavar="FILE", help="only write the case to it")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(exit_status(main))
