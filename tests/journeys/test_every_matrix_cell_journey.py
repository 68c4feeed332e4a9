"""Every cell of a full matrix, through HTTP: of each profession and type, a document is found and opened, or neither.

Source: CSP R.1111-46 (habilitation by profession and document type).
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from audit.event import Outcome
from conformance.lps.client import Lps
from conformance.lps.connection import REPOSITORY
from conformance.lps.people import Patient
from conformance.lps.soap import RETRIEVE_DOCUMENT_SET, XDS
from registry.metadata import DocumentEntry
from schemas.value_sets import ValueSets
from server.demo.people import PATIENTS
from tests.newcomers import Planted, authorise, events_since, last_sequence, move_in, plant
from tests.village import Village

INS = PATIENTS[11].ins
MATRIX = "matrice_synthetique.csv"
SPECIALTIES = {"10": "SM26", "21": "A"}  # a VIHF must name one


def cells() -> Mapping[str, Mapping[str, bool]]:
    """profession -> type -> whether the file says yes; read here without any code of ours."""
    file = Path(__file__).parents[2] / "habilitations" / MATRIX
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    found: dict[str, dict[str, bool]] = {}
    for row in csv.DictReader(lines):
        assert not row["specialite"], "a cell of a specialty would need somebody of it"
        found.setdefault(row["profession"], {})[row["type_document"]] = row["consultation"] == "oui"
    return found


CELLS = cells()
PROFESSIONS, TYPES = sorted(CELLS), sorted({kind for row in CELLS.values() for kind in row})


@dataclass
class Library:
    """A village where one patient has a document of every type, and everybody of every profession is let in."""

    village: Village
    entries: Mapping[str, DocumentEntry]  # by typeCode


@pytest.fixture(scope="module")
def library(new_village: Callable[[], Village]) -> Iterator[Library]:
    village = new_village()
    schemes = {kind.code: kind.scheme for kind in ValueSets.load().concepts("type_document")}
    planted = plant(village, INS, [Planted(kind, schemes[kind]) for kind in TYPES])
    people = [
        move_in(village, f"profession-{profession}", 5000 + number, profession, SPECIALTIES.get(profession, ""))
        for number, profession in enumerate(PROFESSIONS)
    ]
    authorise(village, INS, *people)
    village.start()
    yield Library(village, dict(zip(TYPES, planted, strict=True)))
    village.stop()


def test_the_matrix_is_whole() -> None:
    assert (len(PROFESSIONS), len(TYPES)) == (29, 115)
    assert all(sorted(row) == TYPES for row in CELLS.values())


@pytest.mark.parametrize("profession", PROFESSIONS)
def test_every_type_of_a_profession_is_found_and_opened_or_neither(library: Library, profession: str) -> None:
    village, patient = library.village, library.village.patient(INS)
    lps, by_uuid = village.lps(f"profession-{profession}"), {e.entry_uuid: kind for kind, e in library.entries.items()}
    by_unique_id = {entry.unique_id: kind for kind, entry in library.entries.items()}
    open_types = {kind for kind, granted in CELLS[profession].items() if granted}
    assert {by_uuid[entry.entry_uuid] for entry in lps.find(patient)} == open_types
    assert {by_uuid[reference] for reference in lps.find_references(patient)} == open_types
    before = last_sequence(village)
    documents, errors = retrieve(lps, patient, village, [each.unique_id for each in library.entries.values()])
    assert {by_unique_id[unique_id] for unique_id in documents} == open_types
    assert {by_unique_id[unique_id] for unique_id in errors} == set(TYPES) - open_types
    assert set(errors.values()) <= {"XDSDocumentUniqueIdError"}
    reasons = {}
    for event in events_since(village, before):
        if event.outcome is Outcome.MINOR_FAILURE:
            assert (event.rule, event.rule_table, event.rule_version) == ("matrice", MATRIX, "synthetique-1")
            (document,) = event.documents
            reasons[by_unique_id[document]] = event.rule_row
    assert set(reasons) == set(TYPES) - open_types, "each refusal has its event"
    assert all(row.startswith(f"{profession} × {kind} (ligne ") for kind, row in reasons.items())


def retrieve(lps: Lps, patient: Patient, village: Village, unique_ids: list[str]) -> tuple[set[str], dict[str, str]]:
    """One ITI-43 for many documents: those that came, and the error of each that did not."""
    root = etree.Element(f"{{{XDS}}}RetrieveDocumentSetRequest", nsmap={None: XDS})
    for unique_id in unique_ids:
        wanted = etree.SubElement(root, f"{{{XDS}}}DocumentRequest")
        etree.SubElement(wanted, f"{{{XDS}}}RepositoryUniqueId").text = village.settings.domain.repository_unique_id
        etree.SubElement(wanted, f"{{{XDS}}}DocumentUniqueId").text = unique_id
    request = lps.package(REPOSITORY, RETRIEVE_DOCUMENT_SET, [etree.tostring(root)], patient)
    with tempfile.TemporaryDirectory() as folder:
        body, _ = lps.exchange(request, Path(folder))
    came = {str(each.text) for each in body.iterfind(f"{{{XDS}}}DocumentResponse/{{{XDS}}}DocumentUniqueId")}
    errors = {}
    for error in body.iter("{urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0}RegistryError"):
        told = [
            unique_id for unique_id in unique_ids if unique_id in f"{error.get('codeContext')} {error.get('location')}"
        ]
        errors[told[0]] = str(error.get("errorCode"))
    return came, errors
