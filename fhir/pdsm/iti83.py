"""ITI-83 Mobile Patient Identifier Cross-reference Query: the operation $ihe-pix.

Source: PIXm 3.1, 2:3.83.4 and OperationDefinition IHE.PIXm.pix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dmp.patient_search import DATA_SOURCE, UNKNOWN_AUTHORITY, UNKNOWN_IDENTIFIER
from identities.requester import PatientId
from pdsm import structure
from pdsm.coding import OID_URI
from pdsm.demographics import write_identifier
from pdsm.errors import ContentError, ParameterError, UnknownIdentifierError
from pdsm.original import Element
from pdsm.search import Token, read_token
from registry.errors import RegistryError

SOURCE, TARGET = "sourceIdentifier", "targetSystem"
NO_AUTHORITY = UnknownIdentifierError(400, "code-invalid", "sourceIdentifier Assigning Authority not found")
NO_IDENTIFIER = UnknownIdentifierError(404, "not-found", "sourceIdentifier Patient Identifier not found")
NO_TARGET = UnknownIdentifierError(403, "code-invalid", "targetSystem not found")


_BY_PLACE = {UNKNOWN_AUTHORITY: NO_AUTHORITY, UNKNOWN_IDENTIFIER: NO_IDENTIFIER}
# An identifier that the audit log can name: whether anybody has it, the hall says.
_PART = re.compile(r"[^\^&~|\x00-\x1f\x7f]{1,256}")


@dataclass(frozen=True, slots=True)
class AskedIdentifiers:
    """Whose identifiers are wanted, and of which systems (none: of all)."""

    source: Token
    targets: tuple[str, ...]

    @property
    def patient(self) -> PatientId:
        """The identifier that is asked with."""
        return PatientId(self.source.code or "", (self.source.system or "").removeprefix(OID_URI))

    def authorities(self, base: str) -> tuple[str, ...]:
        """Those of the targets that are not this door, which is at `base`."""
        return tuple(each.removeprefix(OID_URI) for each in self.targets if each != base)


def read_asked(parameters: Iterable[tuple[str, str]]) -> AskedIdentifiers:
    """The parameters of a query. Raises ParameterError."""
    given: dict[str, list[str]] = {SOURCE: [], TARGET: []}
    for name, value in parameters:
        if name in given:
            given[name].append(value)
    if len(given[SOURCE]) != 1:
        raise ParameterError(SOURCE, "one, system|value", "several" if given[SOURCE] else "none")
    source = read_token(given[SOURCE][0])
    if not all(_PART.fullmatch(each or "") for each in (source.system, source.code)):
        raise ParameterError(SOURCE, "system|value", "something else")
    if not all(map(_PART.fullmatch, given[TARGET])):
        raise ParameterError(TARGET, "the URI of an authority", "none")
    return AskedIdentifiers(source, tuple(dict.fromkeys(given[TARGET])))


def read_parameters(resource: Any) -> AskedIdentifiers:
    """The same as Parameters. Raises ContentError, ParameterError."""
    checked = structure.check(resource)
    if checked["resourceType"] != "Parameters":
        raise ContentError("Parameters", "another resource", status=422)
    given = checked.get("parameter", ())
    values = [(each["name"], each.get("valueString", each.get("valueUri", ""))) for each in given]
    return read_asked(values)


def write_identifiers(identifiers: Sequence[PatientId], reference: str) -> Element:
    """The Parameters that answer; `reference` is that of the Patient, '' where it is not told."""
    parameters: list[Element] = [
        {"name": "targetIdentifier", "valueIdentifier": write_identifier(each)} for each in identifiers
    ]
    if reference:
        parameters.append({"name": "targetId", "valueReference": {"reference": reference}})
    found: Element = {"resourceType": "Parameters"}
    return {**found, "parameter": parameters} if parameters else found


def told_of(error: RegistryError) -> UnknownIdentifierError | None:
    """What is not known, as the guide prints it; None for another error."""
    for found in error.findings:
        if found.location in _BY_PLACE:
            return _BY_PLACE[found.location]
        if found.location.startswith(DATA_SOURCE):
            return NO_TARGET
    return None
