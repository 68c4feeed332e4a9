"""Every parameter of the queries by attributes: it alone decides what is found and what is not.

Source: ITI TF-2 3.18.4.1.2.3.7.1 to 3.18.4.1.2.3.7.3 and 3.18.4.1.2.3.7.14, 3.51.4.1.2.1; CP-ITI-1323; XDS Metadata
Update 3.18.4.1.2.3.5.1 ($MetadataLevel).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from registry.metadata import AssociationType, Author, Code, Folder, ObjectType, SubmissionSet
from tests.connectathon import CODE, Answer, Node, association, document, folder, new_patient, submission
from tests.journeys.queries import (
    ANY_STATUS,
    FIND_BY_REFERENCE_ID,
    FIND_BY_REFERENCE_ID_OF_SEVERAL,
    FIND_DOCUMENTS,
    FIND_DOCUMENTS_OF_SEVERAL,
    FIND_EXCLUDE,
    FIND_FOLDERS,
    FIND_FOLDERS_OF_SEVERAL,
    FIND_SUBMISSION_SETS,
    ONLY_APPROVED,
    ONLY_DEPRECATED,
    Slots,
    coded,
    listed,
    titles,
)
from tests.journeys.updates import registered, revision, status_change, successor, updated

OTHER = Code("other", "2.999.2", "Another code")
RESTRICTED = Code("R", "2.16.840.1.113883.5.25", "restricted")
CURIE = Author(person="^Curie^Marie")
REFERENCE = "2013001^^^&1.2.3.4.5.6&ISO^urn:ihe:iti:xds:2013:accession"
TO_BE_MADE: dict[str, Any] = {"object_type": ObjectType.ON_DEMAND, "hash": "", "size": None, "creation_time": ""}
STABLE, ON_DEMAND = listed(ObjectType.STABLE.value), listed(ObjectType.ON_DEMAND.value)


@dataclass(frozen=True)
class Query:
    """A query for documents: `by_reference` by a referenceId that both have, `several` of any patient."""

    name: str
    id: str
    by_reference: bool = False
    several: bool = False

    def slots(self, own: Own, **more: str) -> Slots:
        """What finds all that is Approved of `own`, and `more` by the end of the parameter's name."""
        asked = {"Status": ONLY_APPROVED}
        if self.by_reference:
            asked["ReferenceIdList"] = listed(own.reference)
        if not self.several:
            asked["PatientId"] = f"'{own.patient}'"
        elif not self.by_reference:
            asked["EventCodeList"] = coded(own.event)
        return {f"$XDSDocumentEntry{name}": [value] for name, value in {**asked, **more}.items()}

    def ask(self, node: Node, slots: Slots) -> list[str]:
        whole = node.query(self.id, slots, multi_patient=self.several)
        references = node.query(self.id, slots, multi_patient=self.several, references=True)
        assert sorted(references.references) == sorted(entry.entry_uuid for entry in whole.entries)
        return titles(whole)


@dataclass(frozen=True)
class Own:
    """What only the documents of one test have in common."""

    patient: str = field(default_factory=new_patient)
    event: Code = field(default_factory=lambda: Code(uuid.uuid4().hex, "2.999.3", "An event"))
    reference: str = field(default_factory=lambda: f"{uuid.uuid4().hex}^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order")

    def changes(self, given: dict[str, Any]) -> dict[str, Any]:
        """`given`, and what is in common."""
        more = {
            "event_codes": (self.event, *given.get("event_codes", ())),
            "reference_ids": (self.reference, *given.get("reference_ids", ())),
        }
        return {**given, **more}


QUERIES = (
    Query("FindDocuments", FIND_DOCUMENTS),
    Query("FindDocumentsByReferenceId", FIND_BY_REFERENCE_ID, by_reference=True),
    Query("FindDocumentsExclude", FIND_EXCLUDE),
    Query("FindDocumentsForMultiplePatients", FIND_DOCUMENTS_OF_SEVERAL, several=True),
    Query(
        "FindDocumentsByReferenceIdForMultiplePatients",
        FIND_BY_REFERENCE_ID_OF_SEVERAL,
        by_reference=True,
        several=True,
    ),
)


@dataclass(frozen=True)
class Pair:
    """Two documents that differ in what a parameter of that value asks for: the first has it."""

    value: str
    kept: dict[str, Any]
    left: dict[str, Any] = field(default_factory=dict)


