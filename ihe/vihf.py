"""VIHF: who sends a request, by the SAML 2.0 assertion in its WS-Security header and the TLS client certificate.

    locate: exactly one Assertion in the whole envelope, at Header/Security  -> verify: pinned signature profile,
    canonical bytes -> read: claims from those bytes only -> trust: chain, CRL, signature certificate -> fresh ->
    bound: assertion, signer and TLS client speak of the same person or structure -> not a replay -> Requester

Source: CI-SIS, volet Transport synchrone; GIE SESAM-Vitale, DMP-Compatibilité; OASIS WSS SAML Token Profile 1.1.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from identities.requester import Authentication, Requester
from ihe.assertion import INVALID, SAML, SMARTCARD_PKI, Assertion, read_assertion
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
from ihe.identifiers import SOAP_12, WSSE
from ihe.replay import AssertionUse, ReplayError, ReplayGuard, assertion_key, check_use
from ihe.signature import (
    ALGORITHMS,
    DIGESTS,
    NCNAME,
    EnvelopedSignature,
    SignatureError,
    UnsupportedAlgorithmError,
    parse_standalone,
    read_enveloped,
    verify_enveloped,
)
from schemas import oids, xml
from schemas.domain import AssertionProfile, Replay

MAX_BYTES = 64 * 1024
MAX_ELEMENTS = 200
CACHE_CAPACITY = 4096

# Fault subcodes. Source: WSS SOAP Message Security 1.1 §12; GIE SESAM-Vitale DMP message examples v02.05.
INVALID_SECURITY, FAILED_CHECK = "wsse:InvalidSecurity", "wsse:FailedCheck"
UNSUPPORTED_ALGORITHM, FAILED_AUTHENTICATION = "wsse:UnsupportedAlgorithm", "wsse:FailedAuthentication"
INVALID_CERTIFICATE = "DMPInvalidCertificate"

Verifier = Callable[[EnvelopedSignature], bytes]
"""Gives the canonical bytes that a signature covers, or raises SignatureError."""

_NAMESPACES = {"soap": SOAP_12, "wsse": WSSE, "saml": SAML}
_SECURITY = etree.XPath("/soap:Envelope/soap:Header/wsse:Security", namespaces=_NAMESPACES)
_ASSERTIONS = etree.XPath("//saml:Assertion | //saml:EncryptedAssertion", namespaces=_NAMESPACES)
_ATTRIBUTES_EQUAL = etree.XPath("//@*[. = $value]")
_SIZE = etree.XPath("count(descendant-or-self::*)")


@dataclass(slots=True)
class _Verified:
    """An assertion whose signature and signer were found good under `epoch` of the trust store."""

    epoch: int
    assertion: Assertion
    signer: Trusted
    digest: str
    admitted: set[str] = field(default_factory=set)  # fingerprints of TLS clients that the replay guard let pass


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
        self._trust, self._profile, self._replay, self._verify = trust, profile, replay, verify
        self._cache: OrderedDict[bytes, _Verified] = OrderedDict()
        self._cache_capacity = cache_capacity
        self._lock = threading.Lock()

    def authenticate(self, envelope: etree._Element, client_certificate_der: bytes | None, now: datetime) -> Requester:
        """Who sends the message whose root is `envelope`, over TLS with that client certificate.

        Raises AuthenticationError; its reason quotes no name and no patient.
        """
        if client_certificate_der is None:
            raise AuthenticationError("TLS: expected a client certificate, got none", FAILED_AUTHENTICATION)
        verified = self._verified(_locate(envelope), now)
        assertion, signer = verified.assertion, verified.signer.identity
        check_freshness(assertion, self._profile, client_certificate_der, now)
        client = self._client(client_certificate_der, now)
        _check_signer(assertion, signer)
        _check_binding(assertion, signer, client)
        self._check_replay(verified, client, now)
        return _requester(assertion, signer)

    def _verified(self, element: etree._Element, now: datetime) -> _Verified:
        """The verified assertion in `element`, remembered by the SHA-256 of its bytes while the trust store stands."""
        raw = etree.tostring(element, with_tail=False)
        if len(raw) > MAX_BYTES:
            raise AuthenticationError(f"VIHF: expected at most {MAX_BYTES} bytes, got {len(raw)}", INVALID_SECURITY)
        key, epoch = hashlib.sha256(raw).digest(), self._trust.epoch
        with self._lock:
            known = self._cache.get(key)
            if known is not None:
                self._cache.move_to_end(key)
        try:
            if known is not None and known.epoch == epoch:
                known.signer.check(now)
                return known
            verified = self._examine(raw, epoch, now)
        except UnsupportedAlgorithmError as error:
            raise AuthenticationError(f"VIHF signature: {error}", UNSUPPORTED_ALGORITHM) from None
        except SignatureError as error:
            raise AuthenticationError(f"VIHF signature: {error}", FAILED_CHECK) from None
        except CertificateError as error:
            raise AuthenticationError(f"VIHF signing certificate: {error}", INVALID_CERTIFICATE) from None
        with self._lock:
            self._cache[key] = verified
            if len(self._cache) > self._cache_capacity:
                self._cache.popitem(last=False)
        return verified

    def _examine(self, raw: bytes, epoch: int, now: datetime) -> _Verified:
        root = parse_standalone(raw)
        signed = read_enveloped(root, root.get("ID", ""))
        canonical = self._verify(signed)
        signer = self._trust.trusted(signed.certificate, signed.intermediates, instant=now)
        assertion = read_assertion(canonical, self._profile)
        return _Verified(epoch, assertion, signer, hashlib.sha256(canonical).hexdigest())

    def _client(self, der: bytes, now: datetime) -> CertificateIdentity:
        try:
            client = self._trust.trusted(load_der_certificate(der), instant=now).identity
        except CertificateError as error:
            raise AuthenticationError(f"TLS client certificate: {error}", INVALID_CERTIFICATE) from None
        if not client.is_tls_client:
            raise AuthenticationError("Not a valid authentication certificate", INVALID_CERTIFICATE)
        return client

    def _check_replay(self, verified: _Verified, client: CertificateIdentity, now: datetime) -> None:
        once = self._profile.replay is Replay.ONCE or verified.assertion.one_time_use
        fingerprint = client.fingerprint.hex()
        if fingerprint in verified.admitted and not once:
            return
        use = AssertionUse(
            key=assertion_key(verified.signer.identity.subject, verified.assertion.id),
            digest=verified.digest,
            client=fingerprint,
            expires=expires(verified.assertion, self._profile),
        )
        try:
            check_use(use, self._replay.remember(use, now), once=once)
        except ReplayError as error:
            raise AuthenticationError(f"VIHF: {error}", FAILED_AUTHENTICATION) from None
        verified.admitted.add(fingerprint)


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


def _locate(envelope: etree._Element) -> etree._Element:
    """The one assertion of the message. Raises AuthenticationError for any other number, place or identifier.

    Looking at the whole envelope, body included, is what defeats signature wrapping.
    """
    assertions, headers = _ASSERTIONS(envelope), _SECURITY(envelope)
    if len(assertions) != 1 or len(headers) != 1:
        got = f"{len(assertions)} and {len(headers)}"
        expected = "one Assertion in the envelope and one wsse:Security in its Header"
        raise AuthenticationError(f"VIHF: expected {expected}, got {got}", INVALID_SECURITY)
    assertion: etree._Element = assertions[0]
    if assertion.getparent() is not headers[0] or assertion.tag != f"{{{SAML}}}Assertion":
        raise AuthenticationError("VIHF: expected the Assertion in wsse:Security, got it elsewhere", INVALID_SECURITY)
    if _SIZE(assertion) > MAX_ELEMENTS:
        raise AuthenticationError(f"VIHF: expected at most {MAX_ELEMENTS} elements, got more", INVALID_SECURITY)
    identifier = assertion.get("ID", "")
    same = [each for each in _ATTRIBUTES_EQUAL(envelope, value=identifier) if _is_id(each.attrname)]
    if len(identifier) > 256 or not NCNAME.fullmatch(identifier) or len(same) != 1:
        raise AuthenticationError("VIHF: expected an NCName as ID, unique in the envelope, got another", INVALID)
    return assertion


def _is_id(attribute: str) -> bool:
    return xml.local_name(attribute).lower() in ("id", "assertionid")


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
