"""A search as it was asked: conditions on the resources, how they are sorted, which page, how much of each is told.

Source: HL7 FHIR R4, search.html 3.1.1.5 (sorting, paging, _include, _summary, _elements), http.html (Prefer).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from pdsm import forms
from pdsm.coding import OID_URI, scheme_of
from pdsm.errors import ParameterError
from pdsm.identifiers import read_unique_id
from pdsm.matching import Holds, Parameter, Sorting, Table, Type, condition
from pdsm.original import Element
from pdsm.outcome import Issue, operation_outcome
from pdsm.search import read_token, values_of
from registry.metadata import Code

USUAL, MOST = 50, 200  # resources of a page
CURSOR = "_cursor"
PATIENT = frozenset({"patient.identifier", "subject.identifier", "patient:identifier", "subject:identifier"})
SUMMARIES = frozenset({"true", "false", "count", "text", "data"})
_PATIENT_REFERENCE = re.compile(r"((https?://[^\s,|]+/)?Patient/)?[A-Za-z0-9.-]{1,64}", re.ASCII)
_REFERENCES = frozenset({"patient", "subject", "patient:Patient", "subject:Patient"})


@dataclass(frozen=True, slots=True)
class Kind:
    """How one resource type is searched: its parameters, what it is sorted by, what it may include, its summary.

    `of_patients` says whether its resources are about patients.
    """

    name: str
    parameters: Table
    sorting: Mapping[str, str]  # parameter of _sort -> path
    usual_sorting: Sorting
    includes: frozenset[str]
    summary: frozenset[str]  # the elements of _summary=true
    of_patients: bool = True


@dataclass(slots=True)
class Asked:
    """One search. `used` is what was understood, in its order; `given` are the values of each parameter."""

    kind: Kind
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)
    conditions: list[tuple[str, Holds]] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)  # as CX
    references: list[str] = field(default_factory=list)  # to Patients, as they came
    sorting: Sorting = ()
    count: int = USUAL
    cursor: str = ""
    summary: str = "false"
    elements: frozenset[str] = frozenset()
    includes: set[str] = field(default_factory=set)

    @property
    def counted(self) -> bool:
        """Whether no resource is asked for, only how many there are."""
        return self.summary == "count" or self.count == 0

    def holds(self, resource: Element) -> bool:
        """Whether a resource is what is asked for."""
        return all(each(resource) for _, each in self.conditions)

    def codes(self, name: str) -> tuple[Code, ...]:
        """The codes that a parameter asks for, where it stands once and says system and code of each."""
        values = self.given.get(name, [])
        tokens = [read_token(each) for each in values_of(values[0])] if len(values) == 1 else []
        if not all(each.system and each.code for each in tokens):
            return ()
        return tuple(Code(each.code or "", scheme_of(each.system or "")) for each in tokens)

    def identifiers(self, name: str) -> list[str]:
        """What values of identifiers stand for: UUIDs as they are, OIDs without their scheme."""
        found = []
        for value in self.given.get(name, [])[:1]:
            for token in map(read_token, values_of(value)):
                system, code = token.system or "", token.code or ""
                found.append(code if code.startswith("urn:uuid:") else "")
                found.append(read_unique_id({"system": system if system.startswith(OID_URI) else "", "value": code}))
        return [each for each in dict.fromkeys(found) if each]


def read_asked(kind: Kind, parameters: Iterable[tuple[str, str]], *, strict: bool) -> Asked:
    """A search of resources of this kind; `strict` refuses what it does not know. Raises ParameterError."""
    asked = Asked(kind)
    for name, value in parameters:
        if not value:
            continue
        if _take(asked, name, value):
            asked.used.append((name, value))
        elif name != CURSOR:
            if strict:
                raise ParameterError(name, "a parameter that this server knows", "another")
            asked.ignored.append(name)
    asked.sorting = asked.sorting or kind.usual_sorting
    return asked


def _take(asked: Asked, name: str, value: str) -> bool:
    """Takes one parameter; False for one that is not known."""
    plain, _, modifier = name.partition(":")
    if name == CURSOR:
        asked.cursor = value
        return False
    if name.startswith("_") and plain not in ("_id", "_lastUpdated"):
        return _take_general(asked, name, value)
    if asked.kind.of_patients and _take_patient(asked, name, value):
        return True
    if name in asked.kind.parameters:
        plain, modifier = name, ""
    elif "." in name:
        plain, _, modifier = _chain(name).partition(":")
    parameter = asked.kind.parameters.get(plain)
    if parameter is None:
        return False
    asked.conditions.append((plain, condition(name, modifier, value, parameter)))
    if not modifier:
        asked.given.setdefault(plain, []).append(value)
    return True


def _take_patient(asked: Asked, name: str, value: str) -> bool:
    """Takes who a resource is about: by an identifier, or by a reference to a Patient."""
    if _patient_name(name) in PATIENT:
        asked.patients.append(_patient(name, value))
        return True
    if name.partition(":")[0] not in _REFERENCES:
        return False
    if name not in _REFERENCES or not _PATIENT_REFERENCE.fullmatch(value):
        raise ParameterError(name, "one reference to a Patient, or patient.identifier=system|value", "another")
    asked.references.append(value)
    return True


def _chain(name: str) -> str:
    """A chained parameter without the types that it names on its way: `author:Practitioner.name` is `author.name`."""
    *way, last = name.split(".")
    return ".".join([*(each.partition(":")[0] for each in way), last])


def _patient_name(name: str) -> str:
    return _chain(name) if "." in name else name


def _patient(name: str, value: str) -> str:
    token = read_token(value)
    system = token.system or ""
    if not token.code or not system.startswith(OID_URI):
        raise ParameterError(name, "urn:oid:...|value", "something else")
    return f"{token.code}^^^&{system.removeprefix(OID_URI)}&ISO"


def _take_general(asked: Asked, name: str, value: str) -> bool:
    match name:
        case "_count":
            if not value.isascii() or not value.isdecimal() or len(value) > 9:
                raise ParameterError(name, "a whole number", "something else")
            asked.count = min(int(value), MOST)
        case "_sort":
            asked.sorting = tuple(_sorted_by(asked.kind, each) for each in value.split(","))
        case "_format":
            if forms.named(value) is None:
                raise ParameterError(name, "json or xml", "something else")
        case "_summary":
            if value not in SUMMARIES:
                raise ParameterError(name, ", ".join(sorted(SUMMARIES)), "something else")
            asked.summary = value
        case "_elements":
            asked.elements = frozenset(each.strip() for each in value.split(","))
        case "_total":
            if value not in ("none", "estimate", "accurate"):
                raise ParameterError(name, "none, estimate or accurate", "something else")
        case "_include" if value in asked.kind.includes:
            asked.includes.add(value)
        case _:
            return False
    return True


def _sorted_by(kind: Kind, printed: str) -> tuple[str, bool]:
    name = printed.removeprefix("-")
    if name not in kind.sorting:
        raise ParameterError("_sort", ", ".join(kind.sorting), "something else")
    return kind.sorting[name], printed.startswith("-")


MANDATORY = frozenset({"resourceType", "id", "meta", "status", "content", "mode"})  # never left out
SUBSETTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}


def shortened(resource: Element, asked: Asked) -> Element:
    """As much of a resource as is asked for, marked when that is not all of it."""
    kept: frozenset[str] | None = None
    if asked.elements:
        kept = asked.elements | MANDATORY
    elif asked.summary == "true":
        kept = asked.kind.summary | MANDATORY
    elif asked.summary == "text":
        kept = MANDATORY | {"text"}
    if kept is None:
        return resource
    part = {name: value for name, value in resource.items() if name in kept or name.removeprefix("_") in kept}
    referred = str(part)
    if "contained" in resource:
        inside = [each for each in resource["contained"] if f"#{each['id']}'" in referred]
        part = {**part, "contained": inside} if inside else part
    return {**part, "meta": {**part.get("meta", {}), "tag": [SUBSETTED]}}


def write_searchset(
    asked: Asked, page: Sequence[Element], included: Sequence[Element], total: int, address: str, cursor: str
) -> dict[str, Any]:
    """The Bundle that answers: the search as it was understood, and where the next page begins ('': nowhere)."""
    links = [{"relation": "self", "url": _url(address, asked.used)}]
    if cursor:
        links.append({"relation": "next", "url": _url(address, [*asked.used, (CURSOR, cursor)])})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": total, "link": links}
    base = address.rpartition("/")[0]
    entries: list[dict[str, Any]] = [_entry(base, each, "match") for each in page]
    entries += [_entry(base, each, "include") for each in included]
    if asked.ignored:
        known = [Issue("not-supported", f"ignored: {', '.join(asked.ignored)}", severity="warning")]
        entries.append({"resource": operation_outcome(known), "search": {"mode": "outcome"}})
    return {**bundle, "entry": entries} if entries else bundle


def _entry(base: str, resource: Element, mode: str) -> dict[str, Any]:
    full = f"{base}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full, "resource": resource, "search": {"mode": mode}}


def _url(address: str, parameters: Sequence[tuple[str, str]]) -> str:
    return f"{address}?{urlencode([*parameters])}" if parameters else address


def tokens(*paths: str) -> Parameter:
    return Parameter(Type.TOKEN, paths)


def strings(*paths: str) -> Parameter:
    return Parameter(Type.STRING, paths)


def dates(*paths: str) -> Parameter:
    return Parameter(Type.DATE, paths)


def references(*paths: str) -> Parameter:
    return Parameter(Type.REFERENCE, paths)