PAIRS = {
    "ClassCode": Pair(coded(OTHER), {"class_code": OTHER}),
    "TypeCode": Pair(coded(OTHER), {"type_code": OTHER}),
    "FormatCode": Pair(coded(OTHER), {"format_code": OTHER}),
    "PracticeSettingCode": Pair(coded(OTHER), {"practice_setting_code": OTHER}),
    "HealthcareFacilityTypeCode": Pair(coded(OTHER), {"healthcare_facility_type_code": OTHER}),
    "EventCodeList": Pair(coded(OTHER), {"event_codes": (CODE, OTHER)}, {"event_codes": (CODE,)}),
    "ConfidentialityCode": Pair(coded(RESTRICTED), {"confidentiality_codes": (CODE, RESTRICTED)}),
    "AuthorPerson": Pair(listed("%Curie%"), {"authors": (Author(person="^Smitty^Gerald^^^"), CURIE)}),
    "CreationTimeFrom": Pair("20250102", {"creation_time": "20250102"}, {"creation_time": "20250101235959"}),
    "CreationTimeTo": Pair("20250102", {"creation_time": "20250101235959"}, {"creation_time": "20250102"}),
    "ServiceStartTimeFrom": Pair("2025", {"service_start_time": "2025"}, {"service_start_time": "20241231235959"}),
    "ServiceStartTimeTo": Pair("2025", {"service_start_time": "20241231235959"}, {"service_start_time": "2025"}),
    "ServiceStopTimeFrom": Pair("2025", {"service_stop_time": "2025"}, {"service_stop_time": "20241231235959"}),
    "ServiceStopTimeTo": Pair("2025", {"service_stop_time": "20241231235959"}, {"service_stop_time": "2025"}),
}
EXCLUDABLE = [name for name in PAIRS if "Time" not in name]
REFERENCES = Pair(listed(REFERENCE), {"reference_ids": (REFERENCE,)})


def rows(*names: str, queries: tuple[Query, ...] = QUERIES) -> pytest.MarkDecorator:
    """The test for each of these parameters of each query, proving its row."""
    return pytest.mark.parametrize(
        ("query", "name"),
        [
            pytest.param(query, name, id=f"{query.name}-{name}", marks=proved(f"{query.name}/$XDSDocumentEntry{name}"))
            for query in queries
            for name in names
        ],
    )


def proved(row: str) -> pytest.MarkDecorator:
    return pytest.mark.proves(f"query/{row}")


def two(node: Node, own: Own, pair: Pair) -> None:
    """Registers the two of `pair`."""
    kept = document(own.patient, "kept", title="kept", **own.changes(pair.kept))
    left = document(own.patient, "left", title="left", **own.changes(pair.left))
    answer = node.register(submission(kept, left))
    assert answer.success, answer.errors


def more(slots: Slots, name: str, value: str) -> Any:
    """`slots` and one more: a second one of its name, if there is one, is AND."""
    return [*slots.items(), (f"$XDSDocumentEntry{name}", [value])]


# --- Documents --------------------------------------------------------------------------------------------------------


@rows(*PAIRS)
def test_what_a_document_must_have(node: Node, query: Query, name: str) -> None:
    own = Own()
    two(node, own, PAIRS[name])
    slots = query.slots(own)
    assert query.ask(node, slots) == ["kept", "left"]
    assert query.ask(node, more(slots, name, PAIRS[name].value)) == ["kept"]


@rows(*(f"{name}Exclude" for name in (*EXCLUDABLE, "ReferenceIdList")), queries=QUERIES[2:3])
def test_what_a_document_must_not_have(node: Node, query: Query, name: str) -> None:
    own, pair = Own(), {**PAIRS, "ReferenceIdList": REFERENCES}[name.removesuffix("Exclude")]
    two(node, own, pair)
    slots = query.slots(own)
    assert query.ask(node, slots) == ["kept", "left"]
    assert query.ask(node, more(slots, name, pair.value)) == ["left"]


@rows("ReferenceIdList", queries=(*QUERIES[1:3], QUERIES[4]))
def test_a_reference_that_a_document_must_have(node: Node, query: Query, name: str) -> None:
    own = Own()
    two(node, own, REFERENCES)
    assert query.ask(node, query.slots(own, **{name: listed(own.reference)})) == ["kept", "left"]
    assert query.ask(node, query.slots(own, PatientId=f"'{own.patient}'", **{name: REFERENCES.value})) == ["kept"]


@rows("PatientId")
def test_the_patient_whose_documents_they_are(node: Node, query: Query, name: str) -> None:
    own, other = Own(), new_patient()
    two(node, own, Pair("", {}))
    assert node.register(submission(document(other, title="another's", **own.changes({})))).success
    if query.several:
        assert query.ask(node, query.slots(own)) == ["another's", "kept", "left"]
    assert query.ask(node, query.slots(own, **{name: f"'{own.patient}'"})) == ["kept", "left"]
    assert query.ask(node, query.slots(own, **{name: f"'{other}'"})) == ["another's"]


