"""A hall that only notes what it is asked, and endpoints in front of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from ihe_wire import (
    MESSAGE_ID,
    package,
    part,
    provide,
    root,
    xop,
)
from lxml import etree
from werkzeug.test import TestResponse

from audit.event import Call
from dmp.requests import DocumentRequest, Lot, Opened
from identities.requester import Authentication, Requester
from ihe.door import Door, Peer
from ihe.endpoint import IHE_ACTORS, blueprint
from ihe.mime import Limits
from ihe.soap import ENVELOPE, Header
from registry.errors import ErrorCode, Finding
from registry.metadata import RegistryObject, Submission
from registry.stored_query import StoredQuery
from repository.content import Content
from schemas.xml import parse

SOAP = "application/soap+xml; charset=UTF-8"
SOMEBODY = Requester("8990", "Ada", "10", "1.2", "SM26", "1990", "SA01", Authentication.DIRECTE)
NS = {"env": "http://www.w3.org/2003/05/soap-envelope", "wsa": "http://www.w3.org/2005/08/addressing"}
REFUSAL = Finding(ErrorCode.DMPAccessDeniedByRightsService, "Accès refusé")
SECRET = "DUPONT"  # stands for what must never reach a log or a client


class Staged:
    """A staged document in memory."""

    def __init__(self) -> None:
        self.content, self.discarded = bytearray(), False

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> Content:
        return Content(hashlib.sha256(self.content).hexdigest(), "", len(self.content))

    def chunks(self) -> Iterator[bytes]:
        yield bytes(self.content)

    def keep(self) -> None: ...

    def discard(self) -> None:
        self.discarded = True


@dataclass
class Hall:
    """Notes what comes; `raises` is what the hall, or whoever authenticates, answers with."""

    raises: Exception | None = None
    unknown: Exception | None = None
    lots: list[Lot] = field(default_factory=list)
    questions: list[tuple[StoredQuery, str, bytes]] = field(default_factory=list)
    wanted: list[Sequence[DocumentRequest]] = field(default_factory=list)
    submissions: list[Submission] = field(default_factory=list)
    removed: list[Sequence[object]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    refused: list[tuple[Call, str, Requester | None]] = field(default_factory=list)
    failed: list[tuple[Call, str, Requester | None]] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    warnings: tuple[Finding, ...] = ()

    def authenticate(self, header: Header, peer: Peer, call: Call) -> Requester:
        assert header.root.tag == ENVELOPE
        if self.unknown:
            raise self.unknown
        return SOMEBODY

    def _asked(self, call: Call) -> None:
        self.calls.append(call)
        if self.raises:
            raise self.raises

    def provide(self, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        self.lots.append(lot)
        self._asked(call)
        return self.warnings

    def register(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        self.submissions.append(submission)
        self._asked(call)
        return self.warnings

    def remove(self, requester: Requester, call: Call, wanted: Sequence[object]) -> tuple[Finding, ...]:
        self.removed.append(wanted)
        self._asked(call)
        return self.warnings

    def search(
        self, requester: Requester, call: Call, query: StoredQuery, query_id: str, raw: bytes
    ) -> tuple[RegistryObject, ...]:
        self.questions.append((query, query_id, raw))
        self._asked(call)
        return ()

    def open(self, requester: Requester, call: Call, wanted: Sequence[DocumentRequest]) -> Sequence[Opened | Finding]:
        self.wanted.append(wanted)
        self._asked(call)
        return [Opened(asked, "text/xml", 3, iter([b"a", b"bc"])) for asked in wanted]

    def stage(self) -> Staged:
        self.staged.append(Staged())
        return self.staged[-1]

    def client(self, limits: Limits | None = None) -> FlaskClient:
        app = Flask(__name__)
        app.register_blueprint(blueprint(self.door(limits)))
        return app.test_client()

    def door(self, limits: Limits | None = None) -> Door:
        return Door(
            actors=IHE_ACTORS,
            authenticate=self.authenticate,
            provide=self.provide,
            register=self.register,
            register_on_demand=self.register,
            update=self.register,
            restricted_update=self.register,
            search=self.search,
            open=self.open,
            remove_metadata=self.remove,
            remove_documents=self.remove,
            patients=None,  # type: ignore[arg-type]
            dossiers=None,  # type: ignore[arg-type]
            habilitations=None,  # type: ignore[arg-type]
            accounts=None,  # type: ignore[arg-type]
            stage=self.stage,
            refused=lambda call, reason, requester: self.refused.append((call, reason, requester)),
            failed=lambda call, reason, requester: self.failed.append((call, reason, requester)),
            peer=lambda _environ: Peer(),
            limits=limits or Limits(),
        )

    def post(self, path: str, message: bytes, header: str = SOAP, **more: Any) -> TestResponse:
        limits = more.pop("limits", None)
        return self.client(limits).post(path, data=message, headers={"Content-Type": header}, **more)


PACKAGED = package(root(provide(xop("Document01", "cid:d1"))), part("d1", b"content"))


def body(response: TestResponse) -> etree._Element:
    """The child of the Body of a simple or MTOM answer."""
    data = response.data
    start = data.index(b"<?xml")
    end = data.index(b"</env:Envelope>") + len(b"</env:Envelope>")
    found = parse(data[start:end])
    assert found.findtext("env:Header/wsa:RelatesTo", None, NS) in (MESSAGE_ID, None)
    return found.find("env:Body", NS)[0]  # type: ignore[index]


def subcode(response: TestResponse) -> str | None:
    assert response.content_type == SOAP
    values = [value.text for value in body(response).iterfind(".//env:Subcode/env:Value", NS)]
    return values[-1] if values else None
