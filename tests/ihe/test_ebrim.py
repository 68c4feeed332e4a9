"""ebRIM: the standard's shapes read, everything wrong reported, and any metadata written and read back."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from ihe_metadata import registry_objects
from ihe_wire import SUBMIT_OBJECTS
from lxml import etree

from ihe.ebrim import read_objects, read_submission, write_objects, write_references
from ihe.identifiers import LCM, RIM
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from registry.metadata import (
    AssociationType,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    RegistryObject,
    Submission,
)
from schemas.xml import parse

APPROVED = AvailabilityStatus.APPROVED
DESCRIPTION = "<Description>"


def read(message: str) -> tuple[Submission, tuple[Finding, ...]]:
    return read_submission(parse(message.encode()))


def listed(content: bytes) -> etree._Element:
    return parse(f'<rim:RegistryObjectList xmlns:rim="{RIM}">'.encode() + content + b"</rim:RegistryObjectList>")


# --- The standard's shapes --------------------------------------------------------------------------------------------


def test_a_whole_submission() -> None:
    submission, findings = read(SUBMIT_OBJECTS)
    assert findings == ()
    (entry,), (folder,) = submission.entries, submission.folders
    author = "899900000001^MODELE^Ada^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    assert (entry.entry_uuid, entry.mime_type, entry.object_type) == ("Document01", "text/xml", ObjectType.STABLE)
    assert (entry.unique_id, entry.patient_id) == (
        "1.2.250.1.999.1.2026.1^a",
        "253029912345667^^^&1.2.250.1.213.1.4.10&ISO^NH",
    )
    assert (entry.class_code, entry.class_code.display) == (Code("10", "1.2.250.1.213.1.1.4.1"), "Compte rendu")
    assert [code.code for code in entry.confidentiality_codes] == ["N", "MASQUE_PS"]
    assert (entry.title, entry.comments) == ("Lettre de liaison", "Sortie < 24 h & retour à domicile")
    assert (entry.size, entry.hash, entry.version, entry.logical_id) == (24, "", 1, "")
    assert entry.source_patient_info == ("PID-5|EXEMPLE^Odette^^^^^L", "PID-7|19530204", "PID-8|F")
    assert [found.person for found in entry.authors] == [author, ""]
    assert entry.authors[0].institution_ids == ("1990000001",)
    assert entry.authors[0].extra_slots == (("urn:example:badge", ("b-7",)),)
    assert entry.extra_slots == (("urn:example:extra", ("kept", "twice")),)
    assert submission.submission_set.source_id == "1.2.250.1.999.1"
    assert submission.submission_set.content_type_code == Code("04", "1.2.250.1.213.2.2")
    assert submission.submission_set.extra_slots == (("urn:example:extraSet", ("kept too",)),)
    assert (folder.title, folder.codes) == ("Hospitalisation de novembre", (Code("HOSP", "1.2.250.1.999.2"),))
    member, other, replaces = submission.associations
    assert (member.type, member.submission_set_status) == (AssociationType.HAS_MEMBER, "Original")
    assert member.extra_slots == (("urn:example:extraAssociation", ("kept as well",)),)
    assert (other.source, other.target) == ("SubmissionSet01", "Folder01")
    assert (replaces.type, replaces.documentation) == (AssociationType.RPLC, Code("correction", "1.2.250.1.999.3"))


def test_a_classification_of_the_package_may_stand_inside_it() -> None:
    scheme = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
    node = f'<Classification id="c12" classifiedObject="SubmissionSet01" classificationNode="{scheme}"/>'
    assert node in SUBMIT_OBJECTS
    moved = SUBMIT_OBJECTS.replace(node, "").replace('value="Sortie"/></Name>', f'value="Sortie"/></Name>{node}')
    assert read(moved) == read(SUBMIT_OBJECTS)


def test_a_long_uri_comes_in_numbered_values() -> None:
    slot = '<Slot name="URI"><ValueList><Value>2|/b</Value><Value>1|http://a</Value></ValueList></Slot>'
    submission, findings = read(SUBMIT_OBJECTS.replace('<Slot name="size">', f'{slot}<Slot name="size">'))
    assert (submission.entries[0].uri, findings) == ("http://a/b", ())


@pytest.mark.parametrize(("written", "version"), [("1.1", 1), ("3", 3), ("1", 1)])
def test_version_names(written: str, version: int) -> None:
    info = f'</Description><VersionInfo versionName="{written}"/>'
    submission, findings = read(SUBMIT_OBJECTS.replace("</Description>", info))
    assert (submission.entries[0].version, findings) == (version, ())


@pytest.mark.parametrize("status", ["Approved", str(AvailabilityStatus.DEPRECATED.value), "anything"])
def test_a_submitted_status_is_no_fault(status: str) -> None:
    _, findings = read(SUBMIT_OBJECTS.replace('mimeType="text/xml"', f'mimeType="text/xml" status="{status}"'))
    assert findings == ()


def test_an_association_may_have_no_id() -> None:
    submission, findings = read(SUBMIT_OBJECTS.replace('<Association id="as2" ', "<Association "))
    assert findings == ()
    names = [item.entry_uuid for item in submission.associations]
    assert len({*names}) == len(names) == 3
    assert "" not in names


def test_parts_may_have_no_id_and_no_object_type() -> None:
    bare = re.sub(r'(<(?:Classification|ExternalIdentifier)) id="[^"]*"', r"\1", SUBMIT_OBJECTS)
    assert bare != SUBMIT_OBJECTS
    assert "ObjectType:RegistryObject:Classification" not in bare
    assert read(bare) == read(SUBMIT_OBJECTS)


LIMITED = {
    "Document01": "urn:uuid:ab9b591b-83ab-4d03-8f5d-f93b1fb92e85",
    "SubmissionSet01": "urn:uuid:5003a9db-8d8d-49e6-bf0c-990e34ac7707",
    "Folder01": "urn:uuid:2c144a76-29a9-4b7c-af54-b25409fe7d03",
}


@pytest.mark.parametrize("name", LIMITED)
def test_limited_metadata_are_flagged_object_by_object(name: str) -> None:
    flag = f'<Classification classifiedObject="{name}" classificationNode="{LIMITED[name]}"/>'
    element = re.search(rf'<(ExtrinsicObject|RegistryPackage) id="{name}"', SUBMIT_OBJECTS)
    assert element
    end = SUBMIT_OBJECTS.index(f"</{element[1]}>", element.start())
    submission, findings = read(SUBMIT_OBJECTS[:end] + flag + SUBMIT_OBJECTS[end:])
    assert (submission.limited, findings) == (frozenset({name}), ())
    assert read(SUBMIT_OBJECTS)[0].limited == frozenset()


# --- What is wrong ----------------------------------------------------------------------------------------------------

WRONG = [
    ('<Slot name="size"><ValueList><Value>24', '<Slot name="size"><ValueList><Value>24 kB', "DocumentEntry.size"),
    ("<Value>24</Value>", "<Value>24</Value><Value>25</Value>", "DocumentEntry.size: expected one value, got 2"),
    ('<Slot name="languageCode">', '<Slot name="creationTime">', "DocumentEntry.creationTime: expected one Slot"),
    ('<Slot name="languageCode">', '<Slot name="">', "DocumentEntry.Slot: expected a name"),
    ('mimeType="text/xml" objectType="urn:uuid:7edca82f', 'objectType="urn:uuid:7edca82e', "DocumentEntry.objectType"),
    ('id="Document01"', 'id="urn:uuid:ABC"', "DocumentEntry.id"),
    ('id="Document01"', 'id="urn:uuid:F4BDE1BA-4A8F-4B1A-A1C5-6B1D3D3B0C11"', "DocumentEntry.id"),
    ('id="Document01"', 'id=""', "DocumentEntry.id"),
    ('id="Folder01"', 'id="SubmissionSet01"', "RegistryPackage.classificationNode"),
    ('143a" classifiedObject="Document01"', '143a" classifiedObject="Folder01"', "DocumentEntry.classifiedObject"),
    ('"e1" registryObject="Document01"', '"e1" registryObject="SubmissionSet01"', "DocumentEntry.registryObject"),
    (
        "<Value>1.2.250.1.213.1.1.4.1</Value>",
        "<Value>1.2.250.1.213.1.1.4.1</Value><Value>2.999</Value>",
        "DocumentEntry.classCode: expected a codingScheme",
    ),
    ("f0306f51-975f-434e-a61c-c59651d33983", "41a5887f-8865-4c09-adf7-e362475b143a", "classCode: expected one code"),
    ("2e82c1f6-a085-4c72-9da3-8640a32e42ab", "58a6f841-87b3-4a3e-92fd-a8ffeff98427", "patientId: expected one Ext"),
    ("AssociationType:RPLC", "AssociationType:RPLCE", "Association.associationType"),
    ("urn:uuid:f4bde1ba-4a8f-4b1a-a1c5-6b1d3d3b0c11", "urn:uuid:F4BDE1BA", "Association.targetObject"),
    ('targetObject="Folder01"', 'targetObject=""', "Association.targetObject"),
    (
        '<Slot name="size">',
        f'<Slot name="URI"><ValueList><Value>{"u" * 257}</Value></ValueList></Slot><Slot name="size">',
        "DocumentEntry.URI: expected values of at most 256",
    ),
    ("<Association id", "<Service id='s'/><Association id", "RegistryObjectList: expected"),
    (
        'classificationNode="urn:uuid:d9d542f3',
        'classificationNode="urn:uuid:d9d542f4',
        "RegistryPackage.classificationNode",
    ),
    (
        'classifiedObject="SubmissionSet01" classificationNode',
        'classifiedObject="Nobody" classificationNode',
        "Classification.classifiedObject",
    ),
    ("</Description>", '</Description><VersionInfo versionName="two"/>', "DocumentEntry.version"),
    (
        '<Slot name="size">',
        '<Slot name="URI"><ValueList><Value>1|a</Value><Value>b</Value></ValueList></Slot><Slot name="size">',
        "DocumentEntry.URI",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "context"), WRONG, ids=[row[2] for row in WRONG])
def test_each_fault_is_told(right: str, wrong: str, context: str) -> None:
    assert right in SUBMIT_OBJECTS
    try:
        _, findings = read(SUBMIT_OBJECTS.replace(right, wrong, 1))
    except RegistryError as error:
        findings = error.findings
    told = [found for found in findings if context in found.context]
    assert told
    assert {found.code for found in told} == {ErrorCode.XDSRegistryMetadataError}
    assert all(" expected " in found.context and " got " in found.context for found in told)


def test_every_fault_is_told_at_once() -> None:
    message = SUBMIT_OBJECTS
    for right, wrong, _ in (WRONG[0], WRONG[2], WRONG[13]):
        message = message.replace(right, wrong, 1)
    _, findings = read(message)
    assert len(findings) == 3
    assert {found.location for found in findings} == {"Document01"}


@pytest.mark.proves("submission/one-set")
@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_submission_set(count: int) -> None:
    node = 'classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"'
    folder = 'classificationNode="urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2"'
    message = SUBMIT_OBJECTS.replace(node, folder) if count == 0 else SUBMIT_OBJECTS.replace(folder, node)
    with pytest.raises(RegistryError) as caught:
        read(message)
    assert caught.value.findings[-1].context == f"SubmissionSet: expected exactly one in a submission, got {count}"


@pytest.mark.parametrize("message", ["<a/>", f'<SubmitObjectsRequest xmlns="{LCM}"/>'])
def test_something_else_than_a_submission(message: str) -> None:
    with pytest.raises(RegistryError):
        read(message)


@pytest.mark.parametrize(
    ("right", "extra", "lost"),
    [
        (DESCRIPTION, '<Classification classificationScheme="urn:x" classifiedObject="Document01"/>', "urn:x"),
        (DESCRIPTION, '<Classification classificationNode="urn:n" classifiedObject="Document01"/>', "urn:n"),
        (DESCRIPTION, '<ExternalIdentifier identificationScheme="urn:y" registryObject="Document01"/>', "urn:y"),
        ('<LocalizedString value="Sortie &lt;', '<LocalizedString value="Letter"/>', "second language"),
        ('<Slot name="codingScheme">', '<Slot name="z"/>', "Slot of the Classification"),
    ],
)  # fmt: skip
def test_extra_metadata_that_have_no_place_are_told_lost(right: str, extra: str, lost: str) -> None:
    _, findings = read(SUBMIT_OBJECTS.replace(right, extra + right, 1))
    assert [(found.code, found.severity) for found in findings] == [
        (ErrorCode.XDSExtraMetadataNotSaved, Severity.WARNING)
    ]
    assert lost in findings[0].context


# --- Written and read back --------------------------------------------------------------------------------------------


def everything(objects: tuple[RegistryObject, ...] | list[RegistryObject]) -> list[dict[str, object]]:
    """Display names too, which do not count when codes are compared."""
    return [asdict(found) for found in objects]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(objects=registry_objects)
def test_any_metadata_read_back_as_written(objects: list[RegistryObject]) -> None:
    read_back, findings = read_objects(listed(write_objects(objects)))
    assert findings == ()
    assert everything(read_back) == everything(objects)


def test_references_are_ids_only() -> None:
    submission, _ = read(SUBMIT_OBJECTS)
    root = listed(write_references([*submission.entries, *submission.associations]))
    assert [found.get("id") for found in root] == ["Document01", "as1", "as2", "as3"]
    assert {found.tag for found in root} == {f"{{{RIM}}}ObjectRef"}


@pytest.mark.proves("identity/object-type-out")
def test_answers_have_what_submissions_may_leave_out() -> None:
    submission, _ = read(SUBMIT_OBJECTS)
    root = listed(write_objects([submission.submission_set, *submission.entries, *submission.associations]))
    for found in root:
        assert all(found.get(name) for name in ("id", "lid", "objectType", "status"))
    parts = root.findall(f".//{{{RIM}}}Classification") + root.findall(f".//{{{RIM}}}ExternalIdentifier")
    assert all(found.get("objectType") and found.get("id", "").startswith("urn:uuid:") for found in parts)
    assert len({found.get("id") for found in parts}) == len(parts) > 10


def test_an_entry_without_attributes_is_written_without_them() -> None:
    nothing = Code("", "")
    entry = DocumentEntry("d", "", "", "", nothing, nothing, nothing, nothing, nothing, (), "", "", "", logical_id="d")
    assert len(listed(write_objects([entry]))[0]) == 1  # VersionInfo
    assert read_objects(listed(write_objects([entry])))[0] == (entry,)


# --- Real messages ----------------------------------------------------------------------------------------------------


@pytest.mark.reference
def test_real_metadata_survive(reference: Path) -> None:
    """Every ebRIM object in the reference messages is read, and what was read is written and read back the same."""
    seen = 0
    for path in sorted((reference / "ihe" / "samples").rglob("*.xml")):
        if path.parent.name == "epd-by-example":
            continue  # templates, no XML
        for found in parse(path.read_bytes()).iter(f"{{{RIM}}}RegistryObjectList"):
            objects, _ = read_objects(found)
            again, findings = read_objects(listed(write_objects(objects)))
            assert [one.code for one in findings if one.severity is Severity.WARNING] == []
            assert everything(again) == everything([with_logical_id(one) for one in objects])
            seen += len(objects)
    assert seen >= 59


def with_logical_id(found: RegistryObject) -> RegistryObject:
    """The object as the registry returns it: its first version is its own logical id."""
    if isinstance(found, DocumentEntry | Folder) and not found.logical_id:
        return replace(found, logical_id=found.entry_uuid)
    return found


@pytest.mark.reference
def test_a_standard_submission_has_no_fault(reference: Path) -> None:
    root = parse((reference / "ihe" / "samples" / "nist-messagevalidator" / "pnr.xml").read_bytes())
    submission, findings = read_submission(next(root.iter(f"{{{LCM}}}SubmitObjectsRequest")))
    assert findings == ()
    assert submission.submission_set.unique_id
    assert all(entry.unique_id and entry.availability_status is APPROVED for entry in submission.entries)


@pytest.mark.reference
def test_what_is_written_is_valid_by_the_official_schema(reference: Path) -> None:
    schema = etree.XMLSchema(file=str(reference / "ihe" / "schema" / "xds-ipf" / "schema" / "ebRS30" / "rim.xsd"))
    submission, _ = read(SUBMIT_OBJECTS)
    objects: list[RegistryObject] = [
        submission.submission_set,
        *submission.entries,
        *submission.folders,
        *submission.associations,
    ]
    for content in (write_objects(objects), write_references(objects)):
        schema.assertValid(listed(content))
