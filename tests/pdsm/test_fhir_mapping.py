"""Metadata of XDS become FHIR and come back the same, whatever they hold; what comes out is FHIR R4."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.list import List
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsm.document_reference import read_document_reference, write_document_reference
from pdsm.submission_list import read_list, write_folder, write_submission_set
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    SubmissionSet,
)
from tests.ihe import ihe_metadata

BASE = "https://dmp.example/fhir"
PATIENT = "277076322082910^^^&1.2.250.1.213.1.4.10&ISO^NH"
DOCTOR = "801234567890^LECLERC^SOPHIE^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
HOSPITAL = "CHU^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001"


def nobody(_reference: str) -> None:
    return None


def there_and_back(item: Any) -> Any:
    match item:
        case DocumentEntry():
            return read_document_reference(write_document_reference(item, BASE), nobody).entry
        case SubmissionSet():
            return read_list(write_submission_set(item), nobody).item
        case _:
            return read_list(write_folder(item), nobody).item


@settings(max_examples=40)
@given(ihe_metadata.document_entries)
def test_any_document_entry_comes_back(entry: DocumentEntry) -> None:
    assert asdict(there_and_back(entry)) == asdict(entry)


@settings(max_examples=40)
@given(ihe_metadata.submission_sets)
def test_any_submission_set_comes_back(item: SubmissionSet) -> None:
    assert asdict(there_and_back(item)) == asdict(item)


@settings(max_examples=40)
@given(ihe_metadata.folders)
def test_any_folder_comes_back(item: Folder) -> None:
    assert asdict(there_and_back(item)) == asdict(item)


# --- What a registry holds --------------------------------------------------------------------------------------------

uuids = st.uuids().map(lambda found: f"urn:uuid:{found}")
oids = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(lambda arcs: "1.2." + ".".join(map(str, arcs)))
words = st.text("ABCDEFGHabcdefgh0123456789éèç'-", min_size=1, max_size=12)
codes = st.builds(Code, words, oids | st.sampled_from(["Connect-a-thon codeList", "http://loinc.org", "ASTM"]), words)
times = (
    st.datetimes()
    .map(lambda found: found.strftime("%4Y%m%d%H%M%S"))
    .flatmap(lambda whole: st.sampled_from([whole[:size] for size in (4, 6, 8, 10, 12, 14)]))
)
persons = st.builds(lambda i, f, g, o: f"{i}^{f}^{g}^^^^^^&{o}&ISO^D^^^IDNPS", words, words, words, oids) | st.builds(
    lambda f, g: f"^{f}^{g}^^^", words, words
)
places = st.builds(lambda n, o, i: f"{n}^^^^^&{o}&ISO^IDNST^^^{i}", words, oids, words) | words
roles = st.builds(lambda c, d, s: f"{c}^{d}^{s}", words, words, oids) | words
telecoms = st.sampled_from(["^^Internet^a@b.fr", "^PRN^PH^^^^^^^^^+33 1 02 03 04 05", "^PRN^PH^^33^1^234567"])
authors = st.builds(
    Author,
    person=persons | st.just(""),
    institutions=st.lists(places, max_size=2).map(tuple),
    roles=st.lists(roles, max_size=2).map(tuple),
    specialties=st.lists(roles, max_size=2).map(tuple),
    telecommunications=st.lists(telecoms, max_size=2).map(tuple),
).filter(lambda author: author != Author())
patients = st.builds(lambda i, o: f"{i}^^^&{o}&ISO", words, oids)
entries = st.builds(
    DocumentEntry,
    entry_uuid=uuids,
    unique_id=oids | st.builds(lambda root, extension: f"{root}^{extension}", oids, words) | words,
    patient_id=patients,
    mime_type=st.sampled_from(["text/xml", "application/pdf"]),
    class_code=codes,
    type_code=codes,
    format_code=codes,
    healthcare_facility_type_code=codes,
    practice_setting_code=codes,
    confidentiality_codes=st.lists(codes, min_size=1, max_size=3).map(tuple),
    creation_time=times,
    language_code=st.just("fr-FR"),
    source_patient_id=patients,
    authors=st.lists(authors, max_size=3).map(tuple),
    event_codes=st.lists(codes, max_size=3).map(tuple),
    reference_ids=st.lists(patients.map(lambda cx: f"{cx}^urn:ihe:iti:xds:2013:order"), max_size=2).map(tuple),
    source_patient_info=st.just(("PID-5|NOM^PRENOM^^^^^D", "PID-7|19770101", "PID-8|F")) | st.just(("PID-8|X",)),
    title=words,
    comments=st.just("") | words,
    legal_authenticator=persons,
    service_start_time=times,
    service_stop_time=st.just("") | times,
    hash=st.binary(min_size=20, max_size=20).map(bytes.hex),
    size=st.integers(0, 2**33),
    repository_unique_id=oids,
    home_community_id=st.just("") | oids.map(lambda oid: f"urn:oid:{oid}"),
    object_type=st.sampled_from(ObjectType),
    availability_status=st.sampled_from(AvailabilityStatus),
    logical_id=uuids,
    version=st.integers(1, 99),
)


@settings(max_examples=20)
@given(entries, uuids)
def test_what_comes_out_is_fhir(entry: DocumentEntry, other: str) -> None:
    relation = Association("urn:uuid:1", AssociationType.XFRM_RPLC, entry.entry_uuid, other)
    resource = write_document_reference(entry, BASE, [relation])
    DocumentReference.model_validate(resource)
    described = read_document_reference(resource, nobody)
    assert asdict(described.entry) == asdict(entry)
    assert [each.type for each in described.relations] == [AssociationType.XFRM_RPLC]


@settings(max_examples=20)
@given(st.data())
def test_lists_that_come_out_are_fhir(data: st.DataObject) -> None:
    shared = {"entry_uuid": data.draw(uuids), "unique_id": data.draw(oids), "patient_id": data.draw(patients)}
    own = SubmissionSet(
        **shared,
        source_id=data.draw(oids),
        submission_time=data.draw(times),
        content_type_code=data.draw(codes),
        authors=tuple(data.draw(st.lists(authors, max_size=2))),
        intended_recipients=tuple(data.draw(st.lists(st.sampled_from([HOSPITAL, f"|{DOCTOR}", "||^^Internet^a@b"])))),
        title=data.draw(words),
    )
    List.model_validate(write_submission_set(own, [f"DocumentReference/{other}" for other in "ab"]))
    assert asdict(there_and_back(own)) == asdict(own)
    kept = Folder(**shared, codes=tuple(data.draw(st.lists(codes))), last_update_time=data.draw(times))
    List.model_validate(write_folder(kept))
    assert asdict(there_and_back(kept)) == asdict(kept)


# --- As people would write it by hand ---------------------------------------------------------------------------------


def test_what_the_dmp_registers_needs_no_extension() -> None:
    """A French entry, as its CDA header gives it, is said by FHIR alone."""
    author = Author(DOCTOR, (HOSPITAL,), specialties=("G15_10/SM26^Qualifié^1.2.250.1.213.1.1.4.5",))
    entry = DocumentEntry(
        entry_uuid="urn:uuid:8c9c2d3e-0000-4000-8000-000000000001",
        unique_id="1.2.250.1.1.2",
        patient_id="277076322082910^^^&1.2.250.1.213.1.4.10&ISO",
        mime_type="text/xml",
        class_code=Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
        type_code=Code("11502-2", "2.16.840.1.113883.6.1", "CR d'examens biologiques"),
        format_code=Code("urn:ihe:lab:xd-lab:2008", "1.3.6.1.4.1.19376.1.2.3", ""),
        healthcare_facility_type_code=Code("SA01", "1.2.250.1.71.4.2.4", ""),
        practice_setting_code=Code("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", ""),
        confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", ""),),
        creation_time="20260102030405",
        language_code="fr-FR",
        source_patient_id="277076322082910^^^&1.2.250.1.213.1.4.10&ISO^NH",
        authors=(author,),
        source_patient_info=("PID-5|NOM^PRENOM^^^^^L", "PID-7|19770101", "PID-8|F"),
        legal_authenticator=DOCTOR,
        service_start_time="20260101",
        logical_id="urn:uuid:8c9c2d3e-0000-4000-8000-000000000001",
    )
    resource = write_document_reference(entry, BASE)
    assert "urn:open-dmp:xds:original" not in str(resource)
    assert resource["date"] == "2026-01-02T03:04:05Z"
    assert resource["context"]["period"] == {"start": "2026-01-01"}
    assert resource["category"][0]["coding"][0]["system"].endswith("TRE-A03-ClasseDocument")
    assert resource["content"][0]["attachment"]["url"] == f"{BASE}/Binary/{resource['id']}"
