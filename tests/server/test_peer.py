"""Which certificate is believed, and which headers are not."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest

from server.peer import HEADER, PROXY_HEADERS, REAL_ADDRESS, VERIFIED_HEADER, PeerError, mark, peer, peer_certificate
from server.settings import Exposure

DER = bytes(range(48)) * 4
BASE64 = base64.encodebytes(DER).decode()
PEM = f"-----BEGIN CERTIFICATE-----\n{BASE64}-----END CERTIFICATE-----\n"


class Socket:
    """A TLS socket whose client showed `der`."""

    def __init__(self, der: bytes | None) -> None:
        self._der = der

    def getpeercert(self, binary_form: bool = False) -> bytes | None:
        assert binary_form
        return self._der


def seen(exposure: Exposure, environ: dict[str, Any]) -> dict[str, Any]:
    """The environ that the application behind `mark` gets."""
    found: dict[str, Any] = {}

    def app(given: dict[str, Any], _start: object) -> list[bytes]:
        found.update(given)
        return []

    mark(app, exposure)(environ, lambda *_: None)
    return found


def test_on_the_tls_listener_the_socket_tells() -> None:
    environ = seen(Exposure.TLS, {"gunicorn.socket": Socket(DER)})
    assert peer_certificate(environ) == DER


def test_a_tls_client_may_show_no_certificate() -> None:
    environ = seen(Exposure.TLS, {"gunicorn.socket": Socket(None), HEADER: quote(PEM), VERIFIED_HEADER: "SUCCESS"})
    assert peer_certificate(environ) is None


def test_behind_the_proxy_its_header_tells() -> None:
    environ = seen(Exposure.PROXY, {HEADER: quote(PEM), VERIFIED_HEADER: "SUCCESS"})
    assert peer_certificate(environ) == DER


@pytest.mark.parametrize("verified", ["NONE", "FAILED:certificate has expired", "", "success"])
def test_behind_the_proxy_only_a_verified_certificate_counts(verified: str) -> None:
    environ = seen(Exposure.PROXY, {HEADER: quote(PEM), VERIFIED_HEADER: verified})
    assert peer_certificate(environ) is None


def test_a_proxy_that_says_success_without_certificate_is_misconfigured() -> None:
    with pytest.raises(PeerError, match="PEM"):
        peer_certificate(seen(Exposure.PROXY, {HEADER: "%00", VERIFIED_HEADER: "SUCCESS"}))


@pytest.mark.parametrize("exposure", [Exposure.LOOPBACK, Exposure.TLS])
def test_headers_from_elsewhere_are_removed(exposure: Exposure) -> None:
    forged = {HEADER: quote(PEM), VERIFIED_HEADER: "SUCCESS", "HTTP_X_SSL_CLIENT_DN": "CN=somebody"}
    environ = seen(exposure, {**forged, "gunicorn.socket": Socket(None)})
    assert not environ.keys() & set(PROXY_HEADERS)
    assert peer_certificate(environ) is None


def test_the_proxy_tells_the_address_of_its_client() -> None:
    assert seen(Exposure.PROXY, {"HTTP_X_REAL_IP": "192.0.2.7", "REMOTE_ADDR": ""})["REMOTE_ADDR"] == "192.0.2.7"
    assert seen(Exposure.PROXY, {"HTTP_X_REAL_IP": "x", "REMOTE_ADDR": "127.0.0.1"})["REMOTE_ADDR"] == ""
    assert seen(Exposure.TLS, {"HTTP_X_REAL_IP": "127.0.0.1", "REMOTE_ADDR": "192.0.2.7"})["REMOTE_ADDR"] == "192.0.2.7"


def test_no_client_can_mark_its_own_request() -> None:
    environ = seen(Exposure.LOOPBACK, {"dmp.exposure": Exposure.PROXY, HEADER: quote(PEM), VERIFIED_HEADER: "SUCCESS"})
    assert peer_certificate(environ) is None


def test_an_unmarked_request_has_no_certificate() -> None:
    assert peer_certificate({HEADER: quote(PEM), VERIFIED_HEADER: "SUCCESS"}) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.0.2.1"])
def test_only_plain_http_on_this_machine_is_local(address: str) -> None:
    """Over TLS, ours or a proxy's, an address of this machine is no substitute for a certificate."""
    own = {"REMOTE_ADDR": address}
    assert peer(seen(Exposure.LOOPBACK, dict(own))).local == (address != "192.0.2.1")
    assert not peer(seen(Exposure.TLS, {**own, "gunicorn.socket": Socket(None)})).local
    assert not peer(seen(Exposure.PROXY, {**own, REAL_ADDRESS: address})).local
    assert not peer({"REMOTE_ADDR": address}).local
