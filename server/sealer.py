"""The sealer: one process of a server that signs the audit log as it grows, and hands the heads to witnesses.

Every second, when something was appended, it reads the new records, makes their leaves again from the bytes, and goes
on from the tree that it signed last, which it keeps in a file beside the key. It signs when that gives what
`audit_head` says. Otherwise it signs nothing more: it raises the alarm, which stays until an operator has looked.
"""

from __future__ import annotations

import base64
import json
import signal
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

import structlog

from audit.errors import AuditError
from audit.event import Call, Event, Outcome
from audit.findings import Finding
from audit.heads import read_head
from audit.merkle import Frontier
from audit.notes import NoteError, Signer
from audit.sealing import HeadStore, Seal, TamperedError, beginning, check_continued, grown_trees, signed
from audit.store import instant_text
from audit.transactions import OPERATOR, TAMPERED
from server import logging as technical
from server.alarm import raise_alarm, raised
from server.database import TROUBLE
from server.durable import replace_file
from server.home_key import audit_key
from server.house import House, now
from server.settings import Settings
from server.witness import FileWitness, UrlWitness, Witness, WitnessError

FILE = "audit.seal"
WITNESS_FOLDER = "audit-witness"
SECONDS = 1.0
AT_ONCE = 500  # heads handed to a witness
LONGEST_PAUSE_SECONDS = 60.0

_TROUBLE = (*TROUBLE, AuditError, OSError)  # of our own database and disk
_log = structlog.get_logger("dmp.sealer")


def seal(settings: Settings) -> None:
    """Seals until SIGTERM."""
    technical.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    house = House.build(settings, anchors=False)
    sealer = Sealer(house, audit_key(settings.home))
    threads = [
        threading.Thread(target=sealer.witness, args=(witness, stop), daemon=True) for witness in sealer.witnesses()
    ]
    for thread in threads:
        thread.start()
    sealer.run(stop)


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals the log of one house with one key."""

    house: House
    signer: Signer

    @property
    def home(self) -> Path:
        """Where the seal, the alarm and the key are."""
        return self.house.settings.home

    def witnesses(self) -> list[Witness]:
        """Those of the settings."""
        keeping = self.house.settings.keeping
        return [
            *(FileWitness(path, self.signer.verifier) for path in keeping.witness_files),
            *(UrlWitness(address, self.home / WITNESS_FOLDER) for address in keeping.witness_urls),
        ]

    def run(self, stop: threading.Event) -> None:
        """Seals every second, until `stop` is set: then once more."""
        while not stop.wait(SECONDS):
            self.attempt()
        self.attempt()

    def attempt(self) -> None:
        """One look at the log. Whatever goes wrong is logged."""
        if raised(self.home):
            return
        try:
            self.once()
        except TamperedError as error:
            self.alarm(error.finding)
        except _TROUBLE as error:
            _log.warning("audit log not sealed", error=type(error).__name__)

    def once(self) -> int:
        """Signs what was appended; how many heads that took. Raises TamperedError, and what _TROUBLE has."""
        kept = read_seal(self.home, self.signer)
        with self.house.database.snapshot() as connection:
            if kept is None:
                kept = Seal(tree=beginning(connection, self.signer.verifier))
            trees, number = grown_trees(connection, kept, self.signer.verifier)
        if not trees:
            return 0
        heads = signed(trees, number, instant_text(now()), self.signer)
        with self.house.database.transaction() as connection:
            HeadStore(connection).add(heads)
        head, note = heads[-1]
        write_seal(self.home, Seal(head.number, note, trees[-1]))
        return len(heads)

    def witness(self, witness: Witness, stop: threading.Event) -> None:
        """Hands heads to one witness until `stop` is set."""
        checked, pause = False, SECONDS
        while not stop.wait(pause):
            try:
                if not checked:
                    self.check(witness)
                    checked = True
                given = self.hand(witness)
            except TamperedError as error:
                self.alarm(error.finding)
                return
            except (WitnessError, *_TROUBLE) as error:
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                _log.warning("witness not reached: trying again", witness=witness.name, error=str(error) or "none")
            else:
                pause = 0.0 if given == AT_ONCE else SECONDS

    def check(self, witness: Witness) -> None:
        """Raises TamperedError unless the log continues the last head of a witness."""
        head = witness.last()
        if head is not None:
            with self.house.database.snapshot() as connection:
                check_continued(connection, head)

    def hand(self, witness: Witness) -> int:
        """Gives a witness the heads that it has not; how many."""
        with self.house.database.snapshot() as connection:
            heads = HeadStore(connection).after(witness.position(), AT_ONCE)
        if heads:
            witness.give(heads)
        return len(heads)

    def alarm(self, finding: Finding) -> None:
        """Says what was found wherever it can be said: health, log, and the audit log itself."""
        raise_alarm(self.home, finding, instant_text(now()))
        told = {"kind": finding.kind.value, "first": finding.first, "last": finding.last, "detail": finding.detail}
        _log.error("audit log tampered with: nothing more is sealed", **told)
        try:
            with self.house.rooms() as rooms:
                rooms.trail.append(_event(finding))
        except _TROUBLE as error:
            _log.error("alarm not recorded", error=type(error).__name__)


def read_seal(home: Path, signer: Signer) -> Seal | None:
    """The last seal of that home; None where there is none that this key signed."""
    file = home / FILE
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text("utf-8"))
        head = read_head(kept["note"], signer.verifier)
        tree = Frontier.read(head.size, base64.b64decode(kept["frontier"], validate=True))
    except (NoteError, ValueError, KeyError, TypeError):
        return None
    return Seal(head.number, kept["note"], tree) if tree.root() == head.root else None


def write_seal(home: Path, seal: Seal) -> None:
    """Keeps a seal in place of the one before."""
    kept = {"note": seal.note, "frontier": base64.b64encode(seal.tree.joined()).decode()}
    replace_file(home / FILE, json.dumps(kept) + "\n")


def _event(finding: Finding) -> Event:
    what = f"{finding.kind.value} : {finding.first} à {finding.last} {finding.detail}".rstrip()
    return Event(
        id=str(uuid.uuid4()),
        instant=now(),
        call=Call(transaction=OPERATOR, request_id=uuid.uuid4().hex),
        outcome=Outcome.MAJOR_FAILURE,
        action=TAMPERED,
        operator="sealer",
        rule="scellement",
        explanation=f"Le journal d'audit n'est plus celui qui a été scellé ({what}).",
    )
