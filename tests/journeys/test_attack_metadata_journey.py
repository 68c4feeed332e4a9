"""Metadata and rights attacked through the front door: the standard's code, everything listed, nothing given away."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from conformance.lps.client import Lps, Provided
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.query import (
    GET_ASSOCIATIONS,
    GET_DOCUMENTS,
    GET_RELATED_DOCUMENTS,
    GET_SUBMISSION_SETS,
    Parameter,
    get_by_uuid,
    get_documents,
    get_related_documents,
)
from conformance.lps.soap import LpsError
from schemas import xml
from schemas.domain import load
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.journeys.attacks import HAS_MEMBER, RELATION, Provide, add_slot, ask
from tests.village import Village

DOCTOR, AUTHOR, NURSE = "medecin-traitant", "medecin", "infirmier"
RELATIONS = [HAS_MEMBER, *(RELATION + kind for kind in ("RPLC", "APND", "XFRM", "XFRM_RPLC", "signs"))]
UNKNOWN_UUID, UNKNOWN_ID = "urn:uuid:01234567-89ab-4def-8123-456789abcdef", "2.25.123456789"
METADATA_ERROR, UNRESOLVED = "XDSRegistryMetadataError", "UnresolvedReferenceException"
_VARYING = re.compile(rb"uuid-[0-9a-f-]{36}|<wsa:RelatesTo>[^<]*</wsa:RelatesTo>")


@pytest.fixture(scope="module")
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[0].ins)


@pytest.fixture(scope="module")
def lps(village: Village) -> Lps:
    return village.lps(DOCTOR)


@pytest.fixture
def message(lps: Lps, patient: Patient) -> Provide:
    return Provide(lps, DOCTOR, patient)


class Papers:
    """Writes and provides documents of the author's practice."""

    def __init__(self, village: Village, folder: Path) -> None:
        self.village, self.folder, self.number = village, folder, 70_000

    def write(self, index: int = 0) -> Path:
        self.number += 1
        paper = Paper("consultation_report", AUTHOR, AUTHOR, index, 1)
        return write(paper, self.folder, self.number, datetime.now(UTC))

    def provide(self, patient: Patient, *, masked: bool = False, replace: str | None = None) -> Provided:
        sender = self.village.lps(AUTHOR)
        return sender.provide([self.write()], patient, visibility=Visibility(mask=masked), replace=replace)


