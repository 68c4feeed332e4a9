"""ITI-71 by authorization code over HTTPS: an app in the browser of somebody with a card, its code, its token."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from audit_nodes import APP, CALLBACK, Answer, ask

from audit.event import Outcome
from pdsm.authorization_code import challenge_of
from tests.browser import FORM
from tests.oauth_clients import TOKEN, claims_of, issuer
from tests.somebody import Somebody, move
from tests.village import Village

AUTHORIZE = "/oauth/authorize"
DOCTOR = "medecin"


@pytest.fixture(scope="module")
def somebody(open_village: Village, tmp_path_factory: pytest.TempPathFactory) -> Somebody:
    """A patient with a document, who lets a doctor in."""
    there = move(open_village, tmp_path_factory.mktemp("papers"))
    there.names("medecin-traitant")
    there.lets_in(DOCTOR)
    there.provide("medecin-traitant")
    return there


@dataclass
class App:
    """An app in somebody's browser, with a secret of its own for each time that it asks."""

    village: Village
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def asked(self, **changes: str) -> dict[str, str]:
        """The parameters of an authorization request in order."""
        asked = {
            "response_type": "code",
            "client_id": APP,
            "redirect_uri": CALLBACK,
            "scope": "ITI-67 ITI-68",
            "state": "state-1",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return {key: value for key, value in asked.items() if value}

    def authorize(self, name: str | None = DOCTOR, **changes: str) -> Answer:
        return ask(self.village, name, f"{AUTHORIZE}?{urlencode(self.asked(**changes))}")

    def sent(self, answer: Answer, where: str = CALLBACK) -> dict[str, str]:
        """What the browser brings back to the app."""
        assert answer.status == 303, answer.content
        address, _, query = answer.headers["Location"].partition("?")
        assert address == where
        found = dict(parse_qsl(query))
        assert (found.pop("state"), found.pop("iss")) == ("state-1", issuer(self.village))
        return found

    def code(self, name: str = DOCTOR) -> str:
        (code,) = self.sent(self.authorize(name)).values()
        return code

    def token(self, code: str, /, **changes: str) -> Answer:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": APP,
            "code_verifier": self.verifier,
            **changes,
        }
        body = urlencode({key: value for key, value in asked.items() if value}).encode()
        return ask(self.village, None, TOKEN, method="POST", body=body, headers={"Content-Type": FORM})


@pytest.fixture
def app(open_village: Village) -> App:
    return App(open_village)


def test_the_token_of_a_card_finds_what_the_card_finds(app: App, somebody: Somebody) -> None:
    answer = app.token(app.code())
    assert (answer.status, answer.resource["scope"]) == (200, "ITI-67 ITI-68"), answer.content
    token = answer.resource["access_token"]
    said = claims_of(token)
    assert (said["client_id"], said["extensions"]["dmp"]["Authentification_Mode"]) == (APP, "DIRECTE")
    identifier = f"urn:oid:{somebody.patient.ins_oid}|{somebody.patient.ins}"
    path = f"/fhir/DocumentReference?{urlencode({'patient.identifier': identifier})}"
    found = ask(app.village, None, path, headers={"Authorization": f"Bearer {token}"})
    unique_ids = {each["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in found.events}
    assert unique_ids == somebody.found_by(DOCTOR)
    assert len(unique_ids) == 1
    records = [each for each in app.village.audit(20) if each.transaction == "ITI-71"][:2]
    assert {(each.outcome, each.requester_id) for each in records} == {(Outcome.SUCCESS, said["sub"])}


def test_a_code_serves_once(app: App) -> None:
    code = app.code()
    assert app.token(code).status == 200
    again = app.token(code)
    assert (again.status, again.resource["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"redirect_uri": f"{CALLBACK}/other"},
        {"redirect_uri": ""},
        {"client_id": "another-app"},
        {"code": "x.y.z"},
        {"code": ""},
    ],
)
def test_a_code_is_worth_something_to_its_app_alone(app: App, changes: dict[str, str]) -> None:
    code = app.code()
    answer = app.token(code, **changes)
    assert (answer.status, answer.resource["error"]) == (400, "invalid_grant")
    assert app.token(code).status == 200  # nobody else uses it up


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"client_id": ""},
        {"redirect_uri": f"{CALLBACK}/"},
        {"redirect_uri": f"{CALLBACK}?x=1"},
        {"redirect_uri": "https://app.example.evil.example/callback"},
        {"redirect_uri": f"{CALLBACK}/another"},
        {"redirect_uri": ""},
        {"state": "s" * 2000},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_known(app: App, changes: dict[str, str]) -> None:
    answer = app.authorize(**changes)
    assert answer.status == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": "everything"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_what_an_app_may_not_ask_for_it_is_told(app: App, changes: dict[str, str], error: str) -> None:
    assert app.sent(app.authorize(**changes))["error"] == error


@pytest.mark.parametrize("name", [None, "hopital"])
def test_who_has_no_card_gets_no_code(app: App, name: str | None) -> None:
    assert app.sent(app.authorize(name)) == {"error": "access_denied"}
    record = app.village.audit(1)[0]
    assert (record.transaction, record.outcome) == ("ITI-71", Outcome.SERIOUS_FAILURE)


def test_the_server_says_how_it_is_asked(app: App) -> None:
    told: dict[str, Any] = ask(app.village, None, "/.well-known/oauth-authorization-server").resource
    assert urlsplit(told["authorization_endpoint"]).path == AUTHORIZE
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["authorization_response_iss_parameter_supported"] is True
    smart = ask(app.village, None, "/.well-known/smart-configuration").resource
    assert {"client-public", "launch-standalone"} <= set(smart["capabilities"])
