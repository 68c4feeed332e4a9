"""The embedded authorisation server over HTTPS: who is given a token, what it is worth, and what is left in the log."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import Any

import pytest
from audit_nodes import AUDIT_EVENT, BY_TOKEN, ask

from audit.event import Outcome
from pdsm.jwks import read_jwks
from tests.oauth_clients import ASSERTION_TYPE, INTROSPECT, OAuthClient, claims_of, issuer, user
from tests.village import Village


@pytest.fixture(scope="module")
def village(open_village: Village) -> Village:
    return open_village


@pytest.fixture
def hospital(village: Village) -> OAuthClient:
    return OAuthClient(village, "hopital")


def last(village: Village) -> tuple[str, Outcome, str, str]:
    record = village.audit(1)[0]
    return record.transaction, record.outcome, record.rule, record.requester_id


def thumbprint(village: Village, name: str) -> str:
    pem = (village.folder / "pki" / name / "auth.pem").read_text("ascii").partition("-----END")[0]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f"{pem}-----END CERTIFICATE-----\n")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.mark.proves("transaction/ITI-103")
def test_what_the_server_says_of_itself_is_there(village: Village) -> None:
    """ITI-103, and SMART's own address below the FHIR base: no credentials, and every address in it answers."""
    told = ask(village, None, "/.well-known/oauth-authorization-server").resource
    assert told["issuer"] == issuer(village)
    assert told["grant_types_supported"] == ["client_credentials", "authorization_code"]
    for path in ("/.well-known/smart-configuration", "/fhir/.well-known/smart-configuration"):
        assert ask(village, None, path).resource["token_endpoint"] == told["token_endpoint"]
    keys = ask(village, None, told["jwks_uri"].removeprefix(issuer(village)))
    assert len(read_jwks(keys.content)) == 1
    assert b'"d"' not in keys.content
    for name in ("token_endpoint", "introspection_endpoint"):
        assert ask(village, None, told[name].removeprefix(issuer(village))).status == 405


@pytest.mark.proves("transaction/ITI-71", "transaction/ITI-72")
def test_a_machine_is_known_by_its_connection_and_so_is_its_token(village: Village, hospital: OAuthClient) -> None:
    """RFC 8705: stolen, the token is worth nothing."""
    answer = hospital.ask("ITI-81 ITI-67")
    assert (answer.status, answer.headers["Cache-Control"], answer.headers["Pragma"]) == (200, "no-store", "no-cache")
    assert (answer.resource["token_type"], answer.resource["scope"]) == ("Bearer", "ITI-81 ITI-67")
    assert last(village) == ("ITI-71", Outcome.SUCCESS, "", BY_TOKEN)
    said = claims_of(answer.resource["access_token"])
    assert (said["iss"], said["aud"], said["sub"]) == (issuer(village), f"{issuer(village)}/fhir", BY_TOKEN)
    assert said["client_id"] == "1990000018"
    assert said["exp"] - said["iat"] == answer.resource["expires_in"] == 300
    assert said["cnf"] == {"x5t#S256": thumbprint(village, "hopital")}
    bearer = {"Authorization": f"Bearer {answer.resource['access_token']}"}
    assert ask(village, "hopital", f"{AUDIT_EVENT}?date=ge2020&_count=1", headers=bearer).status == 200
    for thief in (None, "clinique", "medecin"):
        assert ask(village, thief, f"{AUDIT_EVENT}?date=ge2020", headers=bearer).status == 401


def test_a_token_opens_what_its_scope_says_and_nothing_else(village: Village, hospital: OAuthClient) -> None:
    bearer = {"Authorization": f"Bearer {hospital.ask('ITI-67').resource['access_token']}"}
    answer = ask(village, "hopital", f"{AUDIT_EVENT}?date=ge2020", headers=bearer)
    assert 'error="insufficient_scope", scope="ITI-81"' in answer.headers["WWW-Authenticate"]


def test_a_structure_speaks_for_its_user_under_its_seal(village: Village) -> None:
    client = OAuthClient(village, "hopital", connected=False)
    answer = client.ask(**client.asserted(extensions=user("medecin-hospitalier")))
    assert answer.status == 200
    said = claims_of(answer.resource["access_token"])
    assert said["sub"] == "899700000039"
    assert "cnf" not in said
    assert last(village) == ("ITI-71", Outcome.SUCCESS, "", "899700000039")


def test_seal_and_connection_are_of_one_structure(village: Village, hospital: OAuthClient) -> None:
    other = OAuthClient(village, "laboratoire")
    assert other.ask(**other.asserted()).status == 200
    answer = hospital.ask(**other.asserted())
    assert (answer.status, answer.resource["error"]) == (401, "invalid_client")


