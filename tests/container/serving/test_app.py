import base64
import io
import json
import logging
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from container.errors import ArtifactError
from container.model.artifact import Artifact, load_artifact
from container.serving.app import create_app
from container.serving.held_bytes import HeldBytes
from container.serving.json_log import LOGGER
from container.serving.predictor import Layout, Predictor
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from tests.container.data.test_decode import png_promise
from tests.container.serving.conftest import COLOURS

ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
LINES = "application/jsonlines"


@pytest.fixture
def events():
    """What the server logs, as dictionaries."""

    class Collector(logging.Handler):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[dict[str, Any]] = []

        def emit(self, record: logging.LogRecord) -> None:
            self.lines.append({"event": record.getMessage(), "level": record.levelno, **record.event_fields})

    collector = Collector()
    level = LOGGER.level
    LOGGER.addHandler(collector)
    LOGGER.setLevel(logging.DEBUG)
    yield collector.lines
    LOGGER.removeHandler(collector)
    LOGGER.setLevel(level)


def first_labels(response: Any) -> list[str]:
    """The most likely label, or the error's code, of each image."""
    assert response.status_code == 200, response.text
    return [
        prediction["labels"][0] if "labels" in prediction else prediction["error"]["code"]
        for prediction in response.get_json()["predictions"]
    ]


def refusal(response: Any) -> tuple[int, str]:
    assert response.content_type == "application/json"
    assert response.get_json()["error"]["message"].endswith(".")
    return response.status_code, response.get_json()["error"]["code"]


def instances(*encoded: bytes) -> dict[str, Any]:
    return {"instances": [{"b64": base64.b64encode(item).decode()} for item in encoded]}


def test_ping_is_200_once_warmed_up_and_tells_which_form_of_the_model_is_served(make_client, predictor):
    predictor.description["precision"] = "int8"
    response = make_client().get("/ping")
    assert response.status_code == 200
    assert response.get_json() == {"status": "ready", "precision": "int8"}


def test_before_the_warm_up_both_routes_are_503_with_a_reason(predictor, red_jpeg):
    readiness = Readiness(lambda: predictor)
    client = create_app(ServeSettings(threads=4, timeout_seconds=1), readiness).test_client()
    assert refusal(client.get("/ping")) == (503, "warming_up")
    assert refusal(client.post("/invocations", data=red_jpeg)) == (503, "warming_up")
    readiness.warm_up()
    assert client.get("/ping").status_code == 200


def test_an_invocation_that_comes_during_the_warm_up_waits_for_it(predictor, red_jpeg):
    readiness = Readiness(lambda: predictor)
    client = create_app(ServeSettings(threads=4), readiness).test_client()
    later = threading.Timer(0.3, readiness.warm_up)
    later.start()
    assert client.get("/ping").status_code == 503
    assert first_labels(client.post("/invocations", data=red_jpeg)) == ["red"]
    later.join()


def test_without_an_artifact_both_routes_are_503_with_the_reason(red_jpeg):
    def load() -> Predictor:
        raise ArtifactError("There is no model artifact at /opt/ml/model.")

    readiness = Readiness(load)
    readiness.load()
    client = create_app(ServeSettings(threads=4), readiness).test_client()
    assert refusal(client.get("/ping")) == (503, "model_unavailable")
    assert refusal(client.post("/invocations", data=red_jpeg)) == (503, "model_unavailable")
    assert "no model artifact" in client.get("/ping").text


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("colour", ["red", "blue"])
def test_an_image_gets_its_labels_with_probabilities(client, encode_image, file_format, colour):
    response = client.post("/invocations", data=encode_image(colour, file_format), content_type="image/jpeg")
    assert first_labels(response) == [colour]
    (prediction,) = response.get_json()["predictions"]
    assert sorted(prediction["labels"]) == sorted(COLOURS)
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert response.content_type == "application/json"


def test_the_content_type_may_be_missing(client, red_jpeg):
    assert first_labels(client.post("/invocations", data=red_jpeg)) == ["red"]


def test_images_of_other_colour_modes_are_read(client):
    bodies = []
    for image, file_format in [
        (Image.new("L", (40, 30), 90), "JPEG"),
        (Image.new("CMYK", (40, 30), (0, 255, 255, 0)), "JPEG"),
        (Image.fromarray(np.full((30, 40), 40_000, np.uint16)), "PNG"),
        (Image.new("RGBA", (40, 30), (0, 0, 255, 255)), "PNG"),
    ]:
        file = io.BytesIO()
        image.save(file, file_format)
        bodies.append(file.getvalue())
    labels = first_labels(client.post("/invocations", json=instances(*bodies)))
    assert (labels[1], labels[3]) == ("red", "blue")


