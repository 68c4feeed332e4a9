"""The WSDL of each actor: what ITI TF-2 Appendix V.3 asks of it, and that client libraries can work with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from endpoint_hall import Hall
from lxml import etree

from ihe.endpoint import REGISTRY_PATH, REPOSITORY_PATH
from ihe.transactions import Actor, Transaction
from ihe.wsdl import INTERFACES, write_wsdl
from ihe.wsdl import operations as named
from schemas.xml import parse
from tests import official

WSDL = "http://schemas.xmlsoap.org/wsdl/"
SOAP_12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
WSAW = "http://www.w3.org/2006/05/addressing/wsdl"
WSAM = "http://www.w3.org/2007/05/addressing/metadata"
XSD = "http://www.w3.org/2001/XMLSchema"
NS = {"w": WSDL, "soap12": SOAP_12, "xsd": XSD}
ADDRESS = "https://127.0.0.1:8443/ihe?a=1&b=2"
NUMBERS = {  # those of XDS.b
    Transaction.ITI_18: 18,
    Transaction.ITI_41: 41,
    Transaction.ITI_42: 42,
    Transaction.ITI_43: 43,
    Transaction.ITI_51: 51,
    Transaction.ITI_57: 57,
    Transaction.ITI_61: 61,
    Transaction.ITI_62: 62,
    Transaction.ITI_86: 86,
    Transaction.ITI_92: 92,
}


@pytest.fixture(params=list(Actor), ids=lambda actor: actor.name)
def actor(request: pytest.FixtureRequest) -> Any:
    return request.param


def definitions(actor: Actor) -> etree._Element:
    return parse(write_wsdl(actor, ADDRESS))


def expanded(element: etree._Element, attribute: str) -> str:
    """A QName in an attribute as {namespace}name."""
    prefix, _, name = element.get(attribute, "").rpartition(":")
    return f"{{{element.nsmap[prefix or None]}}}{name}"


def operations(root: etree._Element) -> dict[str, tuple[str, str, str, str]]:
    """Name of an operation -> wsa:Action and body element of the request, and of the response."""
    messages = {message.get("name"): expanded(message[-1], "element") for message in root.findall("w:message", NS)}
    found = {}
    for operation in root.findall("w:portType/w:operation", NS):
        said: list[str] = []
        for way in ("input", "output"):
            (told,) = operation.findall(f"w:{way}", NS)
            said += [
                told.get(f"{{{WSAW}}}Action") or told.get(f"{{{WSAM}}}Action") or "",
                messages[told.get("message", "").rpartition(":")[2]],
            ]
        found[operation.get("name", "")] = (said[0], said[1], said[2], said[3])
    return found


# --- What the standard asks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actor", "name"),
    [(Actor.DOCUMENT_REGISTRY, "DocumentRegistry"), (Actor.DOCUMENT_REPOSITORY, "DocumentRepository")],
)
def test_definitions_have_the_name_of_the_actor(actor: Actor, name: str) -> None:
    root = definitions(actor)
    assert (root.get("name"), root.get("targetNamespace")) == (name, "urn:ihe:iti:xds-b:2007")


def test_every_transaction_is_bound_once_to_soap_12(actor: Actor) -> None:
    root = definitions(actor)
    for where in ("portType", "binding"):
        bound = [each.get("name", "") for each in root.findall(f"w:{where}/w:operation", NS)]
        assert sorted(bound) == sorted(named(actor).values())
    bindings = root.findall("w:binding", NS)
    assert all(binding.find("soap12:binding", NS) is not None for binding in bindings)
    addresses = root.findall("w:service/w:port/soap12:address", NS)
    assert [address.get("location") for address in addresses] == [ADDRESS] * len(bindings)


def test_no_soap_action_is_required(actor: Actor) -> None:
    """Source: ITI TF-2 V.3.2.2."""
    bound = definitions(actor).findall("w:binding/w:operation/soap12:operation", NS)
    assert [operation.attrib for operation in bound] == [{"soapActionRequired": "false"}] * len(named(actor))


def test_actions_are_told_both_ways(actor: Actor) -> None:
    told = operations(definitions(actor))
    for transaction, name in named(actor).items():
        request, _, response, _ = told[name]
        assert (request, response) == (transaction.action, transaction.response_action)
    assert {each.action for each in actor.transactions} == {told[0] for told in told.values()}


def test_the_answer_of_iti_61_has_an_action_of_its_own() -> None:
    *_, action, _ = operations(definitions(Actor.DOCUMENT_REGISTRY))["DocumentRegistry_RegisterOnDemandDocumentEntry"]
    assert action == "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse"


def test_the_operations_of_a_port_differ_in_their_bodies(actor: Actor) -> None:
    """Source: WS-I Basic Profile 1.1 R2710."""
    root = definitions(actor)
    told = operations(root)
    for port_type in root.findall("w:portType", NS):
        bodies = [told[each.get("name", "")][1] for each in port_type.findall("w:operation", NS)]
        assert len(bodies) == len(set(bodies))


def test_nothing_is_fetched_from_elsewhere(actor: Actor) -> None:
    """Every namespace that a message or an import names is declared inside, but that of XML itself."""
    root = definitions(actor)
    inside = {schema.get("targetNamespace") for schema in root.iter(f"{{{XSD}}}schema")}
    imported = list(root.iter(f"{{{XSD}}}import"))
    assert not any(each.get("schemaLocation") for each in imported)
    assert {each.get("namespace") for each in imported} <= inside
    assert {etree.QName(body).namespace for told in operations(root).values() for body in told[1::2]} <= inside


def test_every_body_is_declared(actor: Actor) -> None:
    root = definitions(actor)
    declared = {
        f"{{{schema.get('targetNamespace')}}}{element.get('name')}"
        for schema in root.iter(f"{{{XSD}}}schema")
        for element in schema.findall("xsd:element", NS)
    }
    assert {body for told in operations(root).values() for body in told[1::2]} <= declared


def test_only_the_repository_speaks_of_mtom(actor: Actor) -> None:
    """Optional: ITI-86 comes in simple SOAP to where ITI-41 and ITI-43 come as packages."""
    said = b"<wsp:Policy><wsoma:OptimizedMimeSerialization wsp:Optional" in write_wsdl(actor, ADDRESS)
    assert said is INTERFACES[actor].mtom is (actor is Actor.DOCUMENT_REPOSITORY)


# --- Beside the official ones -----------------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize("transaction", NUMBERS, ids=lambda transaction: transaction.name)
def test_actions_and_bodies_are_those_of_the_official_wsdl(reference: Path, transaction: Transaction) -> None:
    ((name, theirs),) = operations(parse(official.wsdl(reference, NUMBERS[transaction]).read_bytes())).items()
    xds = (Actor.DOCUMENT_REGISTRY, Actor.DOCUMENT_REPOSITORY)
    (actor,) = (each for each in xds if transaction in each.transactions)
    own = named(actor)[transaction]
    assert own.partition("_")[2] == name.partition("_")[2]  # the actor has another name where the option has its own
    assert operations(definitions(actor))[own] == theirs


# --- A client library, and the endpoint -------------------------------------------------------------------------------


def test_a_client_library_understands_the_wsdl(actor: Actor, tmp_path: Path) -> None:
    zeep = pytest.importorskip("zeep")
    file = tmp_path / "actor.wsdl"
    file.write_bytes(write_wsdl(actor, ADDRESS))
    client = zeep.Client(str(file), settings=zeep.Settings(forbid_external=True))
    (service,) = client.wsdl.services.values()
    found = {name for port in service.ports.values() for name in port.binding.all()}
    assert found == set(named(actor).values())


def test_a_client_library_sees_the_parts_of_a_message(tmp_path: Path) -> None:
    zeep = pytest.importorskip("zeep")
    file = tmp_path / "actor.wsdl"
    file.write_bytes(write_wsdl(Actor.DOCUMENT_REGISTRY, ADDRESS))
    client = zeep.Client(str(file))
    listed = client.get_type("{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}RegistryObjectListType")
    assert {"ExtrinsicObject", "RegistryPackage", "Association"} <= {name for name, _ in listed.elements}


@pytest.mark.parametrize(
    ("path", "name"), [(REGISTRY_PATH, "DocumentRegistry"), (REPOSITORY_PATH, "DocumentRepository")]
)
@pytest.mark.parametrize("question", ["wsdl", "WSDL"])
def test_the_endpoint_shows_its_wsdl(path: str, name: str, question: str) -> None:
    response = Hall().client().get(f"{path}?{question}")
    root = parse(response.data)
    assert response.content_type.startswith("text/xml")
    assert root.get("name") == name
    assert root.find("w:service/w:port/soap12:address", NS).get("location") == f"http://localhost{path}"


def test_get_without_wsdl() -> None:
    assert Hall().client().get(REGISTRY_PATH).status_code == 405
    assert Hall().client().delete(REGISTRY_PATH).status_code == 405
