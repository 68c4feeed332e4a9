"""The outlet to a FHIR server: AuditEvents by themselves and in batches, each of them answered."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sending import HERE, drain

from audit.store import AuditRecord
from ihe.reply import Address, read_address
from server.audit_cursors import Cursors
from server.audit_links import FhirLink, Link, LinkError
from server.audit_outlet import Outlet
from server.database import Database
from tests.audit_peers import write_events


class FhirServer:
    """Notes the resources that are posted; `refuse` are the places, counted over all of them, of those it refuses."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.refuse: set[int] = set()
        self.broken = b""

    def take(self, resource: dict[str, Any]) -> str:
        place = len(self.resources)
        self.resources.append(resource)
        return "422 Unprocessable" if place in self.refuse else "201 Created"

    def answer(self, path: str, posted: dict[str, Any]) -> tuple[int, bytes]:
        self.paths.append(path)
        if self.broken:
            return 200, self.broken
        if posted["resourceType"] != "Bundle":
            return int(self.take(posted)[:3]), b"{}"
        entries = [{"response": {"status": self.take(entry["resource"])}} for entry in posted["entry"]]
        return 200, json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries}).encode()


@pytest.fixture
def fhir() -> Iterator[tuple[FhirServer, Address]]:
    there = FhirServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/fhir+json"
            status, body = there.answer(self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield there, read_address(f"http://127.0.0.1:{server.server_address[1]}/fhir")
    server.shutdown()
    server.server_close()


def described(record: AuditRecord) -> dict[str, Any]:
    return {"resourceType": "AuditEvent", "id": record.id}


def fhir_link(url: Address) -> Link:
    return FhirLink(url, ssl.create_default_context, described)


def test_one_event_goes_by_itself_and_several_as_batches(
    log: Database, cursors: Cursors, fhir: tuple[FhirServer, Address]
) -> None:
    there, url = fhir
    outlet = Outlet(cursors, HERE, fhir_link(url))
    written = write_events(log, 1)
    drain(outlet)
    written += write_events(log, 120)
    drain(outlet)
    assert [resource["id"] for resource in there.resources] == written
    assert there.paths == ["/fhir/AuditEvent", "/fhir", "/fhir", "/fhir"]
    assert cursors.get(HERE).sequence == 121


def test_an_event_that_is_refused_is_sent_again_and_those_before_it_are_not(
    log: Database, cursors: Cursors, fhir: tuple[FhirServer, Address]
) -> None:
    there, url = fhir
    outlet = Outlet(cursors, HERE, fhir_link(url))
    written = write_events(log, 70)
    there.refuse = {60}
    with pytest.raises(LinkError) as caught:
        drain(outlet)
    outlet._failed(caught.value, 0)
    assert cursors.get(HERE).sequence == 60
    assert cursors.get(HERE).error == "expected 2xx for every event, got 422"
    drain(outlet)
    assert [resource["id"] for resource in there.resources] == written + written[60:]


@pytest.mark.parametrize("broken", [b"", b"{}", b'{"entry": []}', b"[" * 100_000, b'{"entry": [{}, {}]}', b"\xff"])
def test_an_answer_that_is_none_confirms_nothing(
    log: Database, cursors: Cursors, fhir: tuple[FhirServer, Address], broken: bytes
) -> None:
    there, url = fhir
    there.broken = broken or b"\0"
    write_events(log, 2)
    with pytest.raises(LinkError):
        drain(Outlet(cursors, HERE, fhir_link(url)))
    assert cursors.get(HERE).sequence == 0
