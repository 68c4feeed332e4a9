"""Access tokens: what is believed of them, and every way known to forge one."""

from __future__ import annotations

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws

from pdsm.bearer import Bearers, challenge, read_authorization, thumbprint_of
from pdsm.errors import TokenError
from pdsm.jwks import MAX_KEYS, KeySetError, VerificationKey, read_jwks
from tests.tokens import AUDIENCE, ISSUER, claims, key_for, public, sign

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
ALGORITHMS = ("ES256", "RS256", "PS256")
CERTIFICATE = b"a certificate"


class Known:
    """The keys of one issuer. Implements `pdsm.jwks.Keys`."""

    def __init__(self, keys: tuple[VerificationKey, ...]) -> None:
        self.keys, self.misses = keys, list[str]()

    def of(self, issuer: str) -> tuple[VerificationKey, ...]:
        return self.keys if issuer == ISSUER else ()

    def missed(self, issuer: str) -> None:
        self.misses.append(issuer)


def bearers(keys: bytes | None = None) -> Bearers:
    known = read_jwks(keys or public(key_for("ES256"), key_for("RS256")))
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    return Bearers(Known(known), frozenset({ISSUER, "https://quiet.example"}), frozenset({AUDIENCE}), hour, minute)


def said(**changes: Any) -> dict[str, Any]:
    return claims(NOW.timestamp(), **changes)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def refused(token: str, *, certificate: bytes | None = None, transaction: str = "ITI-67", **known: Any) -> TokenError:
    with pytest.raises(TokenError) as refusal:
        bearers(**known).token(f"Bearer {token}", certificate, transaction, NOW)
    return refusal.value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_in_order_is_believed(algorithm: str) -> None:
    token = bearers().token(f"bearer {sign(said(), algorithm)}", None, "ITI-67", NOW)
    assert (token.issuer, token.subject, token.client) == (ISSUER, "somebody", "app-1")
    assert token.scopes == {"ITI-67", "ITI-81"}


def test_the_example_of_the_standard_lacks_what_the_standard_requires() -> None:
    """ITI TF-2 3.71.4.2.2.1.3: HS256, no client_id, no jti."""
    example = {"iss": ISSUER, "sub": "b3ca1045", "aud": AUDIENCE, "iat": NOW.timestamp(), "exp": NOW.timestamp() + 300}
    assert "client_id" in str(refused(sign({**example, "scope": "ITI-67"}, typ="IUA-JWT")))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": f"{ISSUER}/"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"client_id": None},
        {"jti": None},
        {"aud": "https://elsewhere.example"},
        {"aud": None},
        {"aud": [AUDIENCE, 7]},
        {"aud": {AUDIENCE: 1}},
        {"exp": None},
        {"exp": "2100-01-01"},
        {"exp": True},
        {"exp": NOW.timestamp() - 61},
        {"exp": 1e400},
        {"exp": -1e300},
        {"iat": None},
        {"iat": NOW.timestamp() + 61},
        {"iat": NOW.timestamp() - 3661, "exp": NOW.timestamp() + 300},
        {"nbf": NOW.timestamp() + 61},
        {"nbf": None, "iat": "now"},
        {"scope": None},
        {"scope": ["ITI-67"]},
        {"scope": "ITI-67  ITI-81"},
        {"extensions": 7, "scope": "ITI-6"},
        {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
        {"cnf": {"x5t#S256": thumbprint_of(CERTIFICATE), "jkt": "x"}},
        {"cnf": {"x5t#S256": thumbprint_of(b"another")}},
        {"cnf": {"x5t#S256": ""}},
        {"cnf": {}},
        {"cnf": None, "client_id": "x" * 2000},
    ],
)
def test_a_token_that_does_not_hold_here_and_now_is_refused(changes: dict[str, Any]) -> None:
    token = sign(said(**changes))
    for certificate in (None, CERTIFICATE):
        error = refused(token, certificate=certificate)
        assert "somebody" not in str(error)
        assert challenge(error).startswith('Bearer realm="fhir", error="')


def test_a_bound_token_is_its_holders_alone() -> None:
    token = sign(said(cnf={"x5t#S256": thumbprint_of(CERTIFICATE)}))
    assert bearers().token(f"Bearer {token}", CERTIFICATE, "ITI-67", NOW).subject == "somebody"
    assert "cnf" in str(refused(token))
    assert "cnf" in str(refused(token, certificate=b"another"))


def test_a_token_of_another_scope_says_which_one_is_needed() -> None:
    error = refused(sign(said()), transaction="ITI-65")
    assert challenge(error) == 'Bearer realm="fhir", error="insufficient_scope", scope="ITI-65"'


def test_no_signature_is_none() -> None:
    header = encoded(b'{"alg":"none","typ":"at+jwt"}')
    body = sign(said()).split(".")[1]
    for forged in (f"{header}.{body}.", f"{header}.{body}.AAAA", f"{header}.{body}"):
        refused(forged)


def test_a_public_key_is_no_shared_secret() -> None:
    """Algorithm confusion: RFC 8725 §2.1."""
    header = encoded(b'{"alg":"HS256","typ":"at+jwt","kid":"RS"}')
    signed = f"{header}.{encoded(json.dumps(said()).encode())}"
    for secret in (public(key_for("RS256")), key_for("RS256").as_pem(private=False)):
        mac = hmac.new(secret, signed.encode(), "sha256").digest()
        assert "alg" in str(refused(f"{signed}.{encoded(mac)}"))


