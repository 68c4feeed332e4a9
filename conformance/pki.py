"""A test PKI shaped like that of the French cards and software certificates: generated, never shipped.

    PKI de test - racine
    ├── PKI de test - AC personnes physiques     cards: authentication and signature certificates
    └── PKI de test - AC structures              ORG AUTH_CLI, ORG SIGN (seal), the server

Files: `ca.pem`, `crl.pem`, `server.pem`, `server.key` and `pki/NAME/{auth,sign}.{pem,key}`; each leaf's file holds the
leaf and then its intermediate CA.
Source: GIP-CPS, Certificats X.509 des cartes CPS; ANS, IGC-Santé; RFC 5280.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
KeyMaker = Callable[[str], PrivateKey]

CARD_NUMBER = x509.ObjectIdentifier("1.2.250.1.71.1.2.3")
CARD_PROFESSION = x509.ObjectIdentifier("1.2.250.1.71.1.2.7")
CARD_SPECIALTY = x509.ObjectIdentifier("1.2.250.1.71.4.2.5")
CARD_ISSUER = "8025000001"  # ISO/IEC 7812 issuer identification of the CPS cards

# OU of a card's subject, by code of TRE_G15.
PROFESSION_LABELS = {
    "10": "Médecin",
    "21": "Pharmacien",
    "26": "Audioprothésiste",
    "28": "Opticien-Lunetier",
    "40": "Chirurgien-Dentiste",
    "50": "Sage-Femme",
    "60": "Infirmier",
    "69": "Infirmier psychiatrique",
    "70": "Masseur-Kinésithérapeute",
    "80": "Pédicure-Podologue",
    "81": "Orthoprothésiste",
    "91": "Orthophoniste",
    "92": "Orthoptiste",
    "94": "Ergothérapeute",
    "96": "Psychomotricien",
    "98": "Manipulateur ERM",
}


def rsa_key(_purpose: str) -> PrivateKey:
    """A new RSA-2048 key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def ec_key(_purpose: str) -> PrivateKey:
    """A new P-256 key: a hundred times faster to make than RSA."""
    return ec.generate_private_key(ec.SECP256R1())


def reused(make: KeyMaker) -> KeyMaker:
    """A maker that makes one key for each purpose (`auth`, `sign`, `server`, each CA) and gives it again; for tests."""
    made: dict[str, PrivateKey] = {}

    def key(purpose: str) -> PrivateKey:
        if purpose not in made:
            made[purpose] = make(purpose)
        return made[purpose]

    return key


@dataclass(frozen=True, slots=True)
class Credential:
    """What one person or structure holds: PEM chains (leaf first) and PEM private keys, and the folder they are in."""

    name: str
    folder: Path
    auth_pem: bytes = field(repr=False)
    auth_key: bytes = field(repr=False)
    sign_pem: bytes = field(repr=False)
    sign_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: PrivateKey
    revoked: dict[int, datetime] = field(default_factory=dict)


