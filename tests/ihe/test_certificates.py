"""Certificates: whom they name, and when they are believed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vihf_messages import NOW, Actors

from conformance.pki import Credential, Pki, ec_key, reused
from ihe.certificates import (
    CertificateError,
    Kind,
    TrustStore,
    TrustStoreError,
    identity,
    leaf_first,
    load_der_certificate,
)
from ihe.distinguished_name import distinguished_name, read_der_strings, read_distinguished_name


def leaf(credential: Credential, use: str = "sign") -> x509.Certificate:
    pem = credential.sign_pem if use == "sign" else credential.auth_pem
    return x509.load_pem_x509_certificates(pem)[0]


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[..., Pki]:
    """A PKI of one's own, quickly."""
    return lambda **options: Pki.create(tmp_path / "fresh", **{"now": NOW, "key_maker": reused(ec_key), **options})


def load(pki: Pki, **options: object) -> TrustStore:
    return TrustStore.load(pki.folder / "ca.pem", pki.folder / "crl.pem", **options)  # type: ignore[arg-type]


# --- whom a certificate names


def test_a_card(actors: Actors) -> None:
    card = identity(leaf(actors.medecin))
    assert (card.kind, card.id_nat, card.structure_id) == (Kind.PERSON, "899900063480", "")
    assert (card.family, card.given, card.profession, card.specialty) == ("TRAL", "ADEMIS", "10", "SM26")
    assert card.subject == "2.5.4.4=TRAL+2.5.4.42=ADEMIS+CN=899900063480,OU=Médecin,O=TEST,C=FR"
    assert (card.is_signature_certificate, card.is_tls_client) == (True, False)
    authentication = identity(leaf(actors.medecin, "auth"))
    assert (authentication.is_signature_certificate, authentication.is_tls_client) == (False, True)


def test_a_cpe_without_names(actors: Actors) -> None:
    card = identity(leaf(actors.secretaire))
    assert (card.kind, card.id_nat, card.family, card.profession) == (Kind.PERSON, "10B0011797/00B1022322", "", "")


def test_a_structure(actors: Actors) -> None:
    seal = identity(leaf(actors.hospital))
    assert (seal.kind, seal.structure_id, seal.id_nat) == (Kind.STRUCTURE, "10B0011797", "")
    assert seal.is_signature_certificate
    assert identity(leaf(actors.hospital, "auth")).is_tls_client


def test_a_server_is_nobody(pki: Pki) -> None:
    server = x509.load_pem_x509_certificates((pki.folder / "server.pem").read_bytes())[0]
    with pytest.raises(CertificateError, match=r"expected a card certificate .* got neither"):
        identity(server)


# --- whether it is believed


def test_a_chain_with_or_without_its_intermediate(trust: TrustStore, actors: Actors) -> None:
    chain = x509.load_pem_x509_certificates(actors.medecin.sign_pem)
    for intermediates in ([], chain[1:]):
        believed = trust.trusted(chain[0], intermediates, instant=NOW)
        assert believed.identity.id_nat == "899900063480"
        assert believed.not_before <= NOW <= believed.not_after


@pytest.mark.parametrize(("at", "got"), [(timedelta(days=-2), "not yet valid"), (timedelta(days=3651), "has expired")])
def test_validity_at_an_instant(fresh: Callable[..., Pki], at: timedelta, got: str) -> None:
    pki = fresh()
    card = leaf(pki.person("a", "899900063480", "A", "B", "10"))
    trust = load(pki)
    for instant in (NOW + at, NOW, NOW + at):  # what was believed once is not believed for ever
        if instant == NOW:
            assert trust.trusted(card, instant=instant).identity.family == "A"
        else:
            with pytest.raises(CertificateError, match=got):
                trust.trusted(card, instant=instant)


def test_revoked(trust: TrustStore, actors: Actors) -> None:
    with pytest.raises(CertificateError, match="expected a certificate that stands, got a revoked one"):
        trust.trusted(leaf(actors.revoked), instant=NOW)


def test_same_names_other_keys(trust: TrustStore, stranger: Pki) -> None:
    forged = x509.load_pem_x509_certificates(stranger.person("x", "899900063480", "TRAL", "ADEMIS", "10").sign_pem)
    root = x509.load_pem_x509_certificates((stranger.folder / "ca.pem").read_bytes())[0]
    with pytest.raises(CertificateError, match="configured CA"):
        trust.trusted(forged[0], [*forged[1:], root], instant=NOW)


