"""What a patch changes of a document: its status, its marks, whether it is archived; nothing else may be.

Source: ANS, PDSm 3.1.1, Flux 03 (405 for any other element) and PDSm4DMP, TD3.3; HL7 FHIR R4, http.html (patch).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pdsm import fhirpath_patch, json_patch, structure
from pdsm.coding import read_concepts
from pdsm.document_reference import IS_ARCHIVED
from pdsm.errors import ContentError
from pdsm.original import Element, extensions
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from schemas import oids

CHANGEABLE = frozenset({"status", "securityLabel", "extension"})
# As the pages of ANS have it, who name the search parameter.
_ALIASES = {"https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived": IS_ARCHIVED}
_MARKS = frozenset(
    (code, oids.CONFIDENTIALITE_CISIS)  # ANS, TRE_A07
    for code in ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
)
_BY_STATUS = {
    "superseded": AvailabilityStatus.DEPRECATED,
    "entered-in-error": AvailabilityStatus.DELETED,  # PDSm4DMP, TD3.3c
}


@dataclass(frozen=True, slots=True)
class Changed:
    """What becomes of the codes of confidentiality and of the status of an entry."""

    confidentiality_codes: tuple[Code, ...]
    availability_status: AvailabilityStatus


def changed(entry: DocumentEntry, resource: Element, patch: Any) -> Changed:
    """What `patch` makes of `entry`, which is told as `resource`. Raises ContentError.

    `patch` are operations of JSON Patch, or a Parameters resource with those of FHIRPath Patch.
    """
    before = {"extension": [], "securityLabel": [], **resource}
    if isinstance(patch, dict):
        after = fhirpath_patch.patched(before, structure.check(patch), CHANGEABLE)
    else:
        after = json_patch.patched(before, patch, CHANGEABLE, _ALIASES)
    if [*_others(before)] != [*_others(after)]:
        raise ContentError("a change of no extension but isArchived", "one of another", status=405)
    after = _checked({name: value for name, value in after.items() if value != []})
    return Changed(_codes(entry, after), _status(entry, after, before))


def _others(resource: Element) -> Iterator[Any]:
    listed = resource.get("extension")
    if isinstance(listed, list):
        yield from (each for each in listed if not _is_archived(each))


def _is_archived(extension: Any) -> bool:
    return isinstance(extension, dict) and extension.get("url") == IS_ARCHIVED


def _checked(resource: Element) -> Element:
    """The resource, which a patch made, held to its model."""
    try:
        return structure.check(resource)
    except ContentError as error:
        raise ContentError(error.expected, error.got, error.faults, status=422) from None


def _codes(entry: DocumentEntry, after: Element) -> tuple[Code, ...]:
    """The codes asked for, each once. Where marks stand in the place of the level, that stays: a mark is none."""
    asked = _once(read_concepts(after.get("securityLabel", ())))
    if asked and all(each in _MARKS for each in map(_key, asked)):
        asked = _once((*(code for code in entry.confidentiality_codes if _key(code) not in _MARKS), *asked))
    registered = {_key(code): code for code in entry.confidentiality_codes}
    if {*map(_key, asked)} == registered.keys():
        return entry.confidentiality_codes
    return tuple(registered.get(_key(code), code) for code in asked)


def _key(code: Code) -> tuple[str, str]:
    return code.code, code.scheme


def _once(codes: Iterable[Code]) -> list[Code]:
    return list({_key(code): code for code in reversed([*codes])}.values())[::-1]


def _status(entry: DocumentEntry, after: Element, before: Element) -> AvailabilityStatus:
    archived, status = _archived(after), after.get("status")
    if status not in ("current", *_BY_STATUS):
        raise ContentError("status: current, superseded or entered-in-error", "another, or none", status=422)
    restated, rearchived = status != before["status"], archived is not _archived(before)
    if status == "entered-in-error" and restated:
        return AvailabilityStatus.DELETED
    if restated and rearchived:
        raise ContentError("a change of status, or of isArchived", "of both", status=422)
    if rearchived:
        return AvailabilityStatus.ARCHIVED if archived else AvailabilityStatus.APPROVED
    if restated:
        return _BY_STATUS.get(str(status), AvailabilityStatus.APPROVED)
    return entry.availability_status


def _archived(resource: Element) -> bool:
    listed = extensions(resource, IS_ARCHIVED)
    values = [each.get("valueBoolean") for each in listed]
    if len(values) > 1 or not all(isinstance(each, bool) for each in values):
        raise ContentError("isArchived: true or false, once", "something else", status=422)
    return values == [True]
