"""ITI-81, Retrieve ATNA Audit Event: the search that a URL asks for, and the Bundle that answers it.

Source: ITI TF-2 3.81.4.1.2 and 3.81.4.2.2 (RESTful ATNA); HL7 FHIR R4, AuditEvent (search parameters), Bundle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from audit.event import Outcome
from audit.markup import printable
from audit.message_reading import OID_URI
from audit.selection import Selection
from dmp.audit_query import AuditEvent, Found, Question
from identities.requester import PatientId
from pdsm import forms, search
from pdsm.errors import ParameterError
from pdsm.outcome import Issue, operation_outcome
from pdsm.search import Resource, Test, Token, any_of, elements, plain, read_period, read_token, values_of

COUNT, MOST = 50, 200
CURSOR = "_cursor"
OUTCOME_SYSTEM = "http://terminology.hl7.org/CodeSystem/audit-event-outcome"
ACTIONS = "http://hl7.org/fhir/audit-event-action"
_OUTCOMES = {str(outcome.value): outcome.value for outcome in Outcome}
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)  # HL7 FHIR R4, id

Pairs = Sequence[tuple[str, str]]
"""Parameters in their order, as they came."""


def _of_system(system: str) -> Callable[[str], Test]:
    """Tests of a code whose system the element does not repeat."""

    def code(value: str) -> Test:
        asked = read_token(value)
        return lambda element: isinstance(element, str) and asked.holds(system, element)

    return code


def _of_patient(value: str) -> Test:
    """Whether an agent or an entity is the patient of that identifier."""
    found = search.token(value)
    return lambda element: _is_patient(element) and any(map(found, _identifiers(element)))


def _patient_reference(value: str) -> Test:
    found = search.reference(value)
    return lambda element: _is_patient(element) and any(map(found, (*_subjects(element),)))


def _subjects(element: Any) -> Iterable[Any]:
    return (*elements(element, "what"), *elements(element, "who"))


def _identifiers(element: Any) -> Iterable[Any]:
    return (*elements(element, "what.identifier"), *elements(element, "who.identifier"))


def _is_patient(element: Any) -> bool:
    kinds = (*elements(element, "what.type"), *elements(element, "who.type"))
    references = (*elements(element, "what.reference"), *elements(element, "who.reference"))
    role = (*elements(element, "type.code"), *elements(element, "role.code"))
    return "Patient" in kinds or role == ("1", "1") or any("Patient/" in str(each) for each in references)


_TEXT = {"": search.string, "exact": search.exact, "contains": search.contained}
_TOKEN = {"": search.token}
_REFERENCE = {"": search.reference}
_EVERYBODY = ("agent", "entity")

# Name, and for each modifier how a value is read; where what it asks for stands.
PARAMETERS: Mapping[str, tuple[Mapping[str, Callable[[str], Test]], tuple[str, ...]]] = {
    "action": ({"": _of_system(ACTIONS)}, ("action",)),
    "address": (_TEXT, ("agent.network.address",)),
    "agent": (_REFERENCE, ("agent.who",)),
    "agent.identifier": (_TOKEN, ("agent.who.identifier",)),
    "agent-name": (_TEXT, ("agent.name",)),
    "agent-role": (_TOKEN, ("agent.role", "agent.type")),
    "altid": (_TOKEN, ("agent.altId",)),
    "entity": (_REFERENCE, ("entity.what",)),
    "entity.identifier": (_TOKEN, ("entity.what.identifier",)),
    "entity-id": (_TOKEN, ("entity.what.identifier",)),  # its name before FHIR R4
    "entity-name": (_TEXT, ("entity.name",)),
    "entity-role": (_TOKEN, ("entity.role",)),
    "entity-type": (_TOKEN, ("entity.type",)),
    "outcome": ({"": _of_system(OUTCOME_SYSTEM)}, ("outcome",)),
    "patient": ({"": _patient_reference}, _EVERYBODY),
    "patient.identifier": ({"": _of_patient}, _EVERYBODY),
    "policy": ({"": search.exact}, ("agent.policy",)),
    "site": (_TOKEN, ("source.site",)),
    "source": (_REFERENCE, ("source.observer",)),
    "source.identifier": (_TOKEN, ("source.observer.identifier",)),
    "subtype": (_TOKEN, ("subtype",)),
    "type": (_TOKEN, ("type",)),
}
_OF_ANSWERS = frozenset({"_count", "_sort", "_format", "_id", CURSOR})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a URL asks: the question, the parameters that it stands in, and those that nobody here knows."""

    question: Question
    used: Pairs
    ignored: tuple[str, ...] = ()
    cursor: str = ""


