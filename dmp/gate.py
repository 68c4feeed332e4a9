"""The gate: every request passes here exactly once, is decided once and recorded once.

    with gate.passage(requester, Action.TD3_1, patient, call) as passage:
        entries = passage.registry.find(query, passage.scope)

Entering decides; a refusal is recorded and raised. Leaving commits what was done and its audit event in one database
transaction. When the audit log cannot be written, nothing is answered.

Source: CSP R.1111-46 (habilitations); ITI TF-1 9.1 (ATNA); PGSSI-S, référentiel d'imputabilité.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from audit.event import AuditObject, Call, Event, Outcome
from dmp import annuaire, record
from dmp.alertes import Added, Happening, tell_of_documents, tell_of_emergency
from dmp.errors import AccessRefused, AuthenticationRefused, GestionError, ServiceUnavailable
from dmp.ports import Clock, Documents, Files, Registry, Rooms, Staged, UnitOfWork
from dmp.standing import said_of, same_patient
from habilitations.action import Action, Demand
from habilitations.decision import Decision, Refusal, Tables, decide, explain_entry
from habilitations.statement import Statement
from identities.dossier import Dossier
from identities.requester import ModeAcces, PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from registry.metadata import DocumentEntry
from registry.scope import Custody, Scope
from repository.content import Content
from repository.errors import RepositoryError

ACCESS_REFUSED = Finding(
    ErrorCode.DMPAccessDeniedByRightsService,
    "Accès refusé : ce dossier n'existe pas, est fermé, ou ne vous est pas ouvert.",
)


Precisely = Callable[[Rooms, Scope | None], Action]
"""What a request asks for, where that depends on what is there: told by what the requester finds there by TD3.1."""


@dataclass(slots=True)
class Passage:
    """One request that was let through. `objects` is what its audit event will name: add what is touched."""

    rooms: Rooms
    requester: Requester
    action: Action
    decision: Decision
    dossier: Dossier | None
    statement: Statement | None  # what stands between the requester and that dossier
    now: datetime
    foresees: Callable[[Action], Decision]  # another action on the same dossier, recorded by nobody: for what to offer
    finds: Callable[[Statement], Scope | None]  # what TD3.1 would find in the dossier that this was said of
    decides: Callable[[Dossier], Decision]  # the same action on another dossier
    across: bool = False  # no patient was named: each dossier that the action comes upon is decided by itself
    objects: list[AuditObject] = field(default_factory=list)
    added: list[Added] = field(default_factory=list)  # documents that came in: who wants to know is told
    refusals: list[tuple[AuditObject, Refusal]] = field(default_factory=list)
    unavailable: list[tuple[AuditObject, str]] = field(default_factory=list)  # by no rule, with the code that is told
    outcome: Outcome = Outcome.SUCCESS  # of a request that is answered document by document
    event_action: str = ""  # EventActionCode, where the transaction has several
    merged: tuple[PatientId, str] | None = None  # who became one with the patient, and the key of the dossier that was

    @property
    def registry(self) -> Registry:
        return self.rooms.registry

    @property
    def documents(self) -> Documents:
        return self.rooms.documents

    @property
    def opened(self) -> Dossier:
        """The dossier that was named. Raises LookupError when the decision asked for none, and there is none."""
        if self.dossier is None:
            raise LookupError("this action needs no dossier")
        return self.dossier

    @property
    def scope(self) -> Scope:
        """What may be read. Raises LookupError when the decision gives nothing to read."""
        if self.decision.scope is None:
            raise LookupError("this action reads nothing")
        return self.decision.scope

    def reads(self) -> Scope | None:
        """What the requester would find in this dossier by TD3.1; None when nothing."""
        return self.foresees(Action.TD3_1).scope

    def scope_of(self, key: str) -> Scope | None:
        """What may be read of the dossier of that key; None when the decision is no, or there is no such dossier."""
        dossier = self.rooms.identities.dossier_of_key(key)
        decision = self.decides(dossier) if dossier else None
        return decision.scope if decision and decision.granted else None

    def about(self, dossiers: set[str]) -> None:
        """Has the audit event name the patient of a request that named none, when it was about one patient alone."""
        if self.dossier is None and len(dossiers) == 1:
            self.dossier = self.rooms.identities.dossier_of_key(next(iter(dossiers)))

    def hide(self, document: AuditObject, entry: DocumentEntry, custody: Custody) -> None:
        """Notes that `entry` was asked for and stays hidden: recorded with its rule, told to nobody."""
        self.refusals.append((document, explain_entry(self.decision, entry, custody)))


@dataclass(slots=True)
class Attempt:
    """One step by which somebody proves who they are: the block says whom it found to be claimed, or known."""

    rooms: Rooms
    now: datetime
    requester: Requester | None = None
    dossier: Dossier | None = None
    objects: list[AuditObject] = field(default_factory=list)  # what its audit event will name
    event_action: str = ""  # EventActionCode, where the transaction has several


class _Refused(Exception):
    """Leaves the transaction with the audit event of a refusal and what the wire may hear."""

    def __init__(self, event: Event, finding: Finding) -> None:
        super().__init__(finding.context)
        self.event, self.finding = event, finding


class Gate:
    """Decides and records. Holds no state of its own; safe to share between threads."""

    def __init__(self, unit_of_work: UnitOfWork, files: Files, tables: Tables, clock: Clock, portal: str = "") -> None:
        """`portal` is where people find it, for messages; '' where there is none."""
        self._unit_of_work, self.files, self._tables, self.now = unit_of_work, files, tables, clock
        self._portal = portal

    def stage(self) -> Staged:
        """A place for a document on its way in. What is staged is invisible until a passage keeps it."""
        return self.files.stage()

    def destroy(self, contents: Iterable[Content]) -> None:
        """Removes those of `contents` that no document stands for any more, after the passage that removed the rows.

        What cannot be removed now is nobody's any more, and will be swept.
        """
        with suppress(RepositoryError, RegistryError, ServiceUnavailable), self._unit_of_work() as rooms:
            for content in rooms.documents.unrecorded(contents):
                self.files.remove(content)

    @contextmanager
    def passage(
        self,
        requester: Requester,
        action: Action,
        patient: PatientId | None,
        call: Call,
        precisely: Precisely | None = None,
        asked: Sequence[AuditObject] = (),
    ) -> Iterator[Passage]:
        """Lets `requester` do `action` on the dossier of `patient` (None: the patient of the assertion).

        Where `precisely` is given, `action` is what the message seems to ask for, and what it finds is decided.
        `asked` is what the message names: the audit event does, too, when the decision is no.
        Raises AccessRefused when the decision is no; whatever else the block raises is recorded and raised again.
        """
        patient = patient or requester.patient
        event = replace(record.begun(call, action.value, requester, patient, self.now()), objects=tuple(asked))
        passage: Passage | None = None
        try:
            with self._unit_of_work() as rooms:
                passage = self._enter(rooms, requester, action, patient, event, precisely)
                event = replace(event, action=passage.action.value)
                yield passage
                for recorded in record.succeeded(event, passage):
                    rooms.trail.append(recorded)
                self._tell(passage, call)
        except _Refused as no:
            self._record(no.event)
            raise AccessRefused(no.finding) from None
        except RegistryError as wrong:
            codes = ", ".join(sorted({found.code.value for found in wrong.findings}))
            self._record(*record.wrong(event, passage, codes))
            raise
        except GestionError as wrong:
            self._record(record.failed(event, passage, Outcome.MINOR_FAILURE, str(wrong)))
            raise
        except Exception as failure:
            self._record(record.failed(event, passage, Outcome.MAJOR_FAILURE, type(failure).__name__))
            raise

    @contextmanager
    def preparation(self, requester: Requester, action: Action, call: Call) -> Iterator[None]:
        """What is done on a request before its passage: whatever that raises is recorded, and raised again."""
        try:
            yield
        except Exception as failure:
            event = record.begun(call, action.value, requester, requester.patient, self.now())
            self._record(record.failed(event, None, Outcome.MAJOR_FAILURE, type(failure).__name__))
            raise

    def refused(self, call: Call, reason: str, requester: Requester | None) -> None:
        """Records a request that reached no passage: not authenticated, or not understood. `reason` is technical."""
        self._record(record.unauthenticated(call, reason, self.now(), requester))

    def failed(self, call: Call, reason: str, requester: Requester | None) -> None:
        """Records a request that reached no passage by the server's own fault. `reason` is technical."""
        event = record.unauthenticated(call, reason, self.now(), requester)
        self._record(replace(event, outcome=Outcome.MAJOR_FAILURE, rule="serveur"))

    @contextmanager
    def operator(
        self,
        operator: str,
        act: str,
        patient: PatientId | None,
        call: Call,
        objects: Sequence[AuditObject] = (),
        explanation: str = "",
        event_action: str = "",
    ) -> Iterator[Rooms]:
        """An act of the server's operator at the command line: no matrix applies, the audit log does.

        `objects` is what its event will name: a list may grow until the act is done. `explanation` is what the act
        stands on, without health data; `event_action` an EventActionCode other than that of the act.
        """
        event = record.operated(call, operator, act, patient, self.now())
        event = replace(event, explanation=explanation, event_action=event_action)
        try:
            with self._unit_of_work() as rooms:
                before = rooms.identities.dossier(patient) if patient else None
                yield rooms
                dossier = (rooms.identities.dossier(patient) if patient else None) or before  # destroyed, or opened
                key = dossier.key if dossier else ""
                rooms.trail.append(replace(event, dossier=key, objects=tuple(objects)))
        except Exception as failure:
            self._record(record.failed(event, None, Outcome.MINOR_FAILURE, type(failure).__name__))
            raise

    @contextmanager
    def identification(self, call: Call, requester: Requester | None = None) -> Iterator[Attempt]:
        """What must be known of whoever asks before anything is: no more is recorded than that it failed."""
        try:
            with self._unit_of_work() as rooms:
                yield Attempt(rooms, self.now())
        except Exception as failure:
            self.failed(call, type(failure).__name__, requester)
            raise

    @contextmanager
    def reception(self) -> Iterator[Rooms]:
        """Nobody asks: audit messages of other nodes come in, or those who subscribed are told.

        Nothing is decided here; whoever is told something was foreseen to find it (`foreseen`), and that is recorded.
        """
        with self._unit_of_work() as rooms:
            yield rooms

    @contextmanager
    def authentication(self, transaction: str, step: str, call: Call) -> Iterator[Attempt]:
        """One step of proving who one is, before any passage: no dossier is opened, no table applies.

        What the block notes and its event are committed together, a refusal's too. AuthenticationRefused is recorded
        with its rule and raised again; whatever else the block raises is recorded, undone, and raised again.
        """
        event, refusal = record.attempted(call, transaction, step, self.now()), None
        try:
            with self._unit_of_work() as rooms:
                attempt = Attempt(rooms, event.instant)
                try:
                    yield attempt
                except AuthenticationRefused as no:
                    refusal = no
                rooms.trail.append(record.answered(event, attempt, refusal))
        except Exception as failure:
            self._record(record.failed(event, None, Outcome.MAJOR_FAILURE, type(failure).__name__))
            raise
        if refusal is not None:
            raise refusal

    def foreseen(
        self, rooms: Rooms, requester: Requester, action: Action, dossier: Dossier, instant: datetime
    ) -> Decision | None:
        """What would be decided of somebody who is not here; None of whom the directory does not let in.

        It is recorded by nobody: whoever acts on it, does.
        """
        try:
            requester = annuaire.attested(rooms.identities, requester)
        except annuaire.NotListedError:
            return None
        return decide(self._tables, requester, action, said_of(rooms, dossier, requester, instant), now=instant)

    def _tell(self, passage: Passage, call: Call) -> None:
        """Tells whom it concerns of what was done, once that is recorded."""
        rooms, dossier, by, now = passage.rooms, passage.dossier, passage.requester, passage.now
        if changes := [(each.uuid, each.kind, each.change.value) for each in rooms.registry.changes]:
            rooms.subscriptions.note(changes, now)
        if dossier is None:
            return
        happening = Happening(rooms, dossier, by, now, call, self._portal)
        if passage.added:
            tell_of_documents(
                happening, passage.added, lambda other: self.foreseen(rooms, other, Action.TD3_1, dossier, now)
            )
        opened_by_mode = passage.action.demand is Demand.AUTHORISATION
        if by.mode_acces is not ModeAcces.NORMAL and opened_by_mode:
            tell_of_emergency(happening)

    def _enter(
        self,
        rooms: Rooms,
        requester: Requester,
        action: Action,
        patient: PatientId | None,
        event: Event,
        precisely: Precisely | None,
    ) -> Passage:
        try:
            requester = annuaire.attested(rooms.identities, requester)
        except annuaire.NotListedError as error:
            found = Finding(ErrorCode.DMPAccessDeniedByRightsService, str(error))
            raise _Refused(record.unlisted(event, str(error)), found) from None
        dossier = rooms.identities.dossier(patient) if patient else None
        statement = said_of(rooms, dossier, requester, event.instant) if dossier else None

        def foresees(other: Action) -> Decision:
            return decide(self._tables, requester, other, statement, now=event.instant)

        if precisely is not None:
            action = precisely(rooms, foresees(Action.TD3_1).scope)
            event = replace(event, action=action.value)
        decision = decide(self._tables, requester, action, statement, now=event.instant)
        if not decision.granted:
            raise _Refused(record.refused(event, decision, dossier), _wire(decision, action))
        if not same_patient(rooms, requester, patient, dossier):
            raise _Refused(record.mismatched(event, dossier), ACCESS_REFUSED)

        def finds(said: Statement) -> Scope | None:
            return decide(self._tables, requester, Action.TD3_1, said, now=event.instant).scope

        def decides(other: Dossier) -> Decision:
            said = said_of(rooms, other, requester, event.instant)
            return decide(self._tables, requester, action, said, now=event.instant)

        return Passage(
            rooms=rooms,
            requester=requester,
            action=action,
            decision=decision,
            dossier=dossier,
            statement=statement,
            now=event.instant,
            foresees=foresees,
            finds=finds,
            decides=decides,
            across=patient is None,
            objects=list(event.objects),
        )

    def _record(self, *events: Event) -> None:
        with self._unit_of_work() as rooms:
            for event in events:
                rooms.trail.append(event)


def _wire(decision: Decision, action: Action) -> Finding:
    """A refusal by the requester's own role is explained; one by the dossier is the same whatever the reason.

    Whether there is a DMP, whether it is closed and attached to Mon espace santé TD0.2 tells whoever asks: what
    manages a dossier is told it, too. Source: GIE SESAM-Vitale, TD0.2 and TD1.4 (DMPClosed).
    """
    if decision.concerns_requester_only:
        return Finding(ErrorCode.DMPAccessDeniedByRightsService, decision.sentence)
    if action.transaction.startswith(("TD0.", "TD1.")):
        if decision.rule == "dossier_inconnu":
            return Finding(ErrorCode.XDSUnknownPatientId, decision.sentence)
        if decision.rule == "dossier_ferme":
            return Finding(ErrorCode.DMPClosed, "DMP fermé")
        if decision.rule == "rattachement_mes":
            return Finding(ErrorCode.DMPAccessDeniedByRightsService, decision.sentence)
    return ACCESS_REFUSED
