"""TD0, before a dossier is entered: whether there is one, how its patient stands to the requester, and whose it may be.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.2 (existence and authorisation), TD0.5 (search without INS).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from audit.event import Call
from dmp.compte import account_of
from dmp.gate import Gate, Passage
from dmp.patient_search import Question, name_patients, ranked
from habilitations.action import Action
from habilitations.patient_rules import Autorisation, acts_as_medecin_traitant, autorisation
from habilitations.wishes import STRUCTURE
from identities.dossier import Dossier, Traits
from identities.patient_query import PatientQuery
from identities.requester import Authentication, PatientId, Requester
from registry.errors import ErrorCode, Finding

MAX_CANDIDATES = 10  # patients of one answer to TD0.5
TOO_MANY = Finding(
    ErrorCode.XDSTooManyResults, f"Plus de {MAX_CANDIDATES} patients trouvés : précisez les critères de la recherche."
)


@dataclass(frozen=True, slots=True)
class Existence:
    """What TD0.2 tells: the dossier, if there is one, and how the requester stands with its patient."""

    dossier: Dossier | None
    autorisation: Autorisation
    medecin_traitant: bool
    internet_account: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """One patient whom TD0.5 found. `degree` is from 0 to 100."""

    identifiers: tuple[PatientId, ...]
    traits: Traits
    degree: int
    opposed_to_centre_15: bool


def existence(gate: Gate, requester: Requester, call: Call, patient: PatientId, question: Question) -> Existence:
    """Whether `patient` has a DMP, open or closed, and how the requester stands with it. Raises AccessRefused."""
    with gate.passage(requester, Action.TD0_2, patient, call, asked=[question.asked]) as passage:
        dossier, said = passage.dossier, passage.statement
        return Existence(
            dossier=dossier,
            autorisation=_autorisation(passage),
            medecin_traitant=said is not None and acts_as_medecin_traitant(passage.requester, said),
            internet_account=dossier is not None and account_of(passage.rooms, dossier, passage.now) is not None,
        )


def candidates(
    gate: Gate, requester: Requester, call: Call, query: PatientQuery, question: Question
) -> tuple[Candidate, ...]:
    """The patients with an open DMP who fit `query`, best first: at most MAX_CANDIDATES.

    Raises AccessRefused, or RegistryError when there are more, or nothing is asked.
    """
    with gate.passage(requester, Action.TD0_5, None, call, asked=[question.asked]) as passage:
        rooms = passage.rooms
        found = tuple(
            Candidate(
                identifiers=dossier.identifiers,
                traits=dossier.traits,
                degree=degree,
                opposed_to_centre_15=not rooms.rights.wishes(dossier.key).switches.centre_15,
            )
            for degree, dossier in ranked(query, rooms.identities, MAX_CANDIDATES, TOO_MANY, open_only=True)
        )
        name_patients(passage, [each.identifiers[0] for each in found])
        return found


def _autorisation(passage: Passage) -> Autorisation:
    """That of the requester; of a structure that comes with its certificate, the structure's own, whoever is at the
    keyboard. Source: PDT-INF-526 v1.8, note (1)."""
    requester, said, dossier = passage.requester, passage.statement, passage.dossier
    if said is None or dossier is None or requester.authentication is not Authentication.INDIRECTE:
        return autorisation(requester, said)
    own = [
        each
        for each in passage.rooms.rights.wishes(dossier.key).authorisations
        if (each.kind, each.holder) == (STRUCTURE, requester.structure_id) and each.start <= passage.now
    ]
    authorised = any(passage.now < each.end for each in own)
    return autorisation(requester, replace(said, authorised=authorised, expired=bool(own) and not authorised))