@rows("Status")
def test_the_status_that_a_document_must_have(node: Node, query: Query, name: str) -> None:
    own = Own()
    old = registered(node, own.patient, title="old", **own.changes({}))
    new = document(own.patient, title="new", **own.changes({}))
    assert node.register(submission(new, association(AssociationType.RPLC, "Document01", old.entry_uuid))).success
    assert query.ask(node, query.slots(own, **{name: ONLY_APPROVED})) == ["new"]
    assert query.ask(node, query.slots(own, **{name: ONLY_DEPRECATED})) == ["old"]
    assert query.ask(node, query.slots(own, **{name: ANY_STATUS})) == ["new", "old"]


def two_types(node: Node) -> Own:
    own = Own()
    assert node.register(submission(document(own.patient, title="stable", **own.changes({})))).success
    made = document(own.patient, title="on demand", **TO_BE_MADE, **own.changes({}))
    assert node.register_on_demand(submission(made)).success
    return own


@rows("Type")
def test_the_type_that_a_document_must_have(node: Node, query: Query, name: str) -> None:
    own = two_types(node)
    assert query.ask(node, query.slots(own, **{name: ON_DEMAND})) == ["on demand"]
    assert query.ask(node, query.slots(own, **{name: STABLE})) == ["stable"]
    both = listed(ObjectType.STABLE.value, ObjectType.ON_DEMAND.value)
    assert query.ask(node, query.slots(own, **{name: both})) == ["on demand", "stable"]


@rows("TypeExclude", queries=QUERIES[2:3])
def test_the_type_that_a_document_must_not_have(node: Node, query: Query, name: str) -> None:
    own = two_types(node)
    assert query.ask(node, query.slots(own, **{name: STABLE})) == ["on demand"]
    assert query.ask(node, query.slots(own, **{name: ON_DEMAND})) == ["stable"]


@pytest.mark.parametrize(
    "query", [pytest.param(each, id=each.name, marks=proved(f"{each.name}/$MetadataLevel")) for each in QUERIES]
)
def test_every_version_of_a_document_or_the_latest(node: Node, query: Query) -> None:
    own = Own()
    first = registered(node, own.patient, title="first", **own.changes({}))
    updated(node, revision(successor(first, title="second")))
    slots = query.slots(own, Status=ANY_STATUS)
    assert query.ask(node, slots) == query.ask(node, {**slots, "$MetadataLevel": ["1"]}) == ["second"]
    assert query.ask(node, {**slots, "$MetadataLevel": ["2"]}) == ["first", "second"]


# --- Submission sets --------------------------------------------------------------------------------------------------

SETS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "SourceId": (listed("2.999.7"), {"source_id": "2.999.7"}, {}),
    "SubmissionTimeFrom": ("2025", {"submission_time": "20250101000000"}, {"submission_time": "20241231235959"}),
    "SubmissionTimeTo": ("2025", {"submission_time": "20241231235959"}, {"submission_time": "20250101000000"}),
    "AuthorPerson": ("'%Curie%'", {"authors": (Author(person="^Smitty^Gerald^^^"), CURIE)}, {}),
    "ContentType": (coded(OTHER), {"content_type_code": OTHER}, {}),
}


def find_sets(node: Node, patient: str, **asked: str) -> list[str]:
    """The titles of the sets found."""
    parameters = {"PatientId": f"'{patient}'", "Status": ONLY_APPROVED, **asked}
    slots = {f"$XDSSubmissionSet{name}": [value] for name, value in parameters.items()}
    return set_titles(node.query(FIND_SUBMISSION_SETS, slots))


def set_titles(answer: Answer) -> list[str]:
    assert answer.success, answer.errors
    return sorted(item.title for item in answer.objects if isinstance(item, SubmissionSet))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=proved(f"FindSubmissionSets/$XDSSubmissionSet{name}")) for name in SETS]
)
def test_what_a_submission_set_must_have(node: Node, name: str) -> None:
    patient, (value, kept, left) = new_patient(), SETS[name]
    for title, changes in (("kept", kept), ("left", left)):
        assert node.register(submission(document(patient), title=title, **changes)).success
    assert find_sets(node, patient) == ["kept", "left"]
    assert find_sets(node, patient, **{name: value}) == ["kept"]


@proved("FindSubmissionSets/$XDSSubmissionSetPatientId")
@proved("FindSubmissionSets/$XDSSubmissionSetStatus")
@proved("FindSubmissionSets/$MetadataLevel")
def test_patient_and_status_of_a_submission_set(node: Node) -> None:
    """A set is never Deprecated, and has one version."""
    one, other = new_patient(), new_patient()
    for patient, title in ((one, "one"), (other, "other")):
        assert node.register(submission(document(patient), title=title)).success
    assert (find_sets(node, one), find_sets(node, other)) == (["one"], ["other"])
    assert find_sets(node, one, Status=ONLY_DEPRECATED) == []
    assert find_sets(node, one, Status=ANY_STATUS) == ["one"]
    slots = {"$XDSSubmissionSetPatientId": [f"'{one}'"], "$XDSSubmissionSetStatus": [ONLY_APPROVED]}
    assert set_titles(node.query(FIND_SUBMISSION_SETS, {**slots, "$MetadataLevel": ["2"]})) == ["one"]