def test_each_ca_certifies_its_own_kind(pki: Pki, actors: Actors) -> None:
    paths = (pki.folder / "ca.pem", pki.folder / "crl.pem")
    swapped = TrustStore.load(*paths, person_authorities="structures", structure_authorities="personnes")
    for credential in (actors.medecin, actors.hospital):
        with pytest.raises(CertificateError, match="certified by a CA for such, got a CA for others"):
            swapped.trusted(leaf(credential), instant=NOW)


def test_a_leaf_is_no_ca(fresh: Callable[..., Pki]) -> None:
    pki = fresh()
    person = pki.person("a", "899900063480", "A", "B", "10")
    issuer = pki._persons
    rogue = type(issuer)(leaf(person), pki._key("sign"))
    pki._persons = rogue
    forged = leaf(pki.person("b", "899900099999", "C", "D", "10"))
    with pytest.raises(CertificateError, match="configured CA"):
        load(pki).trusted(forged, [leaf(person)], instant=NOW)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_certificates_are_refused(trust: TrustStore, actors: Actors, data: st.DataObject) -> None:
    """Whatever bytes change, the answer is CertificateError: no other exception, and no belief."""
    chain = x509.load_pem_x509_certificates(actors.medecin.sign_pem)
    whole = chain[0].public_bytes(Encoding.DER)
    position = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != whole[position]))
    damaged = whole[:position] + bytes([byte]) + whole[position + 1 :]
    with pytest.raises(CertificateError):
        trust.trusted(*leaf_first([load_der_certificate(damaged), chain[1]]), instant=NOW)
    with pytest.raises(CertificateError):
        trust.trusted(load_der_certificate(damaged), [load_der_certificate(damaged)], instant=NOW)


# --- revocation lists


def test_crl_grace_then_hard_fail(fresh: Callable[..., Pki]) -> None:
    pki = fresh(crl_days=1)
    card = leaf(pki.person("a", "899900063480", "A", "B", "10"))
    stale, grace = NOW + timedelta(days=1, hours=1), timedelta(hours=2)
    assert load(pki, crl_grace=grace).trusted(card, instant=stale).identity.family == "A"
    late = NOW + timedelta(days=1, hours=3)
    trust = load(pki, crl_grace=grace)
    with pytest.raises(CertificateError, match="expected a CRL in force"):
        trust.trusted(card, instant=late)
    assert trust.trusted(card, instant=NOW).not_after == NOW + timedelta(days=1, hours=2)
    with pytest.raises(CertificateError, match="valid now"):
        trust.trusted(card, instant=late)
    without = TrustStore.load(pki.folder / "ca.pem", None)
    assert without.trusted(card, instant=late).identity.family == "A"


def test_no_crl_of_the_issuer(fresh: Callable[..., Pki]) -> None:
    pki = fresh()
    card = leaf(pki.person("a", "899900063480", "A", "B", "10"))
    crl = pki.folder / "crl.pem"
    blocks = crl.read_bytes().split(b"-----END X509 CRL-----\n")
    crl.write_bytes(blocks[0] + b"-----END X509 CRL-----\n")  # the root's only
    with pytest.raises(CertificateError, match="expected a CRL of the certificate's issuer, got none"):
        load(pki).trusted(card, instant=NOW)


def test_crl_of_another_pki(fresh: Callable[..., Pki], stranger: Pki) -> None:
    pki = fresh()
    shutil.copy(stranger.folder / "crl.pem", pki.folder / "crl.pem")  # same issuer names, other keys
    with pytest.raises(TrustStoreError, match=r"crl\.pem: expected at least one CRL of a configured CA"):
        load(pki)


# --- files that change


def touch(path: Path, instant: datetime) -> None:
    os.utime(path, (instant.timestamp(), instant.timestamp()))


def test_changed_files_are_read_again(fresh: Callable[..., Pki]) -> None:
    pki = fresh()
    person = pki.person("a", "899900063480", "A", "B", "10")
    trust = load(pki)
    assert trust.trusted(leaf(person), instant=NOW).identity.family == "A"
    epoch = trust.epoch
    assert not trust.refresh()
    pki.revoke("a", "sign")
    touch(pki.folder / "crl.pem", NOW + timedelta(days=1))
    assert trust.epoch == epoch + 1
    with pytest.raises(CertificateError, match="revoked"):
        trust.trusted(leaf(person), instant=NOW)
    assert trust.trusted(leaf(person, "auth"), instant=NOW).identity.is_tls_client


