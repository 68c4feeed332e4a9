"""An XDS actor that is not ours: zeep, a SOAP client library, on the official WSDLs or on those that a server shows.

It serialises typed objects by itself, and adds WS-Addressing where a WSDL has actions. What comes back is parsed into
typed objects, and held to the official schema, to the wsa:Action of the standard, and to the MessageID of its request.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep import xsd

from tests import official
from tests.connectathon import (
    APPROVED,
    FOREIGN_REPOSITORY,
    REGISTRY_PATH,
    REPOSITORY_PATH,
    RIM,
    SHA1_OF_HELLO,
    SOAP_12,
    WSA,
    Node,
    new_oid,
)

# Transaction -> path of its endpoint, last part of the name of its operation, wsa:Action of its answer.
# Source: ITI TF-2 Appendix W; the message semantics of each transaction.
OPERATIONS = {
    18: (REGISTRY_PATH, "RegistryStoredQuery", "urn:ihe:iti:2007:RegistryStoredQueryResponse"),
    41: (
        REPOSITORY_PATH,
        "ProvideAndRegisterDocumentSet-b",
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
    ),
    42: (REGISTRY_PATH, "RegisterDocumentSet-b", "urn:ihe:iti:2007:RegisterDocumentSet-bResponse"),
    43: (REPOSITORY_PATH, "RetrieveDocumentSet", "urn:ihe:iti:2007:RetrieveDocumentSetResponse"),
    51: (REGISTRY_PATH, "MultiPatientStoredQuery", "urn:ihe:iti:2009:MultiPatientStoredQueryResponse"),
    57: (REGISTRY_PATH, "UpdateDocumentSet", "urn:ihe:iti:2010:UpdateDocumentSetResponse"),
    61: (REGISTRY_PATH, "RegisterOnDemandDocumentEntry", "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse"),
    62: (REGISTRY_PATH, "DeleteDocumentSet", "urn:ihe:iti:2010:DeleteDocumentSetResponse"),
    86: (REPOSITORY_PATH, "RemoveDocuments", "urn:ihe:iti:2017:RemoveDocumentsResponse"),
    92: (REGISTRY_PATH, "RestrictedUpdateDocumentSet", "urn:ihe:iti:2018:RestrictedUpdateDocumentSetResponse"),
}
SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
ON_DEMAND = "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"
HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
SUBMISSION_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
DOCUMENT_ENTRY_PATIENT_ID = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
DOCUMENT_ENTRY_UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
CONFIDENTIALITY_CODE = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"
DOCUMENT_ENTRY_CODES = (  # classCode, typeCode, formatCode, healthcareFacilityTypeCode, practiceSettingCode
    "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a",
    "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983",
    "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead",
)
SUBSTITUTES = ("ExtrinsicObject", "RegistryPackage", "Association", "Classification", "ObjectRef")


class _Held(zeep.Plugin):
    """Holds every answer to its request and to the official schema."""

    def __init__(self) -> None:
        self.asked = ""

    def egress(self, envelope: etree._Element, http_headers: Any, *_: object) -> tuple[etree._Element, Any]:
        self.asked = envelope.findtext(f".//{{{WSA}}}MessageID") or ""
        return envelope, http_headers

    def ingress(
        self, envelope: etree._Element, http_headers: Mapping[str, str], operation: Any
    ) -> tuple[etree._Element, Any]:
        official.validate_answer(http_headers["Content-Type"], etree.tostring(envelope))
        header = envelope.find(f"{{{SOAP_12}}}Header")
        assert header.findtext(f"{{{WSA}}}RelatesTo") == self.asked
        if envelope.find(f"{{{SOAP_12}}}Body/{{{SOAP_12}}}Fault") is None:
            expected = {action for _, name, action in OPERATIONS.values() if operation.name.endswith(f"_{name}")}
            assert {header.findtext(f"{{{WSA}}}Action")} == expected
        return envelope, http_headers


@dataclass
class ZeepActor:
    """A client of every transaction: `actor.call(18, ...)`."""

    node: Node
    reference: Path | None  # of the official WSDLs; the server's own when there is none
    _clients: dict[str, zeep.Client] = field(default_factory=dict)

    def call(self, number: int, *, path: str = "", **body: Any) -> Any:
        """The typed answer of ITI-`number` to a request whose body has these parts; `path` sends it elsewhere."""
        own_path, name, _ = OPERATIONS[number]
        address = f"http://127.0.0.1:{self.node.port}"
        client = self._client(
            str(official.wsdl(self.reference, number) if self.reference else f"{address}{own_path}?wsdl")
        )
        service, port, operation = _operation(client, name)
        if path or self.reference:  # the official WSDLs have an address of nowhere
            bound = client.create_service(str(port.binding.name), f"{address}{path or own_path}")
        else:
            bound = client.bind(service.name, port.name)
        return bound[operation](**body)

    def many(self, name: str, values: Iterable[Any]) -> dict[str, Any]:
        """A list of elements: the official schemas repeat a sequence of one, ours the element. The same on the wire."""
        return {"_value_1": [{name: value} for value in values]} if self.reference else {name: list(values)}

    def each(self, parent: Any, name: str) -> list[Any]:
        """The elements of such a list."""
        if parent is None:
            return []
        return [item[name] for item in parent["_value_1"]] if self.reference else list(parent[name])

    def _client(self, wsdl: str) -> zeep.Client:
        if wsdl not in self._clients:
            client = zeep.Client(wsdl, plugins=[_Held()])
            _inherit(client)
            if self.reference:
                _substitute(client)
            self._clients[wsdl] = client
        return self._clients[wsdl]

    # --- ebRIM, typed -------------------------------------------------------------------------------------------------

    def slot(self, name: str, *values: str) -> dict[str, Any]:
        return {"name": name, "ValueList": self.many("Value", values)}

    def slots(self, of: Any) -> dict[str, list[str]]:
        return {slot["name"]: self.each(slot["ValueList"], "Value") for slot in of["Slot"]}

    def named(self, value: str) -> dict[str, Any]:
        return self.many("LocalizedString", [{"value": value}])

    def name_of(self, of: Any) -> str:
        return "".join(one["value"] for one in self.each(of["Name"], "LocalizedString"))

    def coded(self, of: str, scheme: str, code: str = "code", system: str = "2.999.1") -> dict[str, Any]:
        return {
            "id": f"urn:uuid:{uuid.uuid4()}",
            "classifiedObject": of,
            "classificationScheme": scheme,
            "nodeRepresentation": code,
            "Slot": [self.slot("codingScheme", system)],
            "Name": self.named("a code"),
        }

    def identified(self, of: str, scheme: str, value: str, name: str) -> dict[str, Any]:
        identifier = {"id": f"urn:uuid:{uuid.uuid4()}", "registryObject": of, "identificationScheme": scheme}
        return {**identifier, "value": value, "Name": self.named(name)}

    def entry(self, patient: str, unique_id: str, **changes: Any) -> dict[str, Any]:
        """A DocumentEntry in order, of five bytes `hello` that another repository keeps. Source: ITI TF-3 4.2.3.2."""
        own = str(changes.get("id", "Document01"))
        slots = {
            "creationTime": "20260102030405",
            "languageCode": "en-US",
            "sourcePatientId": patient,
            "hash": SHA1_OF_HELLO,
            "size": "5",
            "repositoryUniqueId": FOREIGN_REPOSITORY,
        }
        slots = {name: value for name, value in {**slots, **changes.pop("slots", {})}.items() if value}
        entry = {
            "id": own,
            "objectType": STABLE,
            "mimeType": "text/plain",
            "Slot": [self.slot(name, value) for name, value in slots.items()],
            "Name": self.named(str(changes.pop("title", "A document"))),
            "Classification": [
                *(self.coded(own, scheme) for scheme in DOCUMENT_ENTRY_CODES),
                self.coded(own, CONFIDENTIALITY_CODE, "N", "2.16.840.1.113883.5.25"),
            ],
            "ExternalIdentifier": [
                self.identified(own, DOCUMENT_ENTRY_PATIENT_ID, patient, "XDSDocumentEntry.patientId"),
                self.identified(own, DOCUMENT_ENTRY_UNIQUE_ID, unique_id, "XDSDocumentEntry.uniqueId"),
            ],
        }
        return {"ExtrinsicObject": {**entry, **changes}}

    def submission_set(self, patient: str) -> list[dict[str, Any]]:
        """A SubmissionSet in order. Source: ITI TF-3 4.2.3.3."""
        own, prefix = "SubmissionSet01", "XDSSubmissionSet"
        package = {
            "id": own,
            "Slot": [self.slot("submissionTime", "20260102030405")],
            "Classification": [self.coded(own, "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500")],
            "ExternalIdentifier": [
                self.identified(own, "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", patient, f"{prefix}.patientId"),
                self.identified(own, "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", "2.999.2", f"{prefix}.sourceId"),
                self.identified(own, "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", new_oid(), f"{prefix}.uniqueId"),
            ],
        }
        node = {"id": "cl01", "classifiedObject": own, "classificationNode": SUBMISSION_SET_NODE}
        return [{"RegistryPackage": package}, {"Classification": node}]

    def member(self, of: str = "Document01", **slots: str) -> dict[str, Any]:
        """`of` in the SubmissionSet, as Original. Source: ITI TF-3 4.2.2.2.1."""
        told = {"SubmissionSetStatus": "Original", **slots}
        association = {"associationType": HAS_MEMBER, "sourceObject": "SubmissionSet01", "targetObject": of}
        listed = [self.slot(name, value) for name, value in told.items()]
        return {"Association": {"id": f"as-{uuid.uuid4()}", **association, "Slot": listed}}

    # --- Transactions -------------------------------------------------------------------------------------------------

    def submit(self, number: int, *objects: dict[str, Any]) -> Any:
        """ITI-42, 57, 61 or 92."""
        return self.call(number, RegistryObjectList={"_value_1": list(objects)})

    def ask(
        self, query_id: str, slots: Mapping[str, Sequence[str]], return_type: str = "LeafClass", number: int = 18
    ) -> Any:
        """ITI-18, or 51."""
        listed = [self.slot(name, *values) for name, values in slots.items()]
        option = {"returnType": return_type, "returnComposedObjects": True}
        return self.call(number, ResponseOption=option, AdhocQuery={"id": f"urn:uuid:{query_id}", "Slot": listed})

    def documents_of(self, patient: str, **more: Sequence[str]) -> list[Any]:
        """FindDocuments: the approved DocumentEntries of a patient."""
        slots = {"$XDSDocumentEntryPatientId": [f"'{patient}'"], "$XDSDocumentEntryStatus": [f"('{APPROVED}')"]}
        answer = self.ask(
            "14d4debf-8f97-4251-9a74-a90016b0af0d", {**slots, **{f"${name}": more[name] for name in more}}
        )
        return objects(succeeded(answer), "ExtrinsicObject")


def objects(answer: Any, kind: str) -> list[Any]:
    """The objects of one kind in a query's answer."""
    listed = answer["RegistryObjectList"]
    return [item[kind] for item in (listed["_value_1"] if listed else []) if item.get(kind) is not None]


