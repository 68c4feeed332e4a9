"""The certificate of the TLS client, from the one place that may be believed for each way in.

A WSGI environ is marked by `mark` with how the request came. Nothing that a client sends can set that mark: headers
become `HTTP_*` keys, and the mark overwrites whatever was there.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote

from ihe.door import Peer
from server.settings import Exposure

Environ = dict[str, Any]
WsgiApp = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

EXPOSURE = "dmp.exposure"
HEADER = "HTTP_X_SSL_CLIENT_CERT"  # nginx: proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert
VERIFIED_HEADER = "HTTP_X_SSL_CLIENT_VERIFY"  # nginx: proxy_set_header X-SSL-Client-Verify $ssl_client_verify
REAL_ADDRESS = "HTTP_X_REAL_IP"  # nginx: proxy_set_header X-Real-IP $remote_addr
PROXY_HEADERS = (HEADER, VERIFIED_HEADER, REAL_ADDRESS, "HTTP_X_SSL_CLIENT_DN")


class PeerError(ValueError):
    """A header of the configured proxy that holds no certificate: the proxy is not set up as documented."""


def mark(app: WsgiApp, exposure: Exposure) -> WsgiApp:
    """`app` with every request marked; what only a proxy may say is believed from it, and removed everywhere else."""

    def marked(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[EXPOSURE] = exposure
        if exposure is Exposure.PROXY:
            environ["REMOTE_ADDR"] = _address(environ.get(REAL_ADDRESS, ""))
        else:
            for header in PROXY_HEADERS:
                environ.pop(header, None)
        return app(environ, start_response)

    return marked


def peer(environ: Environ) -> Peer:
    """The other end of a request's connection. Raises PeerError."""
    local = environ.get(EXPOSURE) is Exposure.LOOPBACK and _is_loopback(environ.get("REMOTE_ADDR", ""))
    return Peer(peer_certificate(environ), local)


def peer_certificate(environ: Environ) -> bytes | None:
    """The verified certificate of the TLS client (DER), or None when it showed none. Raises PeerError."""
    exposure = environ.get(EXPOSURE)
    if exposure is Exposure.TLS:
        socket = environ["gunicorn.socket"]
        try:
            der: bytes | None = socket.getpeercert(binary_form=True)
        except ValueError:  # the client has left
            return None
        return der
    if exposure is Exposure.PROXY:
        return _from_proxy(environ)
    return None


def _address(text: str) -> str:
    """The client's address as the proxy says, '' when it says none: a unix socket has none of its own."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _is_loopback(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _from_proxy(environ: Environ) -> bytes | None:
    if environ.get(VERIFIED_HEADER) != "SUCCESS":
        return None
    try:
        return ssl.PEM_cert_to_DER_cert(unquote(environ.get(HEADER, "")))
    except ValueError:
        raise PeerError("X-SSL-Client-Cert: expected a URL-encoded PEM certificate") from None