def test_a_key_verifies_its_own_algorithms_only() -> None:
    assert "kid" in str(refused(sign(said(), "ES256", kid="RS")))
    assert "kid" in str(refused(sign(said(), "RS256", kid="ES")))
    only_ps = json.loads(public(key_for("RS256")))
    only_ps["keys"][0]["alg"] = "PS256"
    assert "kid" in str(refused(sign(said(), "RS256"), keys=json.dumps(only_ps).encode()))


def test_a_key_that_the_token_brings_along_counts_for_nothing() -> None:
    """RFC 8725 §3.10, and CVE-2018-0114: jwk, jku, x5u and x5c of a token are another's word."""
    other = public(key_for("ES256"))
    brought = {"jwk": json.loads(other)["keys"][0], "jku": "https://evil.example/keys"}
    refused(sign(said(), "ES256", kid="mine", **brought), keys=public(key_for("RS256")))


@pytest.mark.parametrize("header", [{"typ": "dpop+jwt"}, {"typ": "JOSE"}, {"typ": 7}, {"kid": 7}, {"kid": ["ES"]}])
def test_a_header_that_says_something_else_is_refused(header: dict[str, Any]) -> None:
    token = sign(said()).split(".")
    said_so = json.dumps({"alg": "ES256", **header}).encode()
    refused(".".join([encoded(said_so), *token[1:]]))


def test_what_is_critical_and_unknown_is_refused() -> None:
    token = sign(said()).split(".")
    header = encoded(b'{"alg":"ES256","kid":"ES","crit":["b64"],"b64":false}')
    assert "critical" in str(refused(".".join([header, *token[1:]])))


def test_a_claim_that_stands_twice_is_refused() -> None:
    twice = json.dumps(said())[:-1] + ', "sub": "another"}'
    token = jws.serialize_compact({"alg": "ES256", "kid": "ES"}, twice.encode(), key_for("ES256"), algorithms=["ES256"])
    refused(token)


def test_every_changed_character_is_noticed() -> None:
    token = sign(said(), "RS256")
    header, body, signature = token.split(".")
    for part, at in ((0, 3), (0, len(header) - 2), (1, 5), (1, len(body) // 2), (2, 0), (2, len(signature) // 2)):
        parts = [header, body, signature]
        parts[part] = parts[part][:at] + ("A" if parts[part][at] != "A" else "B") + parts[part][at + 1 :]
        refused(".".join(parts))


def test_a_key_that_is_not_there_is_asked_for() -> None:
    verifier = bearers()
    for token in (sign(said(), kid="new"), sign(said(iss="https://quiet.example"))):
        with pytest.raises(TokenError):
            verifier.verified(token, NOW)
    assert isinstance(verifier.keys, Known)
    assert verifier.keys.misses == [ISSUER, "https://quiet.example"]


def test_a_token_without_kid_has_the_one_key_that_fits() -> None:
    token = sign(said(), kid=None)
    assert bearers().token(f"Bearer {token}", None, "ITI-67", NOW).subject == "somebody"
    two = json.loads(public(key_for("ES256"), key_for("ES256")))
    two["keys"][0]["kid"] = "other"
    assert "kid" in str(refused(token, keys=json.dumps(two).encode()))


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda each: base64.urlsafe_b64encode(each).decode()))
def test_whatever_is_no_token_is_refused(text: str) -> None:
    refused(text)
    refused(f"{text}.{text}.{text}")
    refused(f"{sign(said())}.{text}")


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dXNlcjpwYXNz", "Bearer a.b.c, Bearer d.e.f", "DPoP x.y.z"])
def test_another_header_is_refused(header: str) -> None:
    with pytest.raises(TokenError):
        bearers().token(header, None, "ITI-67", NOW)


def test_the_scheme_is_read_in_any_case() -> None:
    assert read_authorization("BEARER  a.b.c ") == "a.b.c"


def test_a_set_keeps_the_keys_that_can_be_used() -> None:
    """RFC 7517 §5: others are passed over. A secret one is lost to its owner."""
    good = json.loads(public(key_for("ES256"), key_for("RS256")))["keys"]
    other_curve = {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}
    others: list[Any] = [
        7,
        {},
        other_curve,
        {"kty": "oct", "k": "c2VjcmV0"},
        {**good[0], "use": "enc"},
        {**good[0], "key_ops": ["sign"]},
        {**good[0], "alg": "ES512"},
        {**good[0], "alg": 7},
        {**good[0], "x": "AA"},
        {**good[0], "kid": 7},
        {**good[1], "n": "AQAB"},
        {**good[1], "n": 7},
        key_for("ES256").as_dict(private=True),
    ]
    found = read_jwks(json.dumps({"keys": [*others, *good]}).encode())
    assert [each.id for each in found] == ["ES", "RS"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"keys": []}', b'{"keys": {}}', b'{"keys":[{}]}', b'{"keys":[]}' + b" " * 70_000]
)
def test_no_set_with_a_key_is_refused(body: bytes) -> None:
    with pytest.raises(KeySetError):
        read_jwks(body)


def test_a_set_has_a_limit() -> None:
    one = json.loads(public(key_for("ES256")))["keys"]
    with pytest.raises(KeySetError, match="at most"):
        read_jwks(json.dumps({"keys": one * (MAX_KEYS + 1)}).encode())
