"""ITI-82: the audit log read by an auditor as syslog messages: those that brought what others report, and our own.

This server's own events have the header under which it sends them. What came by the FHIR Feed, or without a header that
syslog knows, is no syslog message: ITI-81 finds it.

Source: RESTful ATNA 3.82 (Retrieve Syslog Event); RFC 5424 §6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from audit.event import AuditObject, Call, ObjectKind
from audit.selection import Placed, Selection
from audit.syslog import SyslogMessage, read_syslog, write_syslog
from audit.trace import Place
from dmp.audit_query import BATCH, Found, page
from dmp.gate import Gate
from dmp.ports import Rooms
from habilitations.action import Action
from identities.requester import Requester


@dataclass(frozen=True, slots=True)
class SyslogQuestion:
    """What is wanted, as a Question of ITI-81 says it; `holds` tells of a syslog message whether it belongs."""

    selection: Selection
    raw: bytes
    holds: Callable[[SyslogMessage], bool]
    count: int
    after: Place | None = None


def search_syslog(
    gate: Gate, requester: Requester, call: Call, question: SyslogQuestion, *, host: str, app: str
) -> Found[SyslogMessage]:
    """The page that answers `question`; `host` and `app` are those of this server. Raises AccessRefused."""
    asked = AuditObject(ObjectKind.QUERY, call.endpoint, content=question.raw)
    with gate.passage(requester, Action.ITI_82, None, call, asked=[asked]) as passage:
        return _page(passage.rooms, question, host, app)


def _page(rooms: Rooms, question: SyslogQuestion, host: str, app: str) -> Found[SyslogMessage]:
    read = partial(rooms.traces.syslog, question.selection, limit=BATCH)
    return page(read, partial(_told, question, host, app), count=question.count, after=question.after)


def _told(question: SyslogQuestion, host: str, app: str, placed: Placed) -> SyslogMessage | None:
    record = placed.record
    header = record.syslog.encode() or write_syslog(b"", instant=placed.place[0], host=host, app=app)
    message = replace(read_syslog(header), message=record.message)
    return message if question.holds(message) else None