class Pki:
    """A root, two intermediate CAs and their CRLs, and whatever leaves one asks for. Made by `Pki.create`."""

    def __init__(self, folder: Path, now: datetime, key_maker: KeyMaker, crl_days: int) -> None:
        self.folder, self.now = folder, now
        self._key, self._crl_days = key_maker, crl_days
        self._leaves: dict[tuple[str, str], tuple[x509.Certificate, _Authority]] = {}
        self._root = self._authority("PKI de test - racine", None)
        self._persons = self._authority("PKI de test - AC personnes physiques", self._root)
        self._structures = self._authority("PKI de test - AC structures", self._root)

    @classmethod
    def create(
        cls, folder: Path, *, now: datetime | None = None, key_maker: KeyMaker = rsa_key, crl_days: int = 3650
    ) -> Pki:
        """A new PKI in `folder`: CA certificates, CRLs and the server's certificate (127.0.0.1, ::1, localhost).

        Certificates are valid from the day before `now` for ten years; CRLs for `crl_days` after `now`.
        """
        pki = cls(folder, now or datetime.now(UTC).replace(microsecond=0), key_maker, crl_days)
        folder.mkdir(parents=True, exist_ok=True)
        authorities = (pki._root, pki._persons, pki._structures)
        (folder / "ca.pem").write_bytes(_pem([authority.certificate for authority in authorities]))
        pki._server()
        pki._write_crls()
        return pki

    def person(
        self,
        name: str,
        id_nat: str,
        family: str,
        given: str,
        profession: str,
        specialty: str = "",
        card: str = "CPS",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Credential:
        """The two certificates of a card. A CPE carries no profession, and no SN and GN when `family` is empty."""
        identity = [x509.NameAttribute(NameOID.COMMON_NAME, id_nat)]
        if family:
            identity.append(x509.NameAttribute(NameOID.SURNAME, family))
            identity.append(x509.NameAttribute(NameOID.GIVEN_NAME, given))
        label = "Employé" if card == "CPE" else PROFESSION_LABELS.get(profession, f"Profession {profession}")
        subject = _subject([label], identity)
        private = [x509.UnrecognizedExtension(CARD_NUMBER, _utf8(f"{CARD_ISSUER}/{len(self._leaves) + 2500000000}"))]
        if card != "CPE":
            private.append(x509.UnrecognizedExtension(CARD_PROFESSION, _utf8(profession)))
            if specialty:
                private.append(x509.UnrecognizedExtension(CARD_SPECIALTY, _sequence(_utf8(specialty))))
        return self._credential(name, subject, self._persons, private, not_before, not_after)

    def structure(
        self,
        name: str,
        structure_id: str,
        label: str,
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Credential:
        """The software certificates of a structure: ORG AUTH_CLI (`auth`) and the seal ORG SIGN (`sign`)."""
        subject = _subject([structure_id], [x509.NameAttribute(NameOID.COMMON_NAME, label)])
        return self._credential(name, subject, self._structures, [], not_before, not_after)

    def revoke(self, name: str, *uses: str) -> None:
        """Revokes certificates of `name` (`auth`, `sign`; both when not said) and writes the CRLs again."""
        for use in uses or ("auth", "sign"):
            certificate, authority = self._leaves[name, use]
            authority.revoked[certificate.serial_number] = self.now
        self._write_crls()

    def _credential(
        self,
        name: str,
        subject: x509.Name,
        authority: _Authority,
        private: Sequence[x509.UnrecognizedExtension],
        not_before: datetime | None,
        not_after: datetime | None,
    ) -> Credential:
        folder = self.folder / "pki" / name
        folder.mkdir(parents=True, exist_ok=True)
        written: list[bytes] = []
        for use, purpose in (("auth", ExtendedKeyUsageOID.CLIENT_AUTH), ("sign", ExtendedKeyUsageOID.EMAIL_PROTECTION)):
            key = self._key(use)
            extensions = [_end_entity(), x509.ExtendedKeyUsage([purpose]), *private]
            certificate = self._issue(
                subject, key, authority, _key_usage(signature=use == "sign"), extensions, not_before, not_after
            )
            self._leaves[name, use] = (certificate, authority)
            pem, private_pem = _pem([certificate, authority.certificate]), _private_pem(key)
            (folder / f"{use}.pem").write_bytes(pem)
            _write_private(folder / f"{use}.key", private_pem)
            written += [pem, private_pem]
        return Credential(name, folder, *written)

    def _server(self) -> None:
        names = x509.SubjectAlternativeName(
            [
                x509.DNSName("localhost"),
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                x509.IPAddress(ipaddress.ip_address("::1")),
            ]
        )
        key = self._key("server")
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]  # ITI TF-2 3.19: a node is both
        extensions = [_end_entity(), x509.ExtendedKeyUsage(purposes), names]
        subject = _subject([], [x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        certificate = self._issue(subject, key, self._structures, _key_usage(signature=False), extensions)
        (self.folder / "server.pem").write_bytes(_pem([certificate, self._structures.certificate]))
        _write_private(self.folder / "server.key", _private_pem(key))

    def _authority(self, common_name: str, parent: _Authority | None) -> _Authority:
        key = self._key("ca" if parent is None else f"ca {common_name}")
        subject = _subject([], [x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        constraints = x509.BasicConstraints(ca=True, path_length=1 if parent is None else 0)
        certificate = self._issue(subject, key, parent, _key_usage(authority=True), [constraints])
        return _Authority(certificate, key)

    def _issue(
        self,
        subject: x509.Name,
        key: PrivateKey,
        issuer: _Authority | None,
        usage: x509.KeyUsage,
        extensions: Sequence[x509.ExtensionType],
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> x509.Certificate:
        signing_key = key if issuer is None else issuer.key
        issuer_public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey = signing_key.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before or self.now - timedelta(days=1))
            .not_valid_after(not_after or self.now + timedelta(days=3650))
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(signing_key, hashes.SHA256())

    def _write_crls(self) -> None:
        crls = b"".join(
            self._crl(authority).public_bytes(serialization.Encoding.PEM)
            for authority in (self._root, self._persons, self._structures)
        )
        (self.folder / "crl.pem").write_bytes(crls)

    def _crl(self, authority: _Authority) -> x509.CertificateRevocationList:
        public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey = authority.key.public_key()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(self.now - timedelta(hours=1))
            .next_update(self.now + timedelta(days=self._crl_days))
            .add_extension(x509.CRLNumber(len(authority.revoked) + 1), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        )
        for serial, instant in authority.revoked.items():
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(instant).build()
            builder = builder.add_revoked_certificate(revoked)
        return builder.sign(authority.key, hashes.SHA256())


def _subject(units: Sequence[str], identity: Sequence[x509.NameAttribute[str]]) -> x509.Name:
    """C=FR, O=TEST, the units, then `identity` as one multi-valued RDN, as on a CPS."""
    rdns = [
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR")]),
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "TEST")]),
    ]
    for unit in units:
        attribute = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)
        rdns.append(x509.RelativeDistinguishedName([attribute]))
    return x509.Name([*rdns, x509.RelativeDistinguishedName(identity)])


def _end_entity() -> x509.BasicConstraints:
    return x509.BasicConstraints(ca=False, path_length=None)


def _key_usage(*, signature: bool = False, authority: bool = False) -> x509.KeyUsage:
    """An authentication certificate signs challenges; a signature certificate commits (nonRepudiation); a CA signs."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=signature,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _utf8(text: str) -> bytes:
    """DER of a UTF8String of at most 127 bytes."""
    data = text.encode()
    return bytes([0x0C, len(data)]) + data


def _sequence(content: bytes) -> bytes:
    """DER of a SEQUENCE whose content is at most 127 bytes."""
    return bytes([0x30, len(content)]) + content


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def _private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, pem: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(pem)
