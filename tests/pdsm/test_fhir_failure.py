"""What fails at the FHIR door before the hall is asked: an OperationOutcome that tells nothing, and one event."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from flask import Flask

from audit.event import Call
from pdsm.door import Door
from pdsm.endpoint import AUDIT_EVENT, blueprint
from pdsm.http import BASE, REQUEST_ID
from pdsm.sharing_door import Sharing
from pdsm.syslog_endpoint import SYSLOG_SEARCH

JSON = {"Content-Type": "application/fhir+json"}


def _broken(*_: Any) -> Any:
    raise RuntimeError("le dossier de Suzanne")


@pytest.mark.parametrize(
    ("method", "path", "transaction"),
    [
        ("GET", f"{AUDIT_EVENT}?date=ge2020", "ITI-81"),
        ("GET", f"{AUDIT_EVENT}/1", "ITI-81"),
        ("GET", f"{SYSLOG_SEARCH}?date=ge2020", "ITI-82"),
        ("POST", AUDIT_EVENT, "ITI-20"),
        ("POST", BASE, "ITI-65"),
        ("POST", f"{BASE}/DocumentReference", "ITI-105"),
        ("POST", f"{BASE}/DocumentReference/$generate-metadata", "ITI-106"),
        ("PATCH", f"{BASE}/DocumentReference/1", "ITI-57"),
        ("PATCH", f"{BASE}/DocumentReference?identifier=1", "ITI-57"),
        ("GET", f"{BASE}/DocumentReference/1/_history", "ITI-67"),
        ("GET", f"{BASE}/DocumentReference/1/_history/1", "ITI-67"),
        ("GET", f"{BASE}/DocumentReference?status=current", "ITI-67"),
        ("GET", f"{BASE}/DocumentReference/1", "ITI-67"),
        ("GET", f"{BASE}/List/1", "ITI-66"),
        ("GET", f"{BASE}/Binary/1", "ITI-68"),
        ("GET", f"{BASE}/Patient?family=x", "ITI-78"),
        ("GET", f"{BASE}/Patient/1", "ITI-78"),
        ("GET", f"{BASE}/Patient/$ihe-pix", "ITI-83"),
        ("POST", f"{BASE}/Patient/$match", "ITI-119"),
    ],
)
def test_it_is_recorded_and_nothing_of_it_is_told(method: str, path: str, transaction: str) -> None:
    failed: list[tuple[Call, str, object]] = []
    ports: dict[str, Any] = {each.name: _broken for each in fields(Door)}
    ports["failed"] = lambda *said: failed.append(said)
    app = Flask(__name__)
    sharing: dict[str, Any] = {each.name: _broken for each in fields(Sharing)}
    sharing["failed"] = ports["failed"]
    app.register_blueprint(blueprint(Door(**ports), Sharing(**sharing)))
    body = b"{}" if method == "POST" else None
    answer = app.test_client().open(path, method=method, headers=JSON, data=body, environ_overrides={REQUEST_ID: "r-1"})
    assert answer.status_code == 500
    assert [(each["code"], each["diagnostics"]) for each in answer.get_json(force=True)["issue"]] == [
        ("exception", "request r-1 failed")
    ]
    ((call, reason, requester),) = failed
    assert (call.transaction, call.request_id, reason, requester) == (transaction, "r-1", "RuntimeError", None)
