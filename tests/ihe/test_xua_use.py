"""Who may present an X-User Assertion, and who may sign one.

Source: ITI TF-2 3.40.4.1.2 and 3.40.4.1.3; SAML 2.0 core 2.4, profiles 3; W3C XML Signature Best Practices.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from lxml import etree
from vihf_messages import NOW, SAML, WRAPPINGS, Actors, Wrapping, refused, tls, wrapped
from xua_messages import NODE, OTHER_NODE, PROFILE, Ask, drop, signed

from conformance.pki import Pki
from conformance.signing import build_xua
from ihe.certificates import TrustStore
from ihe.replay import MemoryReplayGuard
from ihe.saml import HOLDER_OF_KEY, SENDER_VOUCHES
from ihe.xua import XuaAuthenticator
from schemas.domain import Replay

INVALID = "wsse:InvalidSecurityToken"


# --- Who may present it -----------------------------------------------------------------------------------------------


def test_holder_of_key_is_for_its_holder(ask: Ask, actors: Actors) -> None:
    holder, other = tls(actors.hospital), tls(actors.other_hospital)
    claims = {"confirmation": HOLDER_OF_KEY, "holder": holder}
    assert ask(**claims, certificate=holder).id_nat == "John.Doe"
    for certificate in (other, None):
        with refused("SubjectConfirmation", INVALID):
            ask(**claims, certificate=certificate)


@pytest.mark.parametrize(
    "changes",
    [{"confirmation": SENDER_VOUCHES}, {"confirmation": "urn:x"}, {"before_signing": drop("//s:SubjectConfirmation")}],
    ids=["sender-vouches", "unknown", "none"],
)
def test_other_confirmations_are_refused(ask: Ask, changes: dict[str, Any]) -> None:
    with refused("SubjectConfirmation", INVALID):
        ask(**changes)


def test_a_confirmation_has_its_own_window(ask: Ask) -> None:
    def confine(assertion: etree._Element) -> None:
        (confirmation,) = assertion.iter(f"{{{SAML}}}SubjectConfirmation")
        data = etree.SubElement(confirmation, f"{{{SAML}}}SubjectConfirmationData")
        data.set("NotOnOrAfter", "2026-11-22T11:00:00Z")

    with refused("SubjectConfirmation", INVALID):
        ask(before_signing=confine)


def test_one_confirmation_that_holds_is_enough(ask: Ask) -> None:
    """SAML 2.0 core 2.4.1: any one of them."""

    def vouch(assertion: etree._Element) -> None:
        (confirmation,) = assertion.iter(f"{{{SAML}}}SubjectConfirmation")
        other = copy.deepcopy(confirmation)
        other.set("Method", SENDER_VOUCHES)
        confirmation.addprevious(other)

    assert ask(before_signing=vouch).id_nat == "John.Doe"


def test_the_same_assertion_serves_the_same_node(ask: Ask, actors: Actors) -> None:
    assertion = signed(actors.hospital)
    assert ask(assertion) == ask(assertion)
    with refused("another TLS client", "wsse:FailedAuthentication"):
        ask(assertion, node=OTHER_NODE)


def test_once_means_once(ask: Ask, actors: Actors) -> None:
    assertion, once = signed(actors.hospital), replace(PROFILE, replay=Replay.ONCE)
    ask(assertion, profile=once)
    with refused("already used", "wsse:FailedAuthentication"):
        ask(assertion, profile=once)


# --- Who may sign it --------------------------------------------------------------------------------------------------


def test_a_signer_of_another_pki(ask: Ask, stranger: Pki) -> None:
    with refused("issued under a configured CA", "wsse:FailedAuthentication"):
        ask(signed(stranger.structure("sts", "10B0011797", "STS")))


@pytest.mark.parametrize("who", ["expired", "revoked"])
def test_a_signer_who_is_not_believed_any_more(ask: Ask, actors: Actors, who: str) -> None:
    with refused("XUA signing certificate", "wsse:FailedAuthentication"):
        ask(signed(getattr(actors, who)))


def test_a_ca_certificate_signs_no_assertion(ask: Ask, pki: Pki) -> None:
    with refused("signing certificate", "wsse:FailedAuthentication"):
        authority = pki._structures
        certificate = authority.certificate.public_bytes(serialization.Encoding.PEM)
        key = authority.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        ask(build_xua(certificate=certificate, key=key, issued=NOW))


def test_a_domain_may_list_its_signers(ask: Ask, actors: Actors) -> None:
    leaf = x509.load_pem_x509_certificates(actors.hospital.sign_pem)[0]
    listed = replace(PROFILE, signers=frozenset({leaf.fingerprint(hashes.SHA256()).hex()}))
    assert ask(profile=listed).id_nat == "John.Doe"
    with refused("the domain lists", "wsse:FailedAuthentication"):
        ask(signed(actors.other_hospital), profile=listed)


@pytest.mark.parametrize("wrapping", WRAPPINGS, ids=lambda wrapping: wrapping.__name__)
def test_wrapped_signatures(ask: Ask, trust: TrustStore, actors: Actors, wrapping: Wrapping) -> None:
    for evil_id in ("", "_evil"):
        envelope = wrapped(signed(actors.hospital), wrapping, evil_id)
        with refused("XUA"):
            XuaAuthenticator(trust, PROFILE, MemoryReplayGuard()).authenticate(envelope, NODE, None, NOW)


@pytest.mark.parametrize(
    ("old", "new"), [(b"John.Doe", b"Jane.Doe"), (b"46255001", b"46255002"), (b"_one", b"_two"), (b"12:05", b"13:05")]
)
def test_whatever_is_altered_is_noticed(ask: Ask, actors: Actors, old: bytes, new: bytes) -> None:
    assertion = signed(actors.hospital, assertion_id="_one")
    assert old in assertion
    with refused("XUA signature", "wsse:FailedCheck"):
        ask(assertion.replace(old, new))


def test_sha1_is_no_signature(ask: Ask, actors: Actors) -> None:
    altered = signed(actors.hospital).replace(b"xmldsig-more#rsa-sha256", b"xmldsig#rsa-sha1")
    altered = altered.replace(
        b"http://www.w3.org/2001/04/xmldsig#rsa-sha1", b"http://www.w3.org/2000/09/xmldsig#rsa-sha1"
    )
    with refused("RSA, RSA-PSS or ECDSA", "wsse:UnsupportedAlgorithm"):
        ask(altered)
