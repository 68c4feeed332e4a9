"""What HL7 V3 queries have in common: QueryByParameter, its copy in the answer, and the queryAck. Pure.

Source: ITI TF-2 Appendix O.2.3 (QUQI_MT021001UV01) and O.2.4 (MFMI_MT700711UV01).
"""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from dmp.patient_search import Question
from ihe.hl7v3 import INTERACTIONS, Identifier, Message, child, children, is_oid, missing, wrong
from registry.errors import Finding, RegistryError


@dataclass(frozen=True, slots=True)
class Query:
    """A QueryByParameter: what identifies it, and its parameters."""

    question: Question
    element: etree._Element
    parameters: etree._Element


@dataclass(frozen=True, slots=True)
class Ack:
    """A queryAck: OK, NF or AE, and for lists how many there are, are here, and remain."""

    code: str
    total: int | None = None
    current: int = 0
    remaining: int = 0


def raw_query(message: Message) -> bytes:
    """The QueryByParameter as received, b'' when there is none."""
    element = child(message.control_act, "queryByParameter")
    return b"" if element is None else etree.tostring(element, encoding="UTF-8", with_tail=False, xml_declaration=False)


def query_id(element: etree._Element) -> Identifier | None:
    """The queryId below an element."""
    found = child(element, "queryId")
    return None if found is None else Identifier(found.get("root", "").strip(), found.get("extension", ""))


def read_query(message: Message) -> Query:
    """Raises RegistryError for a query without queryId or parameterList."""
    element = child(message.control_act, "queryByParameter")
    if element is None:
        raise RegistryError([missing("queryByParameter", "one", "queryByParameter")])
    identifier, parameters = query_id(element), child(element, "parameterList")
    if identifier is None or not identifier.root:
        raise RegistryError([missing("queryId", "an II with a root", "queryByParameter/queryId")])
    if parameters is None:
        raise RegistryError([missing("parameterList", "one", "queryByParameter/parameterList")])
    return Query(Question(question_id(identifier), raw_query(message), message.id.text), element, parameters)


def question_id(identifier: Identifier) -> str:
    """A queryId as one text."""
    return f"{identifier.extension}@{identifier.root}"


def read_domains(query: Query, parameter: str, findings: list[Finding]) -> tuple[str, ...]:
    """The OIDs of the domains that a repeating parameter names, in order; what is none of them is a finding."""
    domains = []
    for number, each in enumerate(children(query.parameters, parameter), 1):
        where = f"{parameter}[{number}]/value"
        values = children(each, "value")
        root = values[0].get("root", "").strip() if len(values) == 1 else ""
        if not is_oid(root):
            findings.append(wrong(parameter, "one value whose root is an ISO OID", "another one", where))
        elif values[0].get("extension"):
            findings.append(wrong(parameter, "a value without extension", "one with", where))
        else:
            domains.append(root)
    return tuple(domains)


def write_control_act(message: Message, trigger: str, subjects: str, ack: Ack, raw: bytes) -> str:
    """The control act of the answer to `message`; `raw` is the copy of the query.

    Source: ITI TF-2 Tables 3.45.4.4.3-1 and 3.47.4.4.2.3-1.
    """
    asked = child(message.control_act, "queryByParameter"), child(message.control_act, "queryContinuation")
    identifiers = [found for each in asked if each is not None and (found := query_id(each)) and found.root]
    identifier = identifiers[0].written("hl7:queryId") if identifiers else ""
    status = "aborted" if ack.code == "AE" else "deliveredResponse"
    quantities = ""
    if ack.total is not None:
        quantities = (
            f'<hl7:resultTotalQuantity value="{ack.total}"/><hl7:resultCurrentQuantity value="{ack.current}"/>'
            f'<hl7:resultRemainingQuantity value="{ack.remaining}"/>'
        )
    return (
        f'<hl7:controlActProcess classCode="CACT" moodCode="EVN"><hl7:code code="{trigger}" '
        f'codeSystem="{INTERACTIONS}"/>{subjects}<hl7:queryAck>{identifier}<hl7:statusCode code="{status}"/>'
        f'<hl7:queryResponseCode code="{ack.code}"/>{quantities}</hl7:queryAck>{raw.decode()}</hl7:controlActProcess>'
    )
