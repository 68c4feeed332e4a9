"""Which parameters each query takes, and how often. Source: ITI TF-2 3.18.4.1.2.3.7, 3.51.4.1.2.1; CP-ITI-1323."""

from __future__ import annotations

import pytest

from registry.errors import ErrorCode, RegistryError
from registry.metadata import AvailabilityStatus, Code, ObjectType
from registry.stored_query import (
    FindDocumentsByReferenceId,
    FindDocumentsExclude,
    FindDocumentsForMultiplePatients,
    FindFolders,
    FindFoldersForMultiplePatients,
    FindSubmissionSets,
    GetAll,
    GetDocuments,
    GetFolderAndContents,
    GetSubmissionSetAndContents,
    ReturnType,
    StoredQuery,
    TimeRange,
)
from registry.stored_query_coding import read_stored_query
from registry.stored_query_table import ROWS, Many, Row
from tests.registry.samples import uuid

APPROVED, DEPRECATED = AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED
MISSING, NUMBER = ErrorCode.XDSStoredQueryMissingParam, ErrorCode.XDSStoredQueryParamNumber
UNKNOWN, ERROR = ErrorCode.XDSUnknownStoredQuery, ErrorCode.XDSRegistryError
BY_NAME = {row.query.__name__: row for row in ROWS}
NAMED = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.query.__name__)

Slot = tuple[str, list[str]]
PATIENT = "'1^^^&1.2&ISO'"
STATUS = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
SAMPLES = {  # by the kind's expectation: a value in order
    "a text": "'1^^^&1.2&ISO'",
    "a UUID": f"'{uuid(1)}'",
    "a code^^scheme": "('1^^s')",
    "an availabilityStatus": STATUS,
    "an association type": "('urn:ihe:iti:2007:AssociationType:APND')",
    "an objectType": f"('{ObjectType.STABLE.value}')",
    "a time YYYY[MM[DD[hh[mm[ss]]]]]": "2021",
    "1 or 2": "2",
}


def read(name: str, *slots: Slot, return_type: ReturnType = ReturnType.LEAF_CLASS) -> StoredQuery:
    row = BY_NAME[name]
    return read_stored_query(row.id, slots, return_type, multi_patient=row.query.multi_patient)


def faults(name: str, *slots: Slot) -> list[ErrorCode]:
    with pytest.raises(RegistryError) as caught:
        read(name, *slots)
    return [found.code for found in caught.value.findings]


def least(row: Row) -> list[Slot]:
    """The slots that a query cannot do without."""
    needed = {parameter.slot for parameter in row.parameters if parameter.required}
    needed |= {row.either[0]} if row.either else set()
    needed |= {row.some[0]} if row.some else set()
    return [(p.slot, [SAMPLES[p.kind.expected]]) for p in row.parameters if p.slot in needed]


@NAMED
def test_the_least_question_is_answered(row: Row) -> None:
    query = read(row.query.__name__, *least(row))
    assert type(query) is row.query
    assert bool(query.patient) is any(parameter.field == "patient_id" for parameter in row.parameters)


@NAMED
def test_what_is_required_is_missing(row: Row) -> None:
    slots = least(row)
    for slot in slots:
        assert faults(row.query.__name__, *(each for each in slots if each != slot)) == [MISSING]
        assert faults(row.query.__name__, *(each for each in slots if each != slot), (slot[0], ["''"])) == [MISSING]


@NAMED
def test_a_slot_is_repeated_only_for_and(row: Row) -> None:
    slots = dict(least(row))
    for parameter in row.parameters:
        given = {
            key: value for key, value in slots.items() if key not in row.either or parameter.slot not in row.either
        }
        given[parameter.slot] = [SAMPLES[parameter.kind.expected]]
        again = [*given.items(), (parameter.slot, given[parameter.slot])]
        if parameter.many is Many.ALL:
            assert len(getattr(read(row.query.__name__, *again), parameter.field)) == 2
        else:
            assert faults(row.query.__name__, *again) == [NUMBER]