def test_json_instances_are_answered_in_order(client, red_jpeg, blue_png):
    response = client.post("/invocations", json=instances(red_jpeg, blue_png, blue_png, red_jpeg, red_jpeg))
    assert first_labels(response) == ["red", "blue", "blue", "red", "red"]


def test_a_form_is_answered_in_order(client, red_jpeg, blue_png):
    files = [(io.BytesIO(red_jpeg), "a.jpg"), (io.BytesIO(blue_png), "b.png")]
    assert first_labels(client.post("/invocations", data={"image": files})) == ["red", "blue"]


def test_an_array_is_answered_in_order(client):
    array = np.zeros((2, 20, 20, 3), np.uint8)
    array[0, ..., 2] = array[1, ..., 0] = 255
    file = io.BytesIO()
    np.save(file, array)
    response = client.post("/invocations", data=file.getvalue(), content_type="application/x-npy")
    assert first_labels(response) == ["blue", "red"]


def test_one_bad_image_of_four_fails_alone(client, red_jpeg, blue_png):
    body = instances(red_jpeg, red_jpeg[:300], blue_png, red_jpeg)
    assert first_labels(client.post("/invocations", json=body)) == ["red", "undecodable_image", "blue", "red"]


def test_if_all_images_are_bad_the_first_ones_error_is_the_answer(client):
    body = instances(png_promise(60_000, 60_000), b"no image")
    assert refusal(client.post("/invocations", json=body)) == (413, "too_many_pixels")


def test_csv_is_one_line_per_image(client, red_jpeg, blue_png):
    body = instances(red_jpeg, b"no image", blue_png)
    response = client.post("/invocations?top_k=1", json=body, headers={"Accept": "text/csv"})
    assert response.content_type == "text/csv"
    red, bad, blue = response.text.splitlines()
    assert (red.split(",")[0], bad.split(",")[:2], blue.split(",")[0]) == (
        "red",
        ["error", "undecodable_image"],
        "blue",
    )


def test_npy_is_all_probabilities(client, red_jpeg, blue_png):
    response = client.post("/invocations", json=instances(red_jpeg, blue_png), headers={"Accept": "application/x-npy"})
    assert response.content_type == "application/x-npy"
    probabilities = np.load(io.BytesIO(response.data))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (2, 3))
    assert probabilities.argmax(axis=1).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("query", "attributes", "count"),
    [
        ("", None, 2),
        ("?top_k=1", None, 1),
        ("?top_k=99", None, 3),
        ("", "top_k=3", 3),
        ("", "trace=7f, top_k=1; other", 1),
        ("", "stop_k=1", 2),
        ("?top_k=3", "top_k=1", 3),
    ],
)
def test_top_k_comes_from_the_query_or_the_custom_attributes(make_client, red_jpeg, query, attributes, count):
    headers = {ATTRIBUTES: attributes} if attributes else {}
    response = make_client(top_k=2).post(f"/invocations{query}", data=red_jpeg, headers=headers)
    assert len(response.get_json()["predictions"][0]["labels"]) == count


@pytest.mark.parametrize("top_k", ["0", "-1", "1.5", "many", "", "9" * 5000, "٣"])
def test_a_bad_top_k_is_422(client, red_jpeg, top_k):
    assert refusal(client.post("/invocations", query_string={"top_k": top_k}, data=red_jpeg)) == (422, "invalid_top_k")


def test_a_bad_top_k_in_the_custom_attributes_is_422(client, red_jpeg):
    response = client.post("/invocations", data=red_jpeg, headers={ATTRIBUTES: "top_k=all"})
    assert refusal(response) == (422, "invalid_top_k")


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (b"", {}, (400, "empty_image")),
        (b"no image", {"Content-Type": "image/jpeg"}, (400, "undecodable_image")),
        (b"{", {"Content-Type": "application/json"}, (400, "invalid_json")),
        (b"{}", {"Content-Type": "application/json"}, (422, "no_instances")),
        (b"", {"Content-Type": "application/x-npy"}, (400, "invalid_npy")),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, (400, "invalid_multipart")),
        (b"x", {"Content-Type": "text/plain"}, (415, "unsupported_content_type")),
        (b"x", {"Accept": "image/png"}, (406, "not_acceptable")),
        (png_promise(60_000, 60_000), {"Content-Type": "image/png"}, (413, "too_many_pixels")),
    ],
)
def test_each_mistake_has_its_status_and_code(client, body, headers, expected):
    assert refusal(client.post("/invocations", data=body, headers=headers)) == expected


