"""The one error of the benchmarks."""


class BenchError(Exception):
    """A measurement that cannot be made or must not count; one sentence says why and what to do."""
