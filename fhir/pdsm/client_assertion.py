"""How a client proves by a signed JWT who it is, and for which user it asks: private_key_jwt.

The key is that of a certificate under the operator's anchors, which the JWT carries: nobody registers keys. What a
structure says of its user in `extensions` is covered by its seal, as in a VIHF.

Source: RFC 7523 §2.2 and §3 (JWT client authentication); RFC 7515 §4.1.6 (x5c); OpenID Connect Core 1.0 §9; HL7 FHIR
UDAP Security 1.0, 4.2 and 5.2.1 (certificates and extensions of a client assertion).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from pdsm.bearer import check_signature, check_window, instant_of, parts_of, text_of, texts_of
from pdsm.errors import TokenError
from pdsm.jwks import EC_ALGORITHMS, RSA_ALGORITHMS, RSA_BITS, VerificationKey

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
MAX_CERTIFICATES = 5
LONGEST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """What a client assertion says. Its certificate is not believed yet; `intermediates` are what came beside it."""

    client: str
    id: str
    expires: datetime
    extensions: Mapping[str, Any]
    certificate: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]


def read_client_assertion(text: str, audiences: frozenset[str], skew: timedelta, now: datetime) -> ClientAssertion:
    """The assertion, signed by the key of the certificate in it, for one of `audiences`. Raises TokenError."""
    header, claims = parts_of(text)
    certificates = _certificates(header.get("x5c"))
    key = _key(certificates[0])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in key.algorithms or "crit" in header:
        raise TokenError("client_assertion alg: expected one of the key of its certificate, got another")
    check_signature(text, key, algorithm)
    client = text_of(claims, "iss")
    if text_of(claims, "sub") != client:
        raise TokenError("client_assertion sub: expected the client, got another")
    if not audiences & set(texts_of(claims, "aud")):
        raise TokenError("client_assertion aud: expected this server, got others")
    issued = claims.get("iat", now.timestamp())
    check_window({**claims, "iat": issued}, now, validity=LONGEST, skew=skew)
    expires = instant_of("exp", claims.get("exp"))
    if expires > now + LONGEST + skew:
        raise TokenError(f"client_assertion exp: expected within {LONGEST.total_seconds():.0f} s, got a later one")
    extensions = claims.get("extensions", {})
    if not isinstance(extensions, dict):
        raise TokenError("client_assertion extensions: expected an object, got something else")
    return ClientAssertion(client, text_of(claims, "jti"), expires, extensions, certificates[0], certificates[1:])


def _certificates(listed: Any) -> tuple[x509.Certificate, ...]:
    """The certificates of x5c, the signer's first."""
    texts = listed if isinstance(listed, list) else []
    if not 1 <= len(texts) <= MAX_CERTIFICATES or not all(isinstance(each, str) for each in texts):
        raise TokenError(f"client_assertion x5c: expected 1 to {MAX_CERTIFICATES} certificates, got something else")
    try:
        return tuple(x509.load_der_x509_certificate(base64.b64decode(each, validate=True)) for each in texts)
    except (binascii.Error, ValueError):
        raise TokenError("client_assertion x5c: expected certificates in base64, got something else") from None


def _key(certificate: x509.Certificate) -> VerificationKey:
    try:
        public = certificate.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if isinstance(public, rsa.RSAPublicKey) and public.key_size in RSA_BITS:
            return VerificationKey("", RSA_ALGORITHMS, RSAKey.import_key(pem))
        if isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1):
            return VerificationKey("", EC_ALGORITHMS, ECKey.import_key(pem))
    except (JoseError, ValueError):
        pass
    raise TokenError("client_assertion x5c: expected an RSA or P-256 key, got another")
