"""How stored queries are coded, and what a coded value means. Source: ITI TF-2 3.18.4.1.2.3 and 3.18.4.1.3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from registry.metadata import AssociationType, Author, Code, ObjectType
from tests.connectathon import (
    APPROVED,
    CODE,
    DEPRECATED,
    QUERY,
    REGISTRY_PATH,
    RIM,
    Answer,
    Node,
    association,
    document,
    folder,
    new_patient,
    submission,
)
from tests.journeys import queries
from tests.journeys.queries import ANY_STATUS, FIND_DOCUMENTS, ONLY_APPROVED, coded, listed, titles

ONE, TWO, THREE = (Code(name, "2.999.3", name) for name in ("one", "two", "three"))
OLD_STATUS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Approved"
TO_BE_MADE: dict[str, Any] = {"object_type": ObjectType.ON_DEMAND, "hash": "", "size": None, "creation_time": ""}
HAS_MEMBER = AssociationType.HAS_MEMBER

Asked = tuple[str, Sequence[str]]


def put(node: Node, patient: str, **documents: dict[str, Any]) -> None:
    """Registers documents of these titles."""
    answer = node.register(submission(*(document(patient, name, title=name, **how) for name, how in documents.items())))
    assert answer.success, answer.errors


def asked(node: Node, patient: str, *more: Asked, status: Sequence[str] = (ONLY_APPROVED,)) -> Answer:
    """FindDocuments by patient, status and more parameters, each (end of its name, Values)."""
    slots = [("PatientId", [f"'{patient}'"]), *([("Status", status)] if status else []), *more]
    return node.query(FIND_DOCUMENTS, [(f"$XDSDocumentEntry{name}", values) for name, values in slots])


def found(node: Node, patient: str, *more: Asked) -> list[str]:
    return titles(asked(node, patient, *more))


def refused(answer: Answer, code: str) -> None:
    """Nothing is told but that code."""
    assert (answer.http_status, answer.status, answer.codes) == (200, "Failure", {code})
    assert answer.objects == ()


# --- Values -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("coding/quotes")
def test_a_quote_is_doubled_and_a_number_stands_bare(node: Node) -> None:
    patient = new_patient()
    put(
        node,
        patient,
        quoted={"authors": (Author(person="^O'Hara^Scarlett"),), "creation_time": "2020"},
        plain={"authors": (Author(person="^OHara^Scarlett"),), "creation_time": "2021"},
        two={"authors": (Author(person="^O''Hara^Scarlett"),), "creation_time": "2022"},
    )
    for value, title in (("O''Hara", "quoted"), ("OHara", "plain"), ("O''''Hara", "two")):
        assert found(node, patient, ("AuthorPerson", [f"('^{value}^Scarlett')"])) == [title]
    for bound in ("2021", "'2021'"):
        assert found(node, patient, ("CreationTimeTo", [bound])) == ["quoted"]
    for wrong in ("('^O'Hara^Scarlett')", "^OHara^Scarlett", "('^OHara^Scarlett'", "(^OHara^Scarlett)"):
        refused(asked(node, patient, ("AuthorPerson", [wrong])), "XDSRegistryError")


@pytest.mark.proves("coding/lists")
def test_values_of_a_list_and_values_of_a_slot_are_alternatives(node: Node) -> None:
    patient = new_patient()
    put(node, patient, **{each.code: {"class_code": each} for each in (ONE, TWO, THREE)})
    one, two = ("'one^^2.999.3'", "'two^^2.999.3'")
    for values in (
        [f"({one},{two})"],
        [f"( {one} , {two} )"],
        [f"({one})", f"({two})"],
        [one, two],
        [f"({one},{one})", two],
        [f"({one},{two},'unknown^^2.999.3')"],
    ):
        assert found(node, patient, ("ClassCode", values)) == ["one", "two"]
    assert found(node, patient, ("ClassCode", [one])) == ["one"]


AND: dict[str, tuple[str, Any, Any]] = {
    "EventCodeList": ("event_codes", ONE, TWO),
    "ConfidentialityCode": ("confidentiality_codes", ONE, TWO),
    "ReferenceIdList": ("reference_ids", *(f"{name}^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order" for name in ("1", "2"))),
}


@pytest.mark.proves("coding/and")
@pytest.mark.parametrize("name", AND)
def test_a_repeated_slot_is_and(node: Node, name: str) -> None:
    patient, (attribute, one, two) = new_patient(), AND[name]
    put(node, patient, both={attribute: (one, two)}, first={attribute: (one,)}, second={attribute: (two,)})
    query = queries.FIND_BY_REFERENCE_ID if name == "ReferenceIdList" else FIND_DOCUMENTS

    def told(*values: str) -> list[str]:
        slots = [("PatientId", f"'{patient}'"), ("Status", ONLY_APPROVED), *((name, value) for value in values)]
        return titles(node.query(query, [(f"$XDSDocumentEntry{slot}", [value]) for slot, value in slots]))

    a, b = (coded(each) if isinstance(each, Code) else listed(each) for each in (one, two))
    assert told(a) == ["both", "first"]
    assert told(f"{a[:-1]},{b[1:]}") == ["both", "first", "second"]
    assert told(a, b) == told(b, a) == ["both"]
    assert told(a, f"{a[:-1]},{b[1:]}") == ["both", "first"]


@pytest.mark.proves("coding/and")
def test_a_repeated_slot_is_and_for_codes_of_folders(node: Node) -> None:
    patient = new_patient()
    boxes = {"both": (ONE, TWO), "first": (ONE,), "second": (TWO,)}
    assert node.register(submission(*(folder(patient, name, title=name, codes=boxes[name]) for name in boxes))).success
    slots = [("$XDSFolderPatientId", [f"'{patient}'"]), ("$XDSFolderStatus", [ONLY_APPROVED])]
    codes = [("$XDSFolderCodeList", [coded(each)]) for each in (ONE, TWO)]
    assert titles(node.query(queries.FIND_FOLDERS, [*slots, *codes])) == ["both"]
    assert titles(node.query(queries.FIND_FOLDERS, [*slots, codes[0]])) == ["both", "first"]


ONCE = {
    "ClassCode": coded(CODE),
    "TypeCode": coded(CODE),
    "PracticeSettingCode": coded(CODE),
    "HealthcareFacilityTypeCode": coded(CODE),
    "FormatCode": coded(CODE),
    "AuthorPerson": listed("%"),
    "CreationTimeFrom": "2020",
    "CreationTimeTo": "2030",
    "ServiceStartTimeFrom": "2020",
    "ServiceStartTimeTo": "2030",
    "ServiceStopTimeFrom": "2020",
    "ServiceStopTimeTo": "2030",
    "Type": listed(ObjectType.STABLE.value),
    "Status": ONLY_APPROVED,
}


@pytest.mark.proves("coding/repeated-slot")
@pytest.mark.parametrize("name", ONCE)
def test_any_other_slot_comes_once(node: Node, name: str) -> None:
    patient, slot = new_patient(), (name, [ONCE[name]])
    put(node, patient, there={})
    before = [] if name == "Status" else [slot]
    assert found(node, patient, *before) == ["there"]
    refused(asked(node, patient, slot, *before), "XDSStoredQueryParamNumber")


@pytest.mark.proves("coding/repeated-slot")
def test_a_parameter_of_one_value_has_one(node: Node) -> None:
    patient = new_patient()
    for values in (["2020", "2021"], ["('2020','2021')"]):
        refused(asked(node, patient, ("CreationTimeFrom", values)), "XDSStoredQueryParamNumber")
    refused(asked(node, patient, ("PatientId", [f"'{patient}'"])), "XDSStoredQueryParamNumber")


@pytest.mark.proves("coding/code")
def test_a_code_has_its_scheme(node: Node) -> None:
    """And no slot beside it has: NIST 11897, old_scheme and classcode_scheme_mismatch."""
    patient = new_patient()
    put(node, patient, there={"class_code": ONE})
    assert found(node, patient, ("ClassCode", ["('one^^2.999.3')"])) == ["there"]
    for other in ("('one^^2.999.4')", "('other^^2.999.3')", "('ONE^^2.999.3')"):
        assert found(node, patient, ("ClassCode", [other])) == []
    for wrong in (
        "('one')",
        "('one^^')",
        "('^^2.999.3')",
        "('one^2.999.3')",
        "('one^x^2.999.3')",
        "('one^^2.999.3^x')",
    ):
        refused(asked(node, patient, ("ClassCode", [wrong])), "XDSRegistryError")
    scheme = ("ClassCodeScheme", ["('2.999.3')"])
    refused(asked(node, patient, ("ClassCode", ["('one')"]), scheme), "XDSRegistryError")
    assert found(node, patient, ("ClassCode", ["('one^^2.999.3')"]), scheme) == ["there"]


# --- What is answered -------------------------------------------------------------------------------------------------


@pytest.mark.proves("coding/return-type")
def test_object_ref_names_associations_too(node: Node) -> None:
    """NIST 12368: two documents in two sets are two sets and two associations."""
    patient = new_patient()
    put(node, patient, one={})
    put(node, patient, two={})
    ids = [entry.entry_uuid for entry in node.find_documents(patient).entries]
    slots = {"$uuid": [listed(*ids)]}
    whole = node.query(queries.GET_SUBMISSION_SETS, slots)
    assert (len(whole.objects), len(whole.associations)) == (4, 2)
    refs = node.query(queries.GET_SUBMISSION_SETS, slots, references=True)
    assert sorted(refs.references) == sorted(item.entry_uuid for item in whole.objects)
    assert {each.tag for each in refs._list()} == {f"{{{RIM}}}ObjectRef"}
    for other in ("LeafClassWithRepositoryItem", "RegistryObject", "leafclass"):
        body = (
            f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns:rim="{RIM}"><q:ResponseOption returnComposedObjects="true" '
            f'returnType="{other}"/><rim:AdhocQuery id="{queries.GET_SUBMISSION_SETS}"/></q:AdhocQueryRequest>'
        )
        answer = node.soap(REGISTRY_PATH, "urn:ihe:iti:2007:RegistryStoredQuery", body)
        assert not answer.success
        assert answer.fault or answer.codes == {"XDSRegistryError"}


@pytest.mark.proves("coding/single-patient")
def test_whole_objects_are_of_one_patient(node: Node) -> None:
    entry_ids, folder_ids = [], []
    for patient in (new_patient(), new_patient()):
        box = folder(patient)
        assert node.register(submission(document(patient), box)).success
        there = node.everything(patient)
        entry_ids.append(there.entries[0].entry_uuid)
        folder_ids.append(there.folders[0].entry_uuid)
    for query, slot, named in (
        (queries.GET_DOCUMENTS, "$XDSDocumentEntryEntryUUID", entry_ids),
        (queries.GET_DOCUMENTS_AND_ASSOCIATIONS, "$XDSDocumentEntryEntryUUID", entry_ids),
        (queries.GET_SUBMISSION_SETS, "$uuid", entry_ids),
        (queries.GET_FOLDERS, "$XDSFolderEntryUUID", folder_ids),
    ):
        refused(node.query(query, {slot: [listed(*named)]}), "XDSResultNotSinglePatient")
        answer = node.query(query, {slot: [listed(*named)]}, references=True)
        assert answer.success
        expected = [
            each for one in named for each in node.query(query, {slot: [listed(one)]}, references=True).references
        ]
        assert sorted(answer.references) == sorted(expected)


@pytest.mark.proves("coding/unknown-patient", "coding/empty")
def test_nothing_found_is_success_and_an_empty_list(node: Node) -> None:
    known, code = new_patient(), ("ClassCode", [coded(THREE)])
    put(node, known, there={})
    for answer in (asked(node, new_patient()), asked(node, known, code), node.find_documents(known, DEPRECATED)):
        assert (answer.success, answer.errors, answer.objects) == (True, [], ())
        (response,) = answer.root.iter(f"{{{QUERY}}}AdhocQueryResponse")
        (inside,) = response
        assert (inside.tag, len(inside)) == (f"{{{RIM}}}RegistryObjectList", 0)


@pytest.mark.proves("coding/paging")
def test_references_first_and_documents_by_chunks(node: Node) -> None:
    patient, many = new_patient(), 250
    put(node, patient, **{f"n{number:03}": {} for number in range(many)})
    ids = node.find_documents(patient, references=True).references
    assert len(set(ids)) == many
    read: list[str] = []
    for start in range(0, many, 100):
        chunk = ids[start : start + 100]
        answer = node.query(queries.GET_DOCUMENTS, {"$XDSDocumentEntryEntryUUID": [listed(each) for each in chunk]})
        assert {entry.entry_uuid for entry in answer.entries} == set(chunk)
        read += [entry.title for entry in answer.entries]
    assert sorted(read) == [f"n{number:03}" for number in range(many)]


# --- Times ------------------------------------------------------------------------------------------------------------

TIMES = ("20241231235959", "20250101000000", "2025", "202503", "20250401", "20251231235959", "2026", "20260101000000")


@pytest.mark.proves("coding/date-edges")
@pytest.mark.parametrize(
    ("start", "stop", "inside"),
    [
        ("2025", "2026", TIMES[1:6]),  # From <= value < To; partial precision by its first second
        ("20250101000000", "20260101000000", TIMES[1:6]),
        ("20250101000001", "2026", TIMES[3:6]),
        ("2025", "20251231235959", TIMES[1:5]),
        ("202503", "202504", ("202503",)),
        ("202503", "2025040100", ("202503",)),
        ("20250301", "20250402", ("202503", "20250401")),
        ("2025", "2025", ()),
        ("2026", "", TIMES[6:]),
        ("", "2025", TIMES[:1]),
    ],
)
def test_the_left_edge_is_inside_and_the_right_one_is_not(
    node: Node, dated: str, start: str, stop: str, inside: Sequence[str]
) -> None:
    for name in ("CreationTime", "ServiceStartTime", "ServiceStopTime"):
        limits = [(f"{name}{side}", [bound]) for side, bound in (("From", start), ("To", stop)) if bound]
        assert found(node, dated, *limits) == sorted(inside)


@pytest.fixture(scope="module")
def dated(node: Node) -> str:
    """A patient who has a document of each of TIMES, which is its title."""
    patient, names = new_patient(), ("creation_time", "service_start_time", "service_stop_time")
    put(node, patient, **{time: dict.fromkeys(names, time) for time in TIMES})
    return patient


@pytest.mark.proves("coding/date-edges")
@pytest.mark.parametrize("wrong", ["2025-01-01", "'x'", "25", "20250101000000+0100", "²025"])
def test_what_is_no_time_is_refused(node: Node, wrong: str) -> None:
    refused(asked(node, new_patient(), ("CreationTimeFrom", [wrong])), "XDSRegistryError")


@pytest.mark.proves("coding/absent-service-time")
def test_a_service_time_that_is_not_there_excludes_nothing(node: Node) -> None:
    """Each range is of its own attribute: it is no test of overlap."""
    patient = new_patient()
    put(
        node,
        patient,
        none={},
        start={"service_start_time": "2020"},
        stop={"service_stop_time": "2020"},
        long={"service_start_time": "2010", "service_stop_time": "2030"},
    )
    assert found(node, patient, ("ServiceStartTimeFrom", ["2025"])) == ["none", "stop"]
    assert found(node, patient, ("ServiceStartTimeTo", ["2015"])) == ["long", "none", "stop"]
    assert found(node, patient, ("ServiceStopTimeFrom", ["2025"])) == ["long", "none", "start"]
    assert found(node, patient, ("ServiceStopTimeTo", ["2015"])) == ["none", "start"]


# --- Types, statuses, patterns ----------------------------------------------------------------------------------------


@pytest.mark.proves("coding/type-default")
def test_stable_documents_unless_asked_and_creation_time_is_no_matter_of_on_demand(node: Node) -> None:
    patient = new_patient()
    put(node, patient, old={"creation_time": "2020"}, new={"creation_time": "2025"})
    assert node.register_on_demand(submission(document(patient, title="on demand", **TO_BE_MADE))).success
    both = ("Type", [listed(*(each.value for each in ObjectType))])
    since, until = ("CreationTimeFrom", ["2022"]), ("CreationTimeTo", ["2022"])
    assert found(node, patient) == ["new", "old"]
    assert found(node, patient, since) == ["new"]
    assert found(node, patient, both) == ["new", "old", "on demand"]
    assert found(node, patient, both, since) == ["new", "on demand"]
    assert found(node, patient, both, until) == ["old", "on demand"]
    assert found(node, patient, both, since, until) == ["on demand"]


@pytest.mark.proves("coding/status-values")
def test_unknown_statuses_are_ignored_and_none_is_missing(node: Node) -> None:
    patient = new_patient()
    put(node, patient, old={})
    (old,) = node.find_documents(patient).entries
    new = document(patient, "new", title="new")
    assert node.register(submission(new, association(AssociationType.RPLC, "new", old.entry_uuid))).success
    for status, told in (
        ([listed(APPROVED)], ["new"]),
        ([listed(APPROVED, "urn:x:Unknown")], ["new"]),
        ([listed("Approved"), listed(DEPRECATED)], ["old"]),
        ([listed(OLD_STATUS)], ["new"]),
        ([ANY_STATUS], ["new", "old"]),
    ):
        assert titles(asked(node, patient, status=status)) == told
    for nothing in ([listed("urn:x:Unknown")], ["('Approved')"], ["('')"], []):
        refused(asked(node, patient, status=nothing), "XDSStoredQueryMissingParam")


@pytest.mark.proves("coding/like")
def test_wildcards_match_each_person_and_a_backslash_is_itself(node: Node) -> None:
    patient = new_patient()
    people = {
        "two": ("^Curie^Marie", "^Curie^Pierre"),
        "smith": ("^Smith^John",),
        "smyth": ("^Smyth^John",),
        "back": ("^A\\%^B",),
        "percent": ("^A%^B",),
        "long": ("^Axx^B",),
    }
    put(node, patient, **{name: {"authors": tuple(map(Author, persons))} for name, persons in people.items()})
    for pattern, told in (
        ("%", sorted(people)),
        ("%Pierre%", ["two"]),
        ("^Curie^Marie", ["two"]),
        ("Curie", []),
        ("^Curie%Pierre^Curie%", []),  # one person at a time
        ("^Sm_th^John", ["smith", "smyth"]),
        ("^Sm_^John", []),
        ("^Sm%John", ["smith", "smyth"]),
        ("^A\\%^B", ["back"]),
        ("^A%^B", ["back", "long", "percent"]),
        ("^A_^B", ["percent"]),
        ("^A__^B", ["back", "long"]),
        ("^smith^john", []),
    ):
        assert found(node, patient, ("AuthorPerson", [listed(pattern)])) == told, pattern
