"""The WSDL 1.1 of each actor, put together from the transactions it serves; self-contained, with its schemas inside.

One target namespace for everything an actor does: those that the supplements give their WSDLs name nothing on the wire.
One port for what the profile itself has, and one for each option whose requests have the same element in their body.

Source: ITI TF-2 Appendix V.3.1 and Appendix W; WSDL 1.1; WSDL 1.1 Binding for SOAP 1.2; WS-Addressing 1.0 Metadata;
WS-MTOMPolicy 1.0; WS-I Basic Profile 1.1 R2710 (the operations of a port differ in what stands in their body).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import schemas
from ihe.hl7v3 import HL7
from ihe.identifiers import GDP, LCM, QUERY, RIM, RS, SI_DMP_HABILITATIONS, SI_DMP_PATIENTS, XDS
from ihe.markup import attribute
from ihe.transactions import Actor, Transaction

RMD = "urn:ihe:iti:rmd:2017"
_PREFIXES = {
    "xds": XDS,
    "rim": RIM,
    "rs": RS,
    "lcm": LCM,
    "query": QUERY,
    "rmd": RMD,
    "hl7": HL7,
    "gdp": GDP,
    "hab": SI_DMP_HABILITATIONS,
    "pat": SI_DMP_PATIENTS,
}
_FOLDER = Path(schemas.__file__).parent


@dataclass(frozen=True, slots=True)
class Interface:
    """What a WSDL says of an actor apart from its operations: its namespace, the schemas of their messages."""

    namespace: str
    schemas: tuple[str, ...]  # files in schemas/, without .xsd; an imported one stands before those that import it
    mtom: bool = False  # whether a request may come, and its answer then goes, as an MTOM package
    named_for_actor: bool = True  # ITI TF-2 Appendix W: the actor's name stands before that of each operation


@dataclass(frozen=True, slots=True)
class Operation:
    """A transaction: its name, and the elements in the bodies of request and response, by a prefix of _PREFIXES.

    Those that share an action are one operation, that of the first.
    """

    name: str
    request: str
    response: str = "rs:RegistryResponse"
    option: str = ""  # that brings it, where it needs a port of its own


_EBRIM = ("xds/rim", "xds/rs", "xds/lcm")
INTERFACES = {
    Actor.DOCUMENT_REGISTRY: Interface(XDS, (*_EBRIM, "xds/query", "xds/hl7v3")),
    Actor.DOCUMENT_REPOSITORY: Interface(XDS, (*_EBRIM, "xds/xds", "xds/rmd"), mtom=True),
    Actor.PIX_MANAGER: Interface("urn:ihe:iti:pixv3:2007", ("xds/hl7v3",)),
    Actor.DMP_PATIENTS: Interface(GDP, ("dmp/hl7v3", "dmp/gdp"), named_for_actor=False),
    Actor.DMP_HABILITATIONS: Interface(
        SI_DMP_HABILITATIONS, ("dmp/habilitations", "dmp/patients"), named_for_actor=False
    ),
}

# Source: ITI TF-2 Appendix W for the names.
OPERATIONS = {
    Transaction.ITI_18: Operation("RegistryStoredQuery", "query:AdhocQueryRequest", "query:AdhocQueryResponse"),
    Transaction.ITI_41: Operation("ProvideAndRegisterDocumentSet-b", "xds:ProvideAndRegisterDocumentSetRequest"),
    Transaction.ITI_42: Operation("RegisterDocumentSet-b", "lcm:SubmitObjectsRequest"),
    Transaction.ITI_43: Operation(
        "RetrieveDocumentSet", "xds:RetrieveDocumentSetRequest", "xds:RetrieveDocumentSetResponse"
    ),
    Transaction.ITI_44_ADD: Operation("PRPA_IN201301UV02", "hl7:PRPA_IN201301UV02", "hl7:MCCI_IN000002UV01"),
    Transaction.ITI_44_REVISE: Operation("PRPA_IN201302UV02", "hl7:PRPA_IN201302UV02", "hl7:MCCI_IN000002UV01"),
    Transaction.ITI_44_MERGE: Operation("PRPA_IN201304UV02", "hl7:PRPA_IN201304UV02", "hl7:MCCI_IN000002UV01"),
    Transaction.ITI_45: Operation("PRPA_IN201309UV02", "hl7:PRPA_IN201309UV02", "hl7:PRPA_IN201310UV02"),
    Transaction.ITI_47: Operation("PRPA_IN201305UV02", "hl7:PRPA_IN201305UV02", "hl7:PRPA_IN201306UV02"),
    Transaction.ITI_47_CONTINUE: Operation(
        "QUQI_IN000003UV01_Continue", "hl7:QUQI_IN000003UV01", "hl7:PRPA_IN201306UV02"
    ),
    Transaction.ITI_47_CANCEL: Operation(
        "QUQI_IN000003UV01_Cancel", "hl7:QUQI_IN000003UV01_Cancel", "hl7:MCCI_IN000002UV01"
    ),
    Transaction.ITI_51: Operation(
        "MultiPatientStoredQuery", "query:AdhocQueryRequest", "query:AdhocQueryResponse", option="MultiPatientQuery"
    ),
    Transaction.ITI_57: Operation("UpdateDocumentSet", "lcm:SubmitObjectsRequest", option="MetadataUpdate"),
    Transaction.ITI_61: Operation("RegisterOnDemandDocumentEntry", "lcm:SubmitObjectsRequest", option="OnDemand"),
    Transaction.ITI_62: Operation("DeleteDocumentSet", "lcm:RemoveObjectsRequest"),
    Transaction.ITI_86: Operation("RemoveDocuments", "rmd:RemoveDocumentsRequest"),
    Transaction.ITI_92: Operation(
        "RestrictedUpdateDocumentSet", "lcm:SubmitObjectsRequest", option="RestrictedMetadataUpdate"
    ),
    # Source: GIE SESAM-Vitale, DMP WSDL v2.01.04.
    Transaction.TD0_2: Operation(
        "PatientGetDemographics_PRPA_IN201307UV02", "hl7:PRPA_IN201307UV02", "hl7:PRPA_IN201308UV02"
    ),
    Transaction.TD0_5: Operation("findCandidatesQuery", "hl7:PRPA_IN201305UV02", "hl7:PRPA_IN201306UV02"),
    Transaction.TD1_1: Operation(
        "PatientAdd_PRPA_IN201311UV02", "hl7:PRPA_IN201311UV02", "gdp:PRPA_IN201311UV02_Response"
    ),
    Transaction.TD1_3B: Operation(
        "PatientRevise_PRPA_IN201314UV02", "hl7:PRPA_IN201314UV02", "gdp:PRPA_IN201314UV02_Response"
    ),
    Transaction.TD0_3: Operation("setAuthorization", "hab:setAuthorization", "hab:setAuthorizationResponse"),
    Transaction.TD0_4: Operation("patientList", "pat:patientList", "pat:patientListResponse"),
    Transaction.TD1_5A: Operation("createPatientAccess", "pat:createPatientAccess", "pat:createPatientAccessResponse"),
    Transaction.TD1_5B: Operation("patientOTPUpdate", "pat:patientOTPUpdate", "pat:patientOTPUpdateResponse"),
    Transaction.TD1_5D: Operation("updatePatientAccess", "pat:updatePatientAccess", "pat:updatePatientAccessResponse"),
    Transaction.TD1_6: Operation(
        "listAuthorizationByPatient", "hab:listAuthorizationByPatient", "hab:listAuthorizationByPatientResponse"
    ),
}


def operations(actor: Actor) -> dict[Transaction, str]:
    """The name of each operation of an actor, by the transaction that it is of."""
    before = f"{actor.value}_" if INTERFACES[actor].named_for_actor else ""
    return {each: f"{before}{OPERATIONS[each].name}" for each in actor.transactions if each in OPERATIONS}


def write_wsdl(actor: Actor, location: str) -> bytes:
    """The WSDL of `actor` as UTF-8; `location` is the address of its endpoint."""
    interface, name, named = INTERFACES[actor], actor.value, operations(actor)
    prefixes = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in _PREFIXES.items())
    ports = _ports(actor)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<wsdl:definitions name="{name}" targetNamespace="{interface.namespace}" '
        f'xmlns:tns="{interface.namespace}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
        'xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:wsp="http://www.w3.org/ns/ws-policy" '
        'xmlns:wsaw="http://www.w3.org/2006/05/addressing/wsdl" '
        'xmlns:wsoma="http://schemas.xmlsoap.org/ws/2004/09/policy/optimizedmimeserialization"'
        f"{prefixes}>\n<wsdl:types>{''.join(map(_schema, interface.schemas))}</wsdl:types>\n"
        f"{''.join(map(_messages, named))}\n"
        f"{''.join(_port_type(port, served, named) for port, served in ports.items())}\n"
        f"{''.join(_binding(port, served, named, interface.mtom) for port, served in ports.items())}\n"
        f'<wsdl:service name="{name}_Service">{"".join(_port(port, location) for port in ports)}</wsdl:service>\n'
        "</wsdl:definitions>\n"
    ).encode()


def _ports(actor: Actor) -> dict[str, list[Transaction]]:
    """What each port serves, the profile's own first. Names follow those of ITI TF-2 Appendix W."""
    ports: dict[str, list[Transaction]] = {actor.value: []}
    for transaction in operations(actor):
        option = OPERATIONS[transaction].option
        ports.setdefault(f"{actor.value}_{option}" if option else actor.value, []).append(transaction)
    return ports


