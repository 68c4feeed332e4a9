"""The decision: may this requester do this to this dossier, which documents of it may be read, and why.

    functional rights ∧ what the patient said ∧ matrix ∧ what the document says ∧ authorship

A pure function of tables, requester, action and statement. Whatever no table grants is refused. What may be read comes
out as a `Scope`, the same for searching and for opening but for the occupational physician (`habilitations.facets`).

Source: CSP L.1111-14 to L.1111-19, R.1111-46; GIE SESAM-Vitale, PDT-INF-526 v1.8, PDT-INF-606 v1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from habilitations import explanation
from habilitations.action import Action, Demand
from habilitations.column import (
    AUDITEUR,
    IHE,
    MEDECIN_TRAITANT,
    PATIENT,
    PATIENTS,
    REPRESENTANT_LEGAL,
    SANS_OBJET,
    Column,
    column_of,
    is_health_professional,
)
from habilitations.facets import STRUCTURE_NOTES, Facet, facet_rows
from habilitations.matrices import Cell, DroitsFonctionnels, Matrice, Note
from habilitations.patient_rules import No, emergency_switch, patient_refuses
from habilitations.statement import Statement
from habilitations.versions import InForce, Tables
from identities.requester import Authentication, ModeAcces, Requester
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.scope import EVERY_TYPE, Custody, Reach, Scope, TypeRule

__all__ = [
    "Decision",
    "InForce",
    "Refusal",
    "Tables",
    "decide",
    "explain_entry",
    "explain_type",
    "is_health_professional",
    "no_documents",
    "own_documents",
    "patient_copy",
    "whole_dossier",
]

_OF_PATIENT_DOCUMENTS = frozenset({MEDECIN_TRAITANT, PATIENT, REPRESENTANT_LEGAL})  # PDT-INF-526, note *
_OWN_NOTES = frozenset({Note.AUTEUR, Note.SES_DOCUMENTS})
_FOR_A_STRUCTURE = STRUCTURE_NOTES | {
    Note.AUTORISATION_DE_LA_STRUCTURE,
    Note.MEME_STRUCTURE,
    Note.NOUVELLES_AUTORISATIONS,
    Note.IMPUTE_A_LA_STRUCTURE,
}
_REQUESTER_RULES = frozenset({"sans_colonne", "droit_fonctionnel", "structure_absente", "motif_absent"})
_ENTRY_RULES = {
    "reach": "document_d_autrui",
    "statuses": "statut_du_document",
    "masked": "document_masque",
    "invisible_patient": "document_invisible",
    "invisible_representatives": "document_invisible",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one document stays hidden. `row` names row and column of `table`, and what stands there."""

    rule: str
    table: str
    version: str
    row: str
    expected: str
    got: str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a Scope was made of: `rows` gives the row of the functional rights that judges each facet."""

    tables: InForce
    requester: Requester
    column: Column
    rows: Mapping[Facet, Action]

    def cell(self, facet: Facet) -> Cell:
        return self.tables.droits.cells[self.rows[facet], self.column]


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, with the rule, the row and the column that decided, what was expected and what came.

    `scope` is what may be read, on TD3 actions that are granted. `footnote` binds whoever carries the action out: it
    limits what is listed (2, 3) or says to whom it is imputed (1, 4). `patient_documents` says whether the right
    extends to documents that the patient deposited (note *).
    """

    granted: bool
    rule: str
    table: str
    version: str
    row: str
    column: str
    expected: str
    got: str
    sentence: str
    instant: datetime
    scope: Scope | None = None
    footnote: Note | None = None
    patient_documents: bool = True
    basis: _Basis | None = field(default=None, repr=False, compare=False)

    @property
    def concerns_requester_only(self) -> bool:
        """Whether the rule says nothing of the dossier, so that a refused requester may be told it."""
        return self.rule in _REQUESTER_RULES


def decide(
    tables: Tables, requester: Requester, action: Action, statement: Statement | None, *, now: datetime
) -> Decision:
    """Whether `requester` may do `action` on the dossier that `statement` is about (None: there is no such dossier).

    `statement` is what stands between the two at `now`, an aware instant; the tables are those in force then. Feeding
    is judged without regard to whether the dossier exists or is open: the hall answers that with an error of its own.
    Raises ValueError on a naive `now`.
    """
    if now.tzinfo is None:
        raise ValueError("now: expected an aware datetime, got a naive one")
    in_force = tables.at(now)
    droits, column = in_force.droits, column_of(requester, statement)
    if column is None:
        return _without_column(droits, requester, action, now)
    cell = droits.cells[action, column]
    decision = Decision(
        granted=True,
        rule="droit_fonctionnel",
        table=_table(droits, action, column),
        version=droits.versions[droits.sheet(action, column)],
        row=action.value,
        column=column.heading,
        expected="oui",
        got=cell.text,
        sentence=explanation.functional_right(droits, action, column, granted=cell.granted),
        instant=now,
        footnote=cell.note,
        patient_documents=action not in droits.starred or column.actor in _OF_PATIENT_DOCUMENTS,
    )
    if not cell.granted:
        return replace(decision, granted=False)
    demand = _demand(action, cell, column, statement)
    mode = ModeAcces.NORMAL if column.mode == SANS_OBJET else requester.mode_acces
    if no := _requester_lacks(requester, cell, demand, mode):
        return _refused(decision, no, action)
    if no := patient_refuses(demand, mode, requester, statement):
        return replace(_refused(decision, no, action), table="regles_du_patient", version="CSP R.1111-46")
    if statement is None or not action.finds:
        return decision
    basis = _Basis(in_force, requester, column, facet_rows(droits, action, column))
    scope = _scope(basis, cell, statement)
    version = decision.version
    if scope.types is not EVERY_TYPE:  # what is found was chosen by the matrix too
        version = f"{version} ; matrice {in_force.matrice.version}"
    return replace(decision, version=version, scope=scope, basis=basis)


