"""What the FHIR door needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` and `failed` are for requests that never reached it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from audit.event import Call
from audit.received import Received
from audit.syslog import SyslogMessage
from dmp.audit_query import AuditEvent, Found, Question
from dmp.ports import Clock
from dmp.syslog_query import SyslogQuestion
from identities.requester import Requester

Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Door:
    """`auditor` is who reads the log by a transaction: by an access token, or the certificate of the connection;
    `sender` the subject of a node that feeds it, by its certificate; whoever is neither is an UnknownNodeError. `keep`
    takes what nodes send; None where nothing is taken. `key` signs cursors.
    """

    auditor: Callable[[Environ, str], Requester]
    sender: Callable[[Environ], str]
    search: Callable[[Requester, Call, Question], Found[AuditEvent]]
    search_syslog: Callable[[Requester, Call, SyslogQuestion], Found[SyslogMessage]]
    keep: Callable[[Iterable[Received]], tuple[str, ...]] | None
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
    now: Clock
    key: bytes
