"""What the practice software changes of a document's metadata: TD3.3, by ITI-57.

Masked, unmasked, made visible: the whole entry goes back as it was received, with other confidentiality codes.
Archived, unarchived, deleted: its status changes.

Sources: XDS Metadata Update, ITI TF-2 3.57.4.1.3.3; GIE SESAM-Vitale, DMP message examples v02.05, TD3.3.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lxml import etree

from conformance.lps.connection import REGISTRY
from conformance.lps.metadata import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    Code,
    Visibility,
    new_oid,
)
from conformance.lps.people import Patient
from conformance.lps.query import GET_DOCUMENTS, STATUSES, Filters, get_documents, read_code, read_entry, recency
from conformance.lps.searching import Searches, not_found
from conformance.lps.soap import LCM, RIM, UPDATE_DOCUMENT_SET, check, slot
from conformance.lps.submission import (
    ENTRY_CODES,
    HAS_MEMBER,
    Submission,
    association,
    coded,
    content_type,
    dtm,
    registry_package,
    sender_author,
    source_oid,
)
from conformance.lps.vihf import Access
from schemas import oids

UPDATE_AVAILABILITY_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"  # ITI TF-2 3.57.4.1.3.3.2
_CONFIDENTIALITY = ENTRY_CODES["confidentiality_codes"]
_SET, _DOCUMENT = "SubmissionSet01", "Document01"  # symbolic ids


@dataclass(frozen=True, slots=True)
class Updated:
    """What was changed: which entry, and by which submission set (its uniqueId)."""

    entry_uuid: str
    submission_set: str
    warnings: tuple[str, ...]


def write_new_version(
    submission: Submission, received: etree._Element, *, add: Sequence[Code] = (), remove: Collection[str] = ()
) -> bytes:
    """The request that adds codes of TRE_A07 to an entry, removes others, and leaves all else as it was `received`.

    Source: ITI TF-2 3.57.4.1.3.3.1 (Update DocumentEntry Metadata).
    """
    root, objects = _request(submission)
    member = association(objects, HAS_MEMBER, _SET, _DOCUMENT)
    slot(member, "SubmissionSetStatus", ["Original"])
    slot(member, "PreviousVersion", [str(read_entry(received).version or 1)])
    entry = copy.deepcopy(received)
    entry.set("lid", str(received.get("lid") or received.get("id")))
    entry.set("id", _DOCUMENT)
    marked = {code.code: element for code, element in _marks(entry)}
    for code in remove:
        if code in marked:
            entry.remove(marked[code])
    first_identifier = entry.find(f"{{{RIM}}}ExternalIdentifier")
    for added in (coded(entry, _CONFIDENTIALITY, code) for code in add if code.code not in marked):
        if first_identifier is not None:
            first_identifier.addprevious(added)
    for part, owner in (("Classification", "classifiedObject"), ("ExternalIdentifier", "registryObject")):
        for element in entry.iterfind(f"{{{RIM}}}{part}"):
            element.set("id", uuid.uuid4().urn)  # the old ones belong to the version before
            element.set(owner, _DOCUMENT)
    objects.append(entry)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _marks(entry: etree._Element) -> Iterator[tuple[Code, etree._Element]]:
    for element in entry.iterfind(f"{{{RIM}}}Classification"):
        if element.get("classificationScheme") == _CONFIDENTIALITY:
            code = read_code(element)
            if code.scheme == oids.CONFIDENTIALITE_CISIS:
                yield code, element


def write_new_status(submission: Submission, entry_uuid: str, original: str, new: str) -> bytes:
    """The request that takes an entry from one availabilityStatus to another. Source: ITI TF-2 3.57.4.1.3.3.2."""
    root, objects = _request(submission)
    change = association(objects, UPDATE_AVAILABILITY_STATUS, _SET, entry_uuid)
    slot(change, "OriginalStatus", [original])
    slot(change, "NewStatus", [new])
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _request(submission: Submission) -> tuple[etree._Element, etree._Element]:
    root = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    objects = etree.SubElement(root, f"{{{RIM}}}RegistryObjectList")
    registry_package(objects, _SET, submission)
    return root, objects


class Attributes(Searches):
    """A document is named by its entryUUID or its uniqueId, and looked for first.

    Every method raises LpsNotFoundError when nothing is found, LpsError when the server refuses.
    """

    def mask(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Updated:
        """Hides a document from other professionals (TD3.3a)."""
        return self._mark(identifier, patient, access, add=Visibility(mask=True).codes())

    def unmask(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Updated:
        """Shows it to them again (TD3.3a)."""
        return self._mark(identifier, patient, access, remove=(MASQUE_PS,))

    def reveal(
        self,
        identifier: str,
        patient: Patient,
        *,
        to_patient: bool = True,
        to_representatives: bool = True,
        access: Access | None = None,
    ) -> Updated:
        """Shows a document to the patient, to the legal representatives (TD3.3b)."""
        chosen = {INVISIBLE_PATIENT: to_patient, INVISIBLE_REPRESENTANTS_LEGAUX: to_representatives}
        return self._mark(identifier, patient, access, remove=[code for code, wanted in chosen.items() if wanted])

    def delete(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Updated:
        """Deletes a document (TD3.3c): it stays, with a status that says so."""
        return self._turn("deleted", identifier, patient, access)

    def archive(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Updated:
        """Archives a document (TD3.3d)."""
        return self._turn("archived", identifier, patient, access)

    def unarchive(self, identifier: str, patient: Patient, *, access: Access | None = None) -> Updated:
        """Takes a document out of the archive (TD3.3d)."""
        return self._turn("approved", identifier, patient, access)

    def _mark(
        self,
        identifier: str,
        patient: Patient,
        access: Access | None,
        *,
        add: Sequence[Code] = (),
        remove: Collection[str] = (),
    ) -> Updated:
        body = self.ask(self.prepare_query(GET_DOCUMENTS, get_documents([identifier]), patient, access=access))
        check(body)
        elements = body.findall(f"{{{RIM}}}RegistryObjectList/{{{RIM}}}ExtrinsicObject")
        if not elements:
            raise not_found(identifier)
        received = max(elements, key=lambda element: recency(read_entry(element)))
        submission = self._update_set(patient)
        content = write_new_version(submission, received, add=add, remove=remove)
        return self._update(submission, content, str(received.get("id")), access)

    def _turn(self, status: str, identifier: str, patient: Patient, access: Access | None) -> Updated:
        if self._sender.finds_references_only:
            entry_uuid, original = self._refer(identifier, patient, access)
        else:
            entry = self.locate(identifier, patient, access=access)
            entry_uuid, original = entry.entry_uuid, entry.availability_status
        submission = self._update_set(patient)
        content = write_new_status(submission, entry_uuid, original, STATUSES[status])
        return self._update(submission, content, entry_uuid, access)

    def _refer(self, identifier: str, patient: Patient, access: Access | None) -> tuple[str, str]:
        """The entryUUID and the status of a document, found by references only."""
        entry_uuid = self.resolve(identifier, patient, access=access)
        for status in (STATUSES["approved"], STATUSES["archived"], STATUSES["deprecated"]):
            if entry_uuid in self.find_references(patient, Filters(statuses=[status]), access=access):
                return entry_uuid, status
        raise not_found(identifier)

    def _update_set(self, patient: Patient) -> Submission:
        author, code = sender_author(self._sender, self._values), content_type("", self._values)
        return Submission(patient, (), author, code, source_oid(self._sender), new_oid(), dtm(self._clock()), {})

    def _update(self, submission: Submission, content: bytes, entry_uuid: str, access: Access | None) -> Updated:
        body = self.ask(self.message(REGISTRY, UPDATE_DOCUMENT_SET, content, submission.patient, access=access))
        return Updated(entry_uuid, submission.unique_id, tuple(check(body)))
