"""ITI-62 Remove Metadata: the request read.

Source: ITI TF-2 3.62.4.1.2 (Remove Metadata and Documents supplement); ebRS 3.0 §5.4.
"""

from __future__ import annotations

from lxml import etree

from ihe.identifiers import LCM, RIM
from ihe.soap import SoapError
from schemas.xml import local_name

REQUEST = f"{{{LCM}}}RemoveObjectsRequest"
MAX_REFERENCES = 10_000  # objects of one request: as many as one answer to a query has
DELETE_ALL = "urn:oasis:names:tc:ebxml-regrep:DeletionScopeType:DeleteAll"  # ebRS 3.0 §5.4.2: what it means unsaid

_LIST = f"{{{RIM}}}ObjectRefList"
_REFERENCE = f"{{{RIM}}}ObjectRef"
_NOTHING_ELSE = f"lcm:RemoveObjectsRequest with one rim:ObjectRefList of 1 to {MAX_REFERENCES} rim:ObjectRef"


def read_remove(body: etree._Element) -> tuple[str, ...]:
    """The ids of the objects to remove, in the order of the request.

    What removes otherwise (an AdhocQuery, a deletionScope) is none of IHE's. Raises SoapError.
    """
    if body.tag != REQUEST:
        raise SoapError(_NOTHING_ELSE, local_name(body.tag)[:64])
    if body.get("deletionScope", DELETE_ALL) != DELETE_ALL:
        raise SoapError("a RemoveObjectsRequest without deletionScope", "one with it")
    (references,) = _children(body, _LIST, most=1)
    return tuple(_id(reference) for reference in _children(references, _REFERENCE, most=MAX_REFERENCES))


def _children(parent: etree._Element, tag: str, *, most: int) -> list[etree._Element]:
    """The elements in `parent`, which all are `tag`, from 1 to `most`."""
    found = [child for child in parent if isinstance(child.tag, str)]
    other = next((child for child in found if child.tag != tag), None)
    if other is not None:
        raise SoapError(_NOTHING_ELSE, local_name(other.tag)[:64])
    if not 1 <= len(found) <= most:
        raise SoapError(_NOTHING_ELSE, f"{len(found)} {local_name(tag)}")
    return found


def _id(reference: etree._Element) -> str:
    found = reference.get("id", "").strip()
    if not found:
        raise SoapError("an id in every rim:ObjectRef", "an empty one or none")
    return found
