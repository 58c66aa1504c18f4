"""A rule as one self-contained file: SageMaker's custom rules are one Python file and the name of a class."""

import ast
from importlib.util import find_spec
from pathlib import Path

from container.debugger.rules.catalogue import find_rule

PACKAGE = "container.debugger.rules."


def bundle(name: str) -> str:
    """The source of one Python file that holds a rule and all of this project that it needs."""
    imports: dict[str, set[str]] = {}
    bodies: dict[str, str] = {}
    rule = find_rule(name)
    _collect(rule.__module__, imports, bodies)
    lines = [f'"""{rule.__name__}: {rule.summary}"""', "", "from __future__ import annotations", ""]
    lines += sorted(imports[""]) + [
        f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(imports.items()) if module
    ]
    return "\n".join(lines) + "\n\n\n" + "\n\n\n".join(bodies.values()) + "\n"


def _collect(module: str, imports: dict[str, set[str]], bodies: dict[str, str]) -> None:
    """Add what a module imports, and the bodies of the project's modules that it needs before its own."""
    if module in bodies:
        return
    source = _source(module)
    body_starts = 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            imports.setdefault("", set()).add(ast.unparse(node))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            _collect(node.module, imports, bodies)
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            imports.setdefault(str(node.module), set()).update(map(ast.unparse, node.names))
        elif not isinstance(node, ast.ImportFrom) and not _is_docstring(node):
            continue
        body_starts = node.end_lineno or 0
    bodies[module] = "\n".join(source.splitlines()[body_starts:]).strip()


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None, module
    assert spec.origin is not None, module
    return Path(spec.origin).read_text()
