"""The test PKI: what it writes, and that it works as TLS and as X.509 wants."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from conformance.pki import CARD_NUMBER, CARD_PROFESSION, CARD_SPECIALTY, Pki, ec_key, reused, rsa_key


@pytest.fixture
def curves(tmp_path: Path) -> Pki:
    return Pki.create(tmp_path / "demo", key_maker=reused(ec_key))


def test_files(curves: Pki) -> None:
    curves.person("dupont", "899900063480", "DUPONT", "ANNE", "10", "SM26")
    written = {str(path.relative_to(curves.folder)) for path in curves.folder.rglob("*") if path.is_file()}
    expected = {"ca.pem", "crl.pem", "server.pem", "server.key"}
    assert written == expected | {f"pki/dupont/{use}.{suffix}" for use in ("auth", "sign") for suffix in ("pem", "key")}
    for key in curves.folder.rglob("*.key"):
        assert key.stat().st_mode & 0o077 == 0
    assert len(x509.load_pem_x509_certificates((curves.folder / "ca.pem").read_bytes())) == 3
    chain = x509.load_pem_x509_certificates((curves.folder / "pki/dupont/auth.pem").read_bytes())
    assert [certificate.subject for certificate in chain[1:]] == [chain[0].issuer]


def test_a_card(curves: Pki) -> None:
    card = curves.person("dupont", "899900063480", "DUPONT", "ANNE", "10", "SM26")
    for pem, commits, purpose in (
        (card.auth_pem, False, ExtendedKeyUsageOID.CLIENT_AUTH),
        (card.sign_pem, True, ExtendedKeyUsageOID.EMAIL_PROTECTION),
    ):
        certificate = x509.load_pem_x509_certificates(pem)[0]
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert (usage.digital_signature, usage.content_commitment) == (True, commits)
        assert list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
        (names,) = [rdn for rdn in certificate.subject.rdns if len(rdn) > 1]
        assert {each.oid: each.value for each in names} == {
            NameOID.COMMON_NAME: "899900063480",
            NameOID.SURNAME: "DUPONT",
            NameOID.GIVEN_NAME: "ANNE",
        }
        private = {
            oid: certificate.extensions.get_extension_for_oid(oid).value for oid in (CARD_NUMBER, CARD_PROFESSION)
        }
        assert private[CARD_PROFESSION].public_bytes() == b"\x0c\x0210"
        assert private[CARD_NUMBER].public_bytes().startswith(b"\x0c\x158025000001/")
        specialty = certificate.extensions.get_extension_for_oid(CARD_SPECIALTY).value
        assert specialty.public_bytes() == b"\x30\x06\x0c\x04SM26"


def test_a_cpe_and_a_structure(curves: Pki) -> None:
    secretary = curves.person("secretary", "10B0011797/00B1022322", "", "", "", card="CPE")
    certificate = x509.load_pem_x509_certificates(secretary.sign_pem)[0]
    assert "CN=10B0011797/00B1022322" in certificate.subject.rfc4514_string()
    assert not certificate.subject.get_attributes_for_oid(NameOID.SURNAME)
    hospital = curves.structure("hospital", "10B0011797", "CHU")
    subject = x509.load_pem_x509_certificates(hospital.sign_pem)[0].subject.rfc4514_string()
    assert subject == "CN=CHU,OU=10B0011797,O=TEST,C=FR"


def test_revoke(curves: Pki) -> None:
    card = curves.person("dupont", "899900063480", "DUPONT", "ANNE", "10")
    serial = x509.load_pem_x509_certificates(card.sign_pem)[0].serial_number

    def revoked() -> int:
        blocks = (curves.folder / "crl.pem").read_bytes().split(b"-----BEGIN")[1:]
        crls = [x509.load_pem_x509_crl(b"-----BEGIN" + block) for block in blocks]
        return sum(crl.get_revoked_certificate_by_serial_number(serial) is not None for crl in crls)

    assert revoked() == 0
    curves.revoke("dupont")
    assert revoked() == 1


def test_keys(tmp_path: Path) -> None:
    maker = reused(rsa_key)
    assert maker("sign") is maker("sign")
    assert maker("sign") is not maker("auth")
    assert rsa_key("any").key_size == 2048
    with pytest.raises(KeyError):
        Pki.create(tmp_path, key_maker=reused(ec_key)).revoke("nobody")


def test_mutual_tls(curves: Pki) -> None:
    """OpenSSL accepts the server and a card, and the server sees who calls."""
    card = curves.person("dupont", "899900063480", "DUPONT", "ANNE", "10")
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(curves.folder / "ca.pem"))
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_cert_chain(curves.folder / "server.pem", curves.folder / "server.key")
    client_side = ssl.create_default_context(cafile=str(curves.folder / "ca.pem"))
    client_side.load_cert_chain(card.folder / "auth.pem", card.folder / "auth.key")
    seen: list[bytes | None] = []
    left, right = socket.socketpair()

    def serve() -> None:
        with server_side.wrap_socket(left, server_side=True) as connection:
            seen.append(connection.getpeercert(binary_form=True))
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    with client_side.wrap_socket(right, server_hostname="127.0.0.1") as connection:
        connection.send(b"x")
        names = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").extensions
    thread.join(10)
    addresses = names.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address("127.0.0.1") in addresses
    (peer,) = seen
    assert peer is not None
    assert x509.load_der_x509_certificate(peer) == x509.load_pem_x509_certificates(card.auth_pem)[0]


def test_validity(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    pki = Pki.create(tmp_path, now=now, key_maker=reused(ec_key))
    past = datetime(2026, 11, 21, 12, tzinfo=UTC)
    certificate = x509.load_pem_x509_certificates(pki.structure("old", "10B0011797", "x", not_after=past).sign_pem)[0]
    assert certificate.not_valid_before_utc < certificate.not_valid_after_utc == past < now
