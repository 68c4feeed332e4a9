"""How questions are coded. Source: ITI TF-2 3.18.4.1.2.3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import ErrorCode, RegistryError
from registry.metadata import AssociationType, AvailabilityStatus, Code, ObjectType
from registry.stored_query import (
    FindDocuments,
    GetAssociations,
    GetDocuments,
    GetRelatedDocuments,
    GetSubmissionSets,
    ReturnType,
    StoredQuery,
    TimeRange,
)
from registry.stored_query_coding import MAX_SLOTS, MAX_VALUES, read_stored_query, write_stored_query
from registry.stored_query_table import (
    ASSOCIATION_TYPE,
    CODE,
    DTM,
    LEVEL,
    OBJECT_TYPE,
    ROWS,
    STATUS,
    TEXT,
    UUID,
    Kind,
    Row,
)
from schemas.xml import parse
from tests.registry.queries import made
from tests.registry.samples import uuid

FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_RELATED_DOCUMENTS = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"

PATIENT = ("$XDSDocumentEntryPatientId", ["'st3498702^^^&1.3.6.1.4.1.21367.2005.3.7&ISO'"])
APPROVED = ("$XDSDocumentEntryStatus", ["('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"])

Slot = tuple[str, list[str]]


def find(*more: Slot) -> FindDocuments:
    query = read_stored_query(FIND_DOCUMENTS, [PATIENT, APPROVED, *more], ReturnType.LEAF_CLASS)
    assert isinstance(query, FindDocuments)
    return query


def faults(query_id: str, *slots: Slot) -> list[ErrorCode]:
    with pytest.raises(RegistryError) as caught:
        read_stored_query(query_id, slots, ReturnType.OBJECT_REF)
    return [found.code for found in caught.value.findings]


def test_the_least_question() -> None:
    query = find()
    assert query.patient == "st3498702^^^&1.3.6.1.4.1.21367.2005.3.7&ISO"
    assert query.statuses == (AvailabilityStatus.APPROVED,)
    assert query.object_types == (ObjectType.STABLE,)


def test_values_of_a_slot_are_alternatives_in_lists_and_in_several_values() -> None:
    query = find(("$XDSDocumentEntryClassCode", ["('10^^1.2','11^^1.2')", " ( '31^^1.3' ) "]))
    assert query.class_codes == (Code("10", "1.2"), Code("11", "1.2"), Code("31", "1.3"))


def test_a_doubled_quote_is_a_quote() -> None:
    assert find(("$XDSDocumentEntryAuthorPerson", ["('%O''Neil%','')"])).author_persons == ("%O'Neil%",)


@pytest.mark.parametrize("attribute", ["EventCodeList", "ConfidentialityCode"])
def test_a_repeated_slot_is_and_where_that_is_allowed(attribute: str) -> None:
    slot = f"$XDSDocumentEntry{attribute}"
    query = find((slot, ["('N^^1')"]), (slot, ["('R^^1','V^^1')"]))
    field = query.event_codes if attribute == "EventCodeList" else query.confidentiality_codes
    assert field == ((Code("N", "1"),), (Code("R", "1"), Code("V", "1")))


@pytest.mark.parametrize("attribute", ["ClassCode", "TypeCode", "FormatCode", "PracticeSettingCode"])
def test_a_repeated_slot_is_refused_elsewhere(attribute: str) -> None:
    slot = (f"$XDSDocumentEntry{attribute}", ["('a^^b')"])
    assert faults(FIND_DOCUMENTS, PATIENT, APPROVED, slot, slot) == [ErrorCode.XDSStoredQueryParamNumber]


@pytest.mark.parametrize(
    "slot",
    [
        ("$XDSDocumentEntryPatientId", ["('1^^^&1.2&ISO','2^^^&1.2&ISO')"]),
        ("$XDSDocumentEntryPatientId", ["'1^^^&1.2&ISO'", "'2^^^&1.2&ISO'"]),
    ],
)
def test_one_patient(slot: Slot) -> None:
    assert faults(FIND_DOCUMENTS, slot, APPROVED) == [ErrorCode.XDSStoredQueryParamNumber]


@pytest.mark.parametrize("value", ["('10')", "('10^1.2')", "('10^x^1.2')", "('^^1.2')", "('10^^')", "('10^^1.2^')"])
def test_a_code_has_code_and_scheme(value: str) -> None:
    assert faults(FIND_DOCUMENTS, PATIENT, APPROVED, ("$XDSDocumentEntryTypeCode", [value])) == [
        ErrorCode.XDSRegistryError
    ]


@pytest.mark.parametrize(
    "value", ["10^^1.2", "('a^^b'", "'a^^b')", "('a^^b',)", "('a^^b' 'c^^d')", "('a^^b'') OR 1", "()"]
)
def test_a_value_is_quoted(value: str) -> None:
    assert faults(FIND_DOCUMENTS, PATIENT, APPROVED, ("$XDSDocumentEntryTypeCode", [value])) == [
        ErrorCode.XDSRegistryError
    ]


@pytest.mark.parametrize("value", ["2021", "'2021'", "20210101", "'20210101000000'"])
def test_times_are_numbers_or_texts_of_any_precision(value: str) -> None:
    slot = ("$XDSDocumentEntryCreationTimeFrom", [value])
    assert find(slot).creation_time == TimeRange(start="20210101000000")


def test_each_side_of_a_time_is_a_slot() -> None:
    query = find(("$XDSDocumentEntryServiceStopTimeTo", ["2022"]), ("$XDSDocumentEntryServiceStopTimeFrom", ["2021"]))
    assert query.service_stop_time == TimeRange("20210101000000", "20220101000000")
    assert faults(FIND_DOCUMENTS, PATIENT, APPROVED, ("$XDSDocumentEntryCreationTimeTo", ["21"])) == [
        ErrorCode.XDSRegistryError
    ]


def test_unknown_statuses_are_left_aside_until_none_is_left() -> None:
    values = "('urn:x:Unknown','urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Deprecated')"
    query = read_stored_query(FIND_DOCUMENTS, [PATIENT, ("$XDSDocumentEntryStatus", [values])], ReturnType.OBJECT_REF)
    assert isinstance(query, FindDocuments)
    assert query.statuses == (AvailabilityStatus.DEPRECATED,)
    assert faults(FIND_DOCUMENTS, PATIENT, ("$XDSDocumentEntryStatus", ["('urn:x:Unknown')"])) == [
        ErrorCode.XDSStoredQueryMissingParam
    ]


def test_object_types_nobody_knows_find_nothing() -> None:
    assert find(("$XDSDocumentEntryType", ["('urn:uuid:0')"])).object_types == ()


def test_what_is_required_is_missing() -> None:
    missing = ErrorCode.XDSStoredQueryMissingParam
    assert faults(FIND_DOCUMENTS) == [missing, missing]
    assert faults(FIND_DOCUMENTS, ("$XDSDocumentEntryPatientId", ["''"]), APPROVED) == [missing]
    assert faults(GET_ASSOCIATIONS, ("$uuid", [])) == [missing]
    assert faults(GET_DOCUMENTS) == [missing]


def test_entry_uuid_or_unique_id_but_not_both() -> None:
    by_uuid = ("$XDSDocumentEntryEntryUUID", [f"('{uuid(1).upper().replace('URN:UUID', 'urn:uuid')}')"])
    by_unique_id = ("$XDSDocumentEntryUniqueId", ["('1.2.3')", "('1.2.4^x')"])
    query = read_stored_query(GET_DOCUMENTS, [by_uuid], ReturnType.LEAF_CLASS)
    assert query == GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=(uuid(1),))
    query = read_stored_query(GET_DOCUMENTS, [by_unique_id], ReturnType.LEAF_CLASS)
    assert query == GetDocuments(return_type=ReturnType.LEAF_CLASS, unique_ids=("1.2.3", "1.2.4^x"))
    assert query.patient is None
    assert faults(GET_DOCUMENTS, by_uuid, by_unique_id) == [ErrorCode.XDSStoredQueryParamNumber]


def test_get_related_documents_is_about_one_document() -> None:
    types = ("$AssociationTypes", ["('urn:ihe:iti:2007:AssociationType:RPLC','urn:x:Unknown')"])
    one = ("$XDSDocumentEntryUniqueId", ["'1.2.3'"])
    two = ("$XDSDocumentEntryUniqueId", ["('1.2.3','1.2.4')"])
    query = read_stored_query(GET_RELATED_DOCUMENTS, [one, types], ReturnType.LEAF_CLASS)
    assert isinstance(query, GetRelatedDocuments)
    assert query.association_types == (AssociationType.RPLC,)
    assert faults(GET_RELATED_DOCUMENTS, two, types) == [ErrorCode.XDSStoredQueryParamNumber]
    assert faults(GET_RELATED_DOCUMENTS, one) == [ErrorCode.XDSStoredQueryMissingParam]


def test_an_unknown_query() -> None:
    assert faults("urn:uuid:00000000-0000-0000-0000-000000000000") == [ErrorCode.XDSUnknownStoredQuery]


def test_parameters_of_no_query_are_left_aside() -> None:
    assert find(("$MetadataLevel", ["1"]), ("$homeCommunityId", ["'urn:oid:1.2'"])) == find()


# --- Round trip -------------------------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
parts = st.text(st.characters(codec="utf-8", exclude_characters="^"), min_size=1, max_size=20)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    TEXT: texts,
    UUID: st.integers(1, 10**9).map(uuid),
    CODE: st.builds(Code, parts, parts),
    DTM: st.datetimes().map(lambda instant: f"{instant.year:04}{instant:%m%d%H%M%S}"),
    STATUS: st.sampled_from(AvailabilityStatus),
    OBJECT_TYPE: st.sampled_from(ObjectType),
    ASSOCIATION_TYPE: st.sampled_from(AssociationType),
    LEVEL: st.sampled_from((1, 2)),
}


@st.composite
def queries(draw: st.DrawFn, row: Row) -> StoredQuery:
    return made(row, lambda parameter: draw(VALUES[parameter.kind]), lambda several: draw(st.sampled_from(several)))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.query.__name__)
@settings(max_examples=15)
@given(st.data())
def test_round_trip(row: Row, data: st.DataObject) -> None:
    query = data.draw(queries(row))
    query_id, slots = write_stored_query(query)
    read = read_stored_query(query_id, slots, query.return_type, multi_patient=row.query.multi_patient)
    assert read == query


@given(st.lists(st.tuples(st.sampled_from([PATIENT[0], APPROVED[0], "$XDSDocumentEntryTypeCode"]), st.lists(texts))))
def test_whatever_comes_is_read_or_refused_by_the_standard(slots: list[Slot]) -> None:
    try:
        query = read_stored_query(FIND_DOCUMENTS, slots, ReturnType.LEAF_CLASS)
    except RegistryError as error:
        assert error.findings
    else:
        assert query.patient


# --- Questions of others ----------------------------------------------------------------------------------------------

RIM = "{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}"


@pytest.mark.reference
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("xcadocumentsource-iti/IT_iti-18_request.xml", FindDocuments),
        ("nist-messagevalidator/sq-req.xml", FindDocuments),
        ("nist-utilities/GetAssociations/XDS/query.xml", GetAssociations),
        ("nist-utilities/GetSubmissionSets/XDS/query.xml", GetSubmissionSets),
        ("nist-utilities/RegisterAndQuery/getdocs.xml", GetDocuments),
        ("nist-messagevalidator/sq-req-missing-stat.xml", [ErrorCode.XDSStoredQueryMissingParam]),
        (
            "nist-utilities/GetDocuments/XDS/query.xml",  # a template: every alternative, no number as $MetadataLevel
            [ErrorCode.XDSStoredQueryParamNumber, ErrorCode.XDSRegistryError],
        ),
        ("ipf-xds/iti18request.xml", [ErrorCode.XDSRegistryError]),  # an SQL injection in the patient id
        ("ipf-xds/iti51request.xml", [ErrorCode.XDSUnknownStoredQuery]),
    ],
)
def test_questions_of_others(reference: Path, sample: str, expected: type[StoredQuery] | list[ErrorCode]) -> None:
    asked = next(parse((reference / "ihe" / "samples" / sample).read_bytes()).iter(f"{RIM}AdhocQuery"))
    slots = [
        (slot.get("name", ""), [value.text or "" for value in slot.iter(f"{RIM}Value")])
        for slot in asked.iter(f"{RIM}Slot")
    ]
    if isinstance(expected, list):
        assert faults(asked.get("id", ""), *slots) == expected
    else:
        assert isinstance(read_stored_query(asked.get("id", ""), slots, ReturnType.LEAF_CLASS), expected)


def test_more_values_than_a_statement_holds_are_refused() -> None:
    values = [f"('{number}^^1.2','x^^1.2')" for number in range(MAX_VALUES // 2 + 1)]
    with pytest.raises(RegistryError, match="at most 10000 values"):
        find(("$XDSDocumentEntryTypeCode", values))
    with pytest.raises(RegistryError, match="at most 10000 values"):
        find(("$Unknown", ["," * MAX_VALUES]))


def test_more_conditions_than_a_statement_holds_are_refused() -> None:
    events: list[Slot] = [("$XDSDocumentEntryEventCodeList", [f"('{number}^^1.2')"]) for number in range(MAX_SLOTS)]
    assert len(find(*events).event_codes) == MAX_SLOTS
    with pytest.raises(RegistryError, match="at most 32 slots, got 33") as refused:
        find(*events, events[0])
    assert [found.code for found in refused.value.findings] == [ErrorCode.XDSStoredQueryParamNumber]


def test_digits_of_other_scripts_are_no_time() -> None:
    with pytest.raises(RegistryError, match="CreationTimeFrom"):
        find(("$XDSDocumentEntryCreationTimeFrom", ["'٢٠٢٤'"]))
