"""ITI-18 Registry Stored Query, and ITI-51 Multi-Patient Stored Query: the request read, the answer written.

Source: ITI TF-2 3.18.4.1.2, 3.18.4.1.3 and 3.51.4.1.2; ebRS 3.0 §6 (AdhocQueryRequest, AdhocQueryResponse).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from ihe.ebrim import slots, write_objects, write_references
from ihe.identifiers import FAILURE, QUERY, RIM, SUCCESS
from ihe.registry_response import NAMESPACES, error_list
from ihe.soap import SoapError
from registry.errors import ErrorCode, Finding, RegistryError
from registry.stored_query import ObjectReference, ReturnType, StoredQuery, Told
from registry.stored_query_coding import read_stored_query
from schemas.xml import local_name

REQUEST = f"{{{QUERY}}}AdhocQueryRequest"

_RESPONSE_OPTION = f"{{{QUERY}}}ResponseOption"
_ADHOC_QUERY = f"{{{RIM}}}AdhocQuery"
_RETURN_TYPES = {kind.value: kind for kind in ReturnType}


@dataclass(frozen=True, slots=True)
class Question:
    """A query as asked: `query_id` names it, `raw` is the request element as UTF-8, for the audit log.

    `home_community_id` is the community that it names, '' when it names none.
    """

    query: StoredQuery
    query_id: str
    raw: bytes
    home_community_id: str = ""


def read_question(body: etree._Element, *, multi_patient: bool = False) -> Question:
    """The stored query of a request; `multi_patient` says that ITI-51 carries it.

    `AdhocQuery/@home` and `$homeCommunityId` are accepted: they route a query, and here it has arrived. Raises
    SoapError for another element, RegistryError for a query that cannot be.
    """
    option, adhoc = body.find(_RESPONSE_OPTION), body.find(_ADHOC_QUERY)
    if body.tag != REQUEST or option is None or adhoc is None:
        got = local_name(body.tag)[:64] if body.tag != REQUEST else "one of them missing"
        raise SoapError("query:AdhocQueryRequest with a ResponseOption and an AdhocQuery", got)
    asked = option.get("returnType", "")
    if asked not in _RETURN_TYPES:
        expected = " or ".join(_RETURN_TYPES)
        raise RegistryError.single(
            ErrorCode.XDSRegistryError, "returnType", expected=expected, got=asked[:64] or "none"
        )
    query_id = adhoc.get("id", "")
    query = read_stored_query(query_id, slots(adhoc), _RETURN_TYPES[asked], multi_patient=multi_patient)
    return Question(query, query_id, etree.tostring(body, encoding="UTF-8", with_tail=False), adhoc.get("home", ""))


def write_answer(found: Iterable[Told], return_type: ReturnType) -> bytes:
    """What was found, of that return type; a RegistryObjectList without content when that is nothing."""
    if return_type is ReturnType.OBJECT_REF:
        return _response(SUCCESS, (), write_references(found))
    return _response(SUCCESS, (), write_objects(each for each in found if not isinstance(each, ObjectReference)))


def write_failure(findings: Iterable[Finding]) -> bytes:
    """The answer to a query that could not be carried out."""
    return _response(FAILURE, findings, b"")


def _response(status: str, findings: Iterable[Finding], objects: bytes) -> bytes:
    head = f'<query:AdhocQueryResponse {NAMESPACES} status="{status}">{error_list(findings)}<rim:RegistryObjectList>'
    return head.encode() + objects + b"</rim:RegistryObjectList></query:AdhocQueryResponse>"