def test_and_is_for_the_attributes_with_several_values() -> None:
    many = {
        parameter.slot.removesuffix("Exclude")
        for row in ROWS
        for parameter in row.parameters
        if parameter.many is Many.ALL
    }
    assert many == {
        "$XDSDocumentEntryEventCodeList",
        "$XDSDocumentEntryConfidentialityCode",
        "$XDSDocumentEntryReferenceIdList",
        "$XDSFolderCodeList",
    }


@NAMED
def test_several_values_where_one_is_meant(row: Row) -> None:
    slots = dict(least(row))
    for parameter in (each for each in row.parameters if each.many is Many.ONE):
        value = SAMPLES[parameter.kind.expected]
        given = {key: each for key, each in slots.items() if key not in row.either or parameter.slot not in row.either}
        for twice in ([value, value], [f"({value},{value})"]):
            assert faults(row.query.__name__, *(given | {parameter.slot: twice}).items()) == [NUMBER]


@NAMED
def test_one_way_to_name_an_object(row: Row) -> None:
    """uuid xor uniqueId: both XDSStoredQueryParamNumber, none XDSStoredQueryMissingParam."""
    if not row.either:
        return
    given = {slot: value for slot, value in least(row) if slot not in row.either}
    values = {slot: [f"'{uuid(1)}'"] for slot in row.either}
    assert faults(row.query.__name__, *given.items()) == [MISSING]
    assert faults(row.query.__name__, *(given | values).items()) == [NUMBER]


@NAMED
def test_queries_of_one_transaction_are_unknown_to_the_other(row: Row) -> None:
    with pytest.raises(RegistryError) as caught:
        read_stored_query(row.id, least(row), ReturnType.LEAF_CLASS, multi_patient=not row.query.multi_patient)
    assert [found.code for found in caught.value.findings] == [UNKNOWN]


def test_the_queries_of_iti_51() -> None:
    assert {name for name, row in BY_NAME.items() if row.query.multi_patient} == {
        "FindDocumentsForMultiplePatients",
        "FindFoldersForMultiplePatients",
        "FindDocumentsByReferenceIdForMultiplePatients",
    }


@NAMED
def test_scheme_slots_of_xds_a_are_left_aside_but_make_no_code_of_a_bare_value(row: Row) -> None:
    """NIST 11897, practicesetting_scheme and old_scheme."""
    codes = [parameter.slot for parameter in row.parameters if parameter.kind.expected == "a code^^scheme"]
    for slot in codes:
        others = [each for each in least(row) if each[0] != slot]
        scheme = (f"{slot}Scheme", ["('s')"])
        whole = read(row.query.__name__, *others, (slot, ["('c^^2.999')"]))
        assert read(row.query.__name__, *others, (slot, ["('c^^2.999')"]), scheme) == whole
        assert faults(row.query.__name__, *others, (slot, ["('c')"]), scheme) == [ERROR]


def test_a_query_id_in_capitals_is_the_same() -> None:
    row = BY_NAME["GetAll"]
    query_id = "urn:uuid:" + row.id.removeprefix("urn:uuid:").upper()
    assert read_stored_query(query_id, least(row), ReturnType.OBJECT_REF).patient


# --- Single queries ---------------------------------------------------------------------------------------------------