@pytest.fixture(scope="module")
def papers(village: Village, tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(village, tmp_path_factory.mktemp("papers"))


# --- What may not be seen ---------------------------------------------------------------------------------------------


def queries(uuid_: str, unique_id: str) -> Iterator[tuple[str, list[Parameter]]]:
    """Every query that can name a document."""
    for identifier in (uuid_, unique_id):
        yield GET_DOCUMENTS, get_documents([identifier])
        yield GET_RELATED_DOCUMENTS, get_related_documents(identifier, RELATIONS)
    yield GET_ASSOCIATIONS, get_by_uuid([uuid_])
    yield GET_SUBMISSION_SETS, get_by_uuid([uuid_])


def answers(lps: Lps, patient: Patient, uuid_: str, unique_id: str) -> list[bytes]:
    """What each query says, without what varies from one answer to the next."""
    return [
        _VARYING.sub(b"", ask(lps, patient, query_id, parameters, refs=refs).body)
        .replace(uuid_.encode(), b"UUID")
        .replace(unique_id.encode(), b"ID")
        for refs in (False, True)
        for query_id, parameters in queries(uuid_, unique_id)
    ]


def test_masked_and_inexistent_are_the_same_bytes_in_every_query(
    village: Village, patient: Patient, papers: Papers
) -> None:
    masked, nurse = papers.provide(patient, masked=True), village.lps(NURSE)
    expected = answers(nurse, patient, UNKNOWN_UUID, UNKNOWN_ID)
    assert answers(nurse, patient, masked.entry_uuids[0], masked.unique_ids[0]) == expected
    seen = answers(village.lps(AUTHOR), patient, masked.entry_uuids[0], masked.unique_ids[0])
    assert seen[0] != expected[0], "its author sees it"


def test_another_patient_s_document_and_an_inexistent_one_are_the_same_bytes_in_every_query(
    village: Village, lps: Lps, patient: Patient, papers: Papers
) -> None:
    provided, other = papers.provide(patient), village.patient(PATIENTS[1].ins)
    expected = answers(lps, other, UNKNOWN_UUID, UNKNOWN_ID)
    assert answers(lps, other, provided.entry_uuids[0], provided.unique_ids[0]) == expected


def test_a_hidden_replacement_is_not_reached_from_what_it_replaced(
    village: Village, patient: Patient, papers: Papers
) -> None:
    first = papers.provide(patient)
    second = papers.provide(patient, masked=True, replace=first.entry_uuids[0])
    nurse = village.lps(NURSE)
    for answer in answers(nurse, patient, first.entry_uuids[0], first.unique_ids[0]):
        assert second.entry_uuids[0].encode() not in answer
        assert second.unique_ids[0].encode() not in answer
        assert b"AssociationType:RPLC" not in answer


def test_a_submission_set_shows_its_visible_member_only(
    village: Village, lps: Lps, patient: Patient, papers: Papers
) -> None:
    masked = papers.provide(patient, masked=True)
    message = Provide(lps, DOCTOR, patient)
    message.associate(HAS_MEMBER, message.set_uuid, masked.entry_uuids[0], "Reference")
    assert message.send().succeeded
    for answer in answers(village.lps(NURSE), patient, message.entry_uuid, message.unique_id):
        assert masked.entry_uuids[0].encode() not in answer
    everything = b"".join(answers(lps, patient, masked.entry_uuids[0], masked.unique_ids[0]))
    assert message.set_uuid.encode() in everything, "the médecin traitant sees both"


def test_the_identifier_of_another_patient_s_document_tells_nothing_of_its_content(
    village: Village, papers: Papers, patient: Patient
) -> None:
    """Whether the bytes are the same, too, would be an answer."""
    provided, other = papers.provide(patient), village.patient(PATIENTS[1].ins)
    message = Provide(village.lps(DOCTOR), DOCTOR, other)
    message.set_unique_id(provided.unique_ids[0])
    errors = message.send().errors
    assert "XDSNonIdenticalHash" not in errors
    assert "expected a uniqueId not registered yet" in errors[METADATA_ERROR]


# --- What holds together, and what does not ---------------------------------------------------------------------------


def _rename(message: Provide, old: str, new: str) -> None:
    for element in message.root.iter():
        for key, value in element.attrib.items():
            if value == old:
                element.set(key, new)


def _circle(message: Provide) -> None:
    """Two documents, each the addendum of the other: the second is described, and not sent."""
    second = xml.parse(etree.tostring(message.entry).replace(message.entry_uuid.encode(), UNKNOWN_UUID.encode()))
    message.objects.append(second)
    message.associate(HAS_MEMBER, message.set_uuid, UNKNOWN_UUID, "Original")
    message.associate(RELATION + "APND", message.entry_uuid, UNKNOWN_UUID)
    message.associate(RELATION + "XFRM", UNKNOWN_UUID, message.entry_uuid)


SPOILED: dict[str, tuple[Callable[[Provide], object], str, str]] = {
    "an addendum to itself": (
        lambda m: m.associate(RELATION + "APND", m.entry_uuid, m.entry_uuid), METADATA_ERROR, "another document"),
    "a transformation of itself": (
        lambda m: m.associate(RELATION + "XFRM", m.entry_uuid, m.entry_uuid), METADATA_ERROR, "another document"),
    "a replacement of itself": (
        lambda m: m.associate(RELATION + "RPLC", m.entry_uuid, m.entry_uuid), METADATA_ERROR, "another document"),
    "a circle": (_circle, METADATA_ERROR, "lead back"),
    "a replacement of nothing": (
        lambda m: m.associate(RELATION + "RPLC", m.entry_uuid, UNKNOWN_UUID), UNRESOLVED, "targetObject of RPLC"),
    "a replacement of its set": (
        lambda m: m.associate(RELATION + "RPLC", m.entry_uuid, m.set_uuid), UNRESOLVED, "targetObject of RPLC"),
    "a member of another set": (
        lambda m: m.associate(HAS_MEMBER, UNKNOWN_UUID, m.entry_uuid, "Original"), UNRESOLVED, "sourceObject"),
    "a member twice": (
        lambda m: m.associate(HAS_MEMBER, m.set_uuid, m.entry_uuid, "Original"), METADATA_ERROR, "one HasMember"),
    "an unknown relation": (
        lambda m: m.associate("urn:x", m.entry_uuid, UNKNOWN_UUID), METADATA_ERROR, "associationType"),
    "no end": (lambda m: m.associate(RELATION + "RPLC", "", ""), UNRESOLVED, "got none"),
    "one id for two": (lambda m: _rename(m, m.set_uuid, m.entry_uuid), METADATA_ERROR, "an id of its own"),
    "no UUID": (lambda m: _rename(m, m.entry_uuid, "urn:uuid:no"), METADATA_ERROR, "urn:uuid:no"),
    "a UUID in capitals": (
        lambda m: _rename(m, m.entry_uuid, m.entry_uuid.upper()), METADATA_ERROR, "lower-case UUID"),
    "no set": (lambda m: m.objects.remove(m.submission_set), METADATA_ERROR, "exactly one"),
    "a time in other digits": (
        lambda m: add_slot(m.entry, "serviceStopTime", "٢٠٢٤"), METADATA_ERROR, "a UTC time"),
    "a size in other digits": (lambda m: add_slot(m.entry, "size", "٣"), METADATA_ERROR, "got another one"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_metadata_get_their_code_and_say_what_was_expected(message: Provide, name: str) -> None:
    spoil, code, expected = SPOILED[name]
    spoil(message)
    answer = message.send()
    assert answer.status == 200
    assert not answer.succeeded
    contexts = [each.get("codeContext", "") for each in xml.parse(answer.body).iter("{*}RegistryError")]
    assert code in answer.errors
    assert any(expected in context for context in contexts), contexts
    assert all("expected" in context and "got " in context for context in contexts)


def test_symbolic_ids_may_be_any_text(message: Provide) -> None:
    _rename(message, message.entry_uuid, "dé\u202ec \U0001f4a9")
    _rename(message, message.set_uuid, "x" * 10_000)
    assert message.send().succeeded


def test_an_id_that_is_taken_is_refused(lps: Lps, patient: Patient) -> None:
    first, second = Provide(lps, DOCTOR, patient), Provide(lps, DOCTOR, patient)
    assert first.send().succeeded
    _rename(second, second.set_uuid, first.entry_uuid)
    assert METADATA_ERROR in second.send().errors


def test_five_hundred_associations_are_five_hundred_findings(message: Provide) -> None:
    for _ in range(500):
        message.associate(RELATION + "APND", message.entry_uuid, uuid.uuid4().urn)
    assert message.send().body.count(UNRESOLVED.encode()) == 500


def test_what_the_source_says_of_the_repository_is_not_believed(lps: Lps, patient: Patient, message: Provide) -> None:
    add_slot(message.entry, "repositoryUniqueId", "1.2.3.4")
    assert message.send().succeeded
    assert lps.locate(message.unique_id, patient).repository_unique_id == load("fr-dmp").repository_unique_id


def test_unknown_slots_of_every_object_come_back_as_they_went(lps: Lps, patient: Patient, message: Provide) -> None:
    values = ("", " é\u202e ", "a^b&c|d~e\\F\\", "<&>\"'", "\t\n", "\U0001f4a9" * 128, "x" * 256)
    folder = message.add_folder(patient)
    author = next(
        each for each in message.entry if "nodeRepresentation" in each.attrib and not each.get("nodeRepresentation")
    )
    member = next(each for each in message.objects if each.get("targetObject") == message.entry_uuid)
    for number, element in enumerate((message.entry, message.submission_set, folder, author, member)):
        add_slot(element, f"urn:test:{number}", *values)
    answer = message.send()
    assert answer.succeeded, answer.body
    asked = [
        (GET_DOCUMENTS, get_documents([message.entry_uuid])),
        (GET_SUBMISSION_SETS, get_by_uuid([message.entry_uuid])),
        (GET_ASSOCIATIONS, get_by_uuid([message.entry_uuid])),
    ]
    found: dict[str, list[str]] = {}
    for query_id, parameters in asked:
        for slot in xml.parse(ask(lps, patient, query_id, parameters, refs=False).body).iter("{*}Slot"):
            found[slot.get("name", "")] = [value.text or "" for value in slot.iter("{*}Value")]
    for number in (0, 1, 3, 4):
        assert found[f"urn:test:{number}"] == list(values)


def test_a_refusal_of_the_whole_dossier_is_the_same_whatever_was_asked_for(village: Village, papers: Papers) -> None:
    """Not opened to this requester, closed, and not there at all."""
    contexts = set()
    for who, index in ((AUTHOR, 5), (DOCTOR, 3)):
        with pytest.raises(LpsError) as refused:
            village.lps(who).documents([UNKNOWN_UUID], village.patient(PATIENTS[index].ins))
        contexts.add(refused.value.context)
    with pytest.raises(LpsError) as refused:
        village.lps(DOCTOR).documents(
            [UNKNOWN_UUID], Patient("190017500100160", village.patient(PATIENTS[0].ins).ins_oid)
        )
    contexts.add(refused.value.context)
    assert len(contexts) == 1