def read_search(parameters: Pairs, raw: bytes, *, strict: bool) -> Asked:
    """The search of these parameters; `raw` is the request as it came. Raises ParameterError.

    Parameters that are not known are ignored, unless the client is `strict`. Source: HL7 FHIR R4, 3.1.1.3.1 (handling).
    """
    reading = _Reading()
    used, ignored, cursor = [], [], ""
    for name, value in parameters:
        if value != printable(value):
            raise ParameterError(name, "printable text", "other characters")
        if name == CURSOR:
            cursor = value
        elif reading.take(name, value):
            used.append((name, value))
        elif strict:
            raise ParameterError(name, "a parameter of ITI-81", "another")
        else:
            ignored.append(name)
    if not reading.selection.happened:
        raise ParameterError("date", "at least one", "none")
    conditions = tuple(reading.conditions)
    question = Question(
        selection=reading.selection,
        raw=raw,
        holds=lambda event: all(condition(event) for condition in conditions),
        count=reading.count,
    )
    return Asked(question, used, tuple(dict.fromkeys(ignored)), cursor)


class _Reading:
    """Parameters taken one by one."""

    def __init__(self) -> None:
        self.selection, self.count = Selection(), COUNT
        self.conditions: list[Callable[[Resource], bool]] = []

    def take(self, name: str, value: str) -> bool:
        """Notes what a parameter asks; False when it is not known. Raises ParameterError."""
        now = self.selection
        if name == "date":
            self.selection = replace(now, happened=(*now.happened, read_period(name, value)))
            return True
        if name == "_lastUpdated":
            self.selection = replace(now, recorded=(*now.recorded, read_period(name, value)))
            return True
        if name in _OF_ANSWERS:
            self._answer(name, value)
            return True
        base, _, modifier = name.partition(":")
        if modifier == "identifier":
            base, modifier = f"{base}.identifier", ""
        if base not in PARAMETERS:
            return False
        readers, paths = PARAMETERS[base]
        if modifier not in readers:
            raise ParameterError(name, f"a modifier among {', '.join(filter(None, readers)) or 'none'}", "another")
        alternatives = values_of(value)
        if not all(alternatives):
            raise ParameterError(name, "a value", "none")
        self.conditions.append(any_of((readers[modifier](each) for each in alternatives), paths))
        self._select(base, alternatives)
        return True

    def _answer(self, name: str, value: str) -> None:
        match name:
            case "_count":
                if not value.isascii() or not value.isdecimal() or len(value) > 9:
                    raise ParameterError(name, "a whole number", "something else")
                self.count = max(1, min(int(value), MOST))
            case "_sort":
                if value not in ("date", "-date"):
                    raise ParameterError(name, "date or -date", "something else")
                self.selection = replace(self.selection, newest_first=value == "-date")
            case "_format":
                if forms.named(value) is None:
                    raise ParameterError(name, "json or xml", "something else")
            case "_id":
                ids = frozenset(plain(each) for each in values_of(value))
                if not all(_ID.fullmatch(each) for each in ids):
                    raise ParameterError(name, "identifiers of resources", "something else")
                self.selection = replace(self.selection, ids=_both(self.selection.ids, ids))

    def _select(self, name: str, alternatives: Iterable[str]) -> None:
        """Has the database look for what columns tell of it."""
        tokens = [read_token(each) for each in alternatives]
        now = self.selection
        match name:
            case "type" if all(each.code for each in tokens):
                codes = frozenset(each.code or "" for each in tokens)
                self.selection = replace(now, event_codes=_both(now.event_codes, codes))
            case "outcome" if all(each.code in _OUTCOMES for each in tokens):
                outcomes = frozenset(_OUTCOMES[each.code or ""] for each in tokens)
                self.selection = replace(now, outcomes=_both(now.outcomes, outcomes))
            case "patient.identifier" if all(each.code for each in tokens):
                patients = frozenset(map(_patient, tokens))
                self.selection = replace(now, patients=(now.patients or frozenset()) | patients)  # one may name two


def _both(held: frozenset[Any] | None, asked: frozenset[Any]) -> frozenset[Any]:
    """What two conditions leave: everything that both name."""
    return asked if held is None else held & asked


def _patient(each: Token) -> PatientId:
    system = each.system or ""
    return PatientId(each.code or "", system.removeprefix(OID_URI) if system.startswith(OID_URI) else "")


def write_bundle(found: Found[AuditEvent], asked: Asked, address: str, cursor: str) -> dict[str, Any]:
    """The searchset that answers: the search as it was understood, and where the next page begins ('': nowhere)."""
    links = [{"relation": "self", "url": _url(address, asked.used)}]
    if cursor:
        links.append({"relation": "next", "url": _url(address, [*asked.used, (CURSOR, cursor)])})
    entries: list[dict[str, Any]] = [
        {"fullUrl": f"{address}/{event['id']}", "resource": event, "search": {"mode": "match"}}
        for event in found.events
    ]
    if asked.ignored:
        known = [Issue("not-supported", f"ignored: {', '.join(asked.ignored)}", severity="warning")]
        entries.append({"resource": operation_outcome(known), "search": {"mode": "outcome"}})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    return {**bundle, "entry": entries} if entries else bundle


def _url(address: str, parameters: Iterable[tuple[str, str]]) -> str:
    return f"{address}?{urlencode([*parameters])}"
