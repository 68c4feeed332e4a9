"""Patients for doors that tell resources: found by what they are, by an identifier, or read by where they stand.

In an IHE domain all of that is a query of demographics. In the DMP, whoever names a patient asks as by TD0.2, whoever
does not as by TD0.5: the same rights, the same facts, the same limits.

Source: ITI PDQm 3.2, 2:3.78 and 2:3.119; GIE SESAM-Vitale, TD0.2 and TD0.5; ANS, PDSm4DMP, TD0.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from audit.event import Call
from dmp import acces
from dmp.acces import MAX_CANDIDATES, Existence
from dmp.gate import Gate, Passage
from dmp.patient_search import MAX_FOUND, TOO_MANY, Question, name_patients, unknown_authorities
from habilitations.action import Action
from identities.dossier import Dossier
from identities.patient_query import PatientQuery
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, RegistryError
from schemas import oids
from schemas.domain import Domain, Profile


@dataclass(frozen=True, slots=True)
class Person:
    """One patient: whose dossier it is, and beside that what TD0.2, or TD0.5, tells whoever asked by it."""

    dossier: Dossier
    existence: Existence | None = None
    opposed_to_centre_15: bool | None = None


Choose = Callable[[Sequence[Person]], Sequence[Person]]
"""Those of an answer, of all that were found: what a door's own parameters leave, sorted, one page."""


@dataclass(frozen=True, slots=True)
class PatientResources:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain

    @property
    def of_the_dmp(self) -> bool:
        return self.domain.assertion.profile is Profile.VIHF

    def find(
        self,
        requester: Requester,
        call: Call,
        queries: Sequence[PatientQuery],
        authorities: Sequence[str],
        question: Question,
        choose: Choose,
    ) -> tuple[Person, ...]:
        """Whom one of `queries` finds, and of them those whom `choose` leaves.

        `authorities` are those whose identifiers the asker wants: each must be known here. Raises AccessRefused, or
        RegistryError also when too many are found.
        """
        action = Action.TD0_5 if self.of_the_dmp else Action.ITI_47
        with self.gate.passage(requester, action, None, call, asked=[question.asked]) as passage:
            if findings := unknown_authorities(passage, self.domain, authorities, "identifier"):
                raise RegistryError(findings)
            chosen = tuple(choose(self._found(passage, queries)))
            name_patients(passage, [each.dossier.ins for each in chosen])
            return chosen

    def named(
        self, requester: Requester, call: Call, patient: PatientId, question: Question, key: str = ""
    ) -> Person | None:
        """Who has this identifier, as TD0.2 tells it; None for nobody, or another than whose dossier `key` is.

        Raises AccessRefused.
        """
        existence = acces.existence(self.gate, requester, call, patient, question)
        if existence.dossier is None or key not in ("", existence.dossier.key):
            return None
        return Person(existence.dossier, existence)

    def read(self, requester: Requester, call: Call, key: str, question: Question) -> Person | None:
        """Whose dossier has that key; None when nobody's has. Raises AccessRefused."""
        if self.of_the_dmp:
            return self.named(requester, call, self.patient_of(call, key), question, key)
        with self.gate.passage(requester, Action.ITI_47, None, call, asked=[question.asked]) as passage:
            dossier = passage.rooms.identities.dossier_of_key(key)
            if dossier is None:
                return None
            name_patients(passage, [dossier.ins])
            return Person(dossier)

    def patient_of(self, call: Call, key: str) -> PatientId:
        """The identifier of whose dossier has that key; when nobody's has, one that nobody has.

        Nothing is told of it before a passage has decided.
        """
        with self.gate.identification(call) as attempt:
            dossier = attempt.rooms.identities.dossier_of_key(key)
        return dossier.ins if dossier else PatientId(key or "-", oids.UUID_ARC)

    def _found(self, passage: Passage, queries: Iterable[PatientQuery]) -> list[Person]:
        most, too_many = (MAX_CANDIDATES, acces.TOO_MANY) if self.of_the_dmp else (MAX_FOUND, TOO_MANY)
        rooms, found = passage.rooms, dict[str, Dossier]()
        for query in queries:
            if self.of_the_dmp and query.empty:
                expected = "a name, a birth date, a gender, an address, a telecom or an identifier"
                raise RegistryError.single(
                    ErrorCode.XDSStoredQueryMissingParam, "Patient", expected=expected, got="none"
                )
            dossiers = rooms.identities.find_dossiers(query, most + 1, open_only=self.of_the_dmp)
            found |= {each.key: each for each in dossiers}
            if len(found) > most:
                raise RegistryError([too_many])
        if not self.of_the_dmp:
            return [Person(each) for each in found.values()]
        switches = {key: rooms.rights.wishes(key).switches for key in found}
        return [Person(each, opposed_to_centre_15=not switches[each.key].centre_15) for each in found.values()]
