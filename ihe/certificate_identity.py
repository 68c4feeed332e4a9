"""Whom a certificate names: the profiles of card certificates and of structures' software certificates.

Reading only; nothing here believes a certificate (ihe.certificates does).
Source: GIP-CPS, Certificats X.509 des cartes CPS; ANS, IGC-Santé (ORG AUTH_CLI, ORG SIGN); RFC 5280.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ihe.distinguished_name import DistinguishedName, distinguished_name, read_der_strings
from schemas import oids

# PS_IdNat: a digit for the kind of identifier, then ADELI, FINESS, SIREN, SIRET or RPPS, and a part of one's own; or a
# Struct_IdNat and an internal identifier. Source: ANS, Annexe sources des données métier du CI-SIS.
PS_ID_NAT = re.compile(r"[0134568][0-9A-Z]{8,14}(?:/[0-9A-Za-z._-]{1,64})?|[0-4][0-9A-Z]{8,14}/[0-9A-Za-z._-]{1,64}")
STRUCT_ID_NAT = re.compile(r"[0-4][0-9A-Z-]{8,16}")

# What cryptography raises for a certificate that it cannot read, wholly or in a part that is read lazily.
UNREADABLE = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)


class CertificateError(Exception):
    """A certificate that is not believed. Names what was expected and what came; quotes no subject."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got

    def diagnostics(self) -> str:
        """One sentence for the log and the fault."""
        return str(self)


class Kind(Enum):
    """Whom a certificate names."""

    PERSON = "person"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class CertificateIdentity:
    """What a certificate says of its holder. `id_nat` is a person's PS_IdNat, `structure_id` a Struct_IdNat.

    `profession` (TRE_G15) and `specialties` come from a card's private extensions, empty where it has none.
    """

    kind: Kind
    id_nat: str
    structure_id: str
    family: str
    given: str
    profession: str
    specialties: tuple[str, ...]
    subject: str  # RFC 4514
    name: DistinguishedName
    fingerprint: bytes  # SHA-256 of the DER
    is_signature_certificate: bool
    is_tls_client: bool

    @property
    def specialty(self) -> str:
        """The first specialty, '' without one."""
        return self.specialties[0] if self.specialties else ""


def identity(certificate: x509.Certificate) -> CertificateIdentity:
    """Whom `certificate` names, without believing it. Raises CertificateError when it names nobody in particular."""
    try:
        return _identity(certificate)
    except UNREADABLE:
        raise CertificateError("a certificate that can be read to the end", "a malformed one") from None


def load_der_certificate(der: bytes) -> x509.Certificate:
    """The certificate in `der`. Raises CertificateError."""
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE:
        raise CertificateError("a DER X.509 certificate", "other bytes") from None


def leaf_first(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """The one certificate that issued none of the others, and the others. Raises CertificateError.

    Source: XML Signature 1.1 4.5.4 (no ordering is implied in X509Data).
    """
    try:
        issuers = {each.issuer.public_bytes() for each in certificates if each.subject != each.issuer}
        leaves = [each for each in certificates if each.subject.public_bytes() not in issuers]
    except UNREADABLE:
        raise CertificateError("certificates whose names can be read", "others") from None
    if len(leaves) != 1:
        raise CertificateError("one signing certificate", str(len(leaves)))
    return leaves[0], [each for each in certificates if each is not leaves[0]]


def attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """The subject's one attribute of that type, '' when it has none or several."""
    values = certificate.subject.get_attributes_for_oid(oid)
    value = values[0].value if len(values) == 1 else ""
    return value if isinstance(value, str) else ""


def _identity(certificate: x509.Certificate) -> CertificateIdentity:
    common_name = attribute(certificate, NameOID.COMMON_NAME)
    unit = attribute(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
    family = attribute(certificate, NameOID.SURNAME)
    profession = _private(certificate, oids.CERT_PROFESSION)
    is_card = bool(_private(certificate, oids.CERT_CARD_NUMBER) or profession or family)
    if is_card and PS_ID_NAT.fullmatch(common_name):
        kind = Kind.PERSON
    elif not is_card and STRUCT_ID_NAT.fullmatch(unit):
        kind = Kind.STRUCTURE
    else:
        raise CertificateError("a card certificate (CN=PS_IdNat) or a structure's (OU=Struct_IdNat)", "neither")
    signs, commits, purposes = _usage(certificate)
    tls = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}
    return CertificateIdentity(
        kind=kind,
        id_nat=common_name if kind is Kind.PERSON else "",
        structure_id=unit if kind is Kind.STRUCTURE else "",
        family=family,
        given=attribute(certificate, NameOID.GIVEN_NAME),
        profession=profession[0] if profession else "",
        specialties=_private(certificate, oids.CERT_SPECIALTY),
        subject=certificate.subject.rfc4514_string(),
        name=distinguished_name(certificate.subject),
        fingerprint=certificate.fingerprint(hashes.SHA256()),
        is_signature_certificate=signs and commits and not purposes & tls,
        is_tls_client=signs and ExtendedKeyUsageOID.CLIENT_AUTH in purposes,
    )


def _private(certificate: x509.Certificate, oid: str) -> tuple[str, ...]:
    """The strings of a private extension, () without it."""
    try:
        value = certificate.extensions.get_extension_for_oid(x509.ObjectIdentifier(oid)).value
    except x509.ExtensionNotFound:
        return ()
    return read_der_strings(value.public_bytes())


def _usage(certificate: x509.Certificate) -> tuple[bool, bool, set[x509.ObjectIdentifier]]:
    """digitalSignature, nonRepudiation, and the extended purposes. Absent extensions allow nothing here."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False, False, set()
    try:
        purposes = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        purposes = set()
    return usage.digital_signature, usage.content_commitment, purposes
