"""What the patients of this door need of the house, as ports. The server binds them to the hall."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from audit.event import Call
from dmp.patient_resources import Choose, Person
from dmp.patient_search import Aliases, Question
from identities.patient_query import PatientQuery
from identities.requester import PatientId, Requester
from pdsm.patient_id import PatientIds


class FindPatients(Protocol):
    """`dmp.patient_resources.PatientResources.find`."""

    def __call__(
        self,
        requester: Requester,
        call: Call,
        queries: Sequence[PatientQuery],
        authorities: Sequence[str],
        question: Question,
        choose: Choose,
    ) -> tuple[Person, ...]: ...


@dataclass(frozen=True, slots=True)
class PatientPorts:
    """`named` is TD0.2, None where there is none: then a search by an identifier is one like any other. `patient_of`
    says whose dossier a key is. `ids` makes ids of keys, and back.
    """

    find: FindPatients
    named: Callable[[Requester, Call, PatientId, Question], Person | None] | None
    read: Callable[[Requester, Call, str, Question], Person | None]
    identifiers_of: Callable[[Requester, Call, PatientId, Sequence[str], Question], Aliases]
    patient_of: Callable[[Call, str], PatientId]
    ids: PatientIds