def test_unusable_new_files_leave_the_old_state(fresh: Callable[..., Pki]) -> None:
    pki = fresh()
    person = pki.person("a", "899900063480", "A", "B", "10")
    trust = load(pki)
    epoch = trust.epoch
    for content in (b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"):
        (pki.folder / "crl.pem").write_bytes(content)
        assert not trust.refresh()
    (pki.folder / "crl.pem").unlink()
    assert not trust.refresh()
    assert trust.epoch == epoch
    assert trust.trusted(leaf(person), instant=NOW).identity.family == "A"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("ca.pem", None, r"ca\.pem: No such file"),
        ("ca.pem", b"nothing", r"ca\.pem: expected PEM certificates"),
        ("crl.pem", None, r"crl\.pem: No such file"),
        ("crl.pem", b"nothing", r"crl\.pem: expected at least one CRL"),
    ],
)
def test_loading_names_the_file(fresh: Callable[..., Pki], name: str, content: bytes | None, reason: str) -> None:
    pki = fresh()
    if content is None:
        (pki.folder / name).unlink()
    else:
        (pki.folder / name).write_bytes(content)
    with pytest.raises(TrustStoreError, match=reason):
        load(pki)


def test_without_a_root(fresh: Callable[..., Pki]) -> None:
    pki = fresh()
    blocks = (pki.folder / "ca.pem").read_bytes().split(b"-----END CERTIFICATE-----\n")
    (pki.folder / "ca.pem").write_bytes(blocks[1] + b"-----END CERTIFICATE-----\n")
    with pytest.raises(TrustStoreError, match="expected at least one self-issued root"):
        load(pki)


# --- chains and names


def test_leaf_first(pki: Pki, actors: Actors) -> None:
    signer, authority = x509.load_pem_x509_certificates(actors.medecin.sign_pem)
    root = x509.load_pem_x509_certificates((pki.folder / "ca.pem").read_bytes())[0]
    assert leaf_first([root, authority, signer]) == (signer, [root, authority])
    with pytest.raises(CertificateError, match="expected one signing certificate, got 2"):
        leaf_first([signer, leaf(actors.pharmacien)])


def test_names_however_they_are_printed(actors: Actors) -> None:
    name = distinguished_name(leaf(actors.medecin).subject)
    for text in (
        "CN=899900063480+SN=TRAL+GN=ADEMIS,OU=Médecin,O=TEST,C=FR",
        "C=FR; O=TEST; OU=M\\C3\\A9decin; GIVENNAME=Ademis + SURNAME=Tral + CN=899900063480",
        'OID.2.5.4.4=#0c045452414c+2.5.4.42="ADEMIS"+cn=899900063480,OU=#0C084DC3A9646563696E,O=TEST,C=FR',
    ):
        assert read_distinguished_name(text) == name
    for text in (
        "CN=899900063480,SN=TRAL,GN=ADEMIS,OU=Médecin,O=TEST,C=FR",  # three RDNs are not one of three values
        "CN=899900063480+SN=TRAL+GN=ADEMIS,OU=Médecin,O=TEST",
        "CN=899900063480\\+SN=TRAL+GN=ADEMIS,OU=Médecin,O=TEST,C=FR",
    ):
        assert read_distinguished_name(text) != name


@pytest.mark.parametrize("text", ["", "CN", "CN=a,", "XX=a", "CN=#zz", "CN=#0c05aa", "CN=\\C3", "CN=a" * 400, 'CN="a'])
def test_no_names(text: str) -> None:
    with pytest.raises(ValueError, match=r"name|attribute|DER|decode"):
        read_distinguished_name(text)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_what_is_printed_is_read(values: list[str]) -> None:
    printable = [value for value in values if value.isprintable() and value.strip() == value]
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATIONAL_UNIT_NAME, value) for value in printable])
    if printable:
        assert read_distinguished_name(name.rfc4514_string()) == distinguished_name(name)


@given(st.binary(max_size=40))
def test_der_strings_of_anything(data: bytes) -> None:
    try:
        strings = read_der_strings(data)
    except ValueError:
        return
    assert all(isinstance(each, str) for each in strings)


def test_der_strings() -> None:
    assert read_der_strings(bytes.fromhex("0c02") + b"10") == ("10",)
    assert read_der_strings(bytes.fromhex("30060c04") + b"SM26") == ("SM26",)
    assert read_der_strings(bytes.fromhex("1382000141")) == ("A",)
    for broken in ("0c", "0c05", "0c0541", "020101", "0c8400000001"):
        with pytest.raises(ValueError, match="DER"):
            read_der_strings(bytes.fromhex(broken))
