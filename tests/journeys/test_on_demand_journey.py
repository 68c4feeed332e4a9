"""On-Demand documents, from outside: registered by ITI-61, made when they are retrieved, kept as snapshots.

Source: ITI TF-2 3.43.4.2.2 and 3.43.4.2.3 (Persistence of Retrieved Documents Option), 3.61; ITI TF-3 4.2.2.2.
"""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path
from uuid import uuid4

import pytest
from lxml import etree

from cda.document import read_document
from cda.header import read_header
from conformance.lps.client import Lps
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import RETRIEVE_DOCUMENT_SET, envelope
from conformance.lps.vihf import Access
from identities.requester import PatientId
from registry.kinds import SubmissionKind
from registry.lifecycle import admit
from registry.metadata import Association, AssociationType, Code, DocumentEntry, ObjectType
from registry.scope import MASQUE_PS, Custody
from schemas import oids
from schemas.domain import SameUniqueId, load
from schemas.xml import parse
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from server.house import now
from tests.connectathon import (
    DEPRECATED,
    REPOSITORY,
    REPOSITORY_PATH,
    XDS,
    Answer,
    Node,
    document,
    document_requests,
    new_patient,
    submission,
)
from tests.journeys import attacks
from tests.village import Village

HL7 = "urn:hl7-org:v3"
CONSULTATION = Code("11488-4", oids.LOINC, "CR consultation")
DMP_REPOSITORY = load("fr-dmp").repository_unique_id
TO_BE_MADE = {"hash": "", "size": None, "creation_time": "", "object_type": ObjectType.ON_DEMAND}


def on_demand(node: Node, patient: str, **changes: object) -> DocumentEntry:
    """An On-Demand entry of this patient, registered."""
    entry = document(patient, mime_type="text/xml", repository_unique_id=REPOSITORY, title="Synthèse", **TO_BE_MADE)
    entry = replace(entry, **changes)  # type: ignore[arg-type]
    answer = node.register_on_demand(submission(entry))
    assert answer.success, answer.errors
    return entry


def provided(node: Node, patient: str, title: str, **changes: object) -> DocumentEntry:
    entry = document(patient, title=title, hash="", size=None, **changes)
    answer = node.provide(submission(entry), {entry.entry_uuid: uuid4().bytes})
    assert answer.success, answer.errors
    return entry


def retrieved(answer: Answer) -> dict[str, str]:
    """The elements of the one DocumentResponse, by name, in order."""
    assert answer.success, answer.errors
    (response,) = answer.root.iter(f"{{{XDS}}}DocumentResponse")
    return {etree.QName(child).localname: child.text or "" for child in response}


def content(response: dict[str, str]) -> bytes:
    return base64.b64decode(response["Document"])


def titles(data: bytes) -> list[str]:
    """The third cell of every row."""
    return ["".join(row[2].itertext()) for body in parse(data).iter(f"{{{HL7}}}tbody") for row in body]


def snapshots(node: Node, patient: str, entry: DocumentEntry, *statuses: str) -> list[DocumentEntry]:
    """The Stable entries that are snapshots of `entry`."""
    everything = node.everything(patient)
    (target,) = [each.entry_uuid for each in everything.entries if each.unique_id == entry.unique_id]
    sources = {
        item.source
        for item in everything.associations
        if item.type is AssociationType.IS_SNAPSHOT_OF and item.target == target
    }
    found = [each for each in everything.entries if each.entry_uuid in sources]
    return [each for each in found if not statuses or each.availability_status.value in statuses]


# --- What is made -----------------------------------------------------------------------------------------------------


