"""Users and nodes of an IHE domain, from outside: who is believed, who is recorded, and that nothing comes of the rest.

Source: ITI TF-2 3.19 and 3.40; the negative cases are those of NIST's XDS Toolkit, which proves by a query that nothing
was stored.
"""

from __future__ import annotations

import base64
import copy
import http.client
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from audit.event import Outcome
from conformance.pki import Credential, Pki, ec_key, reused
from conformance.signing import build_xua, coded, security_header
from schemas.xml import XmlError, parse
from tests.connectathon import (
    REGISTRY_PATH,
    SOAP_12,
    XDS,
    Answer,
    Node,
    connectathon,
    document,
    new_patient,
    submission,
    submit_objects,
)
from tests.ports import free_port

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
AUDIENCE = "urn:oid:1.3.6.1.4.1.21367.2026.1.2"
DOMAINS = Path(__file__).parent.parent.parent / "schemas" / "domains"


@dataclass
class Place:
    """A server that believes one PKI, over TLS and on loopback, and who holds certificates of it."""

    node: Node
    https: int
    pki: Pki
    sts: Credential
    hospital: Credential

    def user(self, **changes: Any) -> Node:
        """A node that sends an assertion with every request."""
        sts = changes.pop("sts", self.sts)
        arguments = {"certificate": sts.sign_pem, "key": sts.sign_key, "issued": datetime.now(UTC)}
        return self.with_header(security_header(build_xua(**{**arguments, **changes})))

    def with_header(self, security: bytes) -> Node:
        return replace(self.node, security=security.decode())

    def over_tls(self, client: Credential | None, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to an envelope sent over TLS to the registry."""
        context = ssl.create_default_context(cafile=str(self.pki.folder / "ca.pem"))
        if client is not None:
            context.load_cert_chain(client.folder / "auth.pem", client.folder / "auth.key")
        connection = http.client.HTTPSConnection("localhost", self.https, timeout=30, context=context)
        try:
            connection.request("POST", REGISTRY_PATH, body, {"Content-Type": "application/soap+xml"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder, port = tmp_path_factory.mktemp("xua"), free_port()
    pki = Pki.create(folder / "home", key_maker=reused(ec_key))
    sts, hospital = pki.structure("sts", "10B0011797", "STS"), pki.structure("hospital", "10B0022222", "Hospital")
    pki.structure("revoked", "10B0033333", "Revoked")
    pki.revoke("revoked")
    with connectathon(folder, https=f"127.0.0.1:{port}") as node:
        yield Place(node, port, pki, sts, hospital)


def human(node: Node) -> tuple[str, str, list[str | None], list[str | None]]:
    """UserID, UserName, roles and purposes of use in the newest audit record."""
    (record,) = node.audit(1)
    message = parse(record.message)
    (participant,) = [
        each
        for each in message.iterfind("ActiveParticipant")
        if each.get("UserIsRequestor") == "true" and "@" in each.get("UserName", "")
    ]
    roles = [role.get("csd-code") for role in participant.iterfind("RoleIDCode")]
    purposes = [purpose.get("csd-code") for purpose in message.iterfind("EventIdentification/PurposeOfUse")]
    return participant.get("UserID", ""), participant.get("UserName", ""), roles, purposes


# --- Users ------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-40")
def test_a_user_registers_finds_provides_and_opens(place: Place) -> None:
    patient, user = new_patient(), place.user()
    registered, provided = document(patient), document(patient, "Document02")
    assert user.register(submission(registered)).success
    assert user.provide(submission(provided), {"Document02": b"hello"}).success
    found = {entry.unique_id for entry in user.find_documents(patient).entries}
    assert found == {registered.unique_id, provided.unique_id}
    answer = user.retrieve(provided.unique_id)
    assert base64.b64decode(answer.root.findtext(f".//{{{XDS}}}Document") or "") == b"hello"


@pytest.mark.proves("transaction/ITI-40")
def test_the_user_is_recorded_as_xua_says(place: Place) -> None:
    """3.40.4.2: UserName is alias<user@issuer>; 3.40.4.1.3.3: PurposeOfUse; the role as RoleIDCode."""
    user = place.user(alias="JD", name_id="John.Doe", issuer="https://sts.example.org")
    assert user.register(submission(document(new_patient()))).success
    assert human(place.node) == ("John.Doe", "JD<John.Doe@https://sts.example.org>", ["46255001"], ["12"])
    assert place.user(name_id="Jane", issuer="urn:sts", role=None, purpose=None).find_documents(new_patient()).success
    assert human(place.node) == ("Jane", "<Jane@urn:sts>", [], [])


def test_an_assertion_serves_the_patient_that_it_names(place: Place) -> None:
    """3.40.4.1.2.2.1: resource-id."""
    patient, other = new_patient(), new_patient()
    assert place.node.register(submission(document(patient))).success
    assert place.node.register(submission(document(other))).success
    user = place.user(patient=patient)
    assert len(user.find_documents(patient).entries) == 1
    assert user.find_documents(other).status == "Failure"
    refused = user.register(submission(document(other)))
    assert refused.status == "Failure"
    assert len(place.node.find_documents(other).entries) == 1


def test_the_header_of_a_long_envelope_counts(place: Place) -> None:
    patient = new_patient()
    long = {"Document01": b"x" * 2_000_000}
    entry = document(patient, hash="", size=None)
    assert place.user().provide(submission(entry), long).success
    later = document(patient, hash="", size=None)
    assert place.user(issued=datetime.now(UTC) - timedelta(hours=1)).provide(submission(later), long).fault
    assert len(place.node.find_documents(patient).entries) == 1


# --- The negative assertions: a fault, and nothing stored -------------------------------------------------------------


def twice(xpath: str) -> Callable[[etree._Element], None]:
    def alter(assertion: etree._Element) -> None:
        (found,) = assertion.xpath(xpath, namespaces={"s": SAML})  # type: ignore[misc]
        found.addnext(copy.deepcopy(found))

    return alter


def ago(**span: int) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


NEGATIVE: dict[str, Callable[[], dict[str, Any]]] = {
    "expired": lambda: {"issued": ago(hours=1)},
    "unsigned": lambda: {"signed": False},
    "notyetvalid": lambda: {"not_before": ago(minutes=-10), "not_on_or_after": ago(minutes=-20)},
    "lateissueinstant": lambda: {"issued": ago(minutes=-10), "not_before": ago(minutes=1)},
    "invalidauthnstatement": lambda: {"authn_context": "urn:oasis:names:tc:SAML:2.0:ac:classes:Guess"},
    "secondauthnstatement": lambda: {"before_signing": twice("s:AuthnStatement")},
    "secondauthncontext": lambda: {"before_signing": twice("//s:AuthnContextClassRef")},
    "secondpurposeofuse": lambda: {
        "attributes": {PURPOSE: [coded("PurposeOfUse", code, "1.0.14265.1") for code in ("12", "1")]}
    },
    "secondrole": lambda: {
        "attributes": {ROLE: [coded("Role", code, "2.16.840.1.113883.6.96") for code in ("1", "2")]}
    },
    "secondroleattribute": lambda: {"before_signing": twice(f"//s:Attribute[@Name='{ROLE}']")},
    "nosubjectconfirmation": lambda: {"confirmation": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"},
}


@pytest.mark.proves("wire/assertion")
@pytest.mark.parametrize("name", NEGATIVE)
def test_negative_assertions(place: Place, name: str) -> None:
    patient = new_patient()
    answers = [
        place.user(**NEGATIVE[name]()).register(submission(document(patient))),
        place.user(**NEGATIVE[name]()).provide(submission(document(patient)), {"Document01": b"hello"}),
        place.user(**NEGATIVE[name]()).find_documents(patient),
        place.user(**NEGATIVE[name]()).retrieve("1.2.3"),
    ]
    assert [(answer.http_status, bool(answer.fault)) for answer in answers] == [(400, True)] * 4
    assert {record.outcome for record in place.node.audit(4)} == {Outcome.SERIOUS_FAILURE}
    assert place.node.find_documents(patient).entries == ()


def test_unknownaudience(tmp_path: Path) -> None:
    """And a domain that asks for an assertion with every request."""
    text = (DOMAINS / "ihe-connectathon.toml").read_text("utf-8")
    text = text.replace("audiences = []", f'audiences = ["{AUDIENCE}"]').replace("required = false", "required = true")
    (tmp_path / "strict.toml").write_text(text, "utf-8")
    pki = Pki.create(tmp_path / "home", key_maker=reused(ec_key))
    sts = pki.structure("sts", "10B0011797", "STS")
    with connectathon(tmp_path, domain=str(tmp_path / "strict.toml")) as node:
        strict = Place(node, 0, pki, sts, sts)
        patient = new_patient()
        for refused in (strict.user(audiences=("urn:oid:1.2.3",)), strict.user(audiences=()), node):
            answer = refused.register(submission(document(patient)))
            assert (answer.http_status, bool(answer.fault)) == (400, True)
        assert strict.user().find_documents(patient).entries == ()
        assert strict.user().register(submission(document(patient))).success


@pytest.mark.proves("wire/assertion")
def test_signers_who_are_not_trusted(place: Place, tmp_path: Path) -> None:
    stranger = Pki.create(tmp_path, key_maker=reused(ec_key)).structure("sts", "10B0011797", "STS")
    revoked = place.pki.folder / "pki" / "revoked"
    believed_no_more = Credential(
        "revoked", revoked, b"", b"", (revoked / "sign.pem").read_bytes(), (revoked / "sign.key").read_bytes()
    )
    for signer in (stranger, believed_no_more):
        patient = new_patient()
        assert place.user(sts=signer).register(submission(document(patient))).fault
        assert place.node.find_documents(patient).entries == ()


@pytest.mark.reference
def test_real_assertions_get_a_fault_never_an_error(place: Place, reference: Path) -> None:
    patient, seen = new_patient(), 0
    for file in sorted((reference / "ihe" / "samples").rglob("*.xml")):
        content = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
        if b"SAML:2.0:assertion" not in content:
            continue
        try:
            root = parse(content)
        except XmlError:
            continue
        for assertion in root.iter(f"{{{SAML}}}Assertion"):
            seen += 1
            header = security_header(etree.tostring(assertion, with_tail=False))
            answer = place.with_header(header).register(submission(document(patient)))
            assert (answer.http_status, bool(answer.fault)) == (400, True), file.name
    assert seen > 20
    assert place.node.find_documents(patient).entries == ()


# --- Nodes ------------------------------------------------------------------------------------------------------------


def register(place: Place, patient: str, node: Node | None = None) -> bytes:
    body = submit_objects(submission(document(patient)))
    return (node or place.node).envelope("urn:ihe:iti:2007:RegisterDocumentSet-b", body)


@pytest.mark.proves("transaction/ITI-19")
def test_a_node_over_tls_is_known_by_its_certificate(place: Place) -> None:
    patient = new_patient()
    status, answer = place.over_tls(place.hospital, register(place, patient))
    assert (status, Answer(status, parse(answer)).success) == (200, True)
    (record,) = place.node.audit(1)
    assert b"10B0022222" in record.message


@pytest.mark.proves("transaction/ITI-19")
def test_over_tls_without_certificate_nobody_is_listened_to(place: Place) -> None:
    """Not even from this machine, nor with an assertion in hand."""
    patient = new_patient()
    for node in (place.node, place.user()):
        status, answer = place.over_tls(None, register(place, patient, node))
        fault = parse(answer)
        codes = [value.text for value in fault.iter(f"{{{SOAP_12}}}Value")]
        assert (status, codes) == (400, ["env:Sender", "wsse:FailedAuthentication"])
    assert place.node.find_documents(patient).entries == ()


@pytest.mark.proves("transaction/ITI-19")
@pytest.mark.parametrize("who", ["stranger", "revoked"])
def test_a_node_that_is_not_believed_does_not_get_through(place: Place, who: str, tmp_path: Path) -> None:
    patient = new_patient()
    if who == "stranger":
        client = Pki.create(tmp_path, key_maker=reused(ec_key)).structure("hospital", "10B0022222", "Hospital")
    else:
        client = Credential("revoked", place.pki.folder / "pki" / "revoked", b"", b"", b"", b"")
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        place.over_tls(client, register(place, patient))
    assert place.node.find_documents(patient).entries == ()


def test_a_user_over_tls(place: Place) -> None:
    patient = new_patient()
    status, answer = place.over_tls(place.hospital, register(place, patient, place.user(patient=patient)))
    assert (status, Answer(status, parse(answer)).success) == (200, True)
