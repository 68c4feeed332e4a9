"""VIHF: who sends a request, by the SAML 2.0 assertion in its WS-Security header and the TLS client certificate.

    verified (ihe.signed_assertion) -> fresh -> the signer may sign, and is the Issuer -> bound: assertion, signer and
    TLS client speak of the same person or structure -> not a replay -> Requester

Source: CI-SIS, volet Transport synchrone; GIE SESAM-Vitale, DMP-Compatibilité; OASIS WSS SAML Token Profile 1.1.
"""

from __future__ import annotations

from datetime import datetime

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from identities.requester import Authentication, Requester
from ihe.assertion import SMARTCARD_PKI, Assertion, read_assertion
from ihe.certificate_identity import PS_ID_NAT, STRUCT_ID_NAT
from ihe.certificates import (
    CertificateError,
    CertificateIdentity,
    Kind,
    Trusted,
    TrustStore,
    load_der_certificate,
)
from ihe.errors import AuthenticationError
from ihe.freshness import check_freshness, expires
from ihe.replay import ReplayGuard
from ihe.saml import INVALID
from ihe.signature import ALGORITHMS, DIGESTS, EnvelopedSignature, SignatureError, verify_enveloped
from ihe.signed_assertion import CACHE_CAPACITY, FAILED_AUTHENTICATION, AssertionVerifier, Profile, Verified, Verifier
from schemas import oids
from schemas.domain import AssertionProfile, Replay

INVALID_CERTIFICATE = "DMPInvalidCertificate"  # GIE SESAM-Vitale DMP message examples v02.05


class VihfAuthenticator:
    """Authenticates requests by their VIHF. Safe to share between threads.

    `verify` is the verifier of signatures: `verify_enveloped`, or the slower `verify_with_signxml`.
    """

    def __init__(
        self,
        trust: TrustStore,
        profile: AssertionProfile,
        replay: ReplayGuard,
        *,
        verify: Verifier = verify_enveloped,
        cache_capacity: int = CACHE_CAPACITY,
    ) -> None:
        self._trust, self._profile = trust, profile
        shape = Profile(
            name="VIHF",
            believe=lambda signed, now: trust.trusted(signed.certificate, signed.intermediates, instant=now),
            read=lambda canonical: read_assertion(canonical, profile),
            untrusted=INVALID_CERTIFICATE,
        )
        self._verifier = AssertionVerifier(shape, trust, replay, verify=verify, cache_capacity=cache_capacity)

    def authenticate(self, envelope: etree._Element, client_certificate_der: bytes | None, now: datetime) -> Requester:
        """Who sends the message whose root is `envelope`, over TLS with that client certificate.

        Raises AuthenticationError; its reason quotes no name and no patient.
        """
        if client_certificate_der is None:
            raise AuthenticationError("TLS: expected a client certificate, got none", FAILED_AUTHENTICATION)
        verified = self._verifier.verified(envelope, now)
        assertion, signer = verified.assertion, verified.signer.identity
        check_freshness(assertion, self._profile, client_certificate_der, now)
        client = self._client(client_certificate_der, now)
        _check_signer(assertion, signer)
        _check_binding(assertion, signer, client)
        self._check_replay(verified, client, now)
        return _requester(assertion, signer)

    def _client(self, der: bytes, now: datetime) -> CertificateIdentity:
        try:
            client = self._trust.trusted(load_der_certificate(der), instant=now).identity
        except CertificateError as error:
            raise AuthenticationError(f"TLS client certificate: {error}", INVALID_CERTIFICATE) from None
        if not client.is_tls_client:
            raise AuthenticationError("Not a valid authentication certificate", INVALID_CERTIFICATE)
        return client

    def _check_replay(self, verified: Verified[Assertion, Trusted], client: CertificateIdentity, now: datetime) -> None:
        self._verifier.check_use(
            verified,
            issuer=verified.signer.identity.subject,
            client=client.fingerprint.hex(),
            expires=expires(verified.assertion, self._profile),
            once=self._profile.replay is Replay.ONCE,
            now=now,
        )


