"""A SOAP client library that knows nothing of this project, by the WSDL that the server shows: every operation of
/ihe/habilitations, over mutual TLS, with a VIHF that is put into its header.
"""

from __future__ import annotations

from typing import Any

import pytest
import zeep
from lxml import etree
from services import HABILITATIONS, PATH, PATIENTS, SOAP, WSA, id_of, lps_of, newborn

from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from schemas.xml import parse
from tests.village import Village

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WHO = "medecin"


class _Held(zeep.Plugin):
    """Holds every answer to its request."""

    asked = ""

    def egress(self, envelope: etree._Element, http_headers: Any, *_: object) -> tuple[etree._Element, Any]:
        self.asked = envelope.findtext(f".//{{{WSA}}}MessageID") or ""
        return envelope, http_headers

    def ingress(self, envelope: etree._Element, http_headers: Any, operation: Any) -> tuple[etree._Element, Any]:
        header = envelope.find(f"{{{SOAP}}}Header")
        assert header is not None
        assert header.findtext(f"{{{WSA}}}RelatesTo") == self.asked != ""
        if envelope.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault") is None:
            action = header.findtext(f"{{{WSA}}}Action", "")
            assert action.endswith(f":{operation.name}Response")
        return envelope, http_headers


class Client:
    """zeep, as a professional with a card."""

    def __init__(self, village: Village) -> None:
        self._village = village
        server, keys = village.demo.address(), village.demo.sender(WHO).keys
        transport = zeep.Transport()
        transport.session.trust_env = False
        transport.session.verify = str(village.demo.ca)
        transport.session.cert = (str(keys.auth_cert), str(keys.auth_key))
        wsdl = f"{server}{PATH}?wsdl"
        self.wsdl = zeep.Client(wsdl, transport=transport, plugins=[_Held()])

    def call(self, patient: Patient | None, operation: str, **texts: str) -> Any:
        """The `output` of the answer."""
        security = etree.Element(f"{{{WSSE}}}Security")
        security.append(parse(lps_of(self._village, WHO).assertion(patient, Access())))
        return self.wsdl.service[operation](**texts, _soapheaders=[security])


@pytest.fixture(scope="module")
def client(village: Village) -> Client:
    return Client(village)


@pytest.mark.proves("wire/wsdl")
def test_every_operation_is_called_by_the_wsdl(village: Village, client: Client) -> None:
    patient = newborn(village, family="ZEEP")
    declared = client.call(patient, "setAuthorization", action="AJOUT", role="MEDECIN_TRAITANT")
    assert (declared["status"], declared["context"]) == ("DMPOk", None)
    (holder,) = client.call(patient, "listAuthorizationByPatient", mode="TOUTE")["listOfAuthorizationByPatient"]
    assert (holder["nationalId"], holder["specificRight"]) == (id_of(village, WHO), ["MEDECIN_TRAITANT"])
    since = {"startDate": holder["startOfAuthorization"], "dateType": "LASTAUTORIZATION"}
    listed = client.call(None, "patientList", **since)["patientlistData"]
    (own,) = (each for each in listed if each["patientIdentifier"][-1]["nationalId"] == patient.ins)
    assert (own["lastName"], own["MT"], own["message"]) == ("ZEEP", True, False)
    made = client.call(patient, "createPatientAccess", type="SMS", canal="0612345678")
    assert made["status"] == "DMPOk" and made["login"] and made["password"]
    changed = client.call(patient, "patientOTPUpdate", type="EMAIL", canal="ada@example.org", action="AJOUT")
    assert (changed["status"], changed["context"]) == ("DMPOk", "OTP mis à jour")
    renewed = client.call(patient, "updatePatientAccess")
    assert renewed["login"] == made["login"] and renewed["password"] != made["password"]


def test_a_refusal_is_a_typed_answer_and_a_fault_an_exception(village: Village, client: Client) -> None:
    patient = newborn(village)
    refused = client.call(patient, "listAuthorizationByPatient")
    assert refused["status"] == "DMPAccessDeniedByRightsService"
    assert refused["listOfAuthorizationByPatient"] == [] and refused["context"]
    with pytest.raises(zeep.exceptions.Fault, match="expected startDate and dateType, or neither"):
        client.call(None, "patientList", startDate="20260101000000")


def test_both_namespaces_stand_in_one_wsdl(client: Client) -> None:
    elements = {each.name for each in client.wsdl.wsdl.types.elements}
    assert {"setAuthorization", "patientList"} <= elements
    namespaces = set(client.wsdl.namespaces.values())
    assert {HABILITATIONS, PATIENTS} <= namespaces
