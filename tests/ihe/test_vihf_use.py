"""VIHF: when an assertion holds, for whom, and how often."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree
from vihf_messages import NOW, PROFILE, Actors, Authenticate, direct, indirect, medecin, message, refused, tls

from conformance.pki import Pki
from conformance.signing import SAML, instant
from ihe.certificates import TrustStore
from ihe.replay import AssertionUse, MemoryReplayGuard, ReplayError
from ihe.signature import verify_enveloped
from ihe.vihf import Verifier, VihfAuthenticator, verify_with_signxml
from schemas import xml
from schemas.domain import Replay

VERIFIERS = pytest.mark.parametrize("verify", [verify_enveloped, verify_with_signxml])


# --- when it holds


@pytest.mark.parametrize(("seconds", "accepted"), [(-300, True), (-301, False), (0, True), (3900, True), (3901, False)])
def test_freshness_at_its_edges(authenticate: Authenticate, actors: Actors, seconds: int, accepted: bool) -> None:
    assertion = medecin(actors)
    if accepted:
        assert authenticate(assertion, actors.medecin, timedelta(seconds=seconds)).id_nat == "899900063480"
    else:
        with refused("VIHF: expected an assertion made", "wsse:MessageExpired"):
            authenticate(assertion, actors.medecin, timedelta(seconds=seconds))


def conditions(not_before: int = -60, not_on_or_after: int = 60, *children: etree._Element) -> Callable[..., None]:
    """Conditions around NOW, in seconds."""

    def add(assertion: etree._Element) -> None:
        element = etree.Element(f"{{{SAML}}}Conditions")
        element.set("NotBefore", instant(NOW + timedelta(seconds=not_before)))
        element.set("NotOnOrAfter", instant(NOW + timedelta(seconds=not_on_or_after)))
        element.extend(children)
        assertion.insert(3, element)

    return add


def audience(*names: str) -> etree._Element:
    restriction = etree.Element(f"{{{SAML}}}AudienceRestriction")
    for name in names:
        etree.SubElement(restriction, f"{{{SAML}}}Audience").text = name
    return restriction


def test_conditions_are_enforced(authenticate: Authenticate, actors: Actors) -> None:
    held = (conditions(), conditions(-60, 60, audience("urn:other", "urn:dmp")))
    for before_signing in held:
        assert authenticate(medecin(actors, before_signing=before_signing), actors.medecin).id_nat == "899900063480"
    for before_signing in (conditions(301, 600), conditions(-600, -300)):
        with refused("Conditions that hold now", "wsse:MessageExpired"):
            authenticate(medecin(actors, before_signing=before_signing), actors.medecin)
    with refused("AudienceRestriction: expected urn:dmp"):
        authenticate(medecin(actors, before_signing=conditions(-60, 60, audience("urn:other"))), actors.medecin)
    with refused("Conditions: expected conditions of SAML"):
        unknown = etree.Element("{urn:x}Condition")
        authenticate(medecin(actors, before_signing=conditions(-60, 60, unknown)), actors.medecin)


def confirmation(method: str, *, not_on_or_after: int | None = 60, holder: bytes = b"") -> Callable[..., None]:
    def add(assertion: etree._Element) -> None:
        (subject,) = assertion.iter(f"{{{SAML}}}Subject")
        element = etree.SubElement(subject, f"{{{SAML}}}SubjectConfirmation", Method=method)
        data = etree.SubElement(element, f"{{{SAML}}}SubjectConfirmationData")
        if not_on_or_after is not None:
            data.set("NotOnOrAfter", instant(NOW + timedelta(seconds=not_on_or_after)))
        if holder:
            data.append(
                xml.parse(
                    b'<KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
                    + holder
                    + b"</X509Certificate></X509Data></KeyInfo>"
                )
            )

    return add


def test_subject_confirmation_is_enforced(authenticate: Authenticate, actors: Actors) -> None:
    def pem_body(pem: bytes) -> bytes:
        return pem.partition(b"-----END")[0].partition(b"-----\n")[2]

    methods = "urn:oasis:names:tc:SAML:2.0:cm:"
    holders = (pem_body(each.auth_pem) for each in (actors.medecin, actors.other_medecin))
    mine, others = (confirmation(methods + "holder-of-key", holder=holder) for holder in holders)
    for good in (mine, confirmation(methods + "bearer"), confirmation(methods + "sender-vouches")):
        assert authenticate(medecin(actors, before_signing=good), actors.medecin).id_nat == "899900063480"
    for bad in (
        others,
        confirmation(methods + "bearer", not_on_or_after=None),
        confirmation(methods + "bearer", not_on_or_after=-300),
        confirmation(methods + "unknown"),
    ):
        with refused("SubjectConfirmation: expected one that holds"):
            authenticate(medecin(actors, before_signing=bad), actors.medecin)


# --- used again


def test_the_same_assertion_serves_its_client_again(authenticate: Authenticate, actors: Actors) -> None:
    assertion = medecin(actors)
    first = authenticate(assertion, actors.medecin)
    assert authenticate(assertion, actors.medecin) == first


def test_same_id_with_other_content(authenticate: Authenticate, actors: Actors) -> None:
    authenticate(medecin(actors, assertion_id="_same"), actors.medecin)
    with refused("another assertion with the same ID", "wsse:FailedAuthentication"):
        authenticate(medecin(actors, assertion_id="_same", patient=""), actors.medecin)
    hospital = indirect(actors.hospital, "INDIRECTE", assertion_id="_same")  # an ID is its issuer's
    assert authenticate(hospital, actors.hospital).structure_id == "10B0011797"


def test_same_assertion_over_another_certificate(trust: TrustStore, actors: Actors, pki: Pki) -> None:
    renewed = pki.person("medecin-renewed", "899900063480", "TRAL", "ADEMIS", "10", "SM26")
    guard, assertion = MemoryReplayGuard(), medecin(actors)
    workers = [VihfAuthenticator(trust, PROFILE, guard) for _ in range(2)]
    workers[0].authenticate(message(assertion), tls(actors.medecin), NOW)
    for worker in workers:
        with refused("already used by another TLS client"):
            worker.authenticate(message(assertion), tls(renewed), NOW)
        assert worker.authenticate(message(assertion), tls(actors.medecin), NOW).id_nat == "899900063480"


@VERIFIERS
def test_once(trust: TrustStore, actors: Actors, verify: Verifier) -> None:
    one_time = conditions(-60, 60, etree.Element(f"{{{SAML}}}OneTimeUse"))
    cases = ((replace(PROFILE, replay=Replay.ONCE), None), (PROFILE, one_time))
    for profile, before_signing in cases:
        guard, assertion = MemoryReplayGuard(), medecin(actors, before_signing=before_signing)
        workers = [VihfAuthenticator(trust, profile, guard, verify=verify) for _ in range(2)]
        workers[0].authenticate(message(assertion), tls(actors.medecin), NOW)
        for worker in workers:
            with refused("already used"):
                worker.authenticate(message(assertion), tls(actors.medecin), NOW)


def test_the_guard_forgets_only_what_expired() -> None:
    guard = MemoryReplayGuard(capacity=2)
    uses = [AssertionUse(str(each), "d", "c", NOW + timedelta(seconds=each)) for each in range(3)]
    assert [guard.remember(use, NOW) for use in uses[:2]] == [None, None]
    with pytest.raises(ReplayError):
        guard.remember(uses[2], NOW)
    assert guard.remember(uses[1], NOW + timedelta(seconds=1)) == uses[1]
    assert guard.remember(uses[2], NOW + timedelta(seconds=1)) is None


def test_a_remembered_assertion_falls_with_its_certificate(actors: Actors, pki: Pki) -> None:
    lost = pki.person("lost", "899900044444", "PERDUE", "CARTE", "10", "SM26")
    trust = TrustStore.load(pki.folder / "ca.pem", pki.folder / "crl.pem")
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard())
    received = message(direct(lost, name_id="899900044444", issued=NOW))
    authenticator.authenticate(received, tls(lost), NOW)
    pki.revoke("lost", "sign")
    with refused("got a revoked one", "DMPInvalidCertificate"):
        authenticator.authenticate(received, tls(lost), NOW)


def test_the_cache_is_bounded(trust: TrustStore, actors: Actors) -> None:
    authenticator = VihfAuthenticator(trust, PROFILE, MemoryReplayGuard(), cache_capacity=2)
    received = [message(medecin(actors)) for _ in range(3)]
    for each in received + received:
        assert authenticator.authenticate(each, tls(actors.medecin), NOW).id_nat == "899900063480"