# Client libraries fetch what an import of the xml namespace needs from the W3C, unless told a place: none is needed.
_XML = "http://www.w3.org/XML/1998/namespace"
_XML_IMPORT = re.compile(rf'<xsd:import namespace="{_XML}"[^>]*>')
_XML_ATTRIBUTE = re.compile(r'<xsd:attribute ref="xml:[^>]*>')
_ANY_XML_ATTRIBUTE = f'<xsd:anyAttribute namespace="{_XML}" processContents="lax"/>'
_PLACE = re.compile(r'(<xsd:import namespace="[^"]*") schemaLocation="[^"]*"')


@cache
def _schema(name: str) -> str:
    """A schema as it stands inside: without XML declaration, and no place told for what stands beside it."""
    document = (_FOLDER / f"{name}.xsd").read_text("utf-8").partition("?>")[2]
    document = _XML_ATTRIBUTE.sub(_ANY_XML_ATTRIBUTE, _XML_IMPORT.sub("", document))
    return _PLACE.sub(r"\1", document)


def _messages(transaction: Transaction) -> str:
    operation = OPERATIONS[transaction]
    return "".join(
        f'<wsdl:message name="{operation.name}{suffix}_Message"><wsdl:part name="body" element="{element}"/>'
        "</wsdl:message>"
        for suffix, element in (("", operation.request), ("Response", operation.response))
    )