def test_find_submission_sets() -> None:
    query = read(
        "FindSubmissionSets",
        ("$XDSSubmissionSetPatientId", [PATIENT]),
        ("$XDSSubmissionSetStatus", [STATUS]),
        ("$XDSSubmissionSetSourceId", ["('1.2','1.3')"]),
        ("$XDSSubmissionSetSubmissionTimeFrom", ["2021"]),
        ("$XDSSubmissionSetSubmissionTimeTo", ["'202106'"]),
        ("$XDSSubmissionSetAuthorPerson", ["'%O''Neil_'"]),
        ("$XDSSubmissionSetContentType", ["('a^^s')", "('b^^s')"]),
    )
    assert query == FindSubmissionSets(
        return_type=ReturnType.LEAF_CLASS,
        patient_id="1^^^&1.2&ISO",
        statuses=(APPROVED,),
        source_ids=("1.2", "1.3"),
        submission_time=TimeRange("20210101000000", "20210601000000"),
        author_person="%O'Neil_",
        content_types=(Code("a", "s"), Code("b", "s")),
    )


def test_find_folders() -> None:
    code = ("$XDSFolderCodeList", ["('a^^s','b^^s')"])
    query = read(
        "FindFolders",
        ("$XDSFolderPatientId", [PATIENT]),
        ("$XDSFolderStatus", [STATUS]),
        ("$XDSFolderLastUpdateTimeFrom", ["20210101"]),
        code,
        ("$XDSFolderCodeList", ["('c^^s')"]),
    )
    assert isinstance(query, FindFolders)
    assert query.last_update_time == TimeRange(start="20210101000000")
    assert query.codes == ((Code("a", "s"), Code("b", "s")), (Code("c", "s"),))


def test_get_all_has_three_status_lists() -> None:
    deprecated = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated','urn:x')"
    query = read(
        "GetAll",
        ("$patientId", [PATIENT]),
        ("$XDSDocumentEntryStatus", [STATUS]),
        ("$XDSSubmissionSetStatus", [deprecated]),
        ("$XDSFolderStatus", [STATUS, deprecated]),
    )
    assert isinstance(query, GetAll)
    assert (query.document_statuses, query.submission_set_statuses) == ((APPROVED,), (DEPRECATED,))
    assert query.folder_statuses == (APPROVED, DEPRECATED)
    assert query.object_types == (ObjectType.STABLE,)


def test_reference_ids_are_and_or() -> None:
    slots = [slot for slot in least(BY_NAME["FindDocumentsByReferenceId"]) if "Reference" not in slot[0]]
    reference = "$XDSDocumentEntryReferenceIdList"
    query = read("FindDocumentsByReferenceId", *slots, (reference, ["('a^^^&1&ISO^x','b')"]), (reference, ["('c')"]))
    assert isinstance(query, FindDocumentsByReferenceId)
    assert query.reference_ids == (("a^^^&1&ISO^x", "b"), ("c",))


def test_what_is_excluded_is_not_asked_for() -> None:
    slots = least(BY_NAME["FindDocumentsExclude"])
    excluded = ("$XDSDocumentEntryEventCodeListExclude", ["('a^^s')"])
    query = read("FindDocumentsExclude", *slots, excluded, excluded, ("$XDSDocumentEntryClassCode", ["('b^^s')"]))
    assert isinstance(query, FindDocumentsExclude)
    assert query.excluded_event_codes == ((Code("a", "s"),), (Code("a", "s"),))
    for pair in BY_NAME["FindDocumentsExclude"].apart:
        (kind,) = {each.kind for each in BY_NAME["FindDocumentsExclude"].parameters if each.slot == pair[0]}
        both = [(slot, [SAMPLES[kind.expected]]) for slot in pair]
        assert faults("FindDocumentsExclude", *slots, *both) == [NUMBER]


