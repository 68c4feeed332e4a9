"""Removal, from outside: metadata go by ITI-62, documents by ITI-86, all that a request names or nothing of it.

Source: ITI TF-2 3.62 and 3.86 (Remove Metadata and Documents); NIST XDS Toolkit, tests 30000 to 30008.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from audit.event import Outcome
from audit.store import AuditRecord
from conformance.lps.soap import envelope
from conformance.lps.vihf import Access
from registry.metadata import AssociationType, DocumentEntry
from schemas.xml import parse
from server.cli import build
from server.commands.documents import swept
from server.demo.people import PATIENTS
from server.house import House
from tests.connectathon import (
    DEPRECATED,
    FOREIGN_REPOSITORY,
    LCM,
    REGISTRY_PATH,
    REPOSITORY_PATH,
    RIM,
    RMD,
    XDS,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
)
from tests.journeys import attacks
from tests.journeys.updates import every_version, registered, revision, successor
from tests.village import Village

REMOVE_METADATA = "urn:ihe:iti:2010:DeleteDocumentSet"
REMOVE_DOCUMENTS = "urn:ihe:iti:2017:RemoveDocuments"


def uuids(node: Node, patient: str) -> list[str]:
    """The entryUUIDs of all that the registry has of this patient."""
    return [item.entry_uuid for item in node.everything(patient).objects]


def provided(node: Node, patient: str, content: bytes = b"hello") -> DocumentEntry:
    """A document of this patient that is kept here."""
    entry = document(patient, hash="", size=None)
    answer = node.provide(submission(entry), {entry.entry_uuid: content})
    assert answer.success, answer.errors
    return entry


def kept_files(node: Node) -> int:
    return len(list((node.home / "documents").glob("??/*")))


def objects_of(record: AuditRecord) -> list[tuple[str, str]]:
    """The participant objects that the transaction is about, as (code of the identifier's type, identifier)."""
    found = parse(record.message).iter("ParticipantObjectIdentification")
    pairs = [(each.find("ParticipantObjectIDTypeCode"), each.get("ParticipantObjectID", "")) for each in found]
    return [(kind.get("csd-code", ""), name) for kind, name in pairs if kind is not None]


# --- ITI-62 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-62", "removal/metadata")
def test_what_was_registered_goes_whole_and_is_found_no_more(node: Node) -> None:
    patient = new_patient()
    entry, mine = document(patient), folder(patient)
    member = association(AssociationType.HAS_MEMBER, mine.entry_uuid, entry.entry_uuid)
    assert node.register(submission(entry, mine, member)).success
    answer = node.remove_metadata(*uuids(node, patient))
    assert answer.success, answer.errors
    assert node.everything(patient).objects == ()


@pytest.mark.proves("removal/all-or-nothing")
def test_a_request_with_one_unknown_id_removes_nothing(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    there, unknown = uuids(node, patient), f"urn:uuid:{uuid4()}"
    answer = node.remove_metadata(*there, unknown)
    assert answer.status == "Failure"
    assert [error[:3] for error in answer.errors] == [("UnresolvedReferenceException", "Error", unknown)]
    assert uuids(node, patient) == there


@pytest.mark.proves("removal/references")
def test_nist_30001_a_submission_of_one_document(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    found = node.everything(patient)
    (entry,), (held,) = found.entries, found.associations
    assert node.remove_metadata(held.source).codes == {"ReferencesExistException"}
    assert node.remove_metadata(entry.entry_uuid, held.entry_uuid).codes == {"XDSUnreferencedObjectException"}
    assert node.remove_metadata(held.source, held.entry_uuid, entry.entry_uuid).success


@pytest.mark.proves("removal/references")
def test_nist_30006_the_replaced_document_goes_with_the_rplc_and_the_replacement_stays(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    original = uuids(node, patient)
    (old,) = node.find_documents(patient).entries
    new = document(patient)
    rplc = association(AssociationType.RPLC, new.entry_uuid, old.entry_uuid)
    assert node.register(submission(new, rplc)).success
    (relation,) = [item for item in node.everything(patient).associations if item.type is AssociationType.RPLC]
    assert node.remove_metadata(*original).codes == {"ReferencesExistException"}
    assert node.remove_metadata(*original, relation.entry_uuid).success
    assert [entry.unique_id for entry in node.everything(patient).entries] == [new.unique_id]


@pytest.mark.proves("removal/replacement")
def test_removing_a_replacement_leaves_the_replaced_document_deprecated(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    before = uuids(node, patient)
    (old,) = node.find_documents(patient).entries
    new = document(patient)
    node.register(submission(new, association(AssociationType.RPLC, new.entry_uuid, old.entry_uuid)))
    assert node.remove_metadata(*(each for each in uuids(node, patient) if each not in before)).success
    assert node.find_documents(patient).entries == ()
    assert len(node.find_documents(patient, DEPRECATED).entries) == 1


def test_objects_of_two_patients_do_not_go_in_one_request(node: Node) -> None:
    patients = new_patient(), new_patient()
    for patient in patients:
        node.register(submission(document(patient)))
    named = [each for patient in patients for each in uuids(node, patient)]
    assert node.remove_metadata(*named).codes == {"XDSPatientIdDoesNotMatch"}
    assert [len(uuids(node, patient)) for patient in patients] == [3, 3]


@pytest.mark.proves("removal/metadata")
def test_the_unique_ids_of_what_went_may_come_again_with_other_content(node: Node) -> None:
    patient = new_patient()
    first = provided(node, patient, b"first")
    assert node.remove_metadata(*uuids(node, patient)).success
    assert node.retrieve(first.unique_id).codes == {"XDSDocumentUniqueIdError"}
    again = document(patient, unique_id=first.unique_id, hash="", size=None)
    assert node.provide(submission(again), {again.entry_uuid: b"second"}).success
    assert opened(node, first.unique_id) == b"second"


def opened(node: Node, unique_id: str) -> bytes:
    answer = node.retrieve(unique_id)
    assert answer.success, answer.errors
    return base64.b64decode(answer.root.findtext(f".//{{{XDS}}}Document") or "")


def test_an_entry_of_a_document_that_another_entry_names_leaves_it_there(node: Node) -> None:
    """The same document registered twice: one entry goes, the document stays (NIST 12004)."""
    patient = new_patient()
    entry = provided(node, patient)
    first = uuids(node, patient)
    assert node.provide(submission(document(patient, unique_id=entry.unique_id)), {"Document01": b"hello"}).success
    assert node.remove_metadata(*first).success
    assert opened(node, entry.unique_id) == b"hello"


def test_each_version_of_an_updated_entry_goes_by_itself(node: Node) -> None:
    """The older version stays Deprecated when the newer one goes with its submission set, and is then the latest."""
    patient = new_patient()
    first = registered(node, patient)
    before = uuids(node, patient)
    assert node.update(revision(successor(first, title="Changed"))).success
    newer = [each for each in every_version(node, first.unique_id).entries if each.version == 2]
    assert node.remove_metadata(newer[0].entry_uuid).codes == {"ReferencesExistException"}
    of_newer = [each for each in all_uuids(node, *(item.entry_uuid for item in newer)) if each not in before]
    assert node.remove_metadata(*of_newer).success
    (left,) = every_version(node, first.unique_id).entries
    assert (left.entry_uuid, left.availability_status.value) == (first.entry_uuid, DEPRECATED)
    assert [each.entry_uuid for each in node.find_documents(patient, DEPRECATED).entries] == [first.entry_uuid]
    assert node.remove_metadata(*before).success
    assert every_version(node, first.unique_id).entries == ()


def all_uuids(node: Node, *entries: str) -> list[str]:
    """These entries with the submission sets that hold them, and the memberships."""
    listed = ",".join(f"'{each}'" for each in entries)
    found = node.query("urn:uuid:51224314-5390-4169-9b91-b1980040715a", {"$uuid": [f"({listed})"]})
    return [*entries, *(item.entry_uuid for item in found.objects)]


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<rim:ObjectRefList/>",
        '<rim:AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"/>',
        '<rim:ObjectRefList><rim:Association id="urn:uuid:1"/></rim:ObjectRefList>',
        '<rim:ObjectRefList><rim:ObjectRef id=""/></rim:ObjectRefList>',
        '<rim:ObjectRefList><rim:ObjectRef id="a"/></rim:ObjectRefList><rim:ObjectRefList/>',
    ],
)
def test_a_removal_that_names_its_objects_otherwise_is_not_understood(node: Node, inside: str) -> None:
    body = f'<lcm:RemoveObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}">{inside}</lcm:RemoveObjectsRequest>'
    answer = node.soap(REGISTRY_PATH, REMOVE_METADATA, body)
    assert answer.http_status in (400, 500)
    assert answer.fault


def test_a_removal_of_metadata_is_recorded_with_each_object_and_the_patient(node: Node) -> None:
    patient = new_patient()
    node.register(submission(document(patient)))
    there = uuids(node, patient)
    node.remove_metadata(*there)
    (record,) = node.audit(1)
    assert (record.transaction, record.outcome) == ("ITI-62", Outcome.SUCCESS)
    objects = objects_of(record)
    assert [name for kind, name in objects if kind == "urn:ihe:iti:2017:ObjectRef"] == there
    assert ("2", patient) in objects


def test_a_removal_that_fails_is_recorded_with_its_codes(node: Node) -> None:
    unknown = f"urn:uuid:{uuid4()}"
    node.remove_metadata(unknown)
    (record,) = node.audit(1)
    assert (record.transaction, record.outcome) == ("ITI-62", Outcome.MINOR_FAILURE)
    assert record.explanation == "UnresolvedReferenceException"


# --- ITI-86 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-86", "removal/documents")
def test_a_removed_document_is_had_no_more_and_its_metadata_stay(node: Node) -> None:
    patient = new_patient()
    entry, before = provided(node, patient, uuid4().bytes), kept_files(node)
    answer = node.remove_documents(entry.unique_id)
    assert answer.success, answer.errors
    assert kept_files(node) == before - 1
    answer = node.retrieve(entry.unique_id)
    assert (answer.http_status, answer.codes) == (200, {"XDSDocumentUniqueIdError"})
    assert [found.unique_id for found in node.find_documents(patient).entries] == [entry.unique_id]


@pytest.mark.proves("removal/all-or-nothing")
def test_one_document_that_is_not_there_and_all_stay(node: Node) -> None:
    patient = new_patient()
    entry = provided(node, patient)
    answer = node.remove_documents(entry.unique_id, "2.25.404")
    assert answer.status == "Failure"
    ((code, severity, location, context),) = answer.errors
    assert (code, severity, location) == ("XDSRemoveDocumentsError", "Error", "2.25.404")
    assert "2.25.404" in context
    assert opened(node, entry.unique_id) == b"hello"


def test_a_document_of_another_repository_is_not_ours_to_remove(node: Node) -> None:
    entry = provided(node, new_patient())
    answer = node.remove_documents(entry.unique_id, repository=FOREIGN_REPOSITORY)
    assert [error[:3] for error in answer.errors] == [("XDSUnknownRepositoryId", "Error", entry.unique_id)]
    assert opened(node, entry.unique_id) == b"hello"


def test_the_same_bytes_of_another_document_stay(node: Node) -> None:
    content = uuid4().bytes
    mine, theirs = provided(node, new_patient(), content), provided(node, new_patient(), content)
    assert node.remove_documents(mine.unique_id).success
    assert opened(node, theirs.unique_id) == content


def test_a_document_whose_metadata_went_first_can_be_removed(node: Node) -> None:
    patient = new_patient()
    entry = provided(node, patient, uuid4().bytes)
    assert node.remove_metadata(*uuids(node, patient)).success
    before = kept_files(node)
    assert node.remove_documents(entry.unique_id).success
    assert kept_files(node) == before - 1
    assert node.remove_documents(entry.unique_id).codes == {"XDSRemoveDocumentsError"}


def test_several_documents_of_several_patients_go_in_one_request(node: Node) -> None:
    entries = [provided(node, new_patient(), uuid4().bytes) for _ in range(3)]
    named = [entry.unique_id for entry in entries]
    assert node.remove_documents(*named, named[0]).success
    assert node.retrieve(*named).codes == {"XDSDocumentUniqueIdError"}
    (record,) = [each for each in node.audit(2) if each.transaction == "ITI-86"]
    assert [name for kind, name in objects_of(record) if kind == "9"] == named


def test_a_removed_document_can_be_provided_again(node: Node) -> None:
    patient = new_patient()
    entry = provided(node, patient)
    node.remove_documents(entry.unique_id)
    again = document(patient, unique_id=entry.unique_id)
    assert node.provide(submission(again), {again.entry_uuid: b"hello"}).success
    assert opened(node, entry.unique_id) == b"hello"


def test_a_request_of_another_namespace_is_not_understood(node: Node) -> None:
    body = f'<rmd:RemoveDocumentsRequest xmlns:rmd="{RMD}"><rmd:DocumentRequest/></rmd:RemoveDocumentsRequest>'
    assert node.soap(REPOSITORY_PATH, REMOVE_DOCUMENTS, body).fault
    body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}"/>'
    assert node.soap(REPOSITORY_PATH, REMOVE_DOCUMENTS, body).fault


def test_what_a_crash_left_behind_is_swept_and_nothing_else(node: Node) -> None:
    """Bytes without row, as between the two transactions of a removal."""
    entry = provided(node, new_patient(), uuid4().bytes)
    house = House.build(node.settings, anchors=False)
    try:
        staged = house.files.stage()
        staged.write(uuid4().bytes)
        orphan = staged.finish()
        staged.keep()
        assert swept(house, timedelta(days=1)) == (0, 0)
        incoming, kept = swept(house, timedelta(seconds=-1))
        assert (incoming, kept >= 1) == (0, True)
        assert house.files.remove(orphan) is False
    finally:
        house.database.dispose()
    assert node.retrieve(entry.unique_id).success


def test_the_command_sweeps_and_says_what(node: Node) -> None:
    said = CliRunner().invoke(build("documents"), ["documents", "sweep", "--home", str(node.home), "--json"])
    assert (said.exit_code, json.loads(said.output)) == (0, {"incoming": 0, "kept": 0})
    refused = CliRunner().invoke(build("documents"), ["documents", "sweep", "--home", str(node.home), "--hours", "0"])
    assert refused.exit_code == 2


# --- The French domain ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "action", "request_"),
    [
        (
            REGISTRY_PATH,
            REMOVE_METADATA,
            f'<lcm:RemoveObjectsRequest xmlns:lcm="{LCM}" xmlns:rim="{RIM}"><rim:ObjectRefList>'
            '<rim:ObjectRef id="{uuid}"/></rim:ObjectRefList></lcm:RemoveObjectsRequest>',
        ),
        (
            REPOSITORY_PATH,
            REMOVE_DOCUMENTS,
            f'<rmd:RemoveDocumentsRequest xmlns:rmd="{RMD}" xmlns:xds="{XDS}"><xds:DocumentRequest>'
            "<xds:RepositoryUniqueId>1.2.250.1.213.4.1.1.1.2</xds:RepositoryUniqueId>"
            "<xds:DocumentUniqueId>{unique_id}</xds:DocumentUniqueId></xds:DocumentRequest></rmd:RemoveDocumentsRequest>",
        ),
    ],
)
def test_in_the_dmp_nobody_removes_for_good(village: Village, path: str, action: str, request_: str) -> None:
    """Not even the author of a document: the DMP deletes by status. Source: CI-SIS, JDV_J52 (Deleted)."""
    patient, lps = village.patient(PATIENTS[0].ins), village.lps("medecin-traitant")
    document_ = attacks.Provide(lps, "medecin-traitant", patient)
    assert document_.send().succeeded
    (there,) = lps.documents([document_.unique_id], patient)
    _, start, end = envelope(action, "https://127.0.0.1" + path, lps.assertion(patient, Access()))
    body = request_.format(uuid=there.entry_uuid, unique_id=document_.unique_id)
    answer = attacks.post(lps, path, attacks.SIMPLE, start + body.encode() + end)
    assert set(answer.errors) == {"DMPAccessDeniedByRightsService"}
    assert len(lps.documents([document_.unique_id], patient)) == 1
