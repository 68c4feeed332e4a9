"""The messages of docs/examples, sent to a new server in the order in which docs/deployment.md sends them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.xml import parse
from tests.connectathon import REGISTRY_PATH, REPOSITORY_PATH, XDS, Answer, Node, connectathon

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
ORDER = {
    "register": REGISTRY_PATH,
    "provide": REPOSITORY_PATH,
    "find": REGISTRY_PATH,
    "open": REPOSITORY_PATH,
}


@pytest.fixture
def new_node(tmp_path: Path) -> Iterator[Node]:
    """Of a server that has seen nothing yet: the messages have fixed identifiers."""
    with connectathon(tmp_path) as node:
        yield node


def test_the_documented_messages_do_what_is_said_of_them(new_node: Node) -> None:
    assert {file.stem for file in EXAMPLES.glob("*.xml")} == set(ORDER)
    answers = {name: _sent(new_node, name) for name in ORDER}
    assert all(answer.success for answer in answers.values())
    assert [(entry.unique_id, entry.size) for entry in answers["find"].entries] == [
        ("2.999.2026.3.2", 5),
        ("2.999.2026.3.4", 5),
    ]
    assert answers["open"].root.findtext(f".//{{{XDS}}}Document") == "aGVsbG8="
    assert _sent(new_node, "register").codes == {"XDSDuplicateUniqueIdInRegistry"}


def _sent(node: Node, name: str) -> Answer:
    message = (EXAMPLES / f"{name}.xml").read_bytes()
    status, _, answer = node.post(ORDER[name], message, "application/soap+xml; charset=UTF-8")
    return Answer(status, parse(answer))
