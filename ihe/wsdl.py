"""The WSDL 1.1 of each actor, put together from the transactions it serves; self-contained, with its schemas inside.

Source: ITI TF-2 Appendix V.3.1 and Appendix W; WSDL 1.1; WSDL 1.1 Binding for SOAP 1.2; WS-Addressing 1.0 Metadata.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import schemas
from ihe.identifiers import LCM, QUERY, RIM, RS, XDS
from ihe.markup import attribute
from ihe.transactions import Actor, Transaction

_FOLDER = Path(schemas.__file__).parent / "xds"
_SCHEMAS = ("rim", "rs", "lcm", "query", "xds")

# Transaction -> name of the operation, body of the request, body of the response. Source: ITI TF-2 Appendix W.
_OPERATIONS: dict[Transaction, tuple[str, str, str]] = {
    Transaction.ITI_18: ("RegistryStoredQuery", "query:AdhocQueryRequest", "query:AdhocQueryResponse"),
    Transaction.ITI_41: (
        "ProvideAndRegisterDocumentSet-b",
        "xds:ProvideAndRegisterDocumentSetRequest",
        "rs:RegistryResponse",
    ),
    Transaction.ITI_42: ("RegisterDocumentSet-b", "lcm:SubmitObjectsRequest", "rs:RegistryResponse"),
    Transaction.ITI_43: (
        "RetrieveDocumentSet",
        "xds:RetrieveDocumentSetRequest",
        "xds:RetrieveDocumentSetResponse",
    ),
    Transaction.ITI_51: ("MultiPatientStoredQuery", "query:AdhocQueryRequest", "query:AdhocQueryResponse"),
    Transaction.ITI_57: ("UpdateDocumentSet", "lcm:SubmitObjectsRequest", "rs:RegistryResponse"),
    Transaction.ITI_61: ("RegisterOnDemandDocumentEntry", "lcm:SubmitObjectsRequest", "rs:RegistryResponse"),
    Transaction.ITI_62: ("DeleteDocumentSet", "lcm:RemoveObjectsRequest", "rs:RegistryResponse"),
    Transaction.ITI_86: ("RemoveDocuments", "rmd:RemoveDocumentsRequest", "rs:RegistryResponse"),
    Transaction.ITI_92: ("RestrictedUpdateDocumentSet", "lcm:SubmitObjectsRequest", "rs:RegistryResponse"),
}


def write_wsdl(actor: Actor, location: str) -> bytes:
    """The WSDL of `actor` as UTF-8; `location` is the address of its endpoint."""
    name = "".join(word.capitalize() for word in actor.name.split("_"))
    mtom = "<wsoma:OptimizedMimeSerialization/>" if actor is Actor.DOCUMENT_REPOSITORY else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<wsdl:definitions name="{name}" targetNamespace="{XDS}" xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" '
        'xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        'xmlns:wsaw="http://www.w3.org/2006/05/addressing/wsdl" '
        'xmlns:wsoma="http://schemas.xmlsoap.org/ws/2004/09/policy/optimizedmimeserialization" '
        f'xmlns:xds="{XDS}" xmlns:rim="{RIM}" xmlns:rs="{RS}" xmlns:lcm="{LCM}" xmlns:query="{QUERY}">\n'
        f"<wsdl:types>{_types()}</wsdl:types>\n"
        f"{''.join(map(_messages, actor.value))}\n"
        f'<wsdl:portType name="{name}_PortType">{"".join(_operation(name, one) for one in actor.value)}'
        "</wsdl:portType>\n"
        f'<wsdl:binding name="{name}_Binding_Soap12" type="xds:{name}_PortType">'
        f'<soap12:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'<wsaw:UsingAddressing wsdl:required="true"/>{mtom}'
        f"{''.join(_bound(name, one) for one in actor.value)}</wsdl:binding>\n"
        f'<wsdl:service name="{name}_Service"><wsdl:port name="{name}_Port_Soap12" '
        f'binding="xds:{name}_Binding_Soap12"><soap12:address location="{attribute(location)}"/></wsdl:port>'
        "</wsdl:service>\n</wsdl:definitions>\n"
    ).encode()


@cache
def _types() -> str:
    """Our schemas, without their XML declarations."""
    documents = ((_FOLDER / f"{name}.xsd").read_text("utf-8") for name in _SCHEMAS)
    return "".join(document.partition("?>")[2] for document in documents)


def _messages(transaction: Transaction) -> str:
    operation, request, response = _OPERATIONS[transaction]
    return "".join(
        f'<wsdl:message name="{operation}{suffix}_Message"><wsdl:part name="body" element="{element}"/></wsdl:message>'
        for suffix, element in (("", request), ("Response", response))
    )


def _operation(actor: str, transaction: Transaction) -> str:
    operation, _, _ = _OPERATIONS[transaction]
    return (
        f'<wsdl:operation name="{actor}_{operation}">'
        f'<wsdl:input message="xds:{operation}_Message" wsaw:Action="{transaction.action}"/>'
        f'<wsdl:output message="xds:{operation}Response_Message" wsaw:Action="{transaction.response_action}"/>'
        "</wsdl:operation>"
    )


def _bound(actor: str, transaction: Transaction) -> str:
    operation, _, _ = _OPERATIONS[transaction]
    return (
        f'<wsdl:operation name="{actor}_{operation}"><soap12:operation soapActionRequired="false"/>'
        '<wsdl:input><soap12:body use="literal"/></wsdl:input><wsdl:output><soap12:body use="literal"/></wsdl:output>'
        "</wsdl:operation>"
    )
