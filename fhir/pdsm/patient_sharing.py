"""What the hall finds of patients as FHIR tells it: one Patient, one page of a search, matches, identifiers.

Source: PDQm 3.2, 2:3.78 and 2:3.119; PIXm 3.1, 2:3.83; ANS, PDSm4DMP, TD0.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from dmp.errors import AccessRefused
from dmp.gate import ACCESS_REFUSED
from dmp.patient_resources import Person
from dmp.patient_search import Question
from identities.patient_query import PatientQuery
from pdsm import iti78, iti83, iti119
from pdsm.asked import CURSOR, Asked, shortened, write_searchset
from pdsm.coding import put
from pdsm.cursor import read_mark, write_mark
from pdsm.demographics import limited, write_identifier, write_patient
from pdsm.errors import ParameterError, UnknownIdentifierError
from pdsm.matching import behind, in_order, sort_key
from pdsm.original import Element
from pdsm.patient_door import PatientPorts
from pdsm.search import values_of
from pdsm.sharing import Request
from pdsm.sharing_door import Sharing
from registry.errors import ErrorCode, RegistryError

NO_DOMAIN = UnknownIdentifierError(404, "not-found", "targetSystem not found", severity="warning")


def question_of(request: Request) -> Question:
    return Question(request.call.endpoint, request.raw)


def _told(ports: PatientPorts, person: Person) -> Element:
    return write_patient(person, ports.ids.write(person.dossier.key))


def _seen(person: Person, resource: Element) -> Element:
    """A Patient as conditions look at it: with every identifier that the patient has, or ever had."""
    seen = {**resource, "active": "true" if resource["active"] else "false"}
    put(seen, "identifier", [write_identifier(each) for each in person.dossier.identifiers])
    return seen


# --- One Patient ------------------------------------------------------------------------------------------------------


def read(door: Sharing, request: Request, patient_id: str) -> Element | None:
    """The Patient of that id; None for one whom the requester may not be told of, or who is not there.

    Raises AccessRefused for a requester whose own role does not let him ask.
    """
    found = _of_id(door, request, patient_id)
    return _told(door.patients, found) if found else None


def _of_id(door: Sharing, request: Request, patient_id: str) -> Person | None:
    ports = door.patients
    try:
        return ports.read(request.requester, request.call, ports.ids.read(patient_id), question_of(request))
    except AccessRefused as refused:
        if refused.finding != ACCESS_REFUSED:
            raise
        return None


# --- A search ---------------------------------------------------------------------------------------------------------


def search(door: Sharing, request: Request, asked: Asked) -> Element:
    """The searchset that answers. Raises ParameterError, UnknownIdentifierError, AccessRefused, RegistryError."""
    if not asked.conditions:
        raise ParameterError("Patient", "a parameter that says who is sought", "none")
    mark = read_mark(CURSOR, asked.cursor, asked.used, door.key) if asked.cursor else ()
    query, authorities, ports = iti78.query_of(asked), iti78.authorities_of(asked), door.patients
    named = iti78.named_by(asked) if ports.named else None
    answer = _Page(asked, mark, ports)
    if ids := asked.given.get("_id"):
        if len(ids) > 1 or len(values_of(ids[0])) > 1:
            raise ParameterError("_id", "one id", "several")
        answer.choose(_known(_of_id(door, request, ids[0])))
    elif named is not None and ports.named is not None:
        answer.choose(_known(ports.named(request.requester, request.call, named, question_of(request))))
    else:
        _find(door, request, authorities, answer, query)
    page = [limited(each, authorities) for each in answer.page]
    cursor = write_mark(sort_key(answer.page[-1], asked.sorting), asked.used, door.key) if answer.more and page else ""
    where = f"{request.base}/{asked.kind.name}"
    return write_searchset(asked, [shortened(each, asked) for each in page], (), answer.total, where, cursor)


def _find(door: Sharing, request: Request, authorities: Sequence[str], answer: _Page, query: PatientQuery) -> None:
    try:
        door.patients.find(request.requester, request.call, [query], authorities, question_of(request), answer.choose)
    except RegistryError as error:
        if all(each.code is ErrorCode.XDSUnknownPatientId for each in error.findings):
            raise NO_DOMAIN from None
        raise


def _known(person: Person | None) -> list[Person]:
    return [person] if person else []


class _Page:
    """One page of what a search finds: which Patients, in which order, of how many."""

    def __init__(self, asked: Asked, mark: Sequence[str], ports: PatientPorts) -> None:
        self._asked, self._mark, self._ports = asked, mark, ports
        self.total, self.more, self.page = 0, False, list[Element]()

    def choose(self, persons: Sequence[Person]) -> list[Person]:
        asked, held = self._asked, dict[str, tuple[Person, Element]]()
        for person in persons:
            resource = _told(self._ports, person)
            if asked.holds(_seen(person, resource)):
                held[resource["id"]] = (person, resource)
        ordered = in_order([resource for _, resource in held.values()], asked.sorting)
        self.total = len(ordered)
        if asked.counted:
            return []
        rest = [
            each
            for each in ordered
            if not self._mark or behind(sort_key(each, asked.sorting), self._mark, asked.sorting)
        ]
        self.page, self.more = rest[: asked.count], len(rest) > asked.count
        return [held[each["id"]][0] for each in self.page]


# --- A match ----------------------------------------------------------------------------------------------------------


def match(door: Sharing, request: Request, sought: iti119.Sought) -> Element:
    """The searchset of those who may be meant. Raises ContentError, AccessRefused, RegistryError."""
    queries, told = iti119.queries_of(sought), list[iti119.Match]()

    def choose(persons: Sequence[Person]) -> list[Person]:
        by_id, found = {}, []
        for person in persons:
            resource = _told(door.patients, person)
            by_id[resource["id"]] = person
            found.append((*iti119.graded(sought.patient, _seen(person, resource)), resource))
        told.extend(iti119.best(sought, found))
        return [by_id[each["id"]] for _, _, each in told]

    door.patients.find(request.requester, request.call, queries, (), question_of(request), choose)
    return iti119.write_matches(request.base, told)


# --- Identifiers ------------------------------------------------------------------------------------------------------


def identifiers(door: Sharing, request: Request, asked: iti83.AskedIdentifiers) -> Element:
    """The Parameters that answer $ihe-pix. Raises UnknownIdentifierError, AccessRefused, RegistryError.

    A Patient of this door may be the source, and this door a target: its identifiers are the references to Patients.
    """
    ports, by_id = door.patients, asked.source.system == request.base
    wanted = asked.authorities(request.base)
    patient = asked.patient
    if by_id:
        patient = ports.patient_of(request.call, ports.ids.read(patient.value.removeprefix("Patient/")))
    try:
        found = ports.identifiers_of(request.requester, request.call, patient, wanted, question_of(request))
    except RegistryError as error:
        unknown = iti83.told_of(error)
        raise (iti83.NO_IDENTIFIER if by_id and unknown is iti83.NO_AUTHORITY else unknown or error) from None
    every = (patient, *found.identifiers) if by_id else found.identifiers
    told = [each for each in every if each.authority in wanted or not asked.targets]
    here = not by_id and (bool(told) or len(wanted) < len(asked.targets) or not asked.targets)
    return iti83.write_identifiers(told, ports.ids.reference(found.dossier) if here else "")
