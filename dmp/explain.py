"""Why: what the server would decide of one request, and which row of which table decides, without doing anything.

Source: CSP R.1111-46; GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from audit.event import Call
from dmp import annuaire
from dmp.gate import Gate
from habilitations.action import Action
from habilitations.decision import Decision, Refusal, Tables, decide, explain_entry, explain_type
from identities.requester import PatientId, Requester
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.scope import Custody, Scope
from schemas import oids

OPERATOR_ACT = "habilitations"


@dataclass(frozen=True, slots=True)
class Supposed:
    """A document that is supposed, not read: its type, what it says of itself, and whether the requester wrote it."""

    type_code: str
    confidentiality: Sequence[str] = ()  # codes of TRE_A07: MASQUE_PS ...
    own: bool = False
    status: AvailabilityStatus = AvailabilityStatus.APPROVED


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was asked, and its answer. `row` names row and column of `table`, and what stands there."""

    granted: bool
    rule: str
    table: str
    version: str
    row: str
    expected: str
    got: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The rules in the order in which they are asked, up to the first that refuses."""

    steps: tuple[Step, ...]

    @property
    def granted(self) -> bool:
        """Whether every rule says yes."""
        return all(step.granted for step in self.steps)

    @property
    def decisive(self) -> Step:
        """The rule that decides: the one that refuses, else the last."""
        return self.steps[-1]


def explain(
    gate: Gate,
    tables: Tables,
    operator: str,
    requester: Requester,
    action: Action,
    patient: PatientId,
    document: Supposed | None = None,
) -> Explanation:
    """What would be decided of `requester` doing `action` on the DMP of `patient`, and on `document` there.

    Reading what the patient said is an act of the operator, and recorded as such.
    """
    call = Call(transaction="operator", request_id=uuid.uuid4().hex)
    instant = gate.now()
    with gate.operator(operator, OPERATOR_ACT, patient, call) as rooms:
        try:
            requester = annuaire.attested(rooms.identities, requester)
        except annuaire.NotListedError as error:
            return Explanation((Step(False, "annuaire", "annuaire", "", "", "inscrit et actif", "non", str(error)),))
        dossier = rooms.identities.dossier(patient)
        statement = rooms.rights.statement(dossier, requester, instant) if dossier else None
    decision = decide(tables, requester, action, statement, now=instant)
    steps = [_decided(decision)]
    if decision.granted and document is not None and decision.scope is not None:
        steps += _of_document(tables, requester, decision, decision.scope, document, patient)
    return Explanation(tuple(steps))


def _of_document(
    tables: Tables, requester: Requester, decision: Decision, scope: Scope, document: Supposed, patient: PatientId
) -> list[Step]:
    opened, row = explain_type(tables, requester, document.type_code, now=decision.instant)
    matrix = _refused(row, granted=opened)
    custody = Custody(persons=frozenset({requester.id_nat} if document.own else ()))
    entry = _entry(document, patient)
    if scope.permits(entry, custody):
        return [matrix]
    hidden = explain_entry(decision, entry, custody)
    return [matrix] if hidden.rule == "matrice" else [matrix, _refused(hidden, granted=False)]


def _decided(decision: Decision) -> Step:
    row = f"{decision.row} × {decision.column} : {decision.got}" if decision.column else decision.row
    return Step(
        decision.granted,
        decision.rule,
        decision.table,
        decision.version,
        row,
        decision.expected,
        decision.got,
        decision.sentence,
    )


def _refused(refusal: Refusal, *, granted: bool) -> Step:
    return Step(
        granted,
        refusal.rule,
        refusal.table,
        refusal.version,
        refusal.row,
        refusal.expected,
        refusal.got,
        refusal.sentence,
    )


def _entry(document: Supposed, patient: PatientId) -> DocumentEntry:
    nothing = Code("", "")
    confidentiality = tuple(Code(code, oids.CONFIDENTIALITE_CISIS) for code in document.confidentiality)
    return DocumentEntry(
        entry_uuid="",
        unique_id="",
        patient_id=str(patient),
        mime_type="",
        class_code=nothing,
        type_code=Code(document.type_code, oids.LOINC),
        format_code=nothing,
        healthcare_facility_type_code=nothing,
        practice_setting_code=nothing,
        confidentiality_codes=confidentiality,
        creation_time="",
        language_code="",
        source_patient_id="",
        availability_status=document.status,
    )