def codes(answer: Any) -> set[str]:
    """The error codes of an answer."""
    return {code for code, _ in _errors(answer)}


def succeeded(answer: Any) -> Any:
    """An answer that must be a success."""
    assert (answer["status"], _errors(answer)) == (SUCCESS, []), _errors(answer)
    return answer


def _errors(answer: Any) -> list[tuple[str, str]]:
    errors = answer["RegistryErrorList"]
    return [(error["errorCode"], error["codeContext"]) for error in errors["RegistryError"]] if errors else []


def _operation(client: zeep.Client, name: str) -> tuple[Any, Any, str]:
    """The service, the port and the operation that ends in `name`; each actor puts its own name before it."""
    (found,) = [
        (service, port, operation)
        for service in client.wsdl.services.values()
        for port in service.ports.values()
        for operation in port.binding.all()
        if operation.endswith(f"_{name}")
    ]
    return found


def _substitute(client: zeep.Client) -> None:
    """Teaches zeep the substitution group of rim:Identifiable: it knows none, and would send xsi:type instead."""
    kind = client.get_type(f"{{{RIM}}}RegistryObjectListType")
    elements = [client.get_element(f"{{{RIM}}}{name}") for name in SUBSTITUTES]
    kind._element = xsd.Sequence([xsd.Choice(elements, min_occurs=0, max_occurs="unbounded")])
    _forget(kind)


def _inherit(client: zeep.Client) -> None:
    """Gives Classification and ExternalIdentifier what they inherit: zeep loses it where types refer to each other."""
    base = client.get_type(f"{{{RIM}}}RegistryObjectType")
    inside = dict(base.elements)
    for name in ("Classification", "ExternalIdentifier"):
        kinds = {id(kind): kind for kind in (client.get_element(f"{{{RIM}}}{name}").type, inside[name].type)}
        for kind in kinds.values():
            known = {attribute.qname.text for attribute in kind._attributes}
            kind._element = base._element
            kind._attributes = [each for each in base._attributes if each.qname.text not in known] + list(
                kind._attributes
            )
            _forget(kind)


def _forget(kind: Any) -> None:
    """Makes zeep look at a type anew."""
    for cached in ("elements", "elements_nested", "attributes", "_attributes_unwrapped", "_array_type"):
        kind.__dict__.pop(cached, None)
