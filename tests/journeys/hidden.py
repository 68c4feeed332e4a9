"""Documents that somebody hides, with all that stands around them: sets, a folder, associations."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from lxml import etree

from conformance.lps.client import Lps
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import RIM
from conformance.lps.submission import ENTRY_CODES, SET_UNIQUE_ID
from tests.journeys.attacks import HAS_MEMBER, RELATION, Provide, add_slot

FOLDER_UNIQUE_ID = "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a"

Named = tuple[str, str]  # entryUUID and uniqueId, '' where there is none


@dataclass(frozen=True, slots=True)
class Pair:
    """Two documents, the second the addendum of the first, in one folder."""

    documents: tuple[Named, Named]
    folder: Named
    sets: tuple[Named, Named]
    associations: tuple[str, str]

    @property
    def named(self) -> tuple[Named, ...]:
        """One of each kind."""
        return self.documents[0], self.folder, self.sets[0], (self.associations[1], "")


def provide_pair(
    lps: Lps,
    author: str,
    patient: Patient,
    *,
    kind: str = "consultation_report",
    masked: bool = True,
    beside: Pair | None = None,
) -> Pair:
    """The two, masked or not; `beside` others, the second is their addendum, too, and in their folder."""
    first, second = (Provide(lps, author, patient, kind) for _ in range(2))
    if masked:
        mask(first.entry)
        mask(second.entry)
    folder = first.add_folder(patient)
    assert first.send().succeeded
    addendum = second.associate(RELATION + "APND", second.entry_uuid, first.entry_uuid)
    membership = into_folder(second, str(folder.get("id")))
    if beside:
        second.associate(RELATION + "APND", second.entry_uuid, beside.documents[0][0])
        into_folder(second, beside.folder[0])
    assert second.send().succeeded
    return Pair(
        documents=((first.entry_uuid, first.unique_id), (second.entry_uuid, second.unique_id)),
        folder=(str(folder.get("id")), unique_id(folder, FOLDER_UNIQUE_ID)),
        sets=tuple((each.set_uuid, unique_id(each.submission_set)) for each in (first, second)),  # type: ignore[arg-type]
        associations=(str(addendum.get("id")), str(membership.get("id"))),
    )


def into_folder(message: Provide, folder: str) -> etree._Element:
    """Has a message put its document into a folder."""
    held = message.associate(HAS_MEMBER, folder, message.entry_uuid)
    message.associate(HAS_MEMBER, message.set_uuid, str(held.get("id")))
    return held


def mask(entry: etree._Element) -> None:
    """Adds MASQUE_PS to the confidentiality codes."""
    (code,) = Visibility(mask=True).codes()
    before = next(each for each in entry if each.tag == f"{{{RIM}}}ExternalIdentifier")
    scheme = {"classificationScheme": ENTRY_CODES["confidentiality_codes"], "nodeRepresentation": code.code}
    element = etree.Element(f"{{{RIM}}}Classification", id=uuid.uuid4().urn, classifiedObject=str(entry.get("id")))
    element.attrib.update(scheme)
    add_slot(element, "codingScheme", code.scheme)
    etree.SubElement(etree.SubElement(element, f"{{{RIM}}}Name"), f"{{{RIM}}}LocalizedString", value=code.display)
    before.addprevious(element)


def unique_id(package: etree._Element, scheme: str = SET_UNIQUE_ID) -> str:
    """The uniqueId of a set, or of a folder."""
    return next(str(each.get("value")) for each in package if each.get("identificationScheme") == scheme)
