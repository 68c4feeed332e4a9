"""A document signed and found again; and what pretends to be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cda.document import Wrapper, read_document
from cda.errors import CdaError
from cda.header import read_header
from cda.signature import sign, verify
from schemas import xml
from tests.cda.cda_vectors import FOLDER
from tests.cda.rendered import shown

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LETTER = (FOLDER / "discharge_letter.xml").read_bytes()


def holder(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[bytes, bytes]:
    """A key and its certificate, PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "essai")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(AT - timedelta(days=3650))
        .not_valid_after(AT + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return written, certificate.public_bytes(Encoding.PEM)


KEY, CERTIFICATE = holder(rsa.generate_private_key(65537, 2048))
SIGNED = sign(LETTER, KEY, CERTIFICATE, AT)


def test_a_document_signed_is_found_again() -> None:
    found = verify(SIGNED)
    assert xml.parse(found.document).tag == xml.parse(LETTER).tag
    assert read_header(read_document([found.document])).id == read_header(read_document([LETTER])).id
    assert x509.load_der_x509_certificate(found.certificate) == x509.load_pem_x509_certificate(CERTIFICATE)
    assert found.at == "2026-03-02T09:30:00Z"


def test_it_is_read_and_shown_as_any_other() -> None:
    assert read_header(read_document([SIGNED])).wrapper is Wrapper.SIGNATURE
    assert "ESSAI" in shown(SIGNED).text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"CLAIRE", b"CLARA"),
        (b"2026-03-02T09:30:00Z", b"2020-03-02T09:30:00Z"),
        (
            b"</ds:Object></ds:Signature>",
            b"</ds:Object><ds:Object>" + LETTER.partition(b"?>")[2] + b"</ds:Object></ds:Signature>",
        ),
    ],
    ids=["content", "time", "another document"],
)
def test_what_was_changed_is_refused(old: bytes, new: bytes) -> None:
    assert old in SIGNED
    with pytest.raises(CdaError):
        verify(SIGNED.replace(old, new))


def test_another_certificate_is_refused() -> None:
    _, other = holder(rsa.generate_private_key(65537, 2048))
    inside = "".join(CERTIFICATE.decode().splitlines()[1:-1])
    outside = "".join(other.decode().splitlines()[1:-1])
    with pytest.raises(CdaError):
        verify(
            b"".join(SIGNED.split()).replace(inside.encode(), outside.encode())
            if inside.encode() in SIGNED
            else SIGNED[:-9]
        )


@pytest.mark.parametrize("content", [LETTER, b"<a/>", b"x", (FOLDER / "signed.xml").read_bytes()])
def test_what_is_not_signed_is_refused(content: bytes) -> None:
    with pytest.raises(CdaError):
        verify(content)


def test_only_a_document_is_signed() -> None:
    with pytest.raises(CdaError):
        sign(b"<a/>", KEY, CERTIFICATE, AT)
