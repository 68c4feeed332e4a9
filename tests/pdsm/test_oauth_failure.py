"""What fails at the authorisation server before the hall is asked: nothing of it is told, and it is one event."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from flask import Flask

from audit.event import Call
from pdsm.issuing import SigningKey
from pdsm.oauth_door import OAuthDoor
from pdsm.oauth_endpoint import REQUEST_ID, oauth_blueprint


def _broken(*_: Any) -> Any:
    raise RuntimeError("le dossier de Suzanne")


@pytest.mark.parametrize(("path", "transaction"), [("/oauth/token", "ITI-71"), ("/oauth/introspect", "ITI-102")])
def test_it_is_recorded_and_nothing_of_it_is_told(path: str, transaction: str) -> None:
    failed: list[tuple[Call, str, object]] = []
    ports: dict[str, Any] = {each.name: _broken for each in fields(OAuthDoor)}
    ports |= {"failed": lambda *said: failed.append(said), "issuer": "https://dmp.example", "key": SigningKey.make()}
    app = Flask(__name__)
    app.register_blueprint(oauth_blueprint(OAuthDoor(**ports)))
    form = {"grant_type": "client_credentials", "token": "x"}
    answer = app.test_client().post(path, data=form, environ_overrides={REQUEST_ID: "r-1"})
    assert answer.status_code == 500
    assert b"Suzanne" not in answer.data
    ((call, reason, requester),) = failed
    assert (call.transaction, call.request_id, reason, requester) == (transaction, "r-1", "RuntimeError", None)