def test_a_body_over_the_limit_is_413_and_one_at_the_limit_is_not(make_client, red_jpeg):
    assert make_client(max_body_bytes=len(red_jpeg)).post("/invocations", data=red_jpeg).status_code == 200
    response = make_client(max_body_bytes=len(red_jpeg) - 1).post("/invocations", data=red_jpeg)
    assert refusal(response) == (413, "body_too_large")


def test_more_images_than_the_limit_are_413(make_client, red_jpeg):
    response = make_client(max_images_per_request=2).post("/invocations", json=instances(*[red_jpeg] * 3))
    assert refusal(response) == (413, "too_many_images")


@pytest.mark.parametrize("path", ["/static/x", "/models", "/invocations/"])
def test_other_routes_are_404_in_json(client, path):
    assert refusal(client.get(path)) == (404, "not_found")


def test_other_methods_are_405_in_json_and_name_the_right_one(client):
    response = client.get("/invocations")
    assert refusal(response) == (405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]
    assert refusal(client.post("/ping")) == (405, "method_not_allowed")


class BreaksOnSmallImages(Artifact):
    """Passes the warm-up, then fails."""

    def crop(self, image: Tensor) -> Tensor:
        if image.shape[1] < 100:
            raise RuntimeError("secret detail")
        return super().crop(image)


def test_a_defect_of_ours_is_500_without_a_traceback_for_the_caller(base_dir, red_jpeg, events):
    broken = BreaksOnSmallImages(**vars(load_artifact(base_dir / "model/model.pt")))
    readiness = Readiness(lambda: Predictor(broken, Layout(), timeout_seconds=30))
    assert readiness.warm_up()
    response = create_app(ServeSettings(threads=4), readiness).test_client().post("/invocations", data=red_jpeg)
    assert refusal(response) == (500, "internal_error")
    assert "secret" not in response.text
    assert [event["event"] for event in events if event["level"] == logging.ERROR] == ["request_failed"]


@pytest.mark.parametrize(
    "headers",
    [{"X-Amzn-SageMaker-Inference-Id": "abc-1"}, {"X-Request-Id": "abc-1"}],
    ids=lambda headers: next(iter(headers)),
)
def test_the_request_id_is_echoed_and_logged(client, red_jpeg, headers, events):
    response = client.post("/invocations", data=red_jpeg, headers=headers)
    assert response.headers["X-Request-Id"] == "abc-1"
    assert events[-1]["request_id"] == "abc-1"


@pytest.mark.parametrize("sent", [None, "", "with space", "x" * 129, "ümlaut"])
def test_a_request_without_a_usable_id_is_given_one(client, sent):
    response = client.get("/ping", headers={} if sent is None else {"X-Request-Id": sent})
    assert len(response.headers["X-Request-Id"]) == 32


def test_one_line_per_request_holds_the_latency_parts_and_no_image_data(client, red_jpeg, events):
    body = instances(red_jpeg, b"no image")
    response = client.post("/invocations", json=body)
    (line,) = events
    expected = {
        "event": "request",
        "level": logging.INFO,
        "method": "POST",
        "route": "/invocations",
        "status": 200,
        "content_type": "application/json",
        "bytes": len(json.dumps(body)),
        "response_bytes": len(response.data),
        "images": 2,
        "bad_images": 1,
    }
    assert {name: line[name] for name in expected} == expected
    assert response.headers["Server-Timing"].endswith(f"total;dur={line['total_ms']}")
    assert "_aws" not in line
    parts = [line[f"{part}_ms"] for part in ("read", "decode", "queue", "inference", "encode")]
    assert all(part >= 0 for part in parts)
    assert line["inference_ms"] > 0
    assert sum(parts) <= line["total_ms"] + 0.1
    assert body["instances"][0]["b64"][:20] not in str(line)


def test_a_refusal_is_logged_with_its_code(client, events):
    client.post("/invocations", data=b"x", content_type="text/plain")
    assert (events[0]["status"], events[0]["error_code"]) == (415, "unsupported_content_type")


def test_health_checks_are_logged_for_debugging_only(client, events):
    client.get("/ping")
    assert events[0]["level"] == logging.DEBUG


def test_numbers_of_a_request_are_metrics_for_cloudwatch_if_asked(make_client, red_jpeg, events):
    client = make_client(metrics_namespace="Dogs")
    client.post("/invocations", data=red_jpeg)
    client.get("/")
    first, second = events
    assert "_aws" not in second
    (directive,) = first["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Dogs", [["route"]])
    for metric in directive["Metrics"]:
        assert isinstance(first[metric["Name"]], int | float)
    assert first["_aws"]["Timestamp"] > 1_700_000_000_000


