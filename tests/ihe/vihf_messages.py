"""Envelopes that carry a VIHF, genuine and wrapped. Attacks are named after the literature.

Source: Somorovsky et al., On Breaking SAML (XML signature wrapping); W3C XML Signature Best Practices.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from conformance.pki import Credential
from conformance.signing import DS, SAML, WSSE, build_vihf, security_header
from identities.requester import Requester
from ihe.errors import AuthenticationError
from schemas import xml
from schemas.domain import AssertionProfile, Replay

SOAP = "http://www.w3.org/2003/05/soap-envelope"
EVIL = "899900099999"


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Actors:
    """Who appears in these tests."""

    medecin: Credential
    other_medecin: Credential
    pharmacien: Credential
    secretaire: Credential  # CPE, no SN and GN
    expired: Credential
    revoked: Credential
    hospital: Credential
    other_hospital: Credential


PROFILE = AssertionProfile(
    "vihf", ("3.0", "4.0"), validity_seconds=3600, skew_seconds=300, replay=Replay.SAME_ASSERTION
)
PATIENT = "187056205098844^^^&1.2.250.1.213.1.4.10&ISO^NH"
Authenticate = Callable[..., Requester]


def envelope(*headers: bytes, body: bytes = b"<query/>") -> bytes:
    """A SOAP 1.2 envelope."""
    return (
        b"".join((b'<soap:Envelope xmlns:soap="%s"><soap:Header>' % SOAP.encode(), *headers))
        + b"</soap:Header><soap:Body>%s</soap:Body></soap:Envelope>" % body
    )


def message(assertion: bytes) -> etree._Element:
    """The parsed envelope with that assertion in its security header."""
    return xml.parse(envelope(security_header(assertion)))


def tls(credential: Credential, use: str = "auth") -> bytes:
    """The DER of the TLS client certificate."""
    pem = credential.auth_pem if use == "auth" else credential.sign_pem
    return x509.load_pem_x509_certificates(pem)[0].public_bytes(Encoding.DER)


def direct(credential: Credential, **changes: object) -> bytes:
    """A VIHF in mode DIRECTE signed with the card's signature key."""
    arguments = {"certificate": credential.sign_pem, "key": credential.sign_key, **changes}
    return build_vihf(**arguments)  # type: ignore[arg-type]


def medecin(actors: Actors, **changes: object) -> bytes:
    return direct(actors.medecin, **{"name_id": "899900063480", "issued": NOW, "patient": PATIENT, **changes})


def indirect(credential: Credential, mode: str, **changes: object) -> bytes:
    arguments = {"name_id": "899900063480", "issued": NOW, "mode": mode, "subject_name": "TRAL ADEMIS Urgences"}
    return direct(credential, **{**arguments, "patient": PATIENT, **changes})


def refused(reason: str, subcode: str = "") -> pytest.RaisesExc[AuthenticationError]:
    return pytest.raises(AuthenticationError, match=reason, check=lambda error: not subcode or error.subcode == subcode)


def evil_of(genuine: etree._Element, identifier: str = "_evil") -> etree._Element:
    """A copy without its signature that says it is somebody else."""
    evil = _unsigned(genuine)
    evil.set("ID", identifier)
    (name_id,) = evil.iter(f"{{{SAML}}}NameID")
    name_id.text = EVIL
    return evil


def _unsigned(assertion: etree._Element) -> etree._Element:
    bare = copy.deepcopy(assertion)
    for signature in bare.findall(f"{{{DS}}}Signature"):
        bare.remove(signature)
    return bare


def _signature(assertion: etree._Element) -> etree._Element:
    return copy.deepcopy(assertion.find(f"{{{DS}}}Signature"))


def _object(signature: etree._Element, content: etree._Element) -> etree._Element:
    etree.SubElement(signature, f"{{{DS}}}Object").append(content)
    return signature


def xsw1(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Evil carries the signature, whose Object holds the genuine one."""
    evil.insert(1, _object(_signature(genuine), _unsigned(genuine)))
    return [evil], []


def xsw2(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """The genuine one stands before evil, which carries the signature."""
    evil.insert(1, _signature(genuine))
    return [_unsigned(genuine), evil], []


def xsw3(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Evil, without a signature, before the genuine one."""
    return [evil, genuine], []


def xsw4(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """The genuine one is a child of evil."""
    evil.append(genuine)
    return [evil], []


def xsw5(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Evil carries the signature; the genuine one was moved to the body."""
    evil.insert(1, _signature(genuine))
    return [evil], [_unsigned(genuine)]


def xsw6(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """The genuine one is a child of the signature that evil carries."""
    signature = _signature(genuine)
    signature.append(_unsigned(genuine))
    evil.insert(1, signature)
    return [evil], []


def xsw7(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Evil hides in an extension element before the genuine one."""
    extensions = etree.Element("Extensions")
    extensions.append(evil)
    return [extensions, genuine], []


def xsw8(genuine: etree._Element, evil: etree._Element) -> tuple[list[etree._Element], list[etree._Element]]:
    """Evil hides in an Object of the genuine signature."""
    altered = copy.deepcopy(genuine)
    _object(altered[1], evil)
    return [altered], []


Wrapping = Callable[[etree._Element, etree._Element], tuple[list[etree._Element], list[etree._Element]]]
WRAPPINGS: tuple[Wrapping, ...] = (xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8)


def wrapped(assertion: bytes, wrapping: Wrapping, evil_id: str = "") -> etree._Element:
    """The envelope of an attack; evil has the genuine ID when `evil_id` is ''."""
    genuine = xml.parse(assertion)
    security, body = wrapping(genuine, evil_of(genuine, evil_id or genuine.get("ID", "")))
    header = b'<wsse:Security xmlns:wsse="%s">%s</wsse:Security>' % (WSSE.encode(), _bytes(security))
    return xml.parse(envelope(header, body=_bytes(body)))


def _bytes(elements: Iterable[etree._Element]) -> bytes:
    return b"".join(etree.tostring(element) for element in elements)
