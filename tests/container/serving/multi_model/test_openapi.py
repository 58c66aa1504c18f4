"""The description of a multi-model endpoint, and the application held against it by schemathesis."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.container.serving.multi_model.conftest import Many


@pytest.fixture(scope="module")
def operations(many_base_dir):
    """What is done with models, by the description that the application itself gives; one is loaded."""
    many = Many(many_base_dir)
    assert many.load("a")[0] == 200
    schema = schemathesis.openapi.from_wsgi("/openapi.json", many.client.application)
    return [result.ok() for result in schema.include(path_regex="^/models").get_all_operations()]


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_whatever_is_sent_gets_an_answer_that_the_description_names(operations, mode):
    for operation in operations:
        if mode is schemathesis.GenerationMode.POSITIVE or operation.method == "post":
            ask_much(operation, mode)


def ask_much(operation, mode):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        # Whether a folder holds a model, or bytes are an image, is more than a schema can say.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()


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
