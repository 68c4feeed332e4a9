"""Queries of an IHE domain, and who asks them, performed."""

from __future__ import annotations

import http.client
import ssl
from datetime import UTC, datetime

from audited_ihe_stage import HOME, Stage, case
from audited_stage import Names
from cryptography import x509

from conformance.pki import Credential
from conformance.signing import build_xua, security_header
from tests.connectathon import (
    REGISTRY_PATH,
    new_oid,
    new_patient,
)
from tests.journeys.queries import FIND_DOCUMENTS, FIND_DOCUMENTS_OF_SEVERAL, GET_DOCUMENTS, listed


def _asked(stage: Stage, patient: str, query_id: str, path: str = REGISTRY_PATH) -> Names:
    return {"patient": patient, "query_id": query_id, "query": stage.node.body, "endpoint": stage.there(path)}


@case("ITI-18")
def _(stage: Stage) -> Names:
    patient = new_patient()
    assert stage.node.find_documents(patient).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18 of a community")
def _(stage: Stage) -> Names:
    patient, stage.node.home_id = new_patient(), HOME
    assert stage.node.find_documents(patient).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18, references")
def _(stage: Stage) -> Names:
    patient = new_patient()
    assert stage.node.find_documents(patient, references=True).success
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("ITI-18, wrong")
def _(stage: Stage) -> Names:
    assert stage.node.query(FIND_DOCUMENTS, {}).codes
    return _asked(stage, "", FIND_DOCUMENTS)


@case("ITI-18 across")
def _(stage: Stage) -> Names:
    assert stage.node.query(GET_DOCUMENTS, {"$XDSDocumentEntryUniqueId": [listed(new_oid())]}).success
    return _asked(stage, "", GET_DOCUMENTS)


@case("ITI-51")
def _(stage: Stage) -> Names:
    slots = {"$XDSDocumentEntryPatientId": [listed(new_patient(), new_patient())]}
    slots["$XDSDocumentEntryStatus"] = ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"]
    slots["$XDSDocumentEntryClassCode"] = ["('code^^2.999.1')"]
    answer = stage.node.query(FIND_DOCUMENTS_OF_SEVERAL, slots, multi_patient=True)
    assert answer.success, answer.errors
    return _asked(stage, "", FIND_DOCUMENTS_OF_SEVERAL)


@case("a user of XUA")
def _(stage: Stage) -> Names:
    patient, sts = new_patient(), stage.sts
    assertion = build_xua(certificate=sts.sign_pem, key=sts.sign_key, issued=datetime.now(UTC), alias="doe")
    stage.node.security = security_header(assertion).decode()
    try:
        assert stage.node.find_documents(patient).success
    finally:
        stage.node.security = ""
    return _asked(stage, patient, FIND_DOCUMENTS)


@case("a node by TLS")
def _(stage: Stage) -> Names:
    patient = new_patient()
    stage.node.find_documents(patient)
    body, action = stage.node.body, "urn:ihe:iti:2007:RegistryStoredQuery"
    context = ssl.create_default_context(cafile=str(stage.pki.folder / "ca.pem"))
    context.load_cert_chain(stage.hospital.folder / "auth.pem", stage.hospital.folder / "auth.key")
    connection = http.client.HTTPSConnection("127.0.0.1", stage.https, timeout=30, context=context)
    stage.watch()
    headers = {"Content-Type": "application/soap+xml"}
    connection.request("POST", REGISTRY_PATH, stage.node.envelope(action, body), headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    connection.close()
    endpoint = f"https://127.0.0.1:{stage.https}{REGISTRY_PATH}"
    return {**_asked(stage, patient, FIND_DOCUMENTS), "endpoint": endpoint, "certificate": _subject(stage.hospital)}


@case("nobody known")
def _(stage: Stage) -> Names:
    stage.node.security = (
        '<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" '
        's:mustUnderstand="1"><wsse:UsernameToken/></wsse:Security>'
    )
    try:
        assert stage.node.find_documents(new_patient()).fault
    finally:
        stage.node.security = ""
    return {"endpoint": stage.there(REGISTRY_PATH)}


@case("an action that nobody serves")
def _(stage: Stage) -> Names:
    assert stage.node.soap(REGISTRY_PATH, "urn:example:DoSomething", "<x/>").fault
    return {"endpoint": stage.there(REGISTRY_PATH)}


def _subject(holder: Credential) -> str:
    return x509.load_pem_x509_certificate((holder.folder / "auth.pem").read_bytes()).subject.rfc4514_string()
