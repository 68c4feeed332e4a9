"""Rooms that break under a running server, and what is heard of it: by whoever asked, and in the audit log."""

from __future__ import annotations

import http.client
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from audited_event import Code, Row, read
from audited_stage import Log
from lxml import etree

from audit.event import Outcome
from audit.store import AuditRecord
from conformance.lps.soap import LpsError
from server.settings import Settings

KEPT = ("audit_", "outbox", "sqlite_", "alembic_")  # tables that stay, by how their names begin
GONE = "gone_"
BEGUN_HERE = ("ITI-46", "ITI-112", "alerte")  # what nobody asks for
# What nobody outside may hear: how this house is built.
INSIDE = (b"Traceback", b"sqlite", b"no such table", b"Error:", b"site-packages", b".py")


@dataclass(frozen=True)
class Rooms:
    """The tables of a server's rooms, which can be taken away and given back while it runs."""

    file: Path

    @classmethod
    def of(cls, settings: Settings) -> Rooms:
        return cls(Path(settings.database_url.removeprefix("sqlite:///")))

    def take_away(self, spared: Collection[str] = ()) -> None:
        """All of them but those of `spared`: what needs one fails. The audit log stays as it is."""
        self._rename({name: f"{GONE}{name}" for name in self._tables() if not name.startswith(GONE)}, spared)

    def give_back(self) -> None:
        self._rename({name: name.removeprefix(GONE) for name in self._tables() if name.startswith(GONE)})

    def _tables(self) -> list[str]:
        with closing(sqlite3.connect(self.file)) as raw:
            named = raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return [name for (name,) in named if not name.startswith(KEPT)]

    def _rename(self, names: Mapping[str, str], spared: Collection[str] = ()) -> None:
        with closing(sqlite3.connect(self.file, timeout=30, isolation_level=None)) as raw:
            raw.execute("BEGIN IMMEDIATE")
            for before, after in names.items():
                if before not in spared:
                    raw.execute(f'ALTER TABLE "{before}" RENAME TO "{after}"')
            raw.execute("COMMIT")


class Pages(Rooms):
    """The audit log's own pages: one of them cannot be read, which ITI-81 needs and the log itself does not."""

    def take_away(self, spared: Collection[str] = ()) -> None:
        """The first record, which is sealed long since, says no instant any more."""
        self._first("instant = 'gone ' || instant", "NOT LIKE")

    def give_back(self) -> None:
        self._first("instant = substr(instant, 6)", "LIKE")

    def _first(self, change: str, how: str) -> None:
        with closing(sqlite3.connect(self.file, timeout=30)) as raw, raw:
            raw.execute(f"UPDATE audit_event SET {change} WHERE sequence = 1 AND instant {how} 'gone %'")


@dataclass
class Heard:
    """Answers, as they came over whatever connection this process has."""

    answers: dict[http.client.HTTPResponse, bytearray] = field(default_factory=dict)

    @property
    def last(self) -> tuple[int, str, bytes]:
        """Status, media type and body of the newest answer."""
        response, body = list(self.answers.items())[-1]
        return response.status, response.headers.get_content_type(), bytes(body)


@contextmanager
def hearing(patch: pytest.MonkeyPatch) -> Iterator[Heard]:
    """Everything that is read of an answer meanwhile is kept."""
    heard, usual = Heard(), http.client.HTTPResponse.read

    def read_and_keep(response: http.client.HTTPResponse, amount: int | None = None) -> bytes:
        came = usual(response, amount)
        heard.answers.setdefault(response, bytearray()).extend(came)
        return came

    with patch.context() as patched:
        patched.setattr(http.client.HTTPResponse, "read", read_and_keep)
        yield heard


def successes(rows: Mapping[str, tuple[Row, ...]]) -> list[ParameterSet]:
    """The title of one request of each kind that succeeds; of each EventID one is for every run."""
    found: dict[tuple[Code, tuple[Code, ...]], str] = {}
    for title, (first, *_) in ((title, each) for title, each in rows.items() if each):
        if not first.outcome and first.types[0][0] not in BEGUN_HERE:
            found.setdefault((first.event, first.types), title)
    short = {event: title for (event, _), title in reversed(found.items())}
    return [pytest.param(title, marks=[] if title in short.values() else pytest.mark.long) for title in found.values()]


def perform(log: Log, rooms: Rooms, spared: Collection[str], case: Callable[[], object]) -> None:
    """Performs a case whose rooms are gone from the moment when it has `log` watched: what goes before is done by then.

    A case that needs nothing before watches nothing: it is performed again. What it asserts of its answer counts for
    nothing.
    """
    taken: list[bool] = []

    def take_away() -> None:
        rooms.take_away(spared)
        taken.append(True)

    log.watch()
    log.watched.append(take_away)
    try:
        with suppress(AssertionError, LpsError):
            case()
        if not taken:
            log.watch()
            with suppress(AssertionError, LpsError):
                case()
    finally:
        log.watched.remove(take_away)
        rooms.give_back()


def check_failure(log: Log, rows: Sequence[Row]) -> AuditRecord:
    """The event of one request that failed by this server's own fault: the newest, behind those of what went well.

    Raises AssertionError for any other.
    """
    events = log.new()
    told = [f"{each.transaction} {each.action} {each.outcome.value} {each.rule} {each.explanation}" for each in events]
    assert 1 <= len(events) <= len(rows), told
    *before, event = events
    assert {each.outcome for each in before} <= {Outcome.SUCCESS}, told
    assert (event.outcome, event.rule) == (Outcome.MAJOR_FAILURE, "serveur"), told
    assert event.explanation.isidentifier(), told  # the class of an error, and nothing of what it was about
    if log.schema is not None:
        log.schema.assertValid(etree.fromstring(event.message))
    said = read(event.message)
    assert (said.outcome, said.types[0]) == ("12", rows[len(before)].types[0]), told
    return event
