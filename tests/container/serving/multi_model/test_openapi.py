"""The description of a multi-model endpoint, and the application held against it by schemathesis."""

import pytest

from tests.container.serving.multi_model.conftest import Many
from tests.container.serving.schema_cases import MODES, ask_everything, read_operations


@pytest.fixture(scope="module")
def operations(many_base_dir):
    """What is done with models, by the description that the application itself gives; one is loaded."""
    many = Many(many_base_dir)
    assert many.load("a")[0] == 200
    return read_operations(many.client.application, path_regex="^/models")


@pytest.mark.parametrize("mode", MODES)
def test_whatever_is_sent_gets_an_answer_that_the_description_names(operations, mode):
    ask_everything(operations, mode, max_examples=20)


def test_every_route_is_described_and_no_other(many):
    described = many.client.get("/openapi.json").get_json()["paths"]
    rules = many.client.application.url_map.iter_rules()
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower()) for rule in rules for method in rule.methods
    }
    assert {(path, method) for path, methods in described.items() for method in methods} == {
        (path, method) for path, method in routes if method in ("get", "post", "delete")
    }
    assert "/invocations" not in described