def test_the_model_card_the_classes_and_the_limits_are_at_the_root(make_client):
    told = make_client(max_body_bytes=1234).get("/").get_json()
    assert told["class_names"] == COLOURS
    assert told["card"] == {"purpose": "test"}
    assert told["limits"]["body_bytes"] == 1234


def test_batch_transform_is_told_what_to_send(client):
    told = client.get("/execution-parameters").get_json()
    assert sorted(told) == ["MaxConcurrentTransforms", "MaxPayloadInMB"]


def test_metrics_tell_what_was_answered(client, red_jpeg):
    client.post("/invocations", data=red_jpeg)
    client.post("/invocations", data=b"x")
    response = client.get("/metrics")
    assert response.content_type.startswith("text/plain; version=0.0.4")
    assert 'classifier_requests_total{route="/invocations",status="200"} 1.0' in response.text
    assert 'classifier_requests_total{route="/invocations",status="400"} 1.0' in response.text
    assert "classifier_worker_resident_bytes" in response.text


def lines(*encoded: bytes) -> bytes:
    return b"".join(json.dumps({"b64": base64.b64encode(item).decode()}).encode() + b"\n" for item in encoded)


@pytest.mark.parametrize("content_type", ["application/jsonlines", "application/x-ndjson"])
@pytest.mark.parametrize("accept", [None, "*/*", "same"])
def test_each_line_of_json_lines_is_answered_by_a_line_in_order(client, red_jpeg, blue_png, content_type, accept):
    body = lines(red_jpeg, blue_png) + b'\n{"b64": 1}\nnot json\n' + lines(b"no image", red_jpeg).rstrip()
    headers = {} if accept is None else {"Accept": content_type if accept == "same" else accept}
    response = client.post("/invocations", data=body, content_type=content_type, headers=headers)
    assert (response.status_code, response.content_type) == (200, content_type)
    answers = [json.loads(line) for line in response.data.splitlines()]
    assert [answer["labels"][0] if "labels" in answer else answer["error"]["code"] for answer in answers] == [
        "red",
        "blue",
        "invalid_json",
        "invalid_instance",
        "invalid_json",
        "undecodable_image",
        "red",
    ]


def test_json_lines_may_be_more_than_the_images_of_another_request(make_client, red_jpeg, blue_png):
    client = make_client(max_images_per_request=2)
    response = client.post("/invocations?top_k=1", data=lines(*[red_jpeg, blue_png] * 5), content_type=LINES)
    found = [json.loads(line)["labels"][0] for line in response.data.splitlines()]
    assert found == ["red", "blue"] * 5


def test_json_lines_that_are_all_bad_are_still_answered_line_by_line(client):
    response = client.post("/invocations", data=b"{}\n{}\n", content_type=LINES)
    assert response.status_code == 200
    assert len(response.data.splitlines()) == 2


def test_other_types_are_answered_in_lines_if_the_caller_accepts_them(client, red_jpeg):
    response = client.post("/invocations", json=instances(red_jpeg, b"x"), headers={"Accept": LINES})
    labels, error = (json.loads(line) for line in response.data.splitlines())
    assert (labels["labels"][0], error["error"]["code"]) == ("red", "undecodable_image")


def test_a_bad_image_is_answered_in_the_body_if_the_server_is_set_so(make_client):
    response = make_client(errors="body").post("/invocations", data=b"no image")
    assert first_labels(response) == ["undecodable_image"]


def test_a_busy_server_says_429_and_when_to_ask_again(make_client, red_jpeg):
    client = make_client(threads=2)
    held = threading.Event()
    entered = threading.Event()

    def wait(*_: object) -> list[Any]:
        entered.set()
        held.wait(30)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("container.serving.answer.decode_groups", wait)
        slow = threading.Thread(target=lambda: client.application.test_client().post("/invocations", data=red_jpeg))
        slow.start()
        assert entered.wait(30)
        response = client.post("/invocations", data=red_jpeg)
        held.set()
        slow.join()
    assert refusal(response) == (429, "overloaded")
    assert response.headers["Retry-After"] == "1"


def test_bodies_that_are_read_as_a_stream_count_as_held(predictor, red_jpeg):
    readiness = Readiness(lambda: predictor)
    readiness.warm_up()
    held = HeldBytes(len(red_jpeg))
    client = create_app(ServeSettings(threads=4), readiness, held).test_client()
    assert client.post("/invocations", data=red_jpeg).status_code == 200
    assert refusal(client.post("/invocations", data=red_jpeg + b"x")) == (429, "overloaded")
    assert held.held == 0
