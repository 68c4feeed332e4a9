"""A client of patients by FHIR, and patients whom it asks about."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.patient import Patient

from tests.connectathon import Node
from tests.hl7v3 import Patients, name, new_authority
from tests.journeys.sharing_client import Reply, find

Pair = tuple[str, str]
URN = "urn:oid:"
NOBODY = "01234567-89ab-4def-8123-456789abcdef"  # an id that no Patient has


@pytest.fixture
def patients(node: Node) -> Patients:
    return Patients(node)


def new_family() -> str:
    """A family name that no other test has."""
    return f"Fam{uuid.uuid4().hex[:12]}"


def token(patient: Pair) -> str:
    return f"{URN}{patient[1]}|{patient[0]}"


def search(node: Node, *more: tuple[str, str], **given: str) -> Reply:
    reply = find(node, "Patient", *more, **given)
    if reply.status == 200:
        Bundle.model_validate(reply.resource)
        for each in reply.matches:
            Patient.model_validate(each)
        assert reply.resource["total"] >= len(reply.matches)
    return reply


def values(reply: Reply) -> set[str]:
    """The values of the identifiers of everybody who was found."""
    assert reply.status == 200, reply.content
    return {each["value"] for patient in reply.matches for each in patient["identifier"]}


def issue(reply: Reply) -> tuple[int, str, str, str]:
    OperationOutcome.model_validate(reply.resource)
    (one,) = reply.resource["issue"]
    return reply.status, one["severity"], one["code"], one["diagnostics"]


@pytest.fixture(scope="module")
def clan(node: Node) -> dict[str, Any]:
    """Two of one family name, and somebody else; all that a source can say of the first."""
    source, red, blue, family = Patients(node), new_authority(), new_authority(), new_family()
    one, same, two, other = ("1", red), ("1b", blue), ("2", red), ("3", red)
    person = (
        name(family, ["Éléonore", "Ida"], use="L")
        + '<telecom value="tel:+33 1-23" use="MC"/><telecom value="mailto:E@example.org"/>'
        + '<administrativeGenderCode code="F"/><birthTime value="19700615"/>'
        + "<addr><streetAddressLine>12 rue Basse</streetAddressLine><city>Saint-Malo</city>"
        + "<state>Bretagne</state><postalCode>35400</postalCode><country>FRA</country></addr>"
        + '<personalRelationship classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>'
        + '<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE"><name><family>Le Goff</family></name>'
        + "</relationshipHolder1></personalRelationship>"
    )
    assert source.add([one, same], person).acknowledged
    man = '<administrativeGenderCode code="M"/><birthTime value="1971"/>'
    source.add([two], name(family, "Paul", use="L") + man)
    source.add([other], name(f"O{family}", "Éléonore", use="L"))
    return {"family": family, "red": red, "blue": blue, "one": one, "same": same, "two": two, "other": other}
