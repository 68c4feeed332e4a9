"""The audit events of one request, from what its passage became.

Source: ITI TF-2 3.20; ITI-43: one event for what was disclosed, failures get an event of their own.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from audit.event import Call, Event, Outcome
from habilitations.decision import Decision
from identities.dossier import Dossier
from identities.requester import PatientId, Requester

if TYPE_CHECKING:
    from dmp.errors import AuthenticationRefused
    from dmp.gate import Attempt, Passage


def begun(call: Call, action: str, requester: Requester, patient: PatientId | None, now: datetime) -> Event:
    """The event of a request that is about to be decided."""
    return Event(
        id=str(uuid.uuid4()),
        instant=now,
        call=call,
        outcome=Outcome.SUCCESS,
        action=action,
        requester=requester,
        patient=patient,
        operator=call.operator,
    )


def decided(event: Event, decision: Decision, dossier: Dossier | None) -> Event:
    """`event` with the rule, table and row that let it through or refused it."""
    return replace(
        event,
        dossier=dossier.key if dossier else "",
        patient=_patient(event, dossier),
        rule=decision.rule,
        table=decision.table,
        table_version=decision.version,
        row=f"{decision.row} × {decision.column}" if decision.row else "",
        explanation=decision.sentence,
    )


def _patient(event: Event, dossier: Dossier | None) -> PatientId | None:
    """Whom the request is about: named by it, or found by what it names."""
    return event.patient or (dossier.ins if dossier else None)


def refused(event: Event, decision: Decision, dossier: Dossier | None) -> Event:
    """The event of a request that the decision refused."""
    return replace(decided(event, decision, dossier), outcome=Outcome.MINOR_FAILURE)


def unlisted(event: Event, sentence: str) -> Event:
    """The event of a request that the directory does not let in."""
    return replace(event, outcome=Outcome.MINOR_FAILURE, rule="annuaire", explanation=sentence)


def mismatched(event: Event, dossier: Dossier | None) -> Event:
    """The event of a request whose message and assertion name two patients."""
    return replace(
        event,
        outcome=Outcome.MINOR_FAILURE,
        dossier=dossier.key if dossier else "",
        rule="patient_de_l_assertion",
        explanation="Le patient du message n'est pas celui pour lequel l'assertion a été faite.",
    )


def succeeded(event: Event, passage: Passage) -> tuple[Event, ...]:
    """One event for what was done or disclosed, and others for what was asked for and could not be had."""
    done = replace(
        decided(event, passage.decision, passage.dossier),
        objects=tuple(passage.objects),
        outcome=passage.outcome,
        event_action=passage.event_action,
    )
    if passage.merged is not None:  # ITI TF-2 3.44.5.1: an update of one record, and the delete of the other
        patient, key = passage.merged
        return (done, replace(done, id=str(uuid.uuid4()), patient=patient, dossier=key, event_action="D"))
    without = (*_unavailable(done, passage), *_hidden(done, passage))
    if without and not passage.objects:
        return without
    return (done, *without)


def _unavailable(event: Event, passage: Passage) -> tuple[Event, ...]:
    """An event beside `event` for what is not there. Source: ITI TF-2 3.43.6.1 (outcome of each document)."""
    if not passage.unavailable:
        return ()
    documents, codes = zip(*passage.unavailable, strict=True)
    return (
        replace(
            event,
            id=str(uuid.uuid4()),
            outcome=Outcome.MINOR_FAILURE,
            objects=documents,
            rule="demande",
            table="",
            table_version="",
            row="",
            explanation=", ".join(sorted(set(codes))),
        ),
    )


def wrong(event: Event, passage: Passage | None, codes: str) -> tuple[Event, ...]:
    """One event for a request that cannot be carried out, and those of what it named and could not have."""
    failure = failed(event, passage, Outcome.MINOR_FAILURE, codes)
    return (failure, *_hidden(failure, passage)) if passage else (failure,)


def _hidden(event: Event, passage: Passage) -> tuple[Event, ...]:
    """An event beside `event` for each document that stayed hidden, with its rule."""
    return tuple(
        replace(
            event,
            id=str(uuid.uuid4()),
            outcome=Outcome.MINOR_FAILURE,
            objects=(document,),
            rule=refusal.rule,
            table=refusal.table,
            table_version=refusal.version,
            row=refusal.row,
            explanation=refusal.sentence,
        )
        for document, refusal in passage.refusals
    )


def failed(event: Event, passage: Passage | None, outcome: Outcome, reason: str) -> Event:
    """The event of a request that was let through and could not be carried out. `reason` holds no health data."""
    dossier = passage.dossier if passage else None
    return replace(
        event,
        outcome=outcome,
        dossier=dossier.key if dossier else "",
        patient=_patient(event, dossier),
        objects=tuple(passage.objects) if passage else event.objects,
        rule="demande" if outcome is Outcome.MINOR_FAILURE else "serveur",
        explanation=reason,
    )


def unauthenticated(call: Call, reason: str, now: datetime, requester: Requester | None) -> Event:
    """The event of a request that never reached a passage: nobody known asked, or nothing that can be understood."""
    return Event(
        id=str(uuid.uuid4()),
        instant=now,
        call=call,
        outcome=Outcome.MINOR_FAILURE if requester else Outcome.SERIOUS_FAILURE,
        requester=requester,
        patient=requester.patient if requester else None,
        rule="message" if requester else "authentification",
        explanation=reason,
        operator=call.operator,
    )


def operated(call: Call, operator: str, act: str, patient: PatientId | None, now: datetime) -> Event:
    """The event of an act of the server's operator."""
    return Event(
        id=str(uuid.uuid4()),
        instant=now,
        call=call,
        outcome=Outcome.SUCCESS,
        action=act,
        patient=patient,
        rule="exploitant",
        operator=operator,
    )


def attempted(call: Call, transaction: str, step: str, now: datetime) -> Event:
    """The event of a step by which somebody proves who they are, or of their leaving."""
    return Event(
        id=str(uuid.uuid4()),
        instant=now,
        call=replace(call, transaction=transaction),
        outcome=Outcome.SUCCESS,
        action=step,
    )


def answered(event: Event, attempt: Attempt, refusal: AuthenticationRefused | None) -> Event:
    """`event` with who is claimed, or known. Source: DICOM PS3.15 A.5.3.12 (person authenticated or claimed)."""
    event = replace(
        event,
        requester=attempt.requester,
        objects=tuple(attempt.objects),
        patient=attempt.dossier.ins if attempt.dossier else None,
        dossier=attempt.dossier.key if attempt.dossier else "",
        event_action=attempt.event_action,
    )
    return replace(event, outcome=refusal.outcome, rule=refusal.rule) if refusal else event
