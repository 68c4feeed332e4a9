"""What the profiles of MHD and PDSm ask of a resource beside FHIR R4, as rules, and where a resource departs from them.

Codes of value sets are judged by the registry, as those of every door; here stand elements: how many, which of them are
fixed, what may be referred to, and what comes along inside.

Source: MHD 4.2, StructureDefinitions IHE.MHD.* of ITI-65 and ITI-105; ANS, PDSm 3.1.1, pdsm-*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pdsm.document_reference import HOME_COMMUNITY_ID, IS_ARCHIVED
from pdsm.identifiers import ENTRY_UUID, MHD_TYPE, UNIQUE_ID, URI_SYSTEM
from pdsm.original import Element
from pdsm.submission_list import AUTHOR_ORG, DESIGNATION_TYPE, FOLDER, SOURCE_ID, SUBMISSION_SET, kind_of

MANY = 1_000_000
MHD, PDSM = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/", "https://interop.esante.gouv.fr/ig/fhir/pdsm/"


@dataclass(frozen=True, slots=True)
class Departure:
    """One place where a resource is not what a profile asks for."""

    path: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"expected {self.expected}, got {self.got}"


@dataclass(frozen=True, slots=True)
class Rule:
    """How often the last element of a path stands in each of those before it, and what each is.

    `url` counts the extensions of that address only, `type` the identifiers of that type of MHD. `value` is what each
    is; `targets` are the types of what a reference means, which comes along inside when `contained`.
    """

    path: str
    least: int = 0
    most: int = MANY
    url: str = ""
    type: str = ""
    value: str = ""
    targets: frozenset[str] = frozenset()
    contained: bool = False


def _none(*paths: str) -> tuple[Rule, ...]:
    return tuple(Rule(path, most=0) for path in paths)


def _some(*paths: str) -> tuple[Rule, ...]:
    return tuple(Rule(path, 1) for path in paths)


_PEOPLE = frozenset({"Practitioner", "PractitionerRole", "Organization"})
_AUTHORS = _PEOPLE | {"Device", "Patient", "RelatedPerson"}
_IDENTIFIERS = (
    Rule("identifier", most=1, type=ENTRY_UUID),
    Rule("identifier", most=1, type=UNIQUE_ID),
)
_DOCUMENT = (
    *_some("masterIdentifier", "content.attachment.contentType"),
    *_none("modifierExtension", "docStatus"),
    Rule("category", most=1),
    Rule("content", most=1),
)
MINIMAL_DOCUMENT = (
    *_DOCUMENT,
    *_IDENTIFIERS,
    Rule("extension", most=1, url=HOME_COMMUNITY_ID),
    Rule("masterIdentifier", 1, type=UNIQUE_ID),
    *_some("masterIdentifier.system", "masterIdentifier.value", "content.attachment.url"),
    *_none("content.attachment.data"),
)
_COMPLETE = _some(
    "type",
    "category",
    "subject",
    "securityLabel",
    "content.attachment.language",
    "content.attachment.creation",
    "content.format",
    "context",
    "context.facilityType",
    "context.practiceSetting",
    "context.sourcePatientInfo",
)
UNCONTAINED_DOCUMENT = (*MINIMAL_DOCUMENT, *_COMPLETE)
COMPREHENSIVE_DOCUMENT = (
    *UNCONTAINED_DOCUMENT,
    Rule("author", targets=_AUTHORS, contained=True),
    Rule("authenticator", targets=_PEOPLE, contained=True),
    Rule("context.sourcePatientInfo", targets=frozenset({"Patient"}), contained=True),
)
PDSM_DOCUMENT = (
    *COMPREHENSIVE_DOCUMENT,
    *_some("contained", "date", "author", "custodian", "content.attachment.size", "content.attachment.hash"),
    *_some("content.attachment.title", "context.period", "context.period.start"),
    Rule("extension", most=1, url=IS_ARCHIVED),
    Rule("author", targets=frozenset({"Practitioner", "PractitionerRole", "Device", "Patient"})),
)
SIMPLIFIED = (
    *_DOCUMENT,
    Rule("identifier", most=0, type=ENTRY_UUID),
    Rule("identifier", most=1, type=UNIQUE_ID),
    Rule("status", value="current"),
    *_some("subject", "content.attachment.data"),
    *_none("content.attachment.url"),
)
PDSM_SIMPLIFIED = (
    *SIMPLIFIED,
    *_some("date", "author", "custodian", "content.attachment.title"),
    Rule("context.event", most=1),
)
_LIST = (
    *_IDENTIFIERS,
    Rule("extension", most=1, url=HOME_COMMUNITY_ID),
    Rule("code", 1),
    Rule("mode", value="working"),
    Rule("note", most=1),
    *_none("modifierExtension", "encounter", "orderedBy", "emptyReason", "entry.flag", "entry.deleted", "entry.date"),
)
MINIMAL_SET = (
    *_LIST,
    Rule("status", value="current"),
    Rule("extension", 1, 1, url=SOURCE_ID),
    Rule("extension", most=1, url=DESIGNATION_TYPE),
    Rule("source.extension", most=1, url=AUTHOR_ORG),
    *_some("date"),
)
UNCONTAINED_SET = (*MINIMAL_SET, Rule("extension", 1, url=DESIGNATION_TYPE), *_some("subject"))
COMPREHENSIVE_SET = (
    *UNCONTAINED_SET,
    Rule("source", targets=frozenset({"Practitioner", "PractitionerRole", "Patient", "Device"}), contained=True),
)
PDSM_SET = (
    *COMPREHENSIVE_SET,
    *_some("contained", "source"),
    Rule("extension", most=1, url=IS_ARCHIVED),
    Rule("source", targets=frozenset({"PractitionerRole", "Device", "Patient"})),
)
MINIMAL_FOLDER = (*_LIST, *_none("source"))
COMPREHENSIVE_FOLDER = (*MINIMAL_FOLDER, Rule("extension", 1, url=DESIGNATION_TYPE), *_some("title", "subject"))
PDSM_FOLDER = (*COMPREHENSIVE_FOLDER, Rule("extension", most=1, url=DESIGNATION_TYPE), *_some("date", "entry"))

# The profile of a Bundle, and the rules of what it holds: DocumentReference, submission set, folder.
_BUNDLES = {
    f"{MHD}IHE.MHD.Minimal.ProvideBundle": (MINIMAL_DOCUMENT, MINIMAL_SET, MINIMAL_FOLDER),
    f"{MHD}IHE.MHD.UnContained.Comprehensive.ProvideBundle": (
        UNCONTAINED_DOCUMENT,
        UNCONTAINED_SET,
        COMPREHENSIVE_FOLDER,
    ),
    f"{MHD}IHE.MHD.Comprehensive.ProvideBundle": (COMPREHENSIVE_DOCUMENT, COMPREHENSIVE_SET, COMPREHENSIVE_FOLDER),
    f"{PDSM}StructureDefinition/pdsm-comprehensive-provide-document-bundle": (PDSM_DOCUMENT, PDSM_SET, PDSM_FOLDER),
}
_USUAL_BUNDLE = f"{MHD}IHE.MHD.UnContained.Comprehensive.ProvideBundle"
_PUBLISHED = f"{PDSM}StructureDefinition/pdsm-simplified-publish"


def departures_of_bundle(bundle: Element) -> tuple[Departure, ...]:
    """Where a Bundle of ITI-65, which was read, departs from the profile that it claims."""
    claimed = next((each for each in profiles(bundle) if each in _BUNDLES), "")
    rules = dict(zip(("", SUBMISSION_SET, FOLDER), _BUNDLES[claimed or _USUAL_BUNDLE], strict=True))
    found: list[Departure] = []
    if not claimed:
        found.append(Departure("Bundle.meta.profile", "a profile of ITI-65", "another, or none"))
    for number, entry in enumerate(bundle["entry"]):
        resource = entry["resource"]
        if resource["resourceType"] not in ("DocumentReference", "List"):
            continue
        kind = kind_of(resource) if resource["resourceType"] == "List" else ""
        found += departures(resource, rules[kind], f"Bundle.entry[{number}].resource")
    return tuple(found)


def departures_of_published(resource: Element) -> tuple[Departure, ...]:
    """Where the DocumentReference of ITI-105 departs from the profile that it claims."""
    rules = PDSM_SIMPLIFIED if _PUBLISHED in profiles(resource) else SIMPLIFIED
    return tuple(departures(resource, rules, "DocumentReference"))


def is_complete(resource: Element) -> bool:
    """Whether a DocumentReference has all that XDS requires of metadata that are not limited."""
    return not any(departures(resource, _COMPLETE, "DocumentReference"))


def profiles(resource: Element) -> list[str]:
    """The profiles that a resource claims, without versions."""
    return [str(each).partition("|")[0] for each in resource.get("meta", {}).get("profile", ())]


def departures(resource: Element, rules: Iterable[Rule], place: str) -> Iterator[Departure]:
    """Where a resource departs from rules."""
    for rule in rules:
        *way, name = rule.path.split(".")
        path = f"{place}.{rule.path}"
        for holder in _reached([resource], way):
            found = [each for each in _values(holder, name) if _is_meant(each, rule)]
            if not rule.least <= len(found) <= rule.most:
                yield Departure(path + _which(rule), _expected(rule), str(len(found)))
            for each in found:
                yield from _each(each, rule, resource, path)


def _reached(holders: list[Element], way: Sequence[str]) -> list[Element]:
    for name in way:
        holders = [each for holder in holders for each in _values(holder, name) if isinstance(each, dict)]
    return holders


def _values(holder: Element, name: str) -> list[Any]:
    """The elements of that name; a primitive that only has extensions is there, too."""
    found = holder.get(name, holder.get(f"_{name}", []))
    return found if isinstance(found, list) else [found]


def _is_meant(value: Any, rule: Rule) -> bool:
    if rule.url:
        return bool(value.get("url") == rule.url)
    if rule.type:
        codings = value.get("type", {}).get("coding", ())
        return any((each.get("system"), each.get("code")) == (MHD_TYPE, rule.type) for each in codings)
    return True


def _which(rule: Rule) -> str:
    if rule.url:
        return f"('{rule.url}')"
    return f".where(type.coding.code = '{rule.type}')" if rule.type else ""


def _expected(rule: Rule) -> str:
    return f"{rule.least} at least" if rule.most == MANY else f"{rule.least} to {rule.most}"


def _each(value: Any, rule: Rule, resource: Element, path: str) -> Iterator[Departure]:
    if rule.value and value != rule.value:
        yield Departure(path, rule.value, "another")
    if rule.type == ENTRY_UUID and value.get("system") != URI_SYSTEM:
        yield Departure(path, f"an entryUUID of system {URI_SYSTEM}", "another")
    if not rule.targets or "reference" not in value:
        return
    inside = {f"#{each.get('id')}": each.get("resourceType", "") for each in resource.get("contained", ())}
    kind = inside.get(value["reference"])
    if kind is None and rule.contained:
        yield Departure(path, "a contained resource", "another")
    elif kind is not None and kind not in rule.targets:
        yield Departure(path, f"one of {', '.join(sorted(rule.targets))}", "another type")
