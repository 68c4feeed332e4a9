"""What a patient adds to their DMP, over a real database and real files."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from dmp.consultation import open_documents, search
from dmp.depot import FORMATS, MAX_BYTES, DepositError, Depot, Upload, read_file, types
from dmp.errors import AccessRefused
from dmp.gestion import close_dossier
from dmp.requests import DocumentRequest, Opened
from identities.requester import Authentication, PatientId, Requester
from registry.errors import RegistryError
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.stored_query import FindDocuments, ReturnType
from schemas import xml
from server.wiring import alimentation_of
from tests.dmp.accounts import ANNE, CALL, DOCTOR, LEA, MOTHER, NOW, Desk, desk

PDF = b"%PDF-1.4 essai"
UPLOAD = Upload("analyse.PDF", PDF, "Analyse de 2019", "DOCPAT05", date(2019, 6, 5), "À garder")
PATIENT = replace(
    DOCTOR, id_nat=ANNE.value, name="ESSAI ANNE", authentication=Authentication.PATIENT, profession="", specialty=""
)
REPRESENTATIVE = replace(PATIENT, id_nat=MOTHER.id, authentication=Authentication.REPRESENTANT, patient=LEA)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def depot(house: Desk) -> Depot:
    return Depot(replace(alimentation_of(house.house), gate=house.gate))


def found(house: Desk, requester: Requester, patient: PatientId) -> list[DocumentEntry]:
    query = FindDocuments(
        return_type=ReturnType.LEAF_CLASS,
        patient_id=f"{patient}^NH",
        statuses=(AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED),
    )
    told = search(house.gate, requester, CALL, query, "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d", b"")
    return [each for each in told if isinstance(each, DocumentEntry)]


def opened(house: Desk, requester: Requester, unique_id: str) -> bytes:
    repository = house.house.domain.repository_unique_id
    wanted = [DocumentRequest(repository, unique_id)]
    (result,) = open_documents(house.gate, requester, CALL, wanted, repository)
    assert isinstance(result, Opened)
    return b"".join(result.chunks)


def test_a_file_is_found_and_opened_as_it_was_deposited(house: Desk, depot: Depot) -> None:
    unique_id = depot.add(PATIENT, CALL, UPLOAD)
    (entry,) = found(house, PATIENT, ANNE)
    assert (entry.unique_id, entry.title, entry.comments) == (unique_id, UPLOAD.title, UPLOAD.comments)
    assert entry.authors[0].person_id == ANNE.value
    tree = xml.parse(opened(house, PATIENT, unique_id))
    (text,) = tree.iter("{urn:hl7-org:v3}text")
    assert base64.b64decode(text.text or "") == PDF
    assert [each.action for each in house.records(3)] == ["TD3.2", "TD3.1", "TD2.1"]


@pytest.mark.parametrize("name", [f"fichier.{extension}" for extension in FORMATS])
def test_every_format_is_taken(house: Desk, depot: Depot, name: str) -> None:
    content = {
        "pdf": PDF,
        "rtf": b"{\\rtf1 essai}",
        "txt": b"essai",
        "jpg": b"\xff\xd8\xff\xe0",
        "jpeg": b"\xff\xd8\xff",
    }
    depot.add(PATIENT, CALL, replace(UPLOAD, name=name, content=content.get(name[8:], b"II*\x00essai")))
    assert len(found(house, PATIENT, ANNE)) == 1


def test_a_text_is_kept_in_utf_8() -> None:
    assert read_file("a.txt", "é à".encode("cp1252")) == ("text/plain", "é à".encode())
    assert read_file("a.txt", b"\xef\xbb\xbfabc") == ("text/plain", b"abc")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "virus.exe"}, "Formats acceptés"),
        ({"name": "sans-extension"}, "Formats acceptés"),
        ({"content": b""}, "vide"),
        ({"content": b"%PDF-" + b"0" * MAX_BYTES}, "5 Mo"),
        ({"content": b"<html>"}, "format"),
        ({"name": "a.txt", "content": b"\x00\x01"}, "texte"),
        ({"title": "t" * 256}, "255"),
        ({"title": " "}, "titre"),
        ({"title": "a\x0bb"}, "imprime"),
        ({"comments": "c" * 1001}, "1000"),
        ({"day": (NOW + timedelta(days=1)).date()}, "avenir"),
        ({"type_code": "11502-2"}, "type"),
    ],
)
def test_what_cannot_be_taken_is_said_and_leaves_nothing(
    house: Desk, depot: Depot, wrong: dict[str, object], told: str
) -> None:
    with pytest.raises(DepositError, match=told):
        depot.add(PATIENT, CALL, replace(UPLOAD, **wrong))  # type: ignore[arg-type]
    assert found(house, PATIENT, ANNE) == []


def test_the_limits_themselves_are_within(house: Desk, depot: Depot) -> None:
    content = b"%PDF-" + b"0" * (MAX_BYTES - 5)
    depot.add(PATIENT, CALL, replace(UPLOAD, content=content, title="t" * 255, comments="c" * 1000, day=NOW.date()))
    assert len(found(house, PATIENT, ANNE)) == 1


def test_types_are_those_of_what_patients_deposit() -> None:
    assert {each.code for each in types()} >= {"DOCPAT01", "DOCPAT09"}
    assert "11502-2" not in {each.code for each in types()}


def test_a_document_takes_the_place_of_one_s_own(house: Desk, depot: Depot) -> None:
    first = depot.add(PATIENT, CALL, UPLOAD)
    (entry,) = found(house, PATIENT, ANNE)
    second = depot.add(PATIENT, CALL, replace(UPLOAD, title="Corrigée"), entry)
    standing = {each.unique_id: each.availability_status for each in found(house, PATIENT, ANNE)}
    assert standing == {first: AvailabilityStatus.DEPRECATED, second: AvailabilityStatus.APPROVED}
    with pytest.raises(RegistryError):
        depot.add(PATIENT, CALL, UPLOAD, entry)


def test_a_document_of_another_author_is_not_replaced(house: Desk, depot: Depot) -> None:
    depot.add(PATIENT, CALL, UPLOAD)
    (entry,) = found(house, PATIENT, ANNE)
    theirs = replace(entry, authors=(replace(entry.authors[0], person="899900000017^MARTIN^Claire"),))
    with pytest.raises(DepositError, match="auteur"):
        depot.add(PATIENT, CALL, UPLOAD, theirs)
    assert len(found(house, PATIENT, ANNE)) == 1


def test_a_representative_deposits_for_the_minor(house: Desk, depot: Depot) -> None:
    depot.add(REPRESENTATIVE, CALL, replace(UPLOAD, masked=True))
    (entry,) = found(house, REPRESENTATIVE, LEA)
    assert entry.authors[0].person_id == LEA.value
    assert "MASQUE_PS" in {each.code for each in entry.confidentiality_codes}
    assert found(house, PATIENT, ANNE) == []


def test_the_gate_decides(house: Desk, depot: Depot) -> None:
    close_dossier(house.gate, "test", ANNE, "demande du patient")
    with pytest.raises((AccessRefused, RegistryError)):
        depot.add(PATIENT, CALL, UPLOAD)
    with pytest.raises(AccessRefused):
        depot.add(replace(REPRESENTATIVE, id_nat="autre"), CALL, UPLOAD)
    assert [each.action for each in house.records(2)] == ["TD2.1", "TD2.1"]
