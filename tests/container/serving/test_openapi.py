"""The description of the API, and the application held against it by schemathesis."""

import pytest

from container.model.artifact import load_artifact
from container.serving.app import create_app
from container.serving.openapi import REFUSALS, describe_api
from container.serving.predictor import Layout, Predictor
from container.serving.readiness import Readiness
from container.serving.settings import ServeSettings
from tests.container.serving.schema_cases import MODES, ask_everything, read_operations


@pytest.fixture(scope="module")
def operations(base_dir):
    """Every operation of the description that the application itself gives."""
    predictor = Predictor(load_artifact(base_dir / "model/model.pt"), Layout(batch_size=2), timeout_seconds=30)
    readiness = Readiness(lambda: predictor)
    assert readiness.warm_up()
    return read_operations(create_app(ServeSettings(threads=4), readiness))


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_sent_gets_an_answer_that_the_description_names(operations, mode):
    ask_everything(operations, mode, max_examples=60)


def test_every_route_is_described(client):
    described = client.get("/openapi.json").get_json()["paths"]
    routes = {
        (rule.rule, method.lower()) for rule in client.application.url_map.iter_rules() for method in rule.methods
    }
    assert {(path, method) for path, methods in described.items() for method in methods} == {
        (path, method) for path, method in routes if method in ("get", "post")
    }


def test_what_a_server_at_home_shows_of_its_run_is_described_there_only():
    at_home, elsewhere = (describe_api(ServeSettings(demo=demo))["paths"].keys() for demo in (True, False))
    assert at_home - elsewhere == {"/reports/{name}", "/samples/{number}"}


def test_limits_are_those_of_the_server():
    body = describe_api(ServeSettings(max_images_per_request=7))["paths"]["/invocations"]["post"]["requestBody"]
    assert (
        body["content"]["application/json"]["schema"]["properties"]["instances"]["description"]
        == "At most 7; more: 413."
    )


def test_every_refusal_has_a_sentence():
    answers = describe_api(ServeSettings())["paths"]["/invocations"]["post"]["responses"]
    assert {answers[str(status)]["description"] for status in REFUSALS if str(status) in answers} <= set(
        REFUSALS.values()
    )
    assert "429" in answers
