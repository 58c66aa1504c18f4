"""Has anything become slower, as far as ratios to the peers tell? Times of one day say nothing about another's."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import BenchError
from bench.record import Record

TOLERANCE = 0.25  # a ratio may fall by this share, and to the worst that the results' own rounds allow
TAIL_TOLERANCE = 0.5  # of p95 and p99, which a few requests decide

Key = tuple[str, str, str]  # which of ours, quantity, peer


@dataclass(frozen=True)
class Fall:
    """A quantity whose ratio is lower than it was by more than is tolerated."""

    key: Key
    before: float
    now: float


@dataclass(frozen=True)
class Comparison:
    num_compared: int
    fallen: list[Fall]
    missing: list[Key]  # quantities of the results that were not measured this time


def compare_ratios(committed: Sequence[Record], measured: Sequence[Record]) -> Comparison:
    """What became of the committed records' ratios. Raises BenchError if none of them was measured again."""
    before = {key(record): record for record in committed if record.ratio is not None}
    now = {key(record): record.ratio for record in measured if record.ratio is not None}
    common = [name for name in before if name in now]
    if not common:
        raise BenchError("Nothing can be compared: no quantity of the results in bench/results was measured this time.")
    return Comparison(
        num_compared=len(common),
        fallen=[Fall(name, before[name].ratio or 0, now[name]) for name in common if fell(before[name], now[name])],
        missing=[name for name in before if name not in now],
    )


def key(record: Record) -> Key:
    """What a record is about. Of a floor's name its start, as the rest tells how fast the machine was."""
    peer = record.peer
    return record.side, record.name, "floor" if peer.startswith("floor:") else peer


def fell(before: Record, now: float) -> bool:
    """Whether a ratio is lower by more than is tolerated, and than the rounds of the results scattered.

    Of a goal: whether it was met and is not now.
    """
    assert before.ratio is not None
    if before.met is not None:
        return before.met and now < 1
    tolerated = TAIL_TOLERANCE if "p95" in before.name or "p99" in before.name else TOLERANCE
    return now < before.ratio * (1 - tolerated) and now < worst_ratio(before)


def worst_ratio(record: Record) -> float:
    """Our worst round over the peer's best."""
    if record.better == "higher":
        return record.min / record.peer_max
    return record.peer_min / record.max


def report(comparison: Comparison) -> str:
    """The comparison for a terminal: a line for each ratio that fell, and what was not measured."""
    lines = [f"{comparison.num_compared} ratios compared; {len(comparison.fallen)} fell by more than is tolerated"]
    lines[0] += f" ({TOLERANCE:.0%}; p95 and p99 {TAIL_TOLERANCE:.0%})."
    for fall in comparison.fallen:
        lines.append(f"  {fall.before:6.2f}x -> {fall.now:.2f}x  {' | '.join(fall.key)}")
    if comparison.missing:
        peers = sorted({peer for _, _, peer in comparison.missing})
        lines.append(f"Not measured this time: {len(comparison.missing)} ratios, of {', '.join(peers)}.")
    return "\n".join(lines)