def test_an_on_demand_entry_has_no_hash_size_and_creation_time(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    (found,) = node.everything(patient).entries
    assert (found.unique_id, found.object_type) == (entry.unique_id, ObjectType.ON_DEMAND)
    assert (found.hash, found.size, found.creation_time) == ("", None, "")


@pytest.mark.proves("retrieve/on-demand")
def test_a_retrieve_makes_a_summary_of_the_patients_documents(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    provided(node, patient, "Ancien", creation_time="20250101")
    provided(node, patient, "Récent", creation_time="20260101")
    provided(node, new_patient(), "D'un autre")
    response = retrieved(node.retrieve(entry.unique_id))
    assert response["mimeType"] == "text/xml"
    data = content(response)
    assert titles(data) == ["Récent", "Ancien"]
    header = read_header(read_document([data]))
    assert header.title == "Synthèse"
    assert [f"{each.extension}^^^&{each.root}&ISO" for each in header.patient.ids] == [patient]


@pytest.mark.proves("retrieve/on-demand")
def test_what_structured_documents_say_is_in_it_with_its_source(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    note = (Path(__file__).parent.parent / "vectors" / "cda" / "vaccination_note.xml").read_bytes()
    source = document(patient, mime_type="text/xml", title="Note", hash="", size=None, creation_time="20260101")
    assert node.provide(submission(source), {source.entry_uuid: note}).success
    data = content(retrieved(node.retrieve(entry.unique_id)))
    (row,) = (each for each in parse(data).iter(f"{{{HL7}}}tr") if each.get("ID", "").startswith("ligne-"))
    assert "Vaccin tétanique adsorbé" in "".join(row.itertext())
    (link,) = row.iter(f"{{{HL7}}}linkHtml")
    (listed,) = (each for each in parse(data).iter(f"{{{HL7}}}tr") if f"#{each.get('ID')}" == link.get("href"))
    assert "Note" in "".join(listed.itertext())


@pytest.mark.proves("retrieve/on-demand", "retrieve/order")
def test_the_answer_names_what_was_made_in_the_order_of_the_schema(node: Node) -> None:
    entry = on_demand(node, new_patient())
    response = retrieved(node.retrieve(entry.unique_id))
    assert list(response) == [
        "RepositoryUniqueId",
        "DocumentUniqueId",
        "NewRepositoryUniqueId",
        "NewDocumentUniqueId",
        "mimeType",
        "Document",
    ]
    assert (response["RepositoryUniqueId"], response["DocumentUniqueId"]) == (REPOSITORY, entry.unique_id)
    assert response["NewRepositoryUniqueId"] == REPOSITORY
    assert response["NewDocumentUniqueId"] != entry.unique_id
    header = read_header(read_document([content(response)]))
    assert response["NewDocumentUniqueId"] == header.id.root


@pytest.mark.proves("retrieve/snapshot")
def test_what_was_made_is_a_stable_entry_that_is_a_snapshot(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    response = retrieved(node.retrieve(entry.unique_id))
    (snapshot,) = snapshots(node, patient, entry)
    data = content(response)
    assert (snapshot.unique_id, snapshot.object_type) == (response["NewDocumentUniqueId"], ObjectType.STABLE)
    assert (snapshot.hash, snapshot.size) == (sha1(data, usedforsecurity=False).hexdigest(), len(data))
    assert (snapshot.class_code, snapshot.type_code) == (entry.class_code, entry.type_code)
    assert snapshot.creation_time == read_header(read_document([data])).effective_time
    held = [item for item in node.everything(patient).associations if item.target == snapshot.entry_uuid]
    assert [(item.type, item.submission_set_status) for item in held] == [(AssociationType.HAS_MEMBER, "Original")]


@pytest.mark.proves("retrieve/snapshot")
def test_a_snapshot_is_retrieved_byte_for_byte_ever_after(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    response = retrieved(node.retrieve(entry.unique_id))
    provided(node, patient, "Nouveau")
    retrieved(node.retrieve(entry.unique_id))
    again = retrieved(node.retrieve(response["NewDocumentUniqueId"]))
    assert content(again) == content(response)
    assert "NewDocumentUniqueId" not in again


def test_every_retrieve_is_recorded_with_what_was_asked_for_and_what_was_made(node: Node) -> None:
    entry = on_demand(node, new_patient())
    response = retrieved(node.retrieve(entry.unique_id))
    (record,) = node.audit(1)
    assert record.transaction == "ITI-43"
    assert set(record.documents) == {entry.unique_id, response["NewDocumentUniqueId"]}


# --- Again ------------------------------------------------------------------------------------------------------------


def test_what_did_not_change_is_not_made_anew(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    provided(node, patient, "Seul")
    first, second = retrieved(node.retrieve(entry.unique_id)), retrieved(node.retrieve(entry.unique_id))
    assert first == second
    assert len(snapshots(node, patient, entry)) == 1


def test_what_changed_is_made_anew_in_the_place_of_the_last(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    first = retrieved(node.retrieve(entry.unique_id))
    provided(node, patient, "Nouveau")
    second = retrieved(node.retrieve(entry.unique_id))
    assert titles(content(second)) == ["Nouveau"]
    (old,), (new,) = snapshots(node, patient, entry, DEPRECATED), node_current(node, patient, entry)
    assert (old.unique_id, new.unique_id) == (first["NewDocumentUniqueId"], second["NewDocumentUniqueId"])
    replaced = [item for item in node.everything(patient).associations if item.type is AssociationType.RPLC]
    assert [(item.source, item.target) for item in replaced] == [(new.entry_uuid, old.entry_uuid)]


def node_current(node: Node, patient: str, entry: DocumentEntry) -> list[DocumentEntry]:
    return [each for each in snapshots(node, patient, entry) if each.availability_status.name == "APPROVED"]


def test_what_went_is_not_told_any_more(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    before = {item.entry_uuid for item in node.everything(patient).objects}
    provided(node, patient, "Passager")
    gone = [item.entry_uuid for item in node.everything(patient).objects if item.entry_uuid not in before]
    assert titles(content(retrieved(node.retrieve(entry.unique_id)))) == ["Passager"]
    assert node.remove_metadata(*gone).success
    assert titles(content(retrieved(node.retrieve(entry.unique_id)))) == []


def test_a_replaced_document_is_not_told_and_its_replacement_is(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    provided(node, patient, "Ancien")
    (old,) = node.find_documents(patient).entries
    new = document(patient, title="Nouveau")
    rplc = Association("r", AssociationType.RPLC, new.entry_uuid, old.entry_uuid)
    assert node.provide(submission(new, rplc), {new.entry_uuid: b"hello"}).success
    assert titles(content(retrieved(node.retrieve(entry.unique_id)))) == ["Nouveau"]


def test_neither_on_demand_entries_nor_their_snapshots_are_told(node: Node) -> None:
    patient = new_patient()
    entries = [on_demand(node, patient) for _ in range(2)]
    for entry in (*entries, *entries):
        assert titles(content(retrieved(node.retrieve(entry.unique_id)))) == []
    assert [len(snapshots(node, patient, entry)) for entry in entries] == [1, 1]


def test_a_snapshot_whose_bytes_were_removed_is_made_anew(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    first = retrieved(node.retrieve(entry.unique_id))["NewDocumentUniqueId"]
    assert node.remove_documents(first).success
    assert retrieved(node.retrieve(entry.unique_id))["NewDocumentUniqueId"] != first


def test_asked_for_twice_in_one_request_it_is_made_once(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    answer = node.retrieve(entry.unique_id, entry.unique_id)
    assert answer.success, answer.errors
    made = [each.text for each in answer.root.iter(f"{{{XDS}}}NewDocumentUniqueId")]
    assert len(made) == 2
    assert len(set(made)) == 1


def test_asked_for_by_many_at_once_it_is_made_once(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: retrieved(node.retrieve(entry.unique_id)), range(8)))
    assert len({answer["NewDocumentUniqueId"] for answer in answers}) == 1
    assert len(snapshots(node, patient, entry)) == 1


# --- What is not made -------------------------------------------------------------------------------------------------


def test_what_another_repository_makes_on_demand_is_not_made_here(node: Node) -> None:
    entry = on_demand(node, new_patient(), repository_unique_id="1.3.6.1.4.1.21367.2026.9.9")
    assert node.retrieve(entry.unique_id).codes == {"XDSDocumentUniqueIdError"}


def test_a_request_to_another_repository_makes_nothing(node: Node) -> None:
    patient = new_patient()
    entry = on_demand(node, patient)
    assert node.retrieve(entry.unique_id, repository="1.2.3").codes == {"XDSUnknownRepositoryId"}
    assert snapshots(node, patient, entry) == []


# --- Rights -----------------------------------------------------------------------------------------------------------


def test_a_snapshot_is_as_confidential_as_the_most_confidential_document_in_it(node: Node) -> None:
    """Whoever may not read one of its documents may not read what tells of it."""
    patient = new_patient()
    entry = on_demand(node, patient)
    restricted = Code("R", "2.16.840.1.113883.5.25", "restricted")
    masked = Code(MASQUE_PS[0], MASQUE_PS[1], "Masqué aux professionnels")
    provided(node, patient, "Restreint", confidentiality_codes=(restricted,))
    provided(node, patient, "Masqué", confidentiality_codes=(*entry.confidentiality_codes, masked))
    response = retrieved(node.retrieve(entry.unique_id))
    (snapshot,) = snapshots(node, patient, entry)
    assert set(snapshot.confidentiality_codes) == {restricted, masked}
    assert read_header(read_document([content(response)])).confidentiality == restricted


def placed(village: Village, patient: Patient) -> DocumentEntry:
    """An On-Demand entry in a DMP: no right lets one in, so it is registered behind the rights."""
    given = document(patient.cx, type_code=CONSULTATION, repository_unique_id=DMP_REPOSITORY, **TO_BE_MADE)
    with village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(patient.ins, patient.ins_oid))
        assert dossier is not None
        own = submission(given)
        existing = rooms.registry.existing(own, dossier.key, {})
        effects = admit(
            own,
            existing,
            versions={},
            same_unique_id=SameUniqueId.REFUSE,
            received=now(),
            kind=SubmissionKind.REGISTER_ON_DEMAND,
        )
        custody = {entry.entry_uuid: Custody() for entry in effects.submission.entries}
        rooms.registry.save(effects, dossier.key, custody, now())
    return given


def summary_for(lps: Lps, patient: Patient, entry: DocumentEntry) -> dict[str, str]:
    """The DocumentResponse that the user of this software gets."""
    _, start, end = envelope(RETRIEVE_DOCUMENT_SET, "https://x/ihe/repository", lps.assertion(patient, Access()))
    wanted = document_requests([entry.unique_id], DMP_REPOSITORY)
    body = f'<xds:RetrieveDocumentSetRequest xmlns:xds="{XDS}">{wanted}</xds:RetrieveDocumentSetRequest>'
    answer = attacks.post(lps, REPOSITORY_PATH, attacks.SIMPLE, start + body.encode() + end)
    return retrieved(Answer(answer.status, parse(answer.body)))


def told(data: bytes) -> set[str]:
    """The uniqueIds of the documents that a summary tells of."""
    found = parse(data).iterfind(f".//{{{HL7}}}externalDocument/{{{HL7}}}id")
    return {"^".join(filter(None, (each.get("root"), each.get("extension")))) for each in found}


def test_in_the_dmp_each_requester_gets_what_he_may_read_and_nothing_of_it_is_kept(
    village: Village, tmp_path: Path
) -> None:
    """Types that a pharmacist does not read, a document masked to all but its author and the médecin traitant."""
    patient = village.patient(PATIENTS[0].ins)
    written = [
        ("hospital_stay_report", "hopital", "medecin-hospitalier", False),
        ("consultation_report", "medecin", "medecin", True),
    ]
    for number, (kind, by, author, masked) in enumerate(written, start=81_000):
        file = write(Paper(kind, by, author, 0, 1, masked), tmp_path, number, datetime.now(UTC))
        village.lps(by).provide([file], patient, visibility=Visibility(mask=masked))
    entry = placed(village, patient)
    answers = {}
    for name in ("medecin-traitant", "medecin", "infirmier", "pharmacien"):
        lps = village.lps(name)
        found = {each.unique_id for each in lps.find(patient)}
        answers[name] = response = summary_for(lps, patient, entry)
        assert told(content(response)) == found, name
        assert "NewRepositoryUniqueId" not in response, name
        assert {each.unique_id for each in lps.find(patient)} == found, "nothing was registered"
        assert lps.documents([response["NewDocumentUniqueId"]], patient) == []
    assert len({frozenset(told(content(each))) for each in answers.values()}) >= 2
    assert len({each["NewDocumentUniqueId"] for each in answers.values()}) == len(answers)


def test_in_the_dmp_a_summary_that_is_not_of_ones_types_is_not_made(village: Village) -> None:
    patient = village.patient(PATIENTS[0].ins)
    entry = placed(village, patient)
    lps = village.lps("medecin-du-travail")
    with pytest.raises(AssertionError, match=r"XDSDocumentUniqueIdError|DMPAccessDenied"):
        summary_for(lps, patient, entry)
