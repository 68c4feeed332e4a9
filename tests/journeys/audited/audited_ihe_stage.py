"""A server of an IHE domain, a node that remembers what it sent, and a PIX consumer that is told things."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread

from audited_stage import Log, Names, log_of

from conformance.pki import Credential, Pki, ec_key, reused
from registry.metadata import DocumentEntry
from schemas.xml import parse
from tests.conftest import reference_folder
from tests.connectathon import (
    FOREIGN_REPOSITORY,
    REPOSITORY,
    Answer,
    Node,
    connectathon,
    document,
    submission,
)
from tests.hl7v3 import HL7, Patients, name, new_authority
from tests.ports import free_port

HOME = "urn:oid:1.3.6.1.4.1.21367.2026.8"


@dataclass
class Sender(Node):
    """A node that remembers what it sent last, and sends to a community when told so."""

    body: str = ""
    home_id: str = ""

    def soap(self, path: str, action: str, body: str | bytes) -> Answer:
        content = body.decode() if isinstance(body, bytes) else body
        if self.home_id:
            content = content.replace("<rim:AdhocQuery ", f'<rim:AdhocQuery home="{self.home_id}" ')
            content = content.replace(
                "<xds:DocumentRequest>",
                f"<xds:DocumentRequest><xds:HomeCommunityId>{self.home_id}</xds:HomeCommunityId>",
            )
        self.body = content
        return super().soap(path, action, content)


@dataclass
class Consumer:
    """A PIX consumer that keeps what it is told."""

    server: ThreadingHTTPServer
    told: Queue[bytes]

    @property
    def url(self) -> str:
        return f"{self._base}/pix"

    @property
    def hook(self) -> str:
        """The endpoint of subscriptions."""
        return f"{self._base}/hook"

    @property
    def _base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def wait(self) -> bytes:
        """The next notice."""
        return self.told.get(timeout=30)


@dataclass
class Stage:
    node: Sender
    patients: Patients
    pki: Pki
    sts: Credential
    hospital: Credential
    https: int
    mllp: int
    consumer: Consumer
    log: Log

    def watch(self) -> None:
        self.log.watch()

    def there(self, path: str) -> str:
        return f"http://127.0.0.1:{self.node.port}{path}"

    def provided(self, patient: str) -> DocumentEntry:
        entry = document(patient, hash="", size=None)
        answer = self.node.provide(submission(entry), {entry.entry_uuid: b"hello"})
        assert answer.success, answer.errors
        return entry

    def fed(self, *others: tuple[str, str]) -> tuple[str, str]:
        patient = (f"P{uuid.uuid4().hex[:12]}", new_authority())
        assert self.patients.add([patient, *others], name(f"Z{uuid.uuid4().hex}", "Maja")).acknowledged == "CA"
        return patient

    @property
    def message(self) -> str:
        """The id of the HL7 message that was sent last."""
        found = parse(self.patients.sent[-1].encode()).find(f"{{{HL7}}}id")
        assert found is not None
        return found.get("root", "")


Case = Callable[[Stage], Names]
CASES: dict[str, Case] = {}


def case(title: str) -> Callable[[Case], Case]:
    def note(perform: Case) -> Case:
        CASES[title] = perform
        return perform

    return note


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The server, its log watched."""
    port, mllp, consumer = free_port(), free_port(), _consumer()
    pki = Pki.create(folder / "home", key_maker=reused(ec_key))
    sts, hospital = pki.structure("sts", "10B0011797", "STS"), pki.structure("hospital", "10B0022222", "Hospital")
    more = {"https": f"127.0.0.1:{port}", "mllp": f"127.0.0.1:{mllp}", "pix_consumers": f"{consumer.url} 1.2.3.4.5"}
    more["subscription_endpoints"] = consumer.hook
    with connectathon(folder, **more) as node:
        sender = Sender(node.port, node.home, node.settings)
        with log_of(node.settings, reference_folder()) as log:
            log.names = {"repository": REPOSITORY, "elsewhere": FOREIGN_REPOSITORY, "home": HOME}
            yield Stage(sender, Patients(sender), pki, sts, hospital, port, mllp, consumer, log)
    consumer.server.shutdown()


def _consumer() -> Consumer:
    told: Queue[bytes] = Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.put(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return Consumer(server, told)
