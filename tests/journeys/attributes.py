"""TD3.3 as practice software sends it: what stands is read (ITI-18), and sent back changed (ITI-57)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from audit.store import AuditRecord
from conformance.lps.client import Lps
from conformance.lps.connection import REGISTRY, Request
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError, check, envelope
from conformance.lps.vihf import Access
from ihe.ebrim import read_objects
from registry.metadata import Association, Author, AvailabilityStatus, Code, DocumentEntry, Submission
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from schemas import oids
from schemas.domain import load
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.connectathon import RIM, submission, submit_objects
from tests.journeys.queries import GET_DOCUMENTS
from tests.journeys.updates import revision, status_change, successor
from tests.village import Village

UPDATE_DOCUMENT_SET = "urn:ihe:iti:2010:UpdateDocumentSet"
RESTRICTED_UPDATE = "urn:ihe:iti:2018:RestrictedUpdateDocumentSet"
APPROVED, DEPRECATED, ARCHIVED, DELETED = AvailabilityStatus
MASKED, UNSEEN, UNSEEN_BY_PARENTS = (
    Code(*mark) for mark in (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX)
)
SET: dict[str, Any] = {  # what a submission set has in the DMP
    "content_type_code": Code("07", oids.CONTENT_TYPE, "Consultation"),
    "authors": (Author(person="801234567890^ESSAI^Anne^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"),),
}
UPDATE, OPERATION, VERSION = "XDSMetadataUpdateError", "XDSMetadataUpdateOperationError", "XDSMetadataVersionError"
UNMODIFIABLE, DENIED = "UnmodifiableMetadataError", "DMPAccessDeniedByRightsService"
REPOSITORY = load("fr-dmp").repository_unique_id
NOBODY_S = "urn:uuid:7b3dd3f5-1111-4222-8333-944444444444"


@dataclass
class Desk:
    """One professional's software on the DMP of one patient."""

    village: Village
    lps: Lps
    patient: Patient
    access: Access = field(default_factory=Access)

    def versions(self, *unique_ids: str, uuids: Sequence[str] = ()) -> list[DocumentEntry]:
        """Every version of these documents that is found, oldest first; or what these entryUUIDs name."""
        named = "UniqueId" if unique_ids else "EntryUUID"
        values = ",".join(f"'{each}'" for each in (*unique_ids, *uuids))
        parameters = [(f"$XDSDocumentEntry{named}", [f"({values})"]), ("$MetadataLevel", ["2"])]
        request = self.lps.prepare_query(GET_DOCUMENTS, parameters, self.patient, access=self.access)
        objects, findings = read_objects(_list(self.lps.ask(request)))
        assert not findings
        entries = [item for item in objects if isinstance(item, DocumentEntry)]
        return sorted(entries, key=lambda entry: entry.version)

    def stands(self, unique_id: str) -> DocumentEntry:
        """The newest version of a document."""
        return self.versions(unique_id)[-1]

    def finds(self, unique_id: str) -> bool:
        return bool(self.versions(unique_id))

    def opens(self, unique_id: str, folder: Path) -> bool:
        """Whether ITI-43 gives the document."""
        try:
            self.lps.open(unique_id, folder / "opened", self.patient, repository=REPOSITORY, access=self.access)
        except LpsError as error:
            assert error.code == "XDSDocumentUniqueIdError"
            return False
        return True

    def send(self, sent: Submission, action: str = UPDATE_DOCUMENT_SET) -> None:
        """ITI-57. Raises LpsError when it is refused."""
        assertion = self.lps.assertion(self.patient, self.access)
        message_id, start, end = envelope(action, "", assertion)
        data = start + submit_objects(sent).encode() + end
        header = f'application/soap+xml; charset=UTF-8; action="{action}"'
        check(self.lps.ask(Request(REGISTRY, header, len(data), [data], message_id)))

    def refused(self, sent: Submission, action: str = UPDATE_DOCUMENT_SET) -> set[tuple[str, str]]:
        """The errors of a refusal: code, and text."""
        with pytest.raises(LpsError) as caught:
            self.send(sent, action)
        return {(error.code, error.context) for error in caught.value.errors}

    def codes(self, sent: Submission) -> set[str]:
        """The codes of a refusal."""
        return {code for code, _ in self.refused(sent)}

    def mark(self, unique_id: str, *, add: Sequence[Code] = (), remove: Sequence[Code] = ()) -> None:
        """TD3.3a, TD3.3b."""
        self.send(remarked(self.stands(unique_id), add=add, remove=remove))

    def change(self, unique_id: str, new: AvailabilityStatus) -> None:
        """TD3.3c, TD3.3d."""
        entry = self.stands(unique_id)
        self.send(self.restated(entry.entry_uuid, entry.availability_status, new))

    def restated(self, entry_uuid: str, original: AvailabilityStatus, new: AvailabilityStatus) -> Submission:
        return submission(status_change(entry_uuid, original.value, new.value), patient=self.patient.cx, **SET)

    def events(self, limit: int = 1) -> tuple[AuditRecord, ...]:
        return self.village.audit(limit)


def _list(body: etree._Element) -> etree._Element:
    check(body)
    found = body.find(f".//{{{RIM}}}RegistryObjectList")
    assert found is not None
    return found


def remarked(
    entry: DocumentEntry, patient: str = "", *, add: Sequence[Code] = (), remove: Sequence[Code] = (), **changes: Any
) -> Submission:
    """The next version of `entry` with other codes of confidentiality; `patient` is the set's."""
    codes = tuple(code for code in entry.confidentiality_codes if code not in remove)
    return revision(successor(entry, confidentiality_codes=(*codes, *add), **changes), patient=patient, **SET)


def becoming(entry: DocumentEntry, original: AvailabilityStatus, new: AvailabilityStatus) -> Association:
    """The change of the status of `entry`."""
    return status_change(entry.entry_uuid, original.value, new.value)


@dataclass
class Practice:
    """The village's practices, and documents of one patient that they write."""

    village: Village
    folder: Path
    patient: Patient

    def of(self, number: int) -> Practice:
        """The same for another patient of the demo."""
        return Practice(self.village, self.folder, self.village.patient(PATIENTS[number].ins))

    def desk(self, name: str, access: Access | None = None) -> Desk:
        return Desk(self.village, self.village.lps(name), self.patient, access or Access())

    def document(
        self,
        by: str = "medecin",
        author: str = "",
        *,
        kind: str = "consultation_report",
        visibility: Visibility | None = None,
        replaces: str | None = None,
        edit: Callable[[str], str] = str,
    ) -> str:
        """Provides a document and gives its uniqueId; `edit` may change the CDA."""
        index = [each.ins for each in PATIENTS].index(self.patient.ins)
        file = write(Paper(kind, by, author or by, index, 1), self.folder, 1, datetime.now(UTC))
        file.write_text(edit(file.read_text("utf-8")), "utf-8")
        provided = self.village.lps(by).provide([file], self.patient, replace=replaces, visibility=visibility)
        return provided.unique_ids[0]


@pytest.fixture
def practice(village: Village, tmp_path: Path) -> Practice:
    return Practice(village, tmp_path, village.patient(PATIENTS[0].ins))
