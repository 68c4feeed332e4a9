"""Metadata in order and out of order in the French domain, attribute by attribute.

Source: ITI TF-3 4.2.3; CI-SIS, volet Partage de documents.
"""

from __future__ import annotations

from typing import Any

import pytest

from registry.errors import ErrorCode, Finding
from registry.kinds import SubmissionKind
from registry.metadata import Author, Code
from registry.validation import validate
from schemas.domain import Domain, load
from tests.registry.samples import NORMAL, PS, document, folder, submission

FRENCH = load("fr-dmp")
REGISTER = SubmissionKind.REGISTER
METADATA = ErrorCode.XDSRegistryMetadataError


def every_code(attribute: str, code: Code) -> bool:
    return True


def of_document(domain: Domain = FRENCH, kind: SubmissionKind | None = REGISTER, **changes: Any) -> tuple[Finding, ...]:
    return validate(submission(document(**changes)), domain, every_code, kind)


def of_set(domain: Domain = FRENCH, **changes: Any) -> tuple[Finding, ...]:
    return validate(submission(document(), **changes), domain, every_code, REGISTER)


def attributes(findings: tuple[Finding, ...]) -> list[str]:
    return [found.context.partition(":")[0] for found in findings]


def test_metadata_in_order() -> None:
    assert validate(submission(document(), folders=(folder(),)), FRENCH, every_code) == ()


@pytest.mark.parametrize(
    ("attribute", "changes"),
    [
        ("uniqueId", {"unique_id": ""}),
        ("uniqueId", {"unique_id": "1.2.03"}),
        ("uniqueId", {"unique_id": "1.2.3^1"}),
        ("uniqueId", {"unique_id": "1." + "2" * 63}),
        ("repositoryUniqueId", {"repository_unique_id": ""}),
        ("patientId", {"patient_id": "279035121518989"}),
        ("patientId", {"patient_id": "^^^&1.2.250.1.213.1.4.10&ISO"}),
        ("patientId", {"patient_id": "1^^^NAME&1.2.250.1.213.1.4.10&ISO"}),
        ("sourcePatientId", {"source_patient_id": ""}),
        ("mimeType", {"mime_type": "application/pdf"}),
        ("languageCode", {"language_code": "de-DE"}),
        ("hash", {"hash": ""}),
        ("hash", {"hash": "g" * 40}),
        ("size", {"size": None}),
        ("size", {"size": -1}),
        ("title", {"title": ""}),
        ("classCode", {"class_code": Code("", "1.2")}),
        ("typeCode", {"type_code": Code("34112-3", "")}),
        ("typeCode", {"type_code": Code("3" * 257, "1.2")}),
        ("confidentialityCode", {"confidentiality_codes": ()}),
        ("confidentialityCode", {"confidentiality_codes": (NORMAL,) * 5}),
        ("creationTime", {"creation_time": ""}),
        ("creationTime", {"creation_time": "20261301"}),
        ("creationTime", {"creation_time": "20260101120000+0100"}),
        ("serviceStartTime", {"service_start_time": ""}),
        ("serviceStopTime", {"service_stop_time": "2026-02-21"}),
        ("serviceStopTime", {"service_stop_time": "20260219"}),
        ("author", {"authors": ()}),
        ("author", {"authors": (Author(roles=("Médecin",), person=""),)}),
        ("author.authorPerson", {"authors": (Author(person="^^Julie"),)}),
        ("author.authorPerson", {"authors": (Author(person="1^MARTIN^^^^^^^ANS"),)}),
        ("author.authorInstitution", {"authors": (Author(person=PS, institutions=("^^^^^^^^^1",)),)}),
        ("author.authorInstitution", {"authors": (Author(person=PS, institutions=("CHU^^^^^^^^^1750000001",)),)}),
        ("legalAuthenticator", {"legal_authenticator": ""}),
        ("referenceIdList", {"reference_ids": ("1" * 257,)}),
        ("Slot", {"extra_slots": (("urn:x", ("1",)), ("urn:x", ("2",)))}),
    ],
)
def test_a_document_entry_out_of_order(attribute: str, changes: dict[str, Any]) -> None:
    found = of_document(**changes)
    assert found
    assert {each.code for each in found} == {METADATA}
    assert any(attribute in each.partition("DocumentEntry")[2] for each in attributes(found))
    assert {each.location for each in found} == {"Document01"}


@pytest.mark.parametrize(
    ("attribute", "changes"),
    [
        ("SubmissionSet.uniqueId", {"unique_id": "1.2.3^4"}),
        ("SubmissionSet.sourceId", {"source_id": "x"}),
        ("SubmissionSet.submissionTime", {"submission_time": ""}),
        ("SubmissionSet.contentTypeCode", {"content_type_code": Code("", "")}),
        ("SubmissionSet.author", {"authors": ()}),
        ("SubmissionSet.intendedRecipient", {"intended_recipients": ("x" * 257,)}),
    ],
)
def test_a_submission_set_out_of_order(attribute: str, changes: dict[str, Any]) -> None:
    assert attributes(of_set(**changes)) == [attribute]


@pytest.mark.parametrize(
    ("attribute", "changes"), [("codeList", {"codes": ()}), ("title", {"title": ""}), ("uniqueId", {"unique_id": "x"})]
)
def test_a_folder_out_of_order(attribute: str, changes: dict[str, Any]) -> None:
    found = validate(submission(folders=(folder(**changes),)), FRENCH, every_code)
    assert attributes(found) == [f"Folder.{attribute}"]


def test_an_authority_of_no_patient() -> None:
    found = of_document(patient_id="1^^^&1.2.3&ISO")
    assert [each.code for each in found] == [ErrorCode.XDSUnknownPatientId]


def test_codes_are_asked_by_attribute_and_never_by_display() -> None:
    asked: list[tuple[str, Code]] = []

    def no_letter(attribute: str, code: Code) -> bool:
        asked.append((attribute, code))
        return attribute != "type_code"

    item = submission(document(event_codes=(Code("free", "1.2"),)))
    found = validate(item, FRENCH, no_letter)
    assert attributes(found) == ["DocumentEntry.typeCode"]
    assert "type_document" in found[0].context
    assert "34112-3" in found[0].context
    assert {attribute for attribute, _ in asked} <= set(FRENCH.codes)


def test_times_are_compared_at_their_common_precision() -> None:
    assert of_document(service_start_time="20260615", service_stop_time="2026") == ()


def test_who_is_named_is_not_repeated() -> None:
    found = of_document(
        patient_id="279035121518989^DURAND", authors=(Author(person="1^MARTIN^^^^^^^X"),), source_patient_id="DURAND"
    )
    text = " ".join(each.context for each in found)
    assert len(found) == 3
    assert not any(name in text for name in ("279035121518989", "DURAND", "MARTIN"))
    assert "999999999999999^AAAAAA" in text


def test_every_fault_is_listed() -> None:
    assert attributes(of_document(hash="", size=None, creation_time="", source_patient_id="")) == [
        "DocumentEntry.sourcePatientId",
        "DocumentEntry.hash",
        "DocumentEntry.size",
        "DocumentEntry.creationTime",
    ]
