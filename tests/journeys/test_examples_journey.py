"""Every real document: provided, found, opened; or refused, for the reason this table gives."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cda.document import read_document
from cda.header import read_header
from cda.metadata import document_entry
from conformance.lps.metadata import Entry
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from dmp.gestion import IdentifierError
from identities.requester import PatientId
from registry.metadata import DocumentEntry
from tests.village import Village

pytestmark = pytest.mark.reference

# Whatever is not here is accepted. The INS of these is a production NIR (1.2.250.1.213.1.4.8) whose key is wrong: no
# DMP can be opened under it (Référentiel INS v2), so the registry does not know the patient (ITI TF-3 Table 4.2.4.1-2).
WRONG_KEY = frozenset(
    {
        "CSE-CS8_2024.01.xml",
        "CSE-MDE_2023.01.xml",
        "OBP-SEM_2024.01.xml",
        "OBP-SNE_2024.01.xml",
        "v2.41_OBP-SCE_2021.01.xml",
    }
)


@pytest.fixture
def village(new_village: Callable[[], Village]) -> Iterator[Village]:
    """A server of its own: it has not met these patients yet."""
    settled = new_village()
    settled.start()
    yield settled
    settled.stop()


def test_every_example_comes_back_byte_for_byte_with_the_metadata_of_its_header(
    village: Village, reference: Path, tmp_path: Path
) -> None:
    folder = reference / "fr" / "cda"
    with (folder / "INDEX.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    hospital, doctor = village.lps("hopital"), village.lps("medecin-traitant")
    refused: dict[str, str] = {}
    unopened: set[Patient] = set()
    opened: set[Patient] = set()
    for row in rows:
        document = folder / "examples" / row["file"]
        authority, ins = row["patient_ids"].split(" ; ")[0].split("|")
        patient = Patient(ins, authority)
        if patient not in opened | unopened:
            try:
                village.open_dossier(patient, medecin_traitant="medecin-traitant")
                opened.add(patient)
            except IdentifierError:
                unopened.add(patient)
        try:
            provided = hospital.provide([document], patient)
        except LpsError as error:
            refused[row["file"]] = error.code
            continue
        (entry,) = doctor.documents(list(provided.unique_ids), patient)
        _same_metadata(entry, document.read_bytes(), patient)
        doctor.open(entry.unique_id, tmp_path / "opened.xml", patient)
        assert (tmp_path / "opened.xml").read_bytes() == document.read_bytes(), row["file"]
    assert refused == dict.fromkeys(WRONG_KEY, "XDSUnknownPatientId")
    assert len(rows) == 54


def _same_metadata(found: Entry, data: bytes, patient: Patient) -> None:
    """The registry's answer against the header, read by the server's own derivation: the sender used another one."""
    derived = document_entry(read_header(read_document([data])), patient=PatientId(patient.ins, patient.ins_oid))
    assert (found.unique_id, found.size) == (derived.unique_id, len(data))
    for attribute in ("class_code", "type_code", "format_code", "practice_setting_code"):
        assert _code(getattr(found, attribute)) == _code(getattr(derived, attribute)), attribute
    assert _code(found.healthcare_facility_type_code) == _code(derived.healthcare_facility_type_code)
    for attribute in ("creation_time", "service_start_time", "service_stop_time", "language_code", "mime_type"):
        assert getattr(found, attribute) == getattr(derived, attribute), attribute
    assert _persons(found) == _persons(derived)


def _code(code: object) -> tuple[str, str]:
    return code.code, code.scheme  # type: ignore[attr-defined]


def _persons(entry: Entry | DocumentEntry) -> list[str]:
    return [author.person.partition("^")[0] for author in entry.authors]