def _demand(action: Action, cell: Cell, column: Column, statement: Statement | None) -> Demand:
    """What the right asks besides.

    In an IHE domain no patient gives authorisations: an open dossier is enough, and a request that names no patient, or
    one whom nobody knows, is let in to find nothing but what each dossier that it comes upon lets be found.
    Source: ITI TF-2 3.18.4.1.2.3 (queries that name no patient), 3.18.4.1.3 (an unknown patient has no documents).
    """
    if column.sheet == IHE:
        if statement is None:
            return Demand.NOTHING
        return action.demand if action.demand in (Demand.NOTHING, Demand.FEEDING) else Demand.DOSSIER
    if column.sheet == PATIENTS:  # nobody authorises himself, or opposes his own acts; an audit outlives the closing
        if column.actor == AUDITEUR:
            return Demand.NOTHING
        return action.demand if action.demand in (Demand.NOTHING, Demand.KNOWN) else Demand.DOSSIER
    return Demand.UNBLOCKED if cell.note in STRUCTURE_NOTES else action.demand


def _without_column(droits: DroitsFonctionnels, requester: Requester, action: Action, now: datetime) -> Decision:
    return Decision(
        granted=False,
        rule="sans_colonne",
        table="droits_fonctionnels",
        version=", ".join(droits.versions.values()),
        row=action.value,
        column="aucune",
        expected="une colonne",
        got=f"{requester.authentication.value}, profession {requester.profession}, {requester.mode_acces.value}",
        sentence=explanation.no_column(requester),
        instant=now,
    )


def _requester_lacks(requester: Requester, cell: Cell, demand: Demand, mode: ModeAcces) -> No | None:
    """What the requester should have brought: a structure to act for, a reason for breaking the glass."""
    if cell.note in _FOR_A_STRUCTURE and not requester.structure_id:
        return No("structure_absente", "un identifiant de structure", "aucun")
    if demand is Demand.AUTHORISATION and mode is ModeAcces.BRIS_DE_GLACE and not requester.motif.strip():
        return No("motif_absent", "un motif", "aucun")
    return None


def _refused(decision: Decision, no: No, action: Action) -> Decision:
    sentence = explanation.rule(no.rule, action)
    return replace(decision, granted=False, rule=no.rule, expected=no.expected, got=no.got, sentence=sentence)


def _scope(basis: _Basis, cell: Cell, statement: Statement) -> Scope:
    requester, switches = basis.requester, statement.switches
    masks = switches.masques_en_urgence and emergency_switch(switches, requester.mode_acces)

    def reach(facet: Facet) -> Reach:
        return _reach(basis.cell(facet), facet, masks)

    return Scope(
        patient=statement.dossier,
        person=requester.id_nat,
        structure=requester.structure_id,
        types=EVERY_TYPE if cell.note in STRUCTURE_NOTES else _types(basis.tables.matrice, requester),
        reach=reach("reach"),
        masked=reach("masked"),
        invisible_patient=reach("invisible_patient"),
        invisible_representatives=reach("invisible_representatives"),
        statuses=frozenset(status for status in AvailabilityStatus if reach(status) is not Reach.NONE),
    )


def _reach(cell: Cell, facet: Facet, masks: bool) -> Reach:
    """How far a cell goes, by its footnote. `masks`: whether the patient lets masked documents be seen in emergency."""
    if not cell.granted or (cell.note is Note.SI_LE_PATIENT_LE_PERMET and not masks):
        return Reach.NONE
    if cell.note is Note.SAUF_A_ANNONCER and facet == "invisible_patient":
        return Reach.NONE
    if cell.note in _OWN_NOTES:
        return Reach.OWN
    return Reach.STRUCTURE if cell.note in STRUCTURE_NOTES else Reach.ALL


def _types(matrice: Matrice, requester: Requester) -> TypeRule:
    """The document types of the requester's profession; nothing for who has no health profession.

    The matrix is the law of the DMP: for IHE nodes and users, who have no profession of it, every type is open.
    """
    if not requester.authentication.french:
        return EVERY_TYPE
    if not is_health_professional(requester):
        return TypeRule()
    return TypeRule(*matrice.types(requester.profession, requester.specialty))


