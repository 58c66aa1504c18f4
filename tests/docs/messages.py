"""Every message that the code can end with, read from its source: the fixed words, and … where a value stands.

A message is what is given to an error class of this project, or to a built-in one where that is a whole sentence;
what a function that explains returns; what a program is ended with; and what the server refuses with by itself.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType

from tests.job_folder import PROJECT_DIR

VALUE = "…"
FOLDERS = ("container", "deploy", "docker", "local_test")
CONTRACT = "container/contract.py"
BUILT_IN = {"ValueError", "TypeError", "OSError", "RuntimeError", "KeyError"}
OTHER_CALLS = {"error", "exit", "_refuse", "ArgumentTypeError"}  # parser.error, sys.exit
FEWEST_LETTERS = 8  # that are fixed; a message of fewer passes on what another one says
NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Message:
    text: str
    place: str  # file:line
    code: str  # of the server's answer, where it has one
    says_something: bool


@dataclass(frozen=True)
class Source:
    """One file of the code."""

    name: str  # below the repository

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse((PROJECT_DIR / self.name).read_text())

    @cached_property
    def constants(self) -> dict[str, str]:
        """Name -> text that it stands for in the whole file."""
        return {
            ast.unparse(node.targets[0]): node.value.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and _is_text(node.value)
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """The same, and the contract's by the way in which others call them."""
        return _contract_names() | self.constants

    def texts(self) -> list[str]:
        return [_render(node, self.names) for node in ast.walk(self.tree) if _is_text(node)]

    def messages(self, error_classes: frozenset[str]) -> Iterator[Message]:
        for scope, node in _walk(self.tree, self.tree):
            for given, code in _given(node, scope, error_classes):
                for said in _alternatives(given, scope):
                    num_letters = sum(map(str.isalpha, _render(said, NO_NAMES)))
                    place = f"{self.name}:{said.lineno}"
                    yield Message(_render(said, self.names), place, code, num_letters >= FEWEST_LETTERS)


@cache
def sources() -> list[Source]:
    paths = sorted(path for folder in FOLDERS for path in (PROJECT_DIR / folder).rglob("*.py"))
    return [Source(path.relative_to(PROJECT_DIR).as_posix()) for path in paths]


@cache
def messages() -> list[Message]:
    known = _error_classes()
    return [message for source in sources() for message in source.messages(known)]


@cache
def all_texts() -> list[str]:
    """Every text in the code, of messages or not: what is printed or logged is among them."""
    return [text for source in sources() for text in source.texts()]


@cache
def _contract_names() -> dict[str, str]:
    return {f"contract.{name}": text for name, text in Source(CONTRACT).constants.items()}


def _error_classes() -> frozenset[str]:
    """Names of the exceptions that this project defines."""
    bases = {
        node.name: {_last_name(base) for base in node.bases}
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
    }
    known = {"Exception"}
    while more := {name for name, its in bases.items() if its & known} - known:
        known |= more
    return frozenset(known - {"Exception"})


def _walk(node: ast.AST, scope: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Every node below, after the function that it is in."""
    for child in ast.iter_child_nodes(node):
        inner = child if isinstance(child, ast.FunctionDef) else scope
        yield inner, child
        yield from _walk(child, inner)


def _given(node: ast.AST, scope: ast.AST, error_classes: frozenset[str]) -> Iterator[tuple[ast.expr, str]]:
    """The expression that makes a message, if this does, with the code that stands before it or nothing."""
    if isinstance(node, ast.Call) and node.args and not isinstance(node.args[-1], ast.Starred):
        called, given = _last_name(node.func), node.args[-1]
        is_sentence = _is_text(given) and _render(given, NO_NAMES).endswith(".")
        is_status = isinstance(given, ast.Constant) and not _is_text(given)
        if called in error_classes or (called in OTHER_CALLS and not is_status) or (called in BUILT_IN and is_sentence):
            before = node.args[-2] if len(node.args) > 1 else None
            yield given, before.value if isinstance(before, ast.Constant) and _is_text(before) else ""
    elif isinstance(node, ast.Return) and "explain" in getattr(scope, "name", ""):
        if node.value is not None and _is_text(node.value):
            yield node.value, ""
    elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and all(map(_is_text, node.elts)):
        code, text = node.elts  # kept, to be refused with later
        if isinstance(code, ast.Constant) and code.value.isidentifier() and _render(text, NO_NAMES).endswith("."):
            yield text, code.value


def _alternatives(node: ast.expr, scope: ast.AST) -> Iterator[ast.expr]:
    """What an expression can be: of a choice both, of a name all texts that the function gives it."""
    if isinstance(node, ast.IfExp):
        yield from _alternatives(node.body, scope)
        yield from _alternatives(node.orelse, scope)
        return
    assigned = [
        found.value
        for found in ast.walk(scope)
        if isinstance(node, ast.Name) and isinstance(found, ast.Assign) and ast.unparse(found.targets[0]) == node.id
    ]
    yield from assigned if assigned and all(map(_is_text, assigned)) else [node]


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _render(node: ast.AST, names: Mapping[str, str]) -> str:
    return " ".join(_words(node, names).split())


def _words(node: ast.AST, names: Mapping[str, str]) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part, names) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        value = names.get(ast.unparse(node.value), VALUE)
        return f"'{value}'" if node.conversion == ord("r") else value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _words(node.left, names) + _words(node.right, names)
    return VALUE
