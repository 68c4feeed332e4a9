"""Patient identities: what an identity source feeds, revises and merges, and who is told of it.

A message speaks of one patient, by one or several identifiers: they all lead to one dossier. From the first message on,
an authority is fed: identifiers of it that no source told us are unknown.

Source: ITI TF-2 3.44 (Patient Identity Feed HL7 V3), 3.46 (PIXV3 Update Notification).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from audit.event import AuditObject, Call, Event, ObjectKind, Outcome
from dmp.gate import Gate, Passage
from dmp.merging import BUSY, impediment, merge, unite
from dmp.ports import Identities
from habilitations.action import Action
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId, Requester
from identities.store import IdentityError
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from schemas.domain import Domain

ADDED, REVISED = "C", "U"  # EventActionCode. Source: ITI TF-2 3.44.5.1.2


@dataclass(frozen=True, slots=True)
class Said:
    """What one message says of one patient: identifiers, at least one, with the one that the source uses first."""

    identifiers: tuple[PatientId, ...]
    traits: Traits
    message_id: str
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who is told of changed identifiers; without `authorities` of every authority's."""

    address: str
    authorities: frozenset[str] = frozenset()

    def interested(self, identifiers: Collection[PatientId]) -> tuple[PatientId, ...]:
        """Those of `identifiers` that it wants to hear of."""
        return tuple(each for each in identifiers if not self.authorities or each.authority in self.authorities)


@dataclass(frozen=True, slots=True)
class Notice:
    """What a consumer is told: every identifier of one patient that it is interested in. `id` is the message's."""

    address: str
    identifiers: tuple[PatientId, ...]
    traits: Traits
    instant: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class Patients:
    """The use case, with what it needs of the affinity domain. `write` makes the message of a notice."""

    gate: Gate
    domain: Domain
    consumers: tuple[Consumer, ...]
    write: Callable[[Notice], bytes]

    def feed(self, requester: Requester, call: Call, said: Said) -> tuple[Finding, ...]:
        """A patient added or revised: opened, or found by any identifier, given those that are new, and described.

        Returns the warnings. Raises AccessRefused, or RegistryError for identifiers that cannot be of one patient.
        """
        taken = tuple(each for each in said.identifiers if self._served(each.authority))
        message = AuditObject(ObjectKind.MESSAGE, said.message_id)
        patient = said.identifiers[0]
        with self.gate.passage(requester, Action.ITI_44, patient, call, asked=[message]) as passage, alone():
            identities = passage.rooms.identities
            known = self._known(identities, taken)
            passage.event_action = REVISED if known else ADDED
            dossier = self._opened(passage, said, taken) if not known else self._revised(passage, said, taken, known)
            identities.feed({each.authority for each in taken})
            passage.dossier = dossier
            before = {each for one in known for each in one.identifiers}
            self._notify(passage, call, dossier, before)
            return (*said.warnings, *map(_ignored, set(said.identifiers) - set(taken)))

    def merge(self, requester: Requester, call: Call, said: Said, subsumed: PatientId) -> tuple[Finding, ...]:
        """`subsumed` becomes one with the first identifier of `said`. What was merged so already stays as it is.

        Returns the warnings. Raises AccessRefused, or RegistryError for a merge that the standard does not allow.
        """
        surviving = said.identifiers[0]
        message = AuditObject(ObjectKind.MESSAGE, said.message_id)
        with self.gate.passage(requester, Action.ITI_44, surviving, call, asked=[message]) as passage, alone():
            passage.event_action = REVISED
            identities = passage.rooms.identities
            if stands_against := impediment(identities, self.domain, surviving, subsumed):
                raise RegistryError([stands_against])
            if identities.subsumed(subsumed):
                return (*said.warnings, _done_before())
            concerned = (identities.dossier(surviving), identities.dossier(subsumed))
            before = {surviving, subsumed}.union(*(each.identifiers for each in concerned if each))
            dossier, gone = merge(passage.rooms, _new(passage, (surviving,), said.traits), subsumed)
            identities.feed({surviving.authority, subsumed.authority})
            passage.dossier, passage.merged = dossier, (subsumed, gone)
            self._notify(passage, call, dossier, before)
            return said.warnings

    def _served(self, authority: str) -> bool:
        """Whether identifiers of that authority are this domain's; others are ignored. Source: ITI TF-2 3.44.4.1.4."""
        return not self.domain.patient_authorities or authority in self.domain.patient_authorities

    def _known(self, identities: Identities, taken: Sequence[PatientId]) -> list[Dossier]:
        """The dossiers that these identifiers lead to, in order. Raises RegistryError."""
        if not taken:
            expected = f"an identifier of {', '.join(sorted(self.domain.patient_authorities))}"
            raise RegistryError.single(
                ErrorCode.XDSUnknownPatientId, "Patient.id", expected=expected, got="none", location="patient/id"
            )
        if any(identities.subsumed(each) for each in taken):
            expected, got = "identifiers in use", "one that was merged into another"
            code = ErrorCode.XDSPatientIDReconciliationError
            raise RegistryError.single(code, "Patient.id", expected=expected, got=got, location="patient/id")
        found = (identities.dossier(each) for each in taken)
        return list({dossier.key: dossier for dossier in found if dossier}.values())

    def _opened(self, passage: Passage, said: Said, taken: tuple[PatientId, ...]) -> Dossier:
        dossier = _new(passage, taken, said.traits)
        passage.rooms.identities.open(dossier)
        return dossier

    def _revised(self, passage: Passage, said: Said, taken: tuple[PatientId, ...], known: Sequence[Dossier]) -> Dossier:
        """The first dossier, with the others of this patient united to it and its new identifiers.

        A new identifier of an authority that the dossier has one of takes its place as the current one.
        """
        identities, (dossier, *others) = passage.rooms.identities, known
        for other in others:
            _check_other_authorities(dossier, other)
            unite(passage.rooms, other, dossier)
            dossier = again(identities, dossier)
        held = {each.authority for each in dossier.identifiers}
        new = [each for each in dict.fromkeys(taken) if each not in dossier.identifiers]
        for each in reversed([each for each in new if each.authority in held]):
            identities.link(dossier.key, each, current=True)
        for each in (each for each in new if each.authority not in held):
            identities.link(dossier.key, each, current=False)
        identities.set_traits(dossier.key, said.traits.over(dossier.traits))
        return again(identities, dossier)

    def _notify(self, passage: Passage, call: Call, dossier: Dossier, before: Collection[PatientId]) -> None:
        """Whoever is interested in identifiers that changed is told of those there are now.

        The notice leaves when this transaction is durable, and nothing that it meets comes back here. Its event is
        recorded now: nothing is disclosed without. Source: ITI TF-2 3.46.4.1.1, 3.46.5.1.
        """
        for consumer in self.consumers:
            told = consumer.interested(dossier.identifiers)
            if not told or set(told) == set(consumer.interested(before)):
                continue
            notice = Notice(consumer.address, told, dossier.traits, passage.now)
            passage.rooms.notices.send(consumer.address, self.write(notice))
            passage.rooms.trail.append(_notified(call, notice, dossier))


