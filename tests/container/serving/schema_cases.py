"""schemathesis against an application, by the description that it gives of itself; without its plugin for pytest."""

from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

MODES = list(schemathesis.GenerationMode)


def read_operations(app: Flask, path_regex: str = ".") -> list[Any]:
    """Every operation of the application's /openapi.json whose path fits."""
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    operations = [result.ok() for result in schema.include(path_regex=path_regex).get_all_operations()]
    assert operations
    return operations


def ask_everything(operations: list[Any], mode: Any, max_examples: int) -> None:
    """Send each operation what its description allows, or what it does not; each answer must be one that it names."""
    for operation in operations:
        if mode is schemathesis.GenerationMode.POSITIVE or operation.method == "post":  # the others take nothing
            _ask(operation, mode, max_examples)


def _ask(operation: Any, mode: Any, max_examples: int) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=max_examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        # Whether bytes are an image, or a folder holds a model, is more than a schema can say: both may be refused.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()
