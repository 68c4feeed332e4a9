"""One ebRIM object in its parts: slots, classifications, identifiers, each taken once by whoever knows it.

What is malformed becomes a Finding; what nobody takes is told too, or survives as an extra slot.

Source: ITI TF-3 4.2.3.1 (metadata vocabulary in ebRIM), 4.2.3.1.2 (coded attributes), 4.2.3.1.5 (ids).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeVar

from lxml import etree

from ihe.identifiers import FOLDER_NODE, LIMITED_NODES, RIM, SUBMISSION_SET_NODE
from registry.errors import ErrorCode, Finding, Severity, finding
from registry.metadata import Author, Code, Slots

MAX_VALUE = 256  # characters in a slot Value. Source: ebRIM 3.0 LongName

SLOT = f"{{{RIM}}}Slot"
CLASSIFICATION = f"{{{RIM}}}Classification"
EXTERNAL_IDENTIFIER = f"{{{RIM}}}ExternalIdentifier"

_VALUE_LIST = f"{{{RIM}}}ValueList"
_VALUE = f"{{{RIM}}}Value"
_NAME = f"{{{RIM}}}Name"
_DESCRIPTION = f"{{{RIM}}}Description"
_VERSION_INFO = f"{{{RIM}}}VersionInfo"
_LOCALIZED_STRING = f"{{{RIM}}}LocalizedString"
_NODES = LIMITED_NODES | {FOLDER_NODE, SUBMISSION_SET_NODE}
_VERSION = re.compile(r"(\d{1,9})(\.\d+)?\Z", re.ASCII)
_AUTHOR_SLOTS = ("authorPerson", "authorInstitution", "authorRole", "authorSpecialty", "authorTelecommunication")

T = TypeVar("T")


def slots(parent: etree._Element) -> list[tuple[str, tuple[str, ...]]]:
    """The slots of `parent`, repeated ones included, with their values as they were sent."""
    return [
        (
            slot.get("name", ""),
            tuple(value.text or "" for held in slot.iterchildren(_VALUE_LIST) for value in held.iterchildren(_VALUE)),
        )
        for slot in parent.iterchildren(SLOT)
    ]


def check_id(value: str) -> str | None:
    """What is wrong with an id or a reference, or None: `urn:uuid:` in lower case, or any symbol.

    Whether what begins as a UUID is one, the registry says. Source: ITI TF-3 4.2.3.1.5.
    """
    if not value:
        return "none"
    return value[:64] if value[:9].lower() == "urn:uuid:" and value != value.lower() else None


@dataclass(slots=True)
class EbrimObject:
    """The parts of one object that have not been taken yet, and what was found wrong with it."""

    element: etree._Element
    kind: str  # as printed: DocumentEntry, SubmissionSet, Folder, Association
    findings: list[Finding]
    id: str = ""  # what to call it when it has none
    _slots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _classifications: dict[str, list[etree._Element]] = field(default_factory=dict)
    _identifiers: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self.element.get("id", "") or self.id
        if got := check_id(self.id):
            self.wrong("id", "urn:uuid: and a lower-case UUID, or a symbolic id", got)
        self._slots = self._unique(slots(self.element), "")
        for child in self.element:
            if child.tag == CLASSIFICATION:
                self._same_object(child, "classifiedObject")
                node = child.get("classificationNode")
                if node is not None:
                    if node not in _NODES:
                        self._not_saved(f"a Classification by the node {node[:64] or 'none'}")
                    continue
                self._classifications.setdefault(child.get("classificationScheme", ""), []).append(child)
            elif child.tag == EXTERNAL_IDENTIFIER:
                self._same_object(child, "registryObject")
                values = self._identifiers.setdefault(child.get("identificationScheme", ""), [])
                values.append(child.get("value", ""))

    def wrong(self, attribute: str, expected: str, got: str) -> None:
        """Notes one thing wrong with `attribute`."""
        error = ErrorCode.XDSRegistryMetadataError
        name = f"{self.kind}.{attribute}"
        self.findings.append(finding(error, name, expected=expected, got=got, location=self.id[:MAX_VALUE]))

    def many(self, slot: str) -> tuple[str, ...]:
        """The values of a slot; () when it is absent."""
        return self._slots.pop(slot, ())

    def one(self, slot: str) -> str:
        """The value of a slot that holds one; '' when it is absent."""
        values = self.many(slot)
        if len(values) > 1:
            self.wrong(slot, "one value", f"{len(values)} values")
        return values[0] if values else ""

    def title(self) -> str:
        """Name, in the first language given."""
        return self._localized(_NAME, "Name")

    def comments(self) -> str:
        """Description, in the first language given."""
        return self._localized(_DESCRIPTION, "Description")

    def code(self, scheme: str, attribute: str) -> Code | None:
        """The code of a classification that occurs at most once."""
        found = self.codes(scheme, attribute)
        if len(found) > 1:
            self.wrong(attribute, "one code", f"{len(found)} codes")
        return found[0] if found else None

    def codes(self, scheme: str, attribute: str) -> tuple[Code, ...]:
        """Every code of a classification scheme, in the order sent. Source: ITI TF-3 4.2.3.1.2."""
        return tuple(self._code(found, attribute) for found in self._classifications.pop(scheme, ()))

    def authors(self, scheme: str) -> tuple[Author, ...]:
        """Every author, in the order sent. Source: ITI TF-3 4.2.3.1.4."""
        return tuple(self._author(found) for found in self._classifications.pop(scheme, ()))

    def identifier(self, scheme: str, attribute: str) -> str:
        """The value of an ExternalIdentifier; '' when it is absent."""
        values = self._identifiers.pop(scheme, [])
        if len(values) > 1:
            self.wrong(attribute, "one ExternalIdentifier", f"{len(values)}")
        return values[0] if values else ""

    def member(self, attribute: str, given: str, members: dict[str, T], default: T) -> T:
        """The enumeration member that `given` stands for; `default`, and a finding, when there is none."""
        if given in members:
            return members[given]
        self.wrong(attribute, f"one of {', '.join(filter(None, members))}", given[:MAX_VALUE] or "none")
        return default

    def version(self) -> int:
        """VersionInfo: 1 when it is absent; ebRIM's own default `1.1` is 1. Source: ebRIM 3.0 §2.5.11."""
        info = self.element.find(_VERSION_INFO)
        given = "1" if info is None else info.get("versionName", "1")
        number = _VERSION.match(given)
        if number is None:
            self.wrong("version", "a number", given[:16])
            return 1
        return int(number[1])

    def rest(self) -> Slots:
        """The slots that nobody took, to be kept. Classifications and identifiers that nobody took are told lost."""
        for scheme in self._classifications:
            self._not_saved(f"a Classification of scheme {scheme[:64] or 'none'}")
        for scheme in self._identifiers:
            self._not_saved(f"an ExternalIdentifier of scheme {scheme[:64] or 'none'}")
        return tuple(self._slots.items())

    def _not_saved(self, what: str) -> None:
        """Source: ITI TF-3 4.2.3.1.6 (extra metadata)."""
        code = ErrorCode.XDSExtraMetadataNotSaved
        context = f"{self.kind}: {what} was not saved"
        self.findings.append(Finding(code, context, Severity.WARNING, self.id[:MAX_VALUE]))

    def _unique(self, found: list[tuple[str, tuple[str, ...]]], where: str) -> dict[str, tuple[str, ...]]:
        """Slots by name; names are unique in an object. Source: ITI TF-3 4.2.3.1.6; ebRIM 3.0 §2.8."""
        by_name: dict[str, tuple[str, ...]] = {}
        for name, values in found:
            if not name:
                self.wrong(f"{where}Slot", "a name", "none")
            elif name in by_name:
                self.wrong(f"{where}{name[:64]}", "one Slot of this name", "another one")
            else:
                by_name[name] = values
        return by_name

    def _same_object(self, child: etree._Element, attribute: str) -> None:
        """What stands inside an object speaks of that object. Source: ebRIM 3.0 §4.3 and §4.5."""
        given = child.get(attribute, "")
        if given != self.id:
            self.wrong(attribute, f"the id of the containing object, {self.id[:64]}", given[:64] or "none")

    def _localized(self, tag: str, attribute: str) -> str:
        values = [string.get("value", "") for string in self.element.iterfind(f"{tag}/{_LOCALIZED_STRING}")]
        if len(values) > 1:
            self._not_saved(f"{attribute} in a second language")
        return values[0] if values else ""

    def _code(self, classification: etree._Element, attribute: str) -> Code:
        given = self._unique(slots(classification), f"{attribute}.")
        scheme = given.pop("codingScheme", ())
        code = classification.get("nodeRepresentation", "")
        if len(scheme) > 1:
            self.wrong(attribute, "a codingScheme with one value", f"{len(scheme)} values")
        if given:
            self._not_saved(f"a Slot of the Classification {attribute}")
        string = classification.find(f"{_NAME}/{_LOCALIZED_STRING}")
        return Code(code, scheme[0] if scheme else "", "" if string is None else string.get("value", ""))

    def _author(self, classification: etree._Element) -> Author:
        given = self._unique(slots(classification), "author.")
        person, institutions, roles, specialties, telecommunications = (given.pop(name, ()) for name in _AUTHOR_SLOTS)
        if len(person) > 1:
            self.wrong("author.authorPerson", "one value", f"{len(person)} values")
        return Author(
            person=person[0] if person else "",
            institutions=institutions,
            roles=roles,
            specialties=specialties,
            telecommunications=telecommunications,
            extra_slots=tuple(given.items()),
        )
