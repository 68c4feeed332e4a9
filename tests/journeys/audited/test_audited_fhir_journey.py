"""Auditors and nodes at the FHIR door over the wire, and the whole of what they leave in the audit log."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from audited_fhir_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases

from schemas import oids
from schemas.xml import parse
from tests.journeys.audit_nodes import APP, AUDIT_EVENT, AUDITOR, CALLBACK, SYSLOG_SEARCH, ask, post
from tests.journeys.test_authorization_code_journey import AUTHORIZE, App
from tests.oauth_clients import INTROSPECT, TOKEN, OAuthClient, claims_of, issuer, user

CASES = Cases()


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


def _read(audited: Audited, path: str, query: str = "", status: int = 200, **more: str) -> Names:
    audited.watch()
    whole = f"{path}?{query}" if query else path
    answer = ask(audited.village, AUDITOR, whole)
    assert answer.status == status, answer.content
    return {"certificate": audited.card(AUDITOR), "endpoint": audited.at(path), "url": audited.at(whole), **more}


@CASES("ITI-81")
def _(audited: Audited) -> Names:
    return _read(audited, AUDIT_EVENT, "date=ge2020&_count=1")


@CASES("ITI-81 about a patient")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    identifier = f"urn:oid:{oids.INS_NIR_TEST}|{somebody.patient.ins}"
    query = urlencode({"date": "ge2020", "patient.identifier": identifier, "_count": "1"})
    return _read(audited, AUDIT_EVENT, query, patient=str(somebody.identifier))


@CASES("ITI-81 of one event")
def _(audited: Audited) -> Names:
    return _read(audited, f"{AUDIT_EVENT}/{audited.village.audit(1)[0].id}")


@CASES("ITI-81, wrong")
def _(audited: Audited) -> Names:
    return _read(audited, AUDIT_EVENT, "date=hier", 400)


@CASES("ITI-81, nobody known")
def _(audited: Audited) -> Names:
    assert ask(audited.village, None, f"{AUDIT_EVENT}?date=ge2020").status == 401
    return {"endpoint": audited.at(AUDIT_EVENT)}


@CASES("ITI-82")
def _(audited: Audited) -> Names:
    return _read(audited, SYSLOG_SEARCH, "date=ge2020&_count=1")


@CASES("ITI-82, wrong")
def _(audited: Audited) -> Names:
    return _read(audited, SYSLOG_SEARCH, "date=ge2020&colour=red", 400)


@CASES("ITI-82, nobody known")
def _(audited: Audited) -> Names:
    assert ask(audited.village, None, f"{SYSLOG_SEARCH}?date=ge2020").status == 401
    return {"endpoint": audited.at(SYSLOG_SEARCH)}


def _patients(audited: Audited, status: int, **asked: str) -> Names:
    path = f"/fhir/Patient?{urlencode(asked)}"
    audited.watch()
    assert ask(audited.village, "medecin", path).status == status
    return {"certificate": audited.card("medecin"), "endpoint": audited.at("/fhir/Patient"), "url": audited.at(path)}


@CASES("ITI-78, TD0.2 by a card")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    found = _patients(audited, 200, identifier=f"urn:oid:{oids.INS_NIR_TEST}|{somebody.patient.ins}")
    return {**found, "patient": str(somebody.identifier)}


@CASES("ITI-78, TD0.5 by a card")
def _(audited: Audited) -> Names:
    return _patients(audited, 403, family="ESSAI")


@CASES("ITI-20, nobody known")
def _(audited: Audited) -> Names:
    assert post(audited.village, b"{}", name=None).status == 403
    return {"endpoint": audited.at(AUDIT_EVENT)}


def _hospital(audited: Audited, *, connected: bool = True) -> OAuthClient:
    return OAuthClient(audited.village, "hopital", connected=connected)


def _given(audited: Audited, token: str, path: str = TOKEN) -> Names:
    return {
        "certificate": audited.card("hopital"),
        "endpoint": audited.at(path),
        "issuer": issuer(audited.village),
        "token": claims_of(token)["jti"],
    }


def _token(audited: Audited, scope: str, *, connected: bool = True) -> str:
    client = _hospital(audited, connected=connected)
    answer = client.ask(scope, **({} if connected else client.asserted()))
    assert answer.status == 200
    found: str = answer.resource["access_token"]
    return found


@CASES("ITI-81 by a token")
def _(audited: Audited) -> Names:
    token, path = _token(audited, "ITI-81", connected=False), f"{AUDIT_EVENT}?date=ge2020&_count=1"
    audited.watch()
    assert ask(audited.village, None, path, headers={"Authorization": f"Bearer {token}"}).status == 200
    return {**_given(audited, token, AUDIT_EVENT), "url": audited.at(path)}


@CASES("ITI-81, another token")
def _(audited: Audited) -> Names:
    token = _token(audited, "ITI-67", connected=False)
    audited.watch()
    path = f"{AUDIT_EVENT}?date=ge2020"
    assert ask(audited.village, None, path, headers={"Authorization": f"Bearer {token}"}).status == 401
    return {"endpoint": audited.at(AUDIT_EVENT)}


@CASES("ITI-71 of a machine")
def _(audited: Audited) -> Names:
    return _given(audited, _token(audited, "ITI-67"))


@CASES("ITI-71 for a user")
def _(audited: Audited) -> Names:
    client = _hospital(audited)
    answer = client.ask(**client.asserted(extensions=user("medecin-hospitalier")))
    assert answer.status == 200
    return _given(audited, answer.resource["access_token"])


@CASES("ITI-71 in a browser")
def _(audited: Audited) -> Names:
    app = App(audited.village)
    answer = app.authorize("medecin")
    assert answer.status == 303
    return {
        "certificate": audited.card("medecin"),
        "endpoint": audited.at(AUTHORIZE),
        "code": _object_of(audited),
        "asked": urlencode(app.asked()),
        "subject of medecin": audited.card("medecin"),
    }


@CASES("ITI-71 by a code")
def _(audited: Audited) -> Names:
    app = App(audited.village)
    code = app.code("medecin")
    audited.watch()
    answer = app.token(code)
    assert answer.status == 200
    return {
        "endpoint": audited.at(TOKEN),
        "issuer": issuer(audited.village),
        "token": claims_of(answer.resource["access_token"])["jti"],
        "asked": urlencode({"grant_type": "authorization_code", "redirect_uri": CALLBACK, "client_id": APP}),
    }


@CASES("ITI-71, not of the directory")
def _(audited: Audited) -> Names:
    client = _hospital(audited)
    answer = client.ask(**client.asserted(extensions=user("medecin-hospitalier", "INDIRECTE_RENFORCEE")))
    assert answer.resource["error"] == "unauthorized_client"
    names = {"certificate": audited.card("hopital"), "endpoint": audited.at(TOKEN), "issuer": issuer(audited.village)}
    return {**names, "token": _object_of(audited)}


def _object_of(audited: Audited) -> str:
    """What the one new event says was asked for: the name of a token, or of a code, that nobody else is told."""
    (event,) = audited.log.new()
    held = parse(event.message).find("ParticipantObjectIdentification[@ParticipantObjectTypeCodeRole='24']")
    assert held is not None
    return held.get("ParticipantObjectID", "")


@CASES("ITI-71, nobody known")
def _(audited: Audited) -> Names:
    assert _hospital(audited, connected=False).ask().status == 401
    return {"endpoint": audited.at(TOKEN)}


@CASES("ITI-71, wrong")
def _(audited: Audited) -> Names:
    assert _hospital(audited).ask(grant_type="password").status == 400
    return {"certificate": audited.card("hopital"), "endpoint": audited.at(TOKEN)}


@CASES("ITI-102")
def _(audited: Audited) -> Names:
    token = _token(audited, "ITI-67")
    audited.watch()
    answer = _hospital(audited).post(INTROSPECT, {"token": token})
    assert answer.status == 200 and answer.resource["active"]
    return _given(audited, token, INTROSPECT)


@CASES("ITI-102, of no token")
def _(audited: Audited) -> Names:
    assert _hospital(audited).post(INTROSPECT, {"token": "x"}).resource == {"active": False}
    return {"certificate": audited.card("hopital"), "endpoint": audited.at(INTROSPECT)}