# --- Folders ----------------------------------------------------------------------------------------------------------

FIND = {"FindFolders": FIND_FOLDERS, "FindFoldersForMultiplePatients": FIND_FOLDERS_OF_SEVERAL}


@dataclass(frozen=True)
class Shelf:
    """Two folders of one patient, the second a second younger, and one of another patient; all have one code."""

    own: Own
    other: str
    old: Folder
    new: Folder


@pytest.fixture(scope="module")
def shelf(node: Node) -> Iterator[Shelf]:
    own, other = Own(), new_patient()
    assert node.register(submission(folder(own.patient, title="old", codes=(own.event, OTHER)))).success
    assert node.register(submission(folder(other, title="another's", codes=(own.event,)))).success
    time.sleep(1.01)
    assert node.register(submission(folder(own.patient, title="new", codes=(own.event,)))).success
    slots = {"$XDSFolderPatientId": [f"'{own.patient}'"], "$XDSFolderStatus": [ONLY_APPROVED]}
    old, new = node.query(FIND_FOLDERS, slots).folders
    assert old.last_update_time < new.last_update_time
    yield Shelf(own, other, old, new)


def find_folders(node: Node, query: str, own: Own, level: str = "1", **asked: str) -> list[str]:
    several = query != "FindFolders"
    patient = {} if several else {"PatientId": f"'{own.patient}'"}
    parameters = {**patient, "Status": ONLY_APPROVED, "CodeList": coded(own.event), **asked}
    slots = {f"$XDSFolder{name}": [value] for name, value in parameters.items()}
    return titles(node.query(FIND[query], {**slots, "$MetadataLevel": [level]}, multi_patient=several))


def folder_rows(*names: str) -> pytest.MarkDecorator:
    marks = {query: [proved(f"{query}/{name}") for name in names] for query in FIND}
    return pytest.mark.parametrize("query", [pytest.param(query, marks=marks[query]) for query in FIND])


@folder_rows("$XDSFolderPatientId", "$XDSFolderCodeList")
def test_patient_and_codes_of_a_folder(node: Node, shelf: Shelf, query: str) -> None:
    several = ["another's"] if query != "FindFolders" else []
    assert find_folders(node, query, shelf.own) == [*several, "new", "old"]
    assert find_folders(node, query, shelf.own, PatientId=f"'{shelf.own.patient}'") == ["new", "old"]
    assert find_folders(node, query, shelf.own, PatientId=f"'{shelf.other}'") == ["another's"]
    assert find_folders(node, query, shelf.own, PatientId=f"'{shelf.own.patient}'", CodeList=coded(OTHER)) == ["old"]


@folder_rows("$XDSFolderLastUpdateTimeFrom", "$XDSFolderLastUpdateTimeTo")
def test_last_update_time_of_a_folder(node: Node, shelf: Shelf, query: str) -> None:
    patient = {"PatientId": f"'{shelf.own.patient}'"}
    at = shelf.new.last_update_time
    assert find_folders(node, query, shelf.own, LastUpdateTimeFrom=at, **patient) == ["new"]
    assert find_folders(node, query, shelf.own, LastUpdateTimeTo=at, **patient) == ["old"]


@folder_rows("$XDSFolderStatus", "$MetadataLevel")
def test_status_and_versions_of_a_folder(node: Node, query: str) -> None:
    own = Own()
    boxes = [folder(own.patient, title, title=title, codes=(own.event,)) for title in ("first", "gone")]
    assert node.register(submission(*boxes)).success
    slots = {"$XDSFolderPatientId": [f"'{own.patient}'"], "$XDSFolderStatus": [ONLY_APPROVED]}
    first, gone = sorted(node.query(FIND_FOLDERS, slots).folders, key=lambda each: each.title)
    updated(node, revision(status_change(gone.entry_uuid), patient=own.patient))
    assert find_folders(node, query, own) == ["first"]
    assert find_folders(node, query, own, Status=ONLY_DEPRECATED) == ["gone"]
    assert find_folders(node, query, own, Status=ANY_STATUS) == ["first", "gone"]
    updated(node, revision(replace(first, entry_uuid="Folder01", title="second")))
    assert find_folders(node, query, own, Status=ANY_STATUS) == ["gone", "second"]
    assert find_folders(node, query, own, "2", Status=ANY_STATUS) == ["first", "gone", "second"]
