from prometheus_client.parser import text_string_to_metric_families

from container.serving.metrics import Metrics

MILLISECONDS = {f"{part}_ms": 0.0 for part in ("read", "decode", "queue", "encode")} | {
    "inference_ms": 20.0,
    "total_ms": 30.0,
}


def samples(metrics: Metrics, **description: str) -> dict[tuple[str, ...], float]:
    """The numbers of the text, by name and the values of the labels in the order of their names."""
    text = metrics.exposition(description).decode()
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def answer(metrics: Metrics, status: int = 200, route: str = "/invocations", images: int = 1, bad: int = 0) -> None:
    metrics.begin()
    metrics.end(route, status, MILLISECONDS, images, bad)


def test_requests_are_counted_by_route_and_status_and_images_by_outcome():
    metrics = Metrics()
    answer(metrics, images=3, bad=1)
    answer(metrics, status=400, images=1, bad=1)
    answer(metrics, route="/ping", images=0)
    found = samples(metrics)
    assert found[("classifier_requests_total", "/invocations", "200")] == 1
    assert found[("classifier_requests_total", "/invocations", "400")] == 1
    assert found[("classifier_requests_total", "/ping", "200")] == 1
    assert found[("classifier_images_total", "answered")] == 2
    assert found[("classifier_images_total", "refused")] == 2


def test_an_unknown_path_or_status_makes_no_new_series():
    metrics = Metrics()
    for number in range(50):
        answer(metrics, route=f"/{number}", status=418)
    assert samples(metrics)[("classifier_requests_total", "other", "other")] == 50


def test_latencies_are_cumulative_histograms_in_seconds_of_answered_images():
    metrics = Metrics()
    answer(metrics)
    answer(metrics, status=400, bad=1)
    found = samples(metrics)
    assert found[("classifier_request_seconds_count", "inference")] == 1
    assert found[("classifier_request_seconds_sum", "inference")] == 0.02
    assert found[("classifier_request_seconds_bucket", "0.01", "inference")] == 0
    assert found[("classifier_request_seconds_bucket", "0.025", "inference")] == 1
    assert found[("classifier_request_seconds_bucket", "+Inf", "inference")] == 1


def test_a_replaced_worker_keeps_the_counts_of_its_row_and_drops_what_was_in_flight():
    metrics = Metrics(rows=2)
    metrics.use_row(1)
    answer(metrics)
    metrics.begin()  # and is killed
    metrics.set_resident(1000)
    assert samples(metrics)[("classifier_requests_in_flight",)] == 1
    metrics.use_row(1)
    found = samples(metrics)
    assert found[("classifier_requests_in_flight",)] == 0
    assert found[("classifier_requests_total", "/invocations", "200")] == 1
    assert found[("classifier_worker_starts_total",)] == 2
    assert ("classifier_worker_resident_bytes", "1") not in found


def test_the_model_that_is_served_is_told():
    assert (
        samples(Metrics(), precision="int8", model="model-int8.pt")[("classifier_model_info", "model-int8.pt", "int8")]
        == 1
    )