def test_several_patients_or_one_of_the_attributes() -> None:
    status = ("$XDSDocumentEntryStatus", [STATUS])
    patients = ("$XDSDocumentEntryPatientId", ["('1^^^&1.2&ISO',\n '2^^^&1.2&ISO')"])
    query = read("FindDocumentsForMultiplePatients", status, patients)
    assert isinstance(query, FindDocumentsForMultiplePatients)
    assert query.patient_ids == ("1^^^&1.2&ISO", "2^^^&1.2&ISO")
    assert query.patient is None
    for attribute in ("ClassCode", "EventCodeList", "HealthcareFacilityTypeCode"):
        assert read("FindDocumentsForMultiplePatients", status, (f"$XDSDocumentEntry{attribute}", ["('1^^s')"]))
    other = ("$XDSDocumentEntryTypeCode", ["('1^^s')"])
    assert faults("FindDocumentsForMultiplePatients", status, other) == [MISSING]
    folders = read(
        "FindFoldersForMultiplePatients", ("$XDSFolderStatus", [STATUS]), ("$XDSFolderCodeList", ["('1^^s')"])
    )
    assert isinstance(folders, FindFoldersForMultiplePatients)
    assert folders.codes == ((Code("1", "s"),),)


def test_logical_id_is_a_third_way() -> None:
    query = read("GetDocuments", ("$XDSDocumentEntryLogicalID", [f"('{uuid(1)}')"]), ("$MetadataLevel", ["2"]))
    assert query == GetDocuments(return_type=ReturnType.LEAF_CLASS, logical_ids=(uuid(1),), metadata_level=2)
    assert read("GetFolders", ("$XDSFolderLogicalID", [f"'{uuid(1)}'"]))


@pytest.mark.parametrize("value", ["1", "'1'", "('1')", "2", "'2'"])
def test_metadata_level_is_1_or_2(value: str) -> None:
    query = read("GetDocuments", ("$XDSDocumentEntryUniqueId", ["('1.2')"]), ("$MetadataLevel", [value]))
    assert query.every_version is ("2" in value)
    assert faults("GetDocuments", ("$XDSDocumentEntryUniqueId", ["('1.2')"]), ("$MetadataLevel", ["3"])) == [ERROR]


def test_deprecated_associations_are_told_where_they_are_asked_for() -> None:
    uuids = ("$uuid", [f"('{uuid(1)}')"])
    deprecated = ("$XDSAssociationStatus", ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated')"])
    assert read("GetAssociations", uuids).told_statuses == (APPROVED,)
    assert read("GetAssociations", uuids, deprecated).told_statuses == (APPROVED,)
    assert read("GetAssociations", uuids, ("$MetadataLevel", ["2"])).told_statuses == (APPROVED,)
    assert read("GetAssociations", uuids, ("$MetadataLevel", ["2"]), deprecated).told_statuses == (DEPRECATED,)
    unknown = ("$XDSAssociationStatus", ["('urn:x')"])
    assert read("GetAssociations", uuids, ("$MetadataLevel", ["2"]), unknown).told_statuses == (APPROVED,)


@pytest.mark.parametrize("kind", [GetSubmissionSetAndContents, GetFolderAndContents])
def test_contents_are_limited_by_code(kind: type[StoredQuery]) -> None:
    name = kind.__name__
    own = "$XDSSubmissionSetUniqueId" if kind is GetSubmissionSetAndContents else "$XDSFolderUniqueId"
    query = read(
        name,
        (own, ["'1.2.3'"]),
        ("$XDSDocumentEntryFormatCode", ["('a^^s')"]),
        ("$XDSDocumentEntryConfidentialityCode", ["('N^^s')"]),
        ("$XDSDocumentEntryType", [f"('{ObjectType.ON_DEMAND.value}','{ObjectType.STABLE.value}')"]),
        ("$homeCommunityId", ["'urn:oid:1.2'"]),
    )
    assert isinstance(query, GetSubmissionSetAndContents | GetFolderAndContents)
    assert (query.unique_id, query.entry_uuid) == ("1.2.3", "")
    assert (query.format_codes, query.confidentiality_codes) == ((Code("a", "s"),), ((Code("N", "s"),),))
    assert query.object_types == (ObjectType.ON_DEMAND, ObjectType.STABLE)
    twice = f"('{uuid(1)}','{uuid(2)}')"
    assert faults(name, (own.replace("UniqueId", "EntryUUID"), [twice])) == [NUMBER]
