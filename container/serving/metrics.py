"""What /metrics tells, in the format of Prometheus: sums over all workers, those that have ended included."""

from collections.abc import Iterator

from container.serving.shared_table import SharedTable
from container.serving.stopwatch import PARTS

ROUTES = (
    "/invocations",
    "/ping",
    "/metrics",
    "/",
    "/openapi.json",
    "/execution-parameters",
    "/models",
    "/models/{name}",
    "/models/{name}/invoke",
)
OTHER = "other"
STATUSES = (200, 400, 404, 405, 406, 408, 409, 413, 415, 422, 429, 500, 503, 507)
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)  # seconds
PARTS_AND_TOTAL = (*PARTS, "total")
IN_FLIGHT, RESIDENT, MODELS = "in_flight", "resident_bytes", "models"
STARTS = "starts"
LOAD_OUTCOMES = ("loaded", "failed", "no_memory")
UNLOAD_REASONS = ("asked", "evicted")
GAUGES = (IN_FLIGHT, RESIDENT, MODELS)  # of a worker that lives; those of one that has ended are set back to 0


def series(kind: str, *labels: str) -> str:
    """The name of a column: a kind of number, and what tells it from others of its kind."""
    return "|".join((kind, *labels))


def request_series(route: str, status: int) -> str:
    known = str(status) if status in STATUSES else OTHER
    return series("requests", route if route in ROUTES else OTHER, known)


def bucket_series(part: str, bound: float) -> str:
    return series("bucket", part, str(bound))


def columns() -> list[str]:
    """The names of all columns: every series that there can be, so that no caller can make more of them."""
    requests = [
        series("requests", route, status)
        for route in (*ROUTES, OTHER)
        for status in (*(str(status) for status in STATUSES), OTHER)
    ]
    latencies = [bucket_series(part, bound) for part in PARTS_AND_TOTAL for bound in BUCKETS]
    sums = [series(kind, part) for kind in ("count", "sum") for part in PARTS_AND_TOTAL]
    images = [series("images", outcome) for outcome in ("answered", "refused")]
    loads = [series("model_loads", outcome) for outcome in LOAD_OUTCOMES]
    unloads = [series("model_unloads", reason) for reason in UNLOAD_REASONS]
    return [*requests, *latencies, *sums, *images, *loads, *unloads, *GAUGES, STARTS]


class Metrics:
    """Counts of one server. `use_row` tells a forked worker which row of the table is its own."""

    def __init__(self, rows: int = 1) -> None:
        self._table = SharedTable(columns(), rows)
        self._row = 0

    def use_row(self, row: int) -> None:
        self._row = row
        for name in GAUGES:
            self._table.set(row, name, 0)
        self._add(STARTS)

    def begin(self) -> None:
        self._add(IN_FLIGHT)

    def end(self, route: str, status: int, milliseconds: dict[str, float], images: int, bad_images: int) -> None:
        """Count a request that is answered; `milliseconds` as Stopwatch gives them."""
        self._add(IN_FLIGHT, -1)
        self._add(request_series(route, status))
        self._add(series("images", "answered"), images - bad_images)
        self._add(series("images", "refused"), bad_images)
        if images and status == 200:  # so that refusals, which take no time, do not make the model look quick
            for part in PARTS_AND_TOTAL:
                self._observe(part, milliseconds[f"{part}_ms"] / 1000)

    def count_refusal(self, status: int) -> None:
        """Count an invocation that was refused before it came to the application."""
        self._add(request_series("/invocations", status))

    def set_resident(self, resident_bytes: int) -> None:
        self._table.set(self._row, RESIDENT, resident_bytes)

    def set_models(self, number: int) -> None:
        """How many models a multi-model endpoint has in memory."""
        self._table.set(self._row, MODELS, number)

    def count_load(self, outcome: str) -> None:
        self._add(series("model_loads", outcome))

    def count_unload(self, reason: str) -> None:
        self._add(series("model_unloads", reason))

    def exposition(self, description: dict[str, str]) -> bytes:
        """The text that Prometheus reads. `description` tells which model is served."""
        from prometheus_client import CollectorRegistry, generate_latest  # imported by the first who asks

        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._table, description))  # type: ignore[arg-type]
        text: bytes = generate_latest(registry)
        return text

    def _observe(self, part: str, seconds: float) -> None:
        self._add(series("count", part))
        self._add(series("sum", part), seconds)
        for bound in BUCKETS:
            if seconds <= bound:
                self._add(bucket_series(part, bound))
                return

    def _add(self, column: str, number: float = 1) -> None:
        self._table.add(self._row, column, number)


class _Collector:
    """The table as families of Prometheus."""

    def __init__(self, table: SharedTable, description: dict[str, str]) -> None:
        self._table = table
        self._description = description

    def collect(self) -> Iterator[object]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        requests = CounterMetricFamily("classifier_requests", "Requests answered.", labels=("route", "status"))
        images = CounterMetricFamily("classifier_images", "Images of requests.", labels=("outcome",))
        families = {"requests": requests, "images": images}
        for name in columns():
            kind, *labels = name.split("|")
            if kind in families and (total := self._table.sum(name)):
                families[kind].add_metric(labels, total)
        yield from families.values()
        yield self._latencies()
        starts = CounterMetricFamily("classifier_worker_starts", "Worker processes started, replacements included.")
        starts.add_metric((), self._table.sum(STARTS))
        yield starts
        in_flight = GaugeMetricFamily("classifier_requests_in_flight", "Requests that are being answered.")
        in_flight.add_metric((), self._table.sum(IN_FLIGHT))
        yield in_flight
        resident = GaugeMetricFamily("classifier_worker_resident_bytes", "Memory of each worker.", labels=("worker",))
        for row, number in enumerate(self._table.column(RESIDENT)):
            if number:
                resident.add_metric((str(row),), number)
        yield resident
        yield from self._models()
        if self._description:
            yield InfoMetricFamily("classifier_model", "The model that is served.", value=self._description)

    def _models(self) -> Iterator[object]:
        """Of a multi-model endpoint, once it has been asked to load a model."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        loads = CounterMetricFamily("classifier_model_loads", "Models asked for.", labels=("outcome",))
        for outcome in LOAD_OUTCOMES:
            loads.add_metric((outcome,), self._table.sum(series("model_loads", outcome)))
        unloads = CounterMetricFamily("classifier_model_unloads", "Models that left memory.", labels=("reason",))
        for reason in UNLOAD_REASONS:
            unloads.add_metric((reason,), self._table.sum(series("model_unloads", reason)))
        loaded = GaugeMetricFamily("classifier_models", "Models in memory.")
        loaded.add_metric((), self._table.sum(MODELS))
        if any(sample.value for sample in loads.samples):
            yield from (loads, unloads, loaded)

    def _latencies(self) -> object:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(
            "classifier_request_seconds", "Parts of the time of requests that had images.", labels=("part",)
        )
        for part in PARTS_AND_TOTAL:
            below, buckets = 0.0, []
            for bound in BUCKETS:
                below += self._table.sum(bucket_series(part, bound))
                buckets.append((str(bound), below))
            count = self._table.sum(series("count", part))
            family.add_metric((part,), [*buckets, ("+Inf", count)], self._table.sum(series("sum", part)))
        return family
