"""The one signed assertion of a message: found, verified, read, and remembered.

    locate: exactly one Assertion in the whole envelope, at Header/Security  -> verify: pinned signature profile,
    canonical bytes -> believe: the signer's chain and CRL -> read: claims from those bytes only

Source: OASIS WSS SAML Token Profile 1.1; SAML 2.0 core 5 (signatures) and profiles 4.1.4.5 (replay).
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from lxml import etree

from ihe.certificate_identity import CertificateError
from ihe.certificates import TrustStore
from ihe.errors import AuthenticationError
from ihe.identifiers import SOAP_12, WSSE
from ihe.replay import AssertionUse, ReplayError, ReplayGuard, assertion_key, check_use
from ihe.saml import INVALID, SAML
from ihe.signature import (
    NCNAME,
    EnvelopedSignature,
    SignatureError,
    UnsupportedAlgorithmError,
    parse_standalone,
    read_enveloped,
)
from schemas import xml

MAX_BYTES = 64 * 1024
MAX_ELEMENTS = 200
CACHE_CAPACITY = 4096

# Fault subcodes. Source: WSS SOAP Message Security 1.1 §12; GIE SESAM-Vitale DMP message examples v02.05.
INVALID_SECURITY, FAILED_CHECK = "wsse:InvalidSecurity", "wsse:FailedCheck"
UNSUPPORTED_ALGORITHM, FAILED_AUTHENTICATION = "wsse:UnsupportedAlgorithm", "wsse:FailedAuthentication"

Verifier = Callable[[EnvelopedSignature], bytes]
"""Gives the canonical bytes that a signature covers, or raises SignatureError."""

_NAMESPACES = {"soap": SOAP_12, "wsse": WSSE, "saml": SAML}
_SECURITY = etree.XPath("/soap:Envelope/soap:Header/wsse:Security", namespaces=_NAMESPACES)
_ASSERTIONS = etree.XPath("//saml:Assertion | //saml:EncryptedAssertion", namespaces=_NAMESPACES)
_ATTRIBUTES_EQUAL = etree.XPath("//@*[. = $value]")
_SIZE = etree.XPath("count(descendant-or-self::*)")


class Signer(Protocol):
    """Whoever signed, believed for a time."""

    def check(self, instant: datetime, /) -> None:
        """Raises CertificateError when `instant` is outside that time."""


class Claims(Protocol):
    """What a profile reads in an assertion."""

    @property
    def id(self) -> str: ...

    @property
    def one_time_use(self) -> bool: ...


C = TypeVar("C", bound=Claims)
S = TypeVar("S", bound=Signer)


@dataclass(frozen=True, slots=True)
class Profile(Generic[C, S]):
    """What differs between profiles. `name` stands in errors, `untrusted` is the subcode for a signer not believed."""

    name: str
    believe: Callable[[EnvelopedSignature, datetime], S]
    read: Callable[[bytes], C]
    untrusted: str


@dataclass(slots=True)
class Verified(Generic[C, S]):
    """An assertion whose signature and signer were found good under `epoch` of the trust store."""

    epoch: int
    assertion: C
    signer: S
    digest: str
    admitted: set[str] = field(default_factory=set)  # clients that the replay guard let pass


class AssertionVerifier(Generic[C, S]):
    """Verifies the assertions of one profile. Safe to share between threads."""

    def __init__(
        self,
        profile: Profile[C, S],
        trust: TrustStore,
        replay: ReplayGuard,
        *,
        verify: Verifier,
        cache_capacity: int = CACHE_CAPACITY,
    ) -> None:
        self._profile, self._trust, self._replay, self._verify = profile, trust, replay, verify
        self._cache: OrderedDict[bytes, Verified[C, S]] = OrderedDict()
        self._cache_capacity = cache_capacity
        self._lock = threading.Lock()

    def verified(self, envelope: etree._Element, now: datetime) -> Verified[C, S]:
        """The assertion of that envelope, remembered by the SHA-256 of its bytes while the trust store stands.

        Raises AuthenticationError.
        """
        name = self._profile.name
        raw = etree.tostring(locate(envelope, name), with_tail=False)
        if len(raw) > MAX_BYTES:
            raise AuthenticationError(f"{name}: expected at most {MAX_BYTES} bytes, got {len(raw)}", INVALID_SECURITY)
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
            raise AuthenticationError(f"{name} signature: {error}", UNSUPPORTED_ALGORITHM) from None
        except SignatureError as error:
            raise AuthenticationError(f"{name} signature: {error}", FAILED_CHECK) from None
        except CertificateError as error:
            raise AuthenticationError(f"{name} signing certificate: {error}", self._profile.untrusted) from None
        with self._lock:
            self._cache[key] = verified
            if len(self._cache) > self._cache_capacity:
                self._cache.popitem(last=False)
        return verified

    def _examine(self, raw: bytes, epoch: int, now: datetime) -> Verified[C, S]:
        root = parse_standalone(raw)
        signed = read_enveloped(root, root.get("ID", ""))
        canonical = self._verify(signed)
        signer = self._profile.believe(signed, now)
        assertion = self._profile.read(canonical)
        return Verified(epoch, assertion, signer, hashlib.sha256(canonical).hexdigest())

    def check_use(
        self, verified: Verified[C, S], *, issuer: str, client: str, expires: datetime, once: bool, now: datetime
    ) -> None:
        """Raises AuthenticationError when the assertion may not be used (again) by `client`, a SHA-256 in hex."""
        once = once or verified.assertion.one_time_use
        if client in verified.admitted and not once:
            return
        use = AssertionUse(assertion_key(issuer, verified.assertion.id), verified.digest, client, expires)
        try:
            check_use(use, self._replay.remember(use, now), once=once)
        except ReplayError as error:
            raise AuthenticationError(f"{self._profile.name}: {error}", FAILED_AUTHENTICATION) from None
        verified.admitted.add(client)


def carries_assertion(envelope: etree._Element) -> bool:
    """Whether there is an assertion anywhere in the envelope."""
    return bool(_ASSERTIONS(envelope))


def locate(envelope: etree._Element, profile: str) -> etree._Element:
    """The one assertion of the message. Raises AuthenticationError for any other number, place or identifier.

    Looking at the whole envelope, body included, is what defeats signature wrapping.
    """
    assertions, headers = _ASSERTIONS(envelope), _SECURITY(envelope)
    if len(assertions) != 1 or len(headers) != 1:
        got = f"{len(assertions)} and {len(headers)}"
        expected = "one Assertion in the envelope and one wsse:Security in its Header"
        raise AuthenticationError(f"{profile}: expected {expected}, got {got}", INVALID_SECURITY)
    assertion: etree._Element = assertions[0]
    if assertion.getparent() is not headers[0] or assertion.tag != f"{{{SAML}}}Assertion":
        reason = f"{profile}: expected the Assertion in wsse:Security, got it elsewhere"
        raise AuthenticationError(reason, INVALID_SECURITY)
    if _SIZE(assertion) > MAX_ELEMENTS:
        raise AuthenticationError(f"{profile}: expected at most {MAX_ELEMENTS} elements, got more", INVALID_SECURITY)
    identifier = assertion.get("ID", "")
    same = [each for each in _ATTRIBUTES_EQUAL(envelope, value=identifier) if _is_id(each.attrname)]
    if len(identifier) > 256 or not NCNAME.fullmatch(identifier) or len(same) != 1:
        raise AuthenticationError(f"{profile}: expected an NCName as ID, unique in the envelope, got another", INVALID)
    return assertion


def _is_id(attribute: str) -> bool:
    return xml.local_name(attribute).lower() in ("id", "assertionid")
