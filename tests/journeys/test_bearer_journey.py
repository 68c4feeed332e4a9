"""Access tokens at a real FHIR door: an issuer publishes its keys, and its tokens let auditors in."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from audit_nodes import AUDIT_EVENT, Answer

from audit.event import Outcome
from tests.balp import judge
from tests.connectathon import Node, connectathon
from tests.tokens import AUDIENCE, ISSUER, claims, key_for, public, publishing, sign

SUBJECT = "auditor-7"


@dataclass
class Door:
    """A server that believes one issuer."""

    node: Node

    def ask(self, path: str, authorization: str | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=60)
        headers = {} if authorization is None else {"Authorization": authorization}
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    def search(self, **changes: Any) -> Answer:
        token = sign(claims(time.time(), **{"sub": SUBJECT, **changes}))
        return self.ask(f"{AUDIT_EVENT}?date=ge2020&_count=1", f"Bearer {token}")

    def read(self, event: str) -> Answer:
        return self.ask(f"{AUDIT_EVENT}/{event}", f"Bearer {sign(claims(time.time(), sub=SUBJECT))}")


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with publishing(public(key_for("ES256"))) as published:
        settings = {
            "oauth_issuers": [f"{ISSUER} {published.address}"],
            "oauth_audiences": [AUDIENCE],
            "oauth_auditors": [f"{ISSUER} {SUBJECT}"],
        }
        with connectathon(tmp_path_factory.mktemp("bearer"), **settings) as node:
            there, give_up = Door(node), time.monotonic() + 30
            while there.search().status != 200:
                assert time.monotonic() < give_up
                time.sleep(0.1)
            yield there


@pytest.mark.proves("transaction/ITI-72")
def test_an_auditor_reads_the_log_by_a_token(door: Door, reference: Path) -> None:
    assert door.search(jti="the-token").status == 200
    (record, *_) = door.node.audit(1)
    assert (record.transaction, record.outcome, record.authentication) == ("ITI-81", Outcome.SUCCESS, "AUDITEUR")
    assert record.requester_id == SUBJECT
    event = door.read(record.id).resource
    (agent,) = [each for each in event["agent"] if each.get("policy")]
    assert agent["policy"] == ["the-token"]
    assert agent["who"]["identifier"] == {"system": ISSUER, "value": SUBJECT}
    profile = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.OAUTHaccessTokenUse.Minimal"
    assert event["meta"]["profile"] == [profile]
    assert judge(reference).faults(event, profile) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub": "somebody"}, "invalid_token"),
        ({"aud": "https://elsewhere.example"}, "invalid_token"),
        ({"iss": "https://other.example"}, "invalid_token"),
        ({"exp": 1}, "invalid_token"),
        ({"cnf": {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}}, "invalid_token"),
        ({"scope": "ITI-67"}, "insufficient_scope"),
    ],
)
def test_another_token_is_refused_and_recorded(door: Door, changes: dict[str, Any], code: str) -> None:
    answer = door.search(**changes)
    assert answer.status == 401
    assert f'error="{code}"' in answer.headers["WWW-Authenticate"]
    ((kind, told),) = answer.issues
    assert kind == "login"
    assert "token" in told
    (record, *_) = door.node.audit(1)
    assert (record.transaction, record.outcome, record.rule) == ("ITI-81", Outcome.SERIOUS_FAILURE, "authentification")


def test_every_token_that_is_not_believed_is_answered_alike(door: Door) -> None:
    """Nobody learns from an answer whether it was the signature, the subject or the hour."""
    answers = [door.search(**each) for each in ({"sub": "x"}, {"aud": "x"}, {"exp": 1}, {"iss": "https://x.example"})]
    forged = door.ask(f"{AUDIT_EVENT}?date=ge2020", f"Bearer {sign(claims(time.time()), 'RS256')}")
    seen = {(each.status, each.content, each.headers["WWW-Authenticate"]) for each in (*answers, forged)}
    assert len(seen) == 1


@pytest.mark.parametrize("authorization", ["", "Basic eDp5", "Bearer", "Bearer x", "Bearer a.b.c, Bearer a.b.c"])
def test_another_authorization_is_refused(door: Door, authorization: str) -> None:
    answer = door.ask(f"{AUDIT_EVENT}?date=ge2020", authorization)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="fhir"')
    assert answer.resource["resourceType"] == "OperationOutcome"


def test_a_token_in_the_address_is_no_token(door: Door) -> None:
    """RFC 6750 §2.3: it would stand in logs."""
    token = sign(claims(time.time(), sub=SUBJECT))
    assert door.ask(f"{AUDIT_EVENT}?date=ge2020&access_token={token}", None).status == 403


def test_a_reader_of_the_log_reads_one_event_too(door: Door) -> None:
    (event,) = door.search().events
    assert door.read(event["id"]).resource["id"] == event["id"]
