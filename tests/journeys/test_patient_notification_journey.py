"""PIXV3 Update Notification from outside: consumers hear of changed identifiers, and delay nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from identities.requester import PatientId
from schemas.xml import parse
from tests.connectathon import (
    connectathon,
)
from tests.hl7v3 import (
    NS,
    Patients,
    name,
    new_authority,
)
from tests.journeys.fed import Pair
from tests.ports import free_port


@dataclass
class Consumer:
    """A PIX consumer that notes what it is told."""

    port: int
    told: list[bytes]
    down: threading.Event

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/pix"

    def wait(self, number: int) -> list[list[Pair]]:
        """The identifiers of each notice, once there are `number` of them."""
        give_up = time.monotonic() + 30
        while len(self.told) < number and time.monotonic() < give_up:
            time.sleep(0.05)
        assert len(self.told) == number
        return [
            [(i.get("extension", ""), i.get("root", "")) for i in parse(each).iterfind(".//h:patient/h:id", NS)]
            for each in self.told
        ]


@pytest.fixture
def consumer() -> Iterator[Consumer]:
    listening = Consumer(free_port(), [], threading.Event())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = 503 if listening.down.is_set() else 200
            if status == 200:
                listening.told.append(body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", listening.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield listening
    server.shutdown()


@pytest.mark.proves("transaction/ITI-46")
def test_consumers_are_told_of_changed_identifiers_and_of_nothing_else(consumer: Consumer, tmp_path: Path) -> None:
    a, b = new_authority(), new_authority()
    dead = f"http://127.0.0.1:{free_port()}/gone"
    wanted = [f"{consumer.url} {a} {b}", dead]
    with connectathon(tmp_path, pix_consumers=wanted) as node:
        source, one, other = Patients(node), ("1", a), ("2", a)
        consumer.down.set()  # it is told again later
        begun = time.monotonic()
        assert source.add([one]).acknowledged == "CA"
        assert time.monotonic() - begun < 10, "who does not listen delays nobody"
        consumer.down.clear()
        assert consumer.wait(1) == [[one]]
        source.revise([one], name("Muster", "Maja Anna"))  # no change of identifiers
        source.add([("elsewhere", new_authority())])  # no domain of interest
        source.revise([one, ("x", b)])
        assert consumer.wait(2)[-1] == [one, ("x", b)]
        source.add([other])
        assert consumer.wait(3)[-1] == [other]
        source.merge(other, one)
        assert consumer.wait(4)[-1] == [other, ("x", b)]
        sent = parse(consumer.told[-1])
        assert sent.findtext(".//{http://www.w3.org/2005/08/addressing}Action") == "urn:hl7-org:v3:PRPA_IN201302UV02"
        recorded = [each for each in node.audit(20) if each.transaction == "ITI-46"]
        assert [each.patient for each in recorded if b"/pix" in each.message] == [
            PatientId(*each) for each in (other, other, one, one)
        ]
