"""The contract of a multi-model endpoint, call by call."""

import json
from urllib.parse import quote

import pytest

from container.serving.multi_model import routes
from tests.container.serving.multi_model.conftest import BROKEN, Many, error_code


def test_ping_is_200_without_any_model(many):
    answer = many.client.get("/ping")
    assert (answer.status_code, answer.get_json()["models"]) == (200, 0)


def test_a_model_is_loaded_listed_asked_and_unloaded(many, red_jpeg):
    described = {"modelName": "a", "modelUrl": many.url("a")}
    assert many.load("a") == (200, described)
    assert many.client.get("/models").get_json() == {"models": [described]}
    assert many.client.get("/models/a").get_json() == described
    status, answer = many.invoke("a", red_jpeg)
    assert (status, answer["predictions"][0]["labels"]) == (200, ["a-red"])
    assert many.unload("a") == 200
    assert many.client.get("/models").get_json() == {"models": []}


def test_each_model_answers_by_itself(many, red_jpeg, blue_png):
    for name in ("a", "b"):
        many.load(name)
    labels = [many.invoke(name, body)[1]["predictions"][0]["labels"] for name in "ab" for body in (red_jpeg, blue_png)]
    assert labels == [["a-red"], ["a-blue"], ["b-red"], ["b-blue"]]


def test_a_name_that_is_loaded_is_409_even_for_another_folder(many):
    many.load("a")
    status, answer = many.load("a", many.url("b"))
    assert (status, error_code(answer)) == (409, "model_already_loaded")


def test_a_folder_may_be_loaded_under_several_names(many):
    assert [many.load(name, many.url("a"))[0] for name in ("one", "two")] == [200, 200]
    assert many.names() == ["one", "two"]


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_model_that_is_not_loaded_is_404(many, method):
    answer = getattr(many.client, method)("/models/a")
    assert (answer.status_code, error_code(answer.get_json())) == (404, "model_not_loaded")


def test_an_invocation_of_a_model_that_is_not_loaded_is_404(many, red_jpeg):
    status, answer = many.invoke("a", red_jpeg)
    assert (status, error_code(answer)) == (404, "model_not_loaded")


def test_a_folder_that_is_not_there_or_lies_elsewhere_is_refused(many, base_dir):
    assert [
        (status, error_code(answer)) for status, answer in (many.load("x"), many.load("x", str(base_dir / "model")))
    ] == [
        (404, "model_not_found"),
        (400, "invalid_model_url"),
    ]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_400_with_the_reason_and_hurts_no_other(many: Many, red_jpeg, name):
    many.load("a")
    status, answer = many.load(name)
    assert (status, error_code(answer)) == (400, "broken_model")
    assert name in answer["error"]["message"]
    assert "\n" not in answer["error"]["message"]
    assert many.names() == ["a"]
    assert many.invoke("a", red_jpeg)[0] == 200
    assert many.load(name, many.url("b"))[0] == 200  # the name is free again


@pytest.mark.parametrize("name", ["ünï cödé", "a.b", "%2e%2e", "a?b#c", "x" * 256, "' OR 1=1", "..."])
def test_a_name_of_any_visible_characters_can_be_used(many, red_jpeg, name):
    assert many.load(name, many.url("a"))[0] == 200
    assert many.client.get(f"/models/{quote(name, safe='')}").get_json()["modelName"] == name
    assert many.invoke(quote(name, safe=""), red_jpeg)[0] == 200
    assert many.unload(quote(name, safe="")) == 200


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "x" * 257, "a\nb", "a\0", "\ud800", "\u202eab"])
def test_a_name_that_no_path_can_hold_is_refused(many, name):
    status, answer = many.load(name, many.url("a"))
    assert (status, error_code(answer)) == (400, "invalid_model_name")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model_name": "a"}',
        b'{"model_name": 1, "url": "/opt/ml/models/a"}',
        b'{"model_name": "a", "url": ["/opt/ml/models/a"]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_names_no_model_is_400(many, body):
    answer = many.client.post("/models", data=body)
    assert (answer.status_code, error_code(answer.get_json())) == (400, "invalid_json")


def test_a_long_list_comes_in_pages_that_unloads_do_not_upset(many, monkeypatch):
    monkeypatch.setattr(routes, "PAGE_SIZE", 2)
    for name in ("e", "a", "c", "b", "d"):
        many.load(name, many.url("a"))
    first = many.client.get("/models").get_json()
    many.unload("a")
    many.unload("b")
    second = many.client.get("/models", query_string={"next_page_token": first["nextPageToken"]}).get_json()
    last = many.client.get("/models", query_string={"next_page_token": second["nextPageToken"]}).get_json()
    assert [[model["modelName"] for model in page["models"]] for page in (first, second, last)] == [
        ["a", "b"],
        ["c", "d"],
        ["e"],
    ]
    assert "nextPageToken" not in last


def test_there_is_no_route_for_a_model_without_a_name(many, red_jpeg):
    answer = many.client.post("/invocations", data=red_jpeg)
    assert (answer.status_code, error_code(answer.get_json())) == (404, "not_found")


def test_memory_that_runs_out_in_an_invocation_is_507(many, red_jpeg, monkeypatch):
    many.load("a")
    with many.store.use("a") as model:
        monkeypatch.setattr(model.predictor, "predict", lambda *_: (_ for _ in ()).throw(MemoryError()))
    status, answer = many.invoke("a", red_jpeg)
    assert (status, error_code(answer)) == (507, "memory_full")


def test_the_root_tells_memory_and_limits(many):
    many.load("a")
    answer = many.client.get("/").get_json()
    assert answer["memory"]["models"] == 1
    assert answer["memory"]["limit_mib"] > 0
    assert answer["limits"]["body_bytes"] == many.settings.max_body_bytes


def test_metrics_count_models_by_route_and_outcome(many, red_jpeg):
    many.load("a")
    many.load("text")
    many.load("b")
    many.invoke("a", red_jpeg)
    many.unload("b")
    text = many.client.get("/metrics").get_data(as_text=True)
    for line in (
        "classifier_models 1.0",
        'classifier_model_loads_total{outcome="loaded"} 2.0',
        'classifier_model_loads_total{outcome="failed"} 1.0',
        'classifier_model_unloads_total{reason="asked"} 1.0',
        'classifier_requests_total{route="/models/{name}/invoke",status="200"} 1.0',
    ):
        assert line in text.splitlines()


def test_load_requests_are_json_whatever_their_content_type(many):
    body = json.dumps({"model_name": "a", "url": many.url("a")})
    assert many.client.post("/models", data=body, content_type="application/json").status_code == 200
