"""A round as a server's measurement gives it, for tests of what is made of rounds."""

from bench.load import Load
from bench.serving_round import CONCURRENCIES, RATES, Round

ANSWER = {"a": 0.5, "b": 0.2, "c": 0.1, "d": 0.05, "e": 0.04}


def make_load(requests_per_second: float, p50_ms: float = 20) -> Load:
    return Load(
        num_requests=100,
        num_warm_up=12,
        num_errors=0,
        requests_per_second=requests_per_second,
        p50_ms=p50_ms,
        p95_ms=2 * p50_ms,
        p99_ms=3 * p50_ms,
    )


def make_round(speed: float = 40, memory_mib: float = 500, num_errors: int = 0, status: int = 400) -> Round:
    """A server that answers `speed` requests/s under any load, and keeps up with any arrivals."""
    return Round(
        ready_seconds=1,
        first_answer_seconds=2,
        peak_memory_mib=memory_mib,
        cpu_ms_per_request=30,
        num_errors=num_errors,
        broken_image_status=status,
        prediction=ANSWER,
        closed={(name, number): make_load(speed) for name, numbers in CONCURRENCIES.items() for number in numbers},
        open={rate: make_load(rate) for rate in RATES},
    )
