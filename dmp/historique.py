"""HA: who did what in a DMP, and when.

The patient, who represents them, the médecin traitant and an auditor read everything that was done or tried; other
professionals read their own acts. On line is a year, or the last hundred traces where these go further back, both as
the reader sees them: `dmp.traces` says what that is.

Source: public guides of the DMP (historique des accès); GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from audit.event import Call, Outcome
from audit.trace import Place
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.gestion import known_dossier, operator_call
from dmp.ports import Rooms
from dmp.sentences import Kind
from dmp.traces import Reader, Seen, Sight
from habilitations.action import Action
from habilitations.decision import Decision, no_documents, whole_dossier
from habilitations.labels import role_label, type_label
from habilitations.matrices import Note
from identities.alerts import Party
from identities.dossier import Dossier
from identities.own_access import patient_requester, representative_requester
from identities.representation import in_office
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from registry.scope import Scope

ON_LINE = timedelta(days=366)  # one year, however long. Source: public guides of the DMP; PDT-INF-527 v1.7
ON_LINE_TRACES = 100  # at least. Source: the same
PAGE = 50
OPERATOR, SERVICE = "Exploitant du service", "Service"

RESULTS = {
    Outcome.SUCCESS: "fait",
    Outcome.MINOR_FAILURE: "refusé",
    Outcome.SERIOUS_FAILURE: "non authentifié",
    Outcome.MAJOR_FAILURE: "échec",
}
_ROLES = {
    Authentication.PATIENT.value: "Patient",
    Authentication.REPRESENTANT.value: "Représentant légal",
    Authentication.AUDITEUR.value: "Auditeur",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines: from `since` to before `until`, of the person of that identifier, of some kinds and outcomes (none
    said: of all).
    """

    since: datetime | None = None
    until: datetime | None = None
    person: str = ""
    kinds: frozenset[Kind] = frozenset()
    outcomes: frozenset[Outcome] = frozenset()

    def holds(self, seen: Seen) -> bool:
        """Whether kind and outcome of a trace are wanted."""
        return (not self.kinds or seen.sentence.kind in self.kinds) and (
            not self.outcomes or seen.trace.outcome in self.outcomes
        )


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Document:
    """A document that a line names: `type` is the label of its type."""

    unique_id: str
    title: str
    type: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a history: who, what, when, in which way, and what came of it. Texts are French.

    `person` is who it was, as `Wanted.person` has it: a PS_IdNat, the INS of the patient ...; '' for the operator.
    """

    id: str
    instant: datetime
    name: str
    person: str
    profession: str
    structure: str
    kind: Kind
    act: str
    mode: ModeAcces
    motif: str
    outcome: Outcome
    documents: tuple[Document, ...]

    @property
    def circumstances(self) -> str:
        """How somebody came in, when it was in an emergency."""
        if self.mode is ModeAcces.NORMAL:
            return ""
        if self.mode is ModeAcces.CENTRE_15:
            return "accès par le centre 15"
        return f"accès en bris de glace : {self.motif}" if self.motif else "accès en bris de glace"

    @property
    def result(self) -> str:
        """What came of it."""
        return RESULTS[self.outcome]


@dataclass(frozen=True, slots=True)
class Page:
    """Lines, newest first; `following` is where the next page begins, '' when there is none.

    `patient` is whose history it is, by name; '' of somebody who has no DMP.
    """

    lines: tuple[Line, ...]
    following: str = ""
    patient: str = ""


def read_history(
    gate: Gate, requester: Requester, call: Call, wanted: Wanted = EVERYTHING, after: str = "", limit: int | None = PAGE
) -> Page:
    """The history of the DMP of the requester's patient, from behind `after`: the `following` of another page.

    Without `limit`, all that is on line. Raises AccessRefused.
    """
    with gate.passage(requester, Action.HA, None, call) as passage:
        if passage.dossier is None:  # an auditor may ask for somebody who has none
            return Page(())
        reader = _reader(passage.requester, passage.decision, passage.reads() or no_documents(passage.dossier.key))
        return _History(passage.rooms, passage.dossier, reader, passage.now).page(wanted, after, limit)


def operator_reads_history(
    gate: Gate,
    operator: str,
    patient: PatientId,
    view: Requester | Party | None,
    wanted: Wanted = EVERYTHING,
    after: str = "",
    limit: int | None = PAGE,
) -> Page:
    """The same for the operator: whole, or as seen by a professional, the patient or a representative in office.

    Raises GestionError when there is no such dossier, nobody to see it, or nothing for them to see.
    """
    with gate.operator(operator, Action.HA.value, patient, operator_call()) as rooms:
        dossier, now = known_dossier(rooms, patient), gate.now()
        if view is None:
            reader = Reader(whole_dossier(dossier.key))
        else:
            requester = _seeing(rooms, dossier, view, now) if isinstance(view, Party) else view
            decision = gate.foreseen(rooms, requester, Action.HA, dossier, now)
            if decision is None or not decision.granted:
                raise GestionError(decision.sentence if decision else "L'annuaire ne laisse pas entrer ce requérant.")
            found = gate.foreseen(rooms, requester, Action.TD3_1, dossier, now)
            scope = found.scope if found else None
            reader = _reader(requester, decision, scope or no_documents(dossier.key))
        return _History(rooms, dossier, reader, now).page(wanted, after, limit)


def _seeing(rooms: Rooms, dossier: Dossier, party: Party, now: datetime) -> Requester:
    if party is Party.PATIENT:
        return patient_requester(dossier)
    acting = in_office(rooms.identities.representatives(dossier.key), dossier, now)
    if not acting:
        raise GestionError("Aucun représentant légal en exercice dans ce DMP.")
    return representative_requester(acting[0], dossier)


def _reader(requester: Requester, decision: Decision, scope: Scope) -> Reader:
    represents = requester.authentication is Authentication.REPRESENTANT
    return Reader(
        scope=scope,
        own=requester.id_nat if decision.footnote is Note.SES_ACTIONS else "",
        patient=represents or requester.authentication is Authentication.PATIENT,
        represents=represents,
    )


@dataclass(frozen=True, slots=True)
class _History:
    """The history of one dossier, for one reader, now."""

    rooms: Rooms
    dossier: Dossier
    reader: Reader
    now: datetime

    def page(self, wanted: Wanted, after: str, limit: int | None) -> Page:
        before = self.rooms.traces.place(after) if after else None
        if after and before is None:
            return Page(())
        sight = Sight(self.rooms, self.dossier, self.reader)
        end = self._end(sight)
        since = max(filter(None, (end and end[0], wanted.since)), default=None)
        found = (
            seen
            for seen in sight.seen(before=before, since=since, until=wanted.until, person=wanted.person)
            if (end is None or seen.trace.place >= end) and wanted.holds(seen)
        )
        taken = list(found if limit is None else islice(found, limit + 1))
        shown = taken[:limit]
        following = shown[-1].trace.id if len(shown) < len(taken) else ""
        names: dict[str, str] = {}
        return Page(tuple(self._line(seen, names) for seen in shown), following, self._whose())

    def _whose(self) -> str:
        traits = self.dossier.traits
        return f"{traits.used_given or traits.birth_given} {traits.used_family or traits.birth_family}".strip()

    def _end(self, sight: Sight) -> Place | None:
        """The oldest place that is on line; None when all are."""
        a_year_ago = (self.now - ON_LINE, 0)
        last = next(islice(sight.seen(), ON_LINE_TRACES - 1, None), None)
        return None if last is None else min(last.trace.place, a_year_ago)

    def _line(self, seen: Seen, structures: dict[str, str]) -> Line:
        trace = seen.trace
        where = trace.structure_id
        if where and where not in structures:
            known = self.rooms.identities.structure(where)
            structures[where] = known.name if known else f"structure n° {where}"
        return Line(
            id=trace.id,
            instant=trace.instant,
            name=_name(trace.requester_name or structures.get(where, "") or trace.requester_id, trace.operator),
            person=trace.requester_id,
            profession=_ROLES.get(trace.authentication) or _profession(trace.profession),
            structure=structures.get(where, ""),
            kind=seen.sentence.kind,
            act=seen.sentence.told(trace.outcome),
            mode=ModeAcces(trace.mode_acces or ModeAcces.NORMAL),
            motif=trace.motif,
            outcome=trace.outcome,
            documents=tuple(
                Document(each.unique_id, each.title, type_label(each.type_code.code)) for each in seen.documents
            ),
        )


def _profession(code: str) -> str:
    """The label of a profession; '' for a code that nobody could read."""
    label = role_label(code)
    return "" if label == code else label


def _name(requester: str, operator: str) -> str:
    if not operator:
        return requester or SERVICE
    return f"{requester}, par l'exploitant du service ({operator})" if requester else f"{OPERATOR} ({operator})"
