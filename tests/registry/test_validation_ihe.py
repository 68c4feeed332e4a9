"""Metadata in order and out of order in an IHE domain: the standard's own rules, one by one.

Source: ITI TF-3 4.2.3 and Table 4.3.1-3 (optionality); ITI TF-2 3.42.4.1.3.3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.errors import ErrorCode, Finding
from registry.kinds import SubmissionKind
from registry.lifecycle import identified
from registry.metadata import AssociationType, Author, Code, DocumentEntry, ObjectType, Submission
from registry.validation import validate
from schemas.domain import Domain, load
from tests.registry.samples import HAS_MEMBER, SHA1, association, document, folder, submission

FRENCH = load("fr-dmp")
IHE = load("ihe-connectathon")
CX = "1^^^&1.2.3&ISO"
PROVIDE, REGISTER, ON_DEMAND = SubmissionKind
METADATA = ErrorCode.XDSRegistryMetadataError


def every_code(attribute: str, code: Code) -> bool:
    return True


def attributes(findings: tuple[Finding, ...]) -> list[str]:
    return [found.context.partition(":")[0] for found in findings]


def ihe_document(**changes: Any) -> DocumentEntry:
    """In order in an IHE domain, which knows no components of the CI-SIS."""
    author = Author(person="1^MARTIN^Julie^^^^^^&1.2.3&ISO", institutions=("CHU^^^^^^^^^1.2.3.4",))
    sound = {
        "patient_id": CX,
        "source_patient_id": CX,
        "authors": (author,),
        "legal_authenticator": author.person,
    }
    return document(**{**sound, **changes})


def of_ihe(kind: SubmissionKind | None = REGISTER, **changes: Any) -> tuple[Finding, ...]:
    item = submission(ihe_document(**changes), patient_id=CX, authors=())
    return validate(item, IHE, every_code, kind)


def of_set(**changes: Any) -> tuple[Finding, ...]:
    item = submission(ihe_document(), **{"patient_id": CX, "authors": (), **changes})
    return validate(item, IHE, every_code, REGISTER)


def test_ihe_asks_less() -> None:
    changes = {
        "title": "",
        "authors": (),
        "legal_authenticator": "",
        "service_start_time": "",
        "mime_type": "text/plain",
    }
    assert of_ihe(language_code="en-us", **changes) == ()
    assert attributes(of_ihe(mime_type="pdf", language_code="?")) == [
        "DocumentEntry.mimeType",
        "DocumentEntry.languageCode",
    ]


def test_an_author_is_somebody() -> None:
    assert attributes(of_ihe(authors=(Author(roles=("x",)),))) == ["DocumentEntry.author"]


# --- Optionality. Source: ITI TF-3 Table 4.3.1-3 ----------------------------------------------------------------------

NO_CODE = Code("", "")
REQUIRED = {
    "classCode": {"class_code": NO_CODE},
    "confidentialityCode": {"confidentiality_codes": ()},
    "creationTime": {"creation_time": ""},
    "formatCode": {"format_code": NO_CODE},
    "hash": {"hash": ""},
    "healthcareFacilityTypeCode": {"healthcare_facility_type_code": NO_CODE},
    "languageCode": {"language_code": ""},
    "mimeType": {"mime_type": ""},
    "patientId": {"patient_id": ""},
    "practiceSettingCode": {"practice_setting_code": NO_CODE},
    "repositoryUniqueId": {"repository_unique_id": ""},
    "size": {"size": None},
    "sourcePatientId": {"source_patient_id": ""},
    "typeCode": {"type_code": NO_CODE},
    "uniqueId": {"unique_id": ""},
}


@pytest.mark.parametrize("attribute", REQUIRED)
def test_what_the_standard_requires_of_a_document_entry(attribute: str) -> None:
    found = of_ihe(**REQUIRED[attribute])
    assert attributes(found) == [f"DocumentEntry.{attribute}"]
    assert [(each.code, each.location) for each in found] == [(METADATA, "Document01")]


def test_what_the_standard_requires_of_a_submission_set() -> None:
    nothing = {"unique_id": "", "source_id": "", "submission_time": "", "content_type_code": NO_CODE, "patient_id": ""}
    found = validate(submission(**nothing, authors=(), title=""), IHE, every_code, REGISTER)
    assert attributes(found) == [
        f"SubmissionSet.{attribute}"
        for attribute in ("uniqueId", "sourceId", "patientId", "submissionTime", "contentTypeCode")
    ]


def test_what_the_standard_requires_of_a_folder() -> None:
    bare = submission(folders=(folder(unique_id="", patient_id="", codes=(), title=""),), patient_id=CX, authors=())
    found = validate(bare, IHE, every_code, REGISTER)
    assert attributes(found) == [f"Folder.{attribute}" for attribute in ("uniqueId", "patientId", "codeList", "title")]


ADDED_BY_THE_REPOSITORY = {"hash", "repositoryUniqueId", "size"}


def limited(item: Submission) -> Submission:
    return replace(item, limited=frozenset(each.entry_uuid for each in identified(item)))


def test_limited_metadata_leave_out_what_the_standard_lets_them() -> None:
    changes = {
        name: value
        for attribute, change in REQUIRED.items()
        if attribute not in {"mimeType", "uniqueId", *ADDED_BY_THE_REPOSITORY}
        for name, value in change.items()
    }
    bare = submission(
        ihe_document(**changes),
        folders=(folder(patient_id="", codes=(), title=""),),
        patient_id="",
        content_type_code=NO_CODE,
        authors=(),
    )
    assert validate(limited(bare), IHE, every_code, PROVIDE) == ()
    assert validate(bare, IHE, every_code, PROVIDE)


@pytest.mark.parametrize("attribute", ["mimeType", "uniqueId"])
def test_what_limited_metadata_must_have(attribute: str) -> None:
    item = submission(ihe_document(**REQUIRED[attribute]), patient_id=CX, authors=())
    assert attributes(validate(limited(item), IHE, every_code, PROVIDE)) == [f"DocumentEntry.{attribute}"]
    empty = limited(submission(unique_id="", source_id="", submission_time="", patient_id=CX, authors=()))
    assert len(validate(empty, IHE, every_code, PROVIDE)) == 3


@pytest.mark.parametrize(
    ("domain", "kind"), [(IHE, REGISTER), (IHE, None), (FRENCH, PROVIDE)], ids=["ITI-42", "ITI-57", "fr-dmp"]
)
def test_limited_metadata_are_for_who_takes_them(domain: Domain, kind: SubmissionKind | None) -> None:
    item = submission(ihe_document(), patient_id=CX, authors=())
    found = validate(limited(item), domain, every_code, kind)
    told = [each.location for each in found if each.context.startswith("limitedMetadata")]
    assert told == ["Document01", "SubmissionSet01"]


# --- Types of documents. Source: ITI TF-2 3.42.4.1.2 and 3.61.4.1.2 ---------------------------------------------------

ABSENT = {"creation_time": "", "hash": "", "size": None}


@pytest.mark.parametrize("kind", [PROVIDE, REGISTER])
def test_stable_documents_alone_come_by_iti_41_and_42(kind: SubmissionKind) -> None:
    assert of_ihe(kind) == ()
    assert attributes(of_ihe(kind, object_type=ObjectType.ON_DEMAND, **ABSENT)) == ["DocumentEntry.objectType"]


def test_documents_on_demand_alone_come_by_iti_61() -> None:
    assert of_ihe(ON_DEMAND, object_type=ObjectType.ON_DEMAND, **ABSENT) == ()
    assert attributes(of_ihe(ON_DEMAND)) == ["DocumentEntry.objectType"]
    empty = submission(patient_id=CX, authors=())
    assert attributes(validate(empty, IHE, every_code, ON_DEMAND)) == ["DocumentEntry"]
    assert validate(empty, IHE, every_code, REGISTER) == ()


@pytest.mark.parametrize(
    ("attribute", "given"),
    [("creationTime", {"creation_time": "2026"}), ("hash", {"hash": SHA1}), ("size", {"size": 0})],
)
def test_a_document_on_demand_has_no_bytes_to_speak_of(attribute: str, given: dict[str, Any]) -> None:
    found = of_ihe(ON_DEMAND, object_type=ObjectType.ON_DEMAND, **{**ABSENT, **given})
    assert [(each.code, each.context.partition(":")[0]) for each in found] == [(METADATA, f"DocumentEntry.{attribute}")]


def test_an_update_has_documents_of_any_type() -> None:
    assert of_ihe(None) == of_ihe(None, object_type=ObjectType.ON_DEMAND, **ABSENT) == ()


def test_a_document_may_be_empty() -> None:
    assert of_ihe(size=0, hash="da39a3ee5e6b4b0d3255bfef95601890afd80709") == ()


# --- Data types. Source: ITI TF-3 Table 4.2.3.1.7-2 -------------------------------------------------------------------


@pytest.mark.parametrize(
    "unique_id",
    ["1.2.3", "1.2.3^a^b", "urn:uuid:aa0f0d1c-3c6c-4c0e-a0c5-0d6d1e0e4f5c", "https://a.example/1", "x" * 256],
)
def test_the_unique_id_of_a_document_is_opaque(unique_id: str) -> None:
    assert of_ihe(unique_id=unique_id) == ()
    assert of_ihe(unique_id="x" * 257)


@pytest.mark.parametrize(("value", "right"), [("1.2.3", True), ("1.02.3", True), ("3.4.5", True), ("1", False)])
def test_an_oid_is_digits_and_periods(value: str, right: bool) -> None:
    assert (of_ihe(repository_unique_id=value) == ()) is right
    assert of_ihe(repository_unique_id="1." + "2" * 63)


@pytest.mark.parametrize(
    ("attribute", "changes"),
    [
        ("patientId", {"patient_id": "1^^^&1.2.3&ISO^PI"}),
        ("patientId", {"patient_id": "1^2^^&1.2.3&ISO"}),
        ("patientId", {"patient_id": "1^^^NAME&1.2.3&ISO"}),
        ("patientId", {"patient_id": "1^^^&1.2.3&L"}),
        ("sourcePatientId", {"source_patient_id": "1^^^&1.2.3&ISO^PI"}),
        ("author.authorInstitution", {"authors": (Author(institutions=("CHU^L",)),)}),
        ("author.authorInstitution", {"authors": (Author(institutions=("CHU^^^^^&1.2&ISO^IDNST^^^1",)),)}),
        ("author.authorInstitution", {"authors": (Author(institutions=("CHU^^^^^^^^^1",)),)}),
        ("author.authorPerson", {"authors": (Author(person="^^Julie"),)}),
        ("author.authorPerson", {"authors": (Author(person="1^A^^^^^^^NAME&1.2&ISO"),)}),
        ("legalAuthenticator", {"legal_authenticator": "^^Julie"}),
        ("referenceIdList", {"reference_ids": ("1^^^&1.2.3&ISO",)}),
        ("referenceIdList", {"reference_ids": ("^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",)}),
        ("referenceIdList", {"reference_ids": ("1^2^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",)}),
        ("referenceIdList", {"reference_ids": ("1^^^&x&ISO^urn:ihe:iti:xds:2013:order",)}),
        ("homeCommunityId", {"home_community_id": "1.2.3"}),
    ],
)
def test_a_value_of_another_type(attribute: str, changes: dict[str, Any]) -> None:
    assert attributes(of_ihe(**changes)) == [f"DocumentEntry.{attribute}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"patient_id": "1^^^&1.2.3&ISO^^"},
        {"authors": (Author(institutions=("CHU",)),)},
        {"authors": (Author(institutions=("CHU^^^^^&1.2&ISO^^^^1",)), Author(person="1.2.3^Robot"))},
        {"authors": (Author(telecommunications=("^^Internet^a@b.example",)),)},
        {"authors": (Author(person="^Welby^Marcus^^MD^Dr^^^"),)},
        {"reference_ids": ("2.16.1^^^^urn:ihe:iti:xdw:2013:workflowInstanceId",)},
        {"reference_ids": ("1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order", "1^^^NAME^local")},
        {"reference_ids": ("1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order^&1.2.4&ISO",)},
        {"source_patient_info": ("PID-7|no date at all", "anything")},
        {"hash": SHA1.upper()},
        {"home_community_id": "urn:oid:1.2.3"},
    ],
)
def test_a_value_in_order(changes: dict[str, Any]) -> None:
    assert of_ihe(**changes) == ()


@pytest.mark.parametrize("extra", [True, False])
def test_components_that_ihe_does_not_know_are_the_domain_s_to_accept(extra: bool) -> None:
    domain = replace(IHE, metadata=replace(IHE.metadata, extra_components=extra))
    assert (validate(submission(document()), domain, every_code, REGISTER) == ()) is extra


@pytest.mark.parametrize(
    ("recipient", "right"),
    [
        ("Some Hospital^^^^^^^^^1.2.3", True),
        ("|^Wel^Marcus^^^Dr^MD|^^Internet^mwel@a.example", True),
        ("||^^Internet^dr.oz@a.example", True),
        ("||", False),
        ("", False),
        ("|^^Marcus", False),
        ("A|^B|c|d", False),
    ],
)
def test_an_intended_recipient_is_an_organization_a_person_or_an_address(recipient: str, right: bool) -> None:
    assert (of_set(intended_recipients=(recipient,)) == ()) is right


# --- Extra metadata. Source: ITI TF-3 4.2.3.1.6 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("urn:example:extra", True),
        ("urn:oid:1.2.3", True),
        ("urn:ihe:iti:2099:unheardOf", False),
        ("URN:IHE:x", False),
        ("extra", False),
        ("urn:x", True),  # NIST 15801, extra_metadata
        ("urn:x:", False),
        ("urn:", False),
    ],
)
def test_an_extra_slot_is_named_by_a_urn_that_is_not_ihe_s(name: str, right: bool) -> None:
    slots = ((name, ("value",)),)
    item = submission(
        ihe_document(extra_slots=slots),
        folders=(folder(patient_id=CX, extra_slots=slots),),
        relations=(association(HAS_MEMBER, "Folder01", "Document01", extra_slots=slots),),
        patient_id=CX,
        authors=(),
        extra_slots=slots,
    )
    found = validate(item, IHE, every_code, REGISTER)
    assert attributes(found) == (
        [] if right else [f"{kind}/Slot" for kind in ("SubmissionSet", "DocumentEntry", "Folder", "Association")]
    )


def test_a_value_has_at_most_256_characters_everywhere() -> None:
    long = "x" * 257
    slots = (("urn:example:extra", ("x" * 256, long)),)
    member = association(HAS_MEMBER, "Folder01", "Document01", extra_slots=slots)
    item = submission(
        ihe_document(extra_slots=slots, source_patient_info=(long,), authors=(Author(person="1.2^A", roles=(long,)),)),
        folders=(folder(patient_id=CX, extra_slots=slots),),
        relations=(member,),
        patient_id=CX,
        authors=(Author(person="1.2^A", extra_slots=slots),),
        extra_slots=slots,
    )
    found = validate(item, IHE, every_code, REGISTER)
    assert {each.context.partition(": ")[2] for each in found} == {"expected at most 256 characters, got 257"}
    assert {each.location for each in found} == {"SubmissionSet01", "Document01", "Folder01", member.entry_uuid}
    assert len(found) == 7


def test_the_documentation_of_an_association_is_a_code() -> None:
    relation = association(AssociationType.XFRM, "Document01", "Document01", documentation=Code("a", ""))
    item = submission(ihe_document(), relations=(relation,), patient_id=CX, authors=())
    assert attributes(validate(item, IHE, every_code, REGISTER)) == ["Association.documentation"]
