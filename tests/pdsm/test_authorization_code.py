"""Codes: sealed, short-lived, of one app, and worth nothing without its secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.requester import Authentication, Requester
from pdsm.authorization_code import App, Code, CodeKey, challenge_of, extensions_of
from pdsm.bearer import Token
from pdsm.claims import dmp_requester
from pdsm.oauth_door import OAuthError
from schemas import oids

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"  # RFC 7636, appendix B
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
KEY = CodeKey(bytes(32))
APP = App("app", "https://app.example/callback", "")
CODE = Code("1", "app", APP.redirect_uri, CHALLENGE, ("ITI-67",), "899700000017", {}, NOW + timedelta(minutes=1))
DOCTOR = Requester(
    id_nat="899700000017",
    name="MARCHAND Claire",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="",
    sector="SA07",
    authentication=Authentication.DIRECTE,
)


def form(text: str, **changes: str) -> dict[str, str]:
    brought = {"code": text, "client_id": "app", "redirect_uri": APP.redirect_uri, "code_verifier": VERIFIER}
    return {**brought, **changes}


def test_the_example_of_rfc_7636() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE


def test_a_code_comes_back_as_it_was_sealed_and_tells_nobody_anything() -> None:
    text = KEY.seal(CODE)
    assert KEY.open(form(text), NOW) == CODE
    assert "899700000017" not in text
    for wrong in ({"code": text[:-1]}, {"code_verifier": VERIFIER[:-1] + "x"}, {"client_id": "other"}):
        with pytest.raises(OAuthError):
            KEY.open(form(text, **wrong), NOW)
    with pytest.raises(OAuthError):
        KEY.open(form(text), NOW + timedelta(minutes=1))
    with pytest.raises(OAuthError):
        CodeKey(b"x" * 32).open(form(text), NOW)


@given(st.text(max_size=200))
def test_whatever_comes_for_a_code_is_refused(text: str) -> None:
    with pytest.raises(OAuthError):
        KEY.open(form(text), NOW)


@pytest.mark.parametrize(
    "holder",
    [
        DOCTOR,
        replace(DOCTOR, structure_id="1990000034"),
        replace(DOCTOR, profession="21", specialty="A"),
        replace(DOCTOR, profession="60", specialty=""),
    ],
)
def test_a_token_says_of_a_holder_what_the_card_says(holder: Requester) -> None:
    token = Token("https://us", holder.id_nat, "app", "t", frozenset(), NOW, {"extensions": extensions_of(holder)})
    found = dmp_requester(token, own=True)
    assert replace(found, assertion_id="", client_id="", issuer="") == holder