def test_an_assertion_serves_once(village: Village, hospital: OAuthClient) -> None:
    asserted = hospital.asserted()
    assert hospital.ask(**asserted).status == 200
    assert hospital.ask(**asserted).resource["error"] == "invalid_client"
    assert last(village)[:3] == ("ITI-71", Outcome.SERIOUS_FAILURE, "authentification")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "1990000026"},
        {"sub": "1990000026"},
        {"aud": "https://elsewhere.example/oauth/token"},
        {"aud": None},
        {"jti": None},
        {"exp": 1},
        {"exp": None},
        {"exp": 4_000_000_000},
        {"iat": 1},
        {"extensions": "all"},
        {"use": "auth"},
        {"header": {"x5c": []}},
        {"header": {"x5c": ["AAAA"]}},
        {"header": {"x5c": None}},
    ],
)
def test_a_client_that_does_not_prove_who_it_is_gets_nothing(
    village: Village, hospital: OAuthClient, changes: dict[str, Any]
) -> None:
    answer = hospital.ask(**hospital.asserted(**changes))
    assert (answer.status, answer.resource["error"]) == (401, "invalid_client")
    assert answer.resource["error_description"] == "expected a client that is known here, got another"
    assert last(village) == ("ITI-71", Outcome.SERIOUS_FAILURE, "authentification", "")


def test_nobody_gets_nothing(village: Village) -> None:
    for client in (OAuthClient(village, "hopital", connected=False), OAuthClient(village, "medecin")):
        assert client.ask().status == 401
    hospital = OAuthClient(village, "hopital")
    for form in ({"client_id": "1990000026"}, {"client_assertion": "a.b.c"}, {"client_assertion_type": ASSERTION_TYPE}):
        assert hospital.ask(**form).status == 401


def test_the_seal_of_a_card_speaks_for_nobody(village: Village) -> None:
    """In an indirect mode a structure vouches; a card asks by itself."""
    card = OAuthClient(village, "medecin-hospitalier")
    assert card.ask(**card.asserted()).status == 401


@pytest.mark.parametrize(
    ("name", "extensions", "code"),
    [
        ("hopital", user("medecin-hospitalier", "DIRECTE"), "invalid_grant"),
        ("hopital", user("medecin-clinique"), "invalid_grant"),
        ("hopital", user("medecin-hospitalier", "INDIRECTE_RENFORCEE"), "unauthorized_client"),
        ("hopital", user("medecin-hospitalier", subject_role=[]), "invalid_grant"),
        ("hopital", user("medecin-hospitalier", national_provider_identifier="899700000013"), "unauthorized_client"),
        ("clinique", user("medecin-clinique"), "unauthorized_client"),
    ],
)
def test_a_structure_vouches_for_what_it_may_and_no_more(
    village: Village, name: str, extensions: dict[str, Any], code: str
) -> None:
    client = OAuthClient(village, name)
    answer = client.ask(**client.asserted(extensions=extensions))
    assert (answer.status, answer.resource["error"]) == (400, code)
    assert last(village)[1] is not Outcome.SUCCESS


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "ITI-67 everything"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example/fhir"}, "invalid_target"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    village: Village, hospital: OAuthClient, form: dict[str, str], code: str
) -> None:
    answer = hospital.ask(**form)
    assert (answer.status, answer.resource["error"]) == (400, code)
    assert last(village)[:3] == ("ITI-71", Outcome.SERIOUS_FAILURE, "authentification")


def test_a_parameter_that_stands_twice_is_refused(village: Village, hospital: OAuthClient) -> None:
    body = b"grant_type=client_credentials&scope=ITI-67&scope=ITI-81"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(village, "hopital", "/oauth/token", method="POST", body=body, headers=headers)
    assert answer.resource["error"] == "invalid_request"


@pytest.mark.proves("transaction/ITI-102")
def test_a_resource_server_asks_what_a_token_is_worth(village: Village, hospital: OAuthClient) -> None:
    """ITI-102: the claims of a token of this server; of any other text no more than that it is none."""
    token = hospital.ask("ITI-67").resource["access_token"]
    told = hospital.post(INTROSPECT, {"token": token})
    assert told.resource == {"active": True, **claims_of(token)}
    assert last(village) == ("ITI-102", Outcome.SUCCESS, "", BY_TOKEN)
    for other in ("x", token[:-8] + "AAAAAAAA"):
        assert hospital.post(INTROSPECT, {"token": other}).resource == {"active": False}
        assert last(village)[:2] == ("ITI-102", Outcome.SERIOUS_FAILURE)
    assert OAuthClient(village, "hopital", connected=False).post(INTROSPECT, {"token": token}).status == 401
    assert hospital.post(INTROSPECT, {}).status == 400
