"""Nothing is handed out inside a passage: what it found leaves once its event is durable.

`return` inside `with gate.passage(...)` leaves after the commit; `yield` would leave before. So would a generator that
is made inside and read later, which has no rooms any more: every door is read to its end while commits fail, in
tests/journeys/test_fail_closed_journey.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("dmp", "ihe", "portal", "server", "fhir")
PASSAGES = {"passage", "operator", "authentication", "identification", "rooms", "unit_of_work", "_unit_of_work"}
TRANSACTIONS = {*PASSAGES, "transaction", "begin", "connect"}


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def functions(module: Path) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef):
            yield node


def early(function: ast.FunctionDef) -> list[int]:
    """Lines where a function yields inside a transaction; a context manager yields to its caller's block."""
    if any(isinstance(each, ast.Name) and each.id in ("contextmanager", "fixture") for each in function.decorator_list):
        return []
    return [
        inner.lineno
        for block in ast.walk(function)
        if isinstance(block, ast.With) and any(opens(item.context_expr) for item in block.items)
        for inner in ast.walk(block)
        if isinstance(inner, ast.Yield | ast.YieldFrom)
    ]


def opens(expression: ast.expr) -> bool:
    match expression:
        case ast.Call(func=ast.Attribute(attr=name)) | ast.Call(func=ast.Name(id=name)):
            return name in TRANSACTIONS
    return False


def test_no_generator_yields_inside_a_transaction() -> None:
    found = {
        f"{module.relative_to(ROOT)}:{line}"
        for module in modules()
        for each in functions(module)
        for line in early(each)
    }
    assert found == set()


@pytest.mark.parametrize("inside", ["yield 1", "yield from x", "return [(yield 1)]"])
def test_a_generator_that_did_would_be_found(inside: str) -> None:
    source = f"def f(gate):\n    with gate.passage(a, b) as passage, other():\n        {inside}\n"
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert early(function) == [3]


def test_every_use_of_a_passage_is_looked_at() -> None:
    uses = sum(
        isinstance(item.context_expr, ast.Call) and opens(item.context_expr)
        for module in modules()
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.With)
        for item in node.items
    )
    assert uses > 40
