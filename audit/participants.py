"""Who took part in an event: the active participants of its audit message, as data.

Source: DICOM PS3.15 A.5.2.2 and A.5.3; ITI TF-2, audit considerations of each transaction (3.18.5.1, 3.41.5.1,
3.43.6.1, 3.46.5.1), 3.20.7.1.1 (RoleIDCode) and 3.40.4.2 (the user of an assertion).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from audit.event import Call, Event
from audit.transactions import (
    APPLICATION,
    APPLICATION_LAUNCHER,
    DESTINATION,
    SECURITY_ALERT,
    SOURCE,
    USER_AUTHENTICATION,
    CodedValue,
    Transaction,
)
from identities.requester import Authentication, Requester
from schemas import oids

if TYPE_CHECKING:
    from audit.message import AuditSource

UNKNOWN = "unknown"
MEDIA = "IHE_XDM"  # UserID of a medium: ITI TF-2 3.32.5.1
PHARMACIEN = "21"  # TRE_G15


@dataclass(frozen=True, slots=True)
class Participant:
    """One ActiveParticipant. `address` is its network access point, '' for none; `medium` a MediaType."""

    user_id: str
    requestor: bool
    roles: tuple[CodedValue, ...] = ()
    alternative_id: str = ""
    name: str = ""
    address: str = ""
    medium: CodedValue | None = None


def participants_of(event: Event, transaction: Transaction, site: AuditSource) -> tuple[Participant, ...]:
    """The participants of `event`, in the order of its message: machines, then people."""
    if transaction.begun_here:
        return _telling(event.call, transaction, site)
    if transaction.event_id is USER_AUTHENTICATION and transaction.client is not APPLICATION:
        return _authenticating(event, site)
    return tuple(_asking(event, transaction, site))


def _telling(call: Call, transaction: Transaction, site: AuditSource) -> tuple[Participant, ...]:
    """This server begins, and somebody listens. Source: ITI TF-2 3.46.5.1.1."""
    receiver = call.endpoint or UNKNOWN
    listener = () if transaction.client is None else (transaction.client,)
    return (
        Participant(site.source_id, True, (transaction.server,), site.process_id, address=site.host),
        Participant(receiver, False, listener, address=_host_of(receiver)),
    )


def _authenticating(event: Event, site: AuditSource) -> tuple[Participant, ...]:
    """The person authenticated or claimed, where they are, and the node that judges. Source: DICOM PS3.15 A.5.3.12."""
    address = event.call.client_address or UNKNOWN
    person = _human(event.requester, True, address) if event.requester else Participant(UNKNOWN, True, address=address)
    return (person, Participant(event.call.endpoint or site.source_id, False, (), site.process_id, address=site.host))


def _asking(event: Event, transaction: Transaction, site: AuditSource) -> Iterator[Participant]:
    """The two ends of a wire, a medium or nothing in its place, and the people behind it.

    Of a security alert this server is who reports, and everybody else is whom it is about: DICOM PS3.15 A.5.3.11.
    """
    alert = transaction.event_id is SECURITY_ALERT
    if transaction.client is not None:
        yield _client(event.call, transaction.client, requestor=not alert)
    server = event.call.endpoint or site.source_id
    yield Participant(server, alert, (transaction.server,), site.process_id, address=site.host)
    if transaction.medium is not None:
        role = SOURCE if transaction.server is DESTINATION else DESTINATION
        yield Participant(MEDIA, False, (role,), medium=transaction.medium)
    if transaction.server is APPLICATION:
        yield Participant(event.operator or UNKNOWN, True, (APPLICATION_LAUNCHER,))
    elif event.operator:
        yield Participant(event.operator, not alert)
    if event.requester is not None and event.requester.authentication is not Authentication.NOEUD_IHE:
        yield _human(event.requester, not alert)


def _client(call: Call, role: CodedValue, *, requestor: bool) -> Participant:
    """The other end of the wire: by where it has answers sent, where it says so, and by its certificate.

    Source: ITI TF-2 3.18.5.1.2 and others (UserID: wsa:ReplyTo).
    """
    address = call.client_address or UNKNOWN
    known = call.client_certificate or address
    if not call.reply_to:
        return Participant(known, requestor, (role,), address=address)
    return Participant(call.reply_to, requestor, (role,), call.client_certificate, address=address)


def _human(requester: Requester, requestor: bool, address: str = "") -> Participant:
    """Who asks in person. Source: ITI TF-2 3.40.4.2 (UserName is `alias<user@issuer>`), 3.20.7.1.1 (RoleIDCode)."""
    user = requester.id_nat or UNKNOWN
    issuer = requester.issuer or requester.certificate_subject
    name = f"{requester.alias}<{user}@{issuer}>" if issuer else requester.name
    roles = []
    if requester.profession:
        roles.append(CodedValue(requester.profession, requester.profession_system, requester.profession))
    if requester.specialty:
        roles.append(CodedValue(requester.specialty, _specialty_system(requester), requester.specialty))
    return Participant(user, requestor, tuple(roles), name=name, address=address)


def _specialty_system(requester: Requester) -> str:
    if requester.specialty.startswith("SM"):
        return oids.SPECIALITE_MEDECIN
    return oids.SECTION_PHARMACIEN if requester.profession == PHARMACIEN else oids.ROLE_PRISE_CHARGE


def _host_of(url: str) -> str:
    """The machine that a URL names; '' for what is no URL, such as a person. Source: RFC 3986 §3.2.2."""
    authority = url.partition("://")[2].partition("/")[0]
    host = authority.rpartition(":")[0] if re.search(r":[0-9]+$", authority) else authority
    return host.strip("[]")
