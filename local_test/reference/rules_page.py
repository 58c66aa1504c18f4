"""Page of the debugger's rules, from their classes."""

import dataclasses
import inspect
from collections.abc import Mapping

from container.debugger.profiler_rules.catalogue import PROFILER_RULES
from container.debugger.rules.catalogue import DEFAULT_RULES, RULES, known_parameters
from local_test.reference.markdown import code, table

HEAD = ("rule", "looks for", "parameters and their defaults", "by default")


def rules_page() -> str:
    return (
        "# Rules\n\nWhat they are for, and how they are chosen: [debugger.md](../debugger.md).\n\n"
        "## Rules on tensors\n\nNames, parameters and their defaults are those of SageMaker's built-in rules. The last "
        "column says with which other values a job runs the rule if it is not told otherwise; `-`: not run then.\n\n"
        + table(HEAD, _tensor_rules())
        + "\n## Rules on the profile\n\nA job runs all of them.\n\n"
        + table(HEAD, _profiler_rules())
    )


def _tensor_rules() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, rule in RULES.items():
        signature = inspect.signature(rule).parameters
        defaults = {parameter: signature[parameter].default for parameter in known_parameters(rule)}
        chosen = _assignments(DEFAULT_RULES[name]) or "as it is" if name in DEFAULT_RULES else "-"
        rows.append((code(name), rule.summary, _assignments(defaults), chosen))
    return rows


def _profiler_rules() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, rule in PROFILER_RULES.items():
        defaults = {field.name: field.default for field in dataclasses.fields(rule)}
        rows.append((code(name), rule.summary, _assignments(defaults), "as it is"))
    return rows


def _assignments(values: Mapping[str, object]) -> str:
    return ", ".join(code(f"{name}={value}") for name, value in values.items())