def _notified(call: Call, notice: Notice, dossier: Dossier) -> Event:
    """Source: ITI TF-2 3.46.5.1.1 (each identifier with message.id)."""
    told = [AuditObject(ObjectKind.PATIENT, str(each), details=(("II", notice.id),)) for each in notice.identifiers[1:]]
    return Event(
        id=str(uuid.uuid4()),
        instant=notice.instant,
        call=Call(transaction="ITI-46", request_id=call.request_id, endpoint=notice.address),
        outcome=Outcome.SUCCESS,
        action="ITI-46",
        patient=notice.identifiers[0],
        dossier=dossier.key,
        objects=(AuditObject(ObjectKind.MESSAGE, notice.id), *told),
    )


@contextmanager
def alone() -> Iterator[None]:
    """What the state of dossiers does not allow, though it was looked at: another request changed it meanwhile."""
    try:
        yield
    except IdentityError:
        raise RegistryError([BUSY]) from None


def _new(passage: Passage, identifiers: tuple[PatientId, ...], traits: Traits) -> Dossier:
    return Dossier(
        key=uuid.uuid4().hex,
        identifiers=tuple(dict.fromkeys(identifiers)),
        traits=traits,
        status=DossierStatus.OPEN,
        opened=passage.now,
    )


def again(identities: Identities, dossier: Dossier) -> Dossier:
    """The dossier as it is now. Raises RegistryError when another request took it away."""
    found = identities.dossier_of_key(dossier.key)
    if found is None:
        raise RegistryError([BUSY])
    return found


def _check_other_authorities(dossier: Dossier, other: Dossier) -> None:
    """Two dossiers with identifiers of one authority are two patients until a merge says otherwise. RegistryError."""
    if {each.authority for each in dossier.identifiers} & {each.authority for each in other.identifiers}:
        raise RegistryError.single(
            ErrorCode.XDSPatientIDReconciliationError,
            "Patient.id",
            expected="identifiers of one patient (two of one authority become one by PRPA_IN201304UV02)",
            got="identifiers of two",
            location="patient/id",
        )


def _ignored(identifier: PatientId) -> Finding:
    expected = "an authority of this affinity domain"
    found = finding(ErrorCode.XDSUnknownPatientId, "Patient.id", expected=expected, got=identifier.authority)
    return replace(found, severity=Severity.WARNING, location="patient/id")


def _done_before() -> Finding:
    expected, got = "an identifier in use", "one that was merged so before: nothing to do"
    code = ErrorCode.XDSPatientIDReconciliationError
    return replace(finding(code, "subsumed patient identifier", expected=expected, got=got), severity=Severity.WARNING)