def _port_type(port: str, served: list[Transaction], named: Mapping[Transaction, str]) -> str:
    operations = "".join(
        f'<wsdl:operation name="{named[one]}">'
        f'<wsdl:input message="tns:{OPERATIONS[one].name}_Message" wsaw:Action="{one.action}"/>'
        f'<wsdl:output message="tns:{OPERATIONS[one].name}Response_Message" wsaw:Action="{one.response_action}"/>'
        "</wsdl:operation>"
        for one in served
    )
    return f'<wsdl:portType name="{port}_PortType">{operations}</wsdl:portType>'


def _binding(port: str, served: list[Transaction], named: Mapping[Transaction, str], mtom: bool) -> str:
    """Source: ITI TF-2 Appendix V.3.2.2 (soapActionRequired); WSDL 1.1 Binding for SOAP 1.2 §3."""
    policy = '<wsp:Policy><wsoma:OptimizedMimeSerialization wsp:Optional="true"/></wsp:Policy>' if mtom else ""
    operations = "".join(
        f'<wsdl:operation name="{named[one]}"><soap12:operation soapActionRequired="false"/>'
        '<wsdl:input><soap12:body use="literal"/></wsdl:input><wsdl:output><soap12:body use="literal"/></wsdl:output>'
        "</wsdl:operation>"
        for one in served
    )
    return (
        f'<wsdl:binding name="{port}_Binding_Soap12" type="tns:{port}_PortType">{policy}'
        '<soap12:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'<wsaw:UsingAddressing wsdl:required="true"/>{operations}</wsdl:binding>'
    )


def _port(port: str, location: str) -> str:
    return (
        f'<wsdl:port name="{port}_Port_Soap12" binding="tns:{port}_Binding_Soap12">'
        f'<soap12:address location="{attribute(location)}"/></wsdl:port>'
    )
