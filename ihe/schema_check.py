"""The body of a request held to our schemas: what XML Schema alone can say of a message, before anything reads it.

No request is refused by it yet: see `violations` for what that would cost, and whom.

Source: ITI TF-2 Appendix V.3.2 (the schema of each transaction); XML Schema 1.0 Part 1 §5.2.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lxml import etree

import schemas
from ihe.identifiers import XDS, XOP

MESSAGES = Path(schemas.__file__).parent / "xds" / "messages.xsd"
MAX_TOLD = 20  # violations of one message
DOCUMENT, INCLUDE = f"{{{XDS}}}Document", f"{{{XOP}}}Include"

_threads = threading.local()
_PLACE = re.compile(r"^Element '(?:\{[^}]*\})?([^']*)'(?:, attribute '(?:\{[^}]*\})?([^']*)')?: (.*)$", re.DOTALL)
_WITHOUT_VALUES = frozenset(  # rules whose wording quotes nothing that the message holds but names and lengths
    {
        "SCHEMAV_CVC_ELT_1",
        "SCHEMAV_ELEMENT_CONTENT",
        "SCHEMAV_CVC_COMPLEX_TYPE_2_1",
        "SCHEMAV_CVC_COMPLEX_TYPE_2_2",
        "SCHEMAV_CVC_COMPLEX_TYPE_2_3",
        "SCHEMAV_CVC_COMPLEX_TYPE_3_2_1",
        "SCHEMAV_CVC_COMPLEX_TYPE_4",
        "SCHEMAV_CVC_TYPE_3_1_1",
        "SCHEMAV_CVC_TYPE_3_1_2",
        "SCHEMAV_CVC_MAXLENGTH_VALID",
    }
)


def schema() -> etree.XMLSchema:
    """Our schemas, one for each thread: what a validation found stands in the schema object."""
    own: etree.XMLSchema | None = getattr(_threads, "schema", None)
    if own is None:
        own = _threads.schema = etree.XMLSchema(file=str(MESSAGES))
    return own


def violations(body: etree._Element) -> tuple[str, ...]:
    """What in `body` the schemas do not allow, each with its place; values of the message are not quoted.

    A Document that an xop:Include stands for counts as an empty one. Peers in the field send metadata that breaks the
    schema where XDS gives it no meaning (a Classification without id), and are served by other registries.
    """
    own = schema()
    with _without_includes(body):
        if own.validate(body):
            return ()
        return tuple(_told(error) for error in list(own.error_log)[:MAX_TOLD])


@contextmanager
def _without_includes(body: etree._Element) -> Iterator[None]:
    """`body` with empty Documents where parts stand for them, and as it was afterwards. Source: XOP 1.0 §3.2."""
    documents = [document for document in body.iterchildren(DOCUMENT) if [each.tag for each in document] == [INCLUDE]]
    includes = [document[0] for document in documents]
    for document, include in zip(documents, includes, strict=True):
        document.remove(include)
    try:
        yield
    finally:
        for document, include in zip(documents, includes, strict=True):
            document.append(include)


def _told(error: etree._LogEntry) -> str:
    place = _PLACE.match(error.message)
    if place is None:
        return f"expected a message by the schema, got a breach of {error.type_name}"
    element, attribute, said = place.groups()
    where = f"{element}/@{attribute}" if attribute else element
    if error.type_name in _WITHOUT_VALUES:
        return f"{where}: {said.strip()}"
    return f"{where}: expected a value by the schema, got a breach of {error.type_name.removeprefix('SCHEMAV_')}"