def verify_with_signxml(signed: EnvelopedSignature) -> bytes:
    """The same bytes, or the same refusal, as `verify_enveloped`, by signxml: the reference. Raises SignatureError."""
    expected = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=frozenset(map(SignatureMethod, ALGORITHMS)),
        digest_algorithms=frozenset(map(DigestAlgorithm, DIGESTS)),
        verification_time=signed.certificate.not_valid_before_utc,  # validity is the trust store's affair
    )
    try:
        result = XMLVerifier().verify(
            signed.root, x509_cert=signed.certificate, id_attribute="ID", expect_config=expected
        )
    except (SignXMLException, etree.LxmlError, ValueError) as error:
        raise SignatureError("a signature that signxml verifies", type(error).__name__) from None
    if not isinstance(result, VerifyResult):
        raise SignatureError("one Reference", "several")
    return result.signed_data


def _check_signer(assertion: Assertion, signer: CertificateIdentity) -> None:
    """The signer is allowed to sign, and is the Issuer. Source: GIE SESAM-Vitale, DMPInvalidCertificate."""
    if not signer.is_signature_certificate:
        raise AuthenticationError("Not a valid signature certificate", INVALID_CERTIFICATE)
    if assertion.issuer != signer.name:
        expected = "the subject of the signing certificate"
        raise AuthenticationError(f"VIHF Issuer: expected {expected}, got another name", FAILED_AUTHENTICATION)


def _check_binding(assertion: Assertion, signer: CertificateIdentity, client: CertificateIdentity) -> None:
    """Assertion, signer and TLS client speak of one person (DIRECTE) or one structure (INDIRECTE*).

    Source: CI-SIS, volet Transport synchrone: authentification directe, indirecte, indirecte renforcée.
    """
    if not PS_ID_NAT.fullmatch(assertion.name_id) or not STRUCT_ID_NAT.fullmatch(assertion.structure_id):
        raise AuthenticationError("VIHF: expected a PS_IdNat as NameID and a Struct_IdNat, got others", INVALID)
    direct = assertion.authentication is Authentication.DIRECTE
    kind = Kind.PERSON if direct else Kind.STRUCTURE
    for certificate, use in ((signer, "signing"), (client, "TLS client")):
        if certificate.kind is not kind:
            reason = f"{assertion.authentication.value}: expected a {kind.value}'s {use} certificate, got another"
            raise AuthenticationError(reason, INVALID_CERTIFICATE)
    if direct:
        _check_person(assertion, signer)
        same = assertion.name_id == signer.id_nat == client.id_nat
        what = "NameID, PS_IdNat of the signing and of the TLS client certificate"
    else:
        same = assertion.structure_id == signer.structure_id == client.structure_id
        what = "Identifiant_Structure, OU of the seal and of the TLS client certificate"
        owner, slash, _ = assertion.name_id.partition("/")
        if slash and owner[1:] != assertion.structure_id[1:]:  # the first digit tells persons from structures
            reason = "VIHF NameID: expected an internal identifier of this structure, got another's"
            raise AuthenticationError(reason, FAILED_AUTHENTICATION)
    if not same:
        raise AuthenticationError(f"VIHF {what}: expected one, got different ones", FAILED_AUTHENTICATION)


def _check_person(assertion: Assertion, signer: CertificateIdentity) -> None:
    """What a card holder claims is what the card says: no card, no profession of TRE_G15."""
    if assertion.authn_context != SMARTCARD_PKI:
        raise AuthenticationError(f"VIHF AuthnContext: expected {SMARTCARD_PKI}, got another", INVALID)
    claims_profession = assertion.profession_system == oids.PROFESSION
    if (signer.profession or claims_profession) and (
        assertion.profession != signer.profession or not claims_profession
    ):
        raise AuthenticationError("VIHF role: expected the profession on the card, got another", FAILED_AUTHENTICATION)
    if signer.specialties and assertion.specialty not in signer.specialties:
        raise AuthenticationError("VIHF role: expected a specialty on the card, got another", FAILED_AUTHENTICATION)


def _requester(assertion: Assertion, signer: CertificateIdentity) -> Requester:
    name = assertion.subject_name
    if assertion.authentication is Authentication.DIRECTE:
        name = f"{signer.family} {signer.given}".strip() or name
    return Requester(
        id_nat=assertion.name_id,
        name=name,
        profession=assertion.profession,
        profession_system=assertion.profession_system,
        specialty=assertion.specialty,
        structure_id=assertion.structure_id,
        sector=assertion.sector,
        authentication=assertion.authentication,
        mode_acces=assertion.mode_acces,
        motif=assertion.motif,
        patient=assertion.patient,
        secret_connection=assertion.secret_connection,
        assertion_id=assertion.id,
        lps=assertion.lps,
        certificate_subject=signer.subject,
    )
