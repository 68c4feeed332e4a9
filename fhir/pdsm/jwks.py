"""Keys by which tokens are verified, read from the JSON Web Key Set of their issuer.

Only public keys for signatures count, RSA of 2048 to 8192 bits and P-256. A key that cannot be used is passed over; a
secret one, too: whoever publishes it has lost it.

Source: RFC 7517 §4 and §5 (JWK Set); RFC 7518 §3.1, §6.2 and §6.3; RFC 8725 §3.1 to §3.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from schemas import strict_json
from schemas.errors import UnexpectedError
from schemas.strict_json import JsonError

MAX_BYTES, MAX_KEYS = 64 * 1024, 50
RSA_BITS = range(2048, 8193)
RSA_ALGORITHMS, EC_ALGORITHMS = frozenset({"RS256", "PS256"}), frozenset({"ES256"})
ALGORITHMS = RSA_ALGORITHMS | EC_ALGORITHMS


class KeySetError(UnexpectedError):
    """Bytes that are no JWK Set with a key to verify signatures by."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, the name that it has in its set ('' for none), and what signatures it may verify."""

    id: str
    algorithms: frozenset[str]
    key: RSAKey | ECKey


class Keys(Protocol):
    """The keys of issuers, as they were last fetched."""

    def of(self, issuer: str) -> tuple[VerificationKey, ...]:
        """The keys of an issuer, none when there are none that may be believed now."""

    def missed(self, issuer: str) -> None:
        """Notes that a token names a key that is not there: the issuer may have a new one."""


def read_jwks(data: bytes) -> tuple[VerificationKey, ...]:
    """The keys of a JWK Set. Raises KeySetError when there is none."""
    try:
        read = strict_json.read(data, max_bytes=MAX_BYTES)
    except JsonError as error:
        raise KeySetError(error.expected, error.got) from None
    listed = read.get("keys") if isinstance(read, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise KeySetError(f"a JWK Set of at most {MAX_KEYS} keys", "something else")
    found = tuple(key for each in listed if isinstance(each, dict) and (key := _key(each)) is not None)
    if not found:
        raise KeySetError("a public key for signatures, RSA or P-256", "none")
    return found


def chosen(keys: Iterable[VerificationKey], name: str, algorithm: str) -> VerificationKey | None:
    """The one key of that name that verifies that algorithm; without a name, the one key that does."""
    fitting = [each for each in keys if algorithm in each.algorithms and (not name or each.id == name)]
    return fitting[0] if len(fitting) == 1 else None


def _key(jwk: Mapping[str, Any]) -> VerificationKey | None:
    operations = jwk.get("key_ops", ["verify"])
    if "d" in jwk or jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    name, algorithm = jwk.get("kid", ""), jwk.get("alg")
    try:
        found = _public(jwk)
    except (JoseError, ValueError, TypeError, OverflowError):
        return None
    if found is None or not isinstance(name, str):
        return None
    algorithms, key = found
    allowed = algorithms if algorithm is None else algorithms & {algorithm} if isinstance(algorithm, str) else None
    return VerificationKey(name, allowed, key) if allowed else None


def _public(jwk: Mapping[str, Any]) -> tuple[frozenset[str], RSAKey | ECKey] | None:
    """The key in the members that make it, whatever else stands beside them."""
    if jwk.get("kty") == "RSA":
        rsa = RSAKey.import_key({name: jwk[name] for name in ("kty", "n", "e") if name in jwk})
        return (RSA_ALGORITHMS, rsa) if rsa.public_key.key_size in RSA_BITS else None
    if jwk.get("kty") == "EC" and jwk.get("crv") == "P-256":
        return EC_ALGORITHMS, ECKey.import_key({name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk})
    return None
