"""The HTTPS listener: who gets in, and nobody keeps the others waiting."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import Running, get, prepare, running

from conformance.pki import Pki, ec_key, reused


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return prepare(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def server(pki: Pki) -> Iterator[Running]:
    with running(pki.folder) as server:
        yield server


def client(folder: Path, name: str | None = None, *, ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str((ca or folder) / "ca.pem"))
    if name is not None:
        context.load_cert_chain(folder / "pki" / name / "auth.pem", folder / "pki" / name / "auth.key")
    return context


def test_a_known_client_gets_in(server: Running) -> None:
    assert get(server.https, "/healthz", client(server.home, "somebody"))[0] == 200


def test_a_client_without_certificate_gets_in(server: Running) -> None:
    assert get(server.https, "/healthz", client(server.home))[0] == 200


def test_a_certificate_of_another_authority_does_not(server: Running, tmp_path: Path) -> None:
    other = Pki.create(tmp_path, key_maker=reused(ec_key))
    other.person("stranger", "899700000033", "DUPONT", "Jean", "10", "SM26")
    with pytest.raises(OSError):
        get(server.https, "/healthz", client(tmp_path, "stranger", ca=server.home))


def test_a_certificate_counts_until_it_is_revoked_without_a_restart(server: Running, pki: Pki) -> None:
    assert get(server.https, "/healthz", client(server.home, "revoked"))[0] == 200
    pki.revoke("revoked")
    with pytest.raises(OSError):
        get(server.https, "/healthz", client(server.home, "revoked"))
    assert get(server.https, "/healthz", client(server.home, "somebody"))[0] == 200


def test_old_tls_is_refused(server: Running) -> None:
    context = client(server.home)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):
        get(server.https, "/healthz", context)


def test_tls_1_2_has_forward_secrecy_and_authenticated_encryption(server: Running) -> None:
    context = client(server.home)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection(("127.0.0.1", server.https)) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secured,
    ):
        cipher = secured.cipher()
    assert cipher is not None
    assert cipher[0].startswith("ECDHE")
    assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


def test_stalled_handshakes_keep_nobody_waiting(server: Running) -> None:
    """More of them than the only worker has threads: each holds its thread for a few seconds at most."""
    stalled = [socket.create_connection(("127.0.0.1", server.https)) for _ in range(10)]
    try:
        for each in stalled:
            each.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a ClientHello
        assert get(server.https, "/healthz", client(server.home))[0] == 200
    finally:
        for each in stalled:
            each.close()


def test_security_headers_hold_on_every_answer(server: Running) -> None:
    import http.client

    connection = http.client.HTTPSConnection("127.0.0.1", server.https, context=client(server.home))
    connection.request("GET", "/nowhere")
    response = connection.getresponse()
    response.read()
    assert response.status == 404
    for name in ("Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy", "X-Request-ID"):
        assert response.headers[name]
    connection.close()