def own_documents(requester: Requester, dossier: str) -> Scope:
    """The documents that `requester` or his structure wrote or deposited in `dossier`, whatever they say.

    For replacing them, not for reading. A person who is not the author does not reach what is masked, though it comes
    from the same structure: a colleague must not tell it from what is not there. In an IHE domain whoever may submit
    may replace: every document is reached.
    Source: GIE SESAM-Vitale, TD2.1b; CI-SIS HL7v2, error 901.
    """
    reach = Reach.ALL if requester.authentication.ihe else Reach.STRUCTURE
    person = requester.authentication in (Authentication.DIRECTE, Authentication.INDIRECTE_RENFORCEE)
    return Scope(
        patient=dossier,
        person=requester.id_nat,
        structure=requester.structure_id,
        types=EVERY_TYPE,
        reach=reach,
        masked=Reach.OWN if person else reach,
        invisible_patient=reach,
        invisible_representatives=reach,
        statuses=frozenset(AvailabilityStatus),
    )


def whole_dossier(dossier: str) -> Scope:
    """Every document of `dossier` but deleted ones: for an operator who moves it to another server, for nobody else."""
    everything = Reach.ALL
    return Scope(
        patient=dossier,
        types=EVERY_TYPE,
        reach=everything,
        masked=everything,
        invisible_patient=everything,
        invisible_representatives=everything,
        statuses=frozenset(AvailabilityStatus) - {AvailabilityStatus.DELETED},
    )


def no_documents(dossier: str) -> Scope:
    """None of `dossier`: for who may know what was done there, and read nothing of it."""
    return Scope(patient=dossier)


def patient_copy(dossier: str, *, for_representative: bool = False) -> Scope:
    """What a patient sees of their own `dossier`: masked documents too, not those that still must be announced.

    With `for_representative` also without what a minor keeps from their legal representatives.
    Source: CI-SIS TRE_A07 (INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX).
    """
    hidden = Reach.NONE if for_representative else Reach.ALL
    return replace(whole_dossier(dossier), invisible_patient=Reach.NONE, invisible_representatives=hidden)


def explain_entry(decision: Decision, entry: DocumentEntry, custody: Custody) -> Refusal:
    """Which row of which table hides `entry`. Raises ValueError when the decision hides no such entry."""
    basis, scope = decision.basis, decision.scope
    obstacle = scope.obstacle(entry, custody) if scope else None
    if basis is None or obstacle is None:
        raise ValueError("expected an entry outside the scope of the decision, got one inside, or no scope")
    if obstacle == "types":
        return _by_matrix(basis.tables.matrice, basis.requester, entry.type_code.code)
    facet = entry.availability_status if obstacle == "statuses" else obstacle
    cell, row = basis.cell(facet), basis.rows[facet]
    urgent = obstacle == "masked" and cell.note is Note.SI_LE_PATIENT_LE_PERMET
    rule = "document_masque_en_urgence" if urgent else _ENTRY_RULES[obstacle]
    return Refusal(
        rule=rule,
        table=_table(basis.tables.droits, row, basis.column),
        version=basis.tables.droits.versions[basis.tables.droits.sheet(row, basis.column)],
        row=f"{row.value} × {basis.column.heading}",
        expected="oui sans réserve",
        got=cell.text,
        sentence=explanation.ENTRY_RULES[rule],
    )


def explain_type(tables: Tables, requester: Requester, type_code: str, *, now: datetime) -> tuple[bool, Refusal]:
    """Whether the matrix in force at `now` opens a type to the requester's profession, and the row that says so.

    For whoever asks about the table itself (`dmp habilitations explain`): here the sentence names the type.
    """
    matrice = tables.at(now).matrice
    granted = _types(matrice, requester).permits(type_code)
    found = _by_matrix(matrice, requester, type_code)
    sentence = explanation.matrix_cell(found.version, requester.profession, type_code, granted=granted)
    return granted, replace(found, sentence=sentence)


def _by_matrix(matrice: Matrice, requester: Requester, type_code: str) -> Refusal:
    known = is_health_professional(requester)
    row = matrice.row(requester.profession, requester.specialty, type_code) if known else None
    if row is None:
        place, got = f"{requester.profession} × {type_code}", "aucune ligne : refus par défaut"
    else:
        who = f"{row.profession}/{row.specialite}" if row.specialite else row.profession
        place = f"{who} × {row.type_document} (ligne {row.line}, {row.statut.value})"
        got = "oui" if row.granted else "non"
    return Refusal("matrice", matrice.name, matrice.version, place, "oui", got, explanation.ENTRY_RULES["matrice"])


def _table(droits: DroitsFonctionnels, action: Action, column: Column) -> str:
    return f"droits_fonctionnels/{droits.sheet(action, column)}"
