"""What each stored query returns, exactly: objects, and the associations between them; and every parameter of the
queries by identifier.

Two submissions of one patient, A and B, and the same two of another one. `A-a1` is a HasMember, `A-fA-a1` the HasMember
of one; what a query does not name is there to be left out.

Source: ITI TF-2 3.18.4.1.2.3.7.1 to 3.18.4.1.2.3.7.14, 3.51.4.1.2.1; CP-ITI-1323.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from registry.metadata import Association, AssociationType, Code
from tests.connectathon import (
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
from tests.journeys.queries import ONLY_APPROVED, Slots, coded, get_all, listed

APND, XFRM, RPLC, HAS_MEMBER = (
    AssociationType.APND,
    AssociationType.XFRM,
    AssociationType.RPLC,
    AssociationType.HAS_MEMBER,
)
OTHER = Code("other", "2.999.2", "Another code")
ENTRY, SET, FOLDER = "$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder"


@dataclass(frozen=True)
class Library:
    """What one patient has: entryUUIDs and uniqueIds of documents, folders and sets by name."""

    patient: str
    uuids: Mapping[str, str]
    unique_ids: Mapping[str, str]
    names: Mapping[str, str]  # by entryUUID, associations included

    def told(self, answer: Answer) -> set[str]:
        """What an answer tells, by name; what is another patient's by its entryUUID."""
        assert answer.success, answer.errors or answer.fault
        told = [self.names.get(item.entry_uuid, item.entry_uuid) for item in answer.objects]
        assert len(told) == len(set(told)), "nothing twice"
        return set(told)


@dataclass(frozen=True)
class World:
    node: Node
    one: Library
    other: Library
    event: Code  # of a1 and of fA of both patients
    reference: str  # of a1 and b1 of both patients

    def ask(self, query: str, slots: Slots, *, several: bool = False) -> set[str]:
        """What a query tells of the first patient, when ObjectRef tells the same."""
        whole = self.node.query(query, slots, multi_patient=several)
        references = self.node.query(query, slots, references=True, multi_patient=several)
        assert references.success
        assert sorted(references.references) == sorted(item.entry_uuid for item in whole.objects)
        return self.one.told(whole)


@pytest.fixture(scope="module")
def world(node: Node) -> Iterator[World]:
    event, reference = (
        Code(uuid.uuid4().hex, "2.999.3", "An event"),
        f"{uuid.uuid4().hex}^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:order",
    )
    yield World(node, library(node, event, reference), library(node, event, reference), event, reference)


def library(node: Node, event: Code, reference: str) -> Library:
    patient = new_patient()
    a1 = document(patient, "a1", title="a1", event_codes=(event,), reference_ids=(reference,))
    a2 = document(patient, "a2", title="a2", class_code=OTHER)
    fa = folder(patient, "fA", title="fA", codes=(event,))
    first = submission(a1, a2, fa, association(HAS_MEMBER, "fA", "a1"), association(APND, "a2", "a1"), title="A")
    assert node.register(first).success
    uuids = {entry.title: entry.entry_uuid for entry in node.find_documents(patient).entries}
    b1 = document(patient, "b1", title="b1", reference_ids=(reference,))
    fb = folder(patient, "fB", title="fB")
    members = [association(HAS_MEMBER, "fB", each) for each in ("b1", uuids["a2"], uuids["a1"])]
    transformed = association(XFRM, "b1", uuids["a1"])
    second = submission(b1, fb, *members, transformed, references=(uuids["a2"],), title="B")
    answer = node.register(second)
    assert answer.success, answer.errors
    found = node.query(queries.GET_ALL, get_all(patient))
    own = [item for item in found.objects if not isinstance(item, Association)]
    names = {item.entry_uuid: item.title for item in own}
    name_associations(found.associations, names)
    return Library(
        patient,
        uuids={item.title: item.entry_uuid for item in own},
        unique_ids={item.title: item.unique_id for item in own},
        names=names,
    )


def name_associations(items: tuple[Association, ...], names: dict[str, str]) -> None:
    """`A-a1`, `a2 APND a1`; those of associations last."""
    for item in sorted(items, key=lambda each: each.target not in names):
        between = "-" if item.type is HAS_MEMBER else f" {item.type.name} "
        names[item.entry_uuid] = f"{names[item.source]}{between}{names[item.target]}"


EVERYTHING_OF_A = {"A", "a1", "a2", "fA", "A-a1", "A-a2", "A-fA", "fA-a1", "A-fA-a1"}
EVERYTHING_OF_B = {"B", "b1", "fB", "B-b1", "B-a2", "B-fB", "fB-b1", "fB-a2", "fB-a1", "B-fB-b1", "B-fB-a2", "B-fB-a1"}


def proves(row: str) -> pytest.MarkDecorator:
    return pytest.mark.proves(f"query/{row}")


def document_slots(world: World, **more: str) -> Slots:
    asked = {"PatientId": f"'{world.one.patient}'", "Status": ONLY_APPROVED, **more}
    return {f"{ENTRY}{name}": [value] for name, value in asked.items()}


# --- By attributes ----------------------------------------------------------------------------------------------------


@proves("FindDocuments")
def test_find_documents(world: World) -> None:
    assert world.ask(queries.FIND_DOCUMENTS, document_slots(world)) == {"a1", "a2", "b1"}


@proves("FindDocumentsByReferenceId")
def test_find_documents_by_reference_id(world: World) -> None:
    slots = document_slots(world, ReferenceIdList=listed(world.reference))
    assert world.ask(queries.FIND_BY_REFERENCE_ID, slots) == {"a1", "b1"}


@proves("FindDocumentsExclude")
def test_find_documents_exclude(world: World) -> None:
    slots = document_slots(world, ClassCodeExclude=coded(OTHER), ReferenceIdList=listed(world.reference))
    assert world.ask(queries.FIND_EXCLUDE, slots) == {"a1", "b1"}
    slots = document_slots(world, EventCodeListExclude=coded(world.event))
    assert world.ask(queries.FIND_EXCLUDE, slots) == {"a2", "b1"}
    both = {**slots, f"{ENTRY}EventCodeList": [coded(world.event)]}
    assert world.node.query(queries.FIND_EXCLUDE, both).codes == {"XDSStoredQueryParamNumber"}


@proves("FindSubmissionSets")
def test_find_submission_sets(world: World) -> None:
    slots = {f"{SET}PatientId": [f"'{world.one.patient}'"], f"{SET}Status": [ONLY_APPROVED]}
    assert world.ask(queries.FIND_SUBMISSION_SETS, slots) == {"A", "B"}


@proves("FindFolders")
def test_find_folders(world: World) -> None:
    slots = {f"{FOLDER}PatientId": [f"'{world.one.patient}'"], f"{FOLDER}Status": [ONLY_APPROVED]}
    assert world.ask(queries.FIND_FOLDERS, slots) == {"fA", "fB"}


@proves("GetAll")
def test_get_all(world: World) -> None:
    related = {"a2 APND a1", "b1 XFRM a1"}
    found = world.ask(queries.GET_ALL, get_all(world.one.patient))
    assert found == EVERYTHING_OF_A | EVERYTHING_OF_B | related


@proves("FindDocumentsForMultiplePatients")
def test_find_documents_for_multiple_patients(world: World) -> None:
    slots = {f"{ENTRY}EventCodeList": [coded(world.event)], f"{ENTRY}Status": [ONLY_APPROVED]}
    theirs = world.other.uuids
    found = world.ask(queries.FIND_DOCUMENTS_OF_SEVERAL, slots, several=True)
    assert found == {"a1", theirs["a1"]}
    patients = {
        f"{ENTRY}PatientId": [listed(world.one.patient, world.other.patient)],
        f"{ENTRY}Status": [ONLY_APPROVED],
    }
    found = world.ask(queries.FIND_DOCUMENTS_OF_SEVERAL, patients, several=True)
    assert found == {"a1", "a2", "b1", theirs["a1"], theirs["a2"], theirs["b1"]}


@proves("FindFoldersForMultiplePatients")
def test_find_folders_for_multiple_patients(world: World) -> None:
    slots = {f"{FOLDER}CodeList": [coded(world.event)], f"{FOLDER}Status": [ONLY_APPROVED]}
    assert world.ask(queries.FIND_FOLDERS_OF_SEVERAL, slots, several=True) == {"fA", world.other.uuids["fA"]}


@proves("FindDocumentsByReferenceIdForMultiplePatients")
def test_find_documents_by_reference_id_for_multiple_patients(world: World) -> None:
    slots = {f"{ENTRY}ReferenceIdList": [listed(world.reference)], f"{ENTRY}Status": [ONLY_APPROVED]}
    found = world.ask(queries.FIND_BY_REFERENCE_ID_OF_SEVERAL, slots, several=True)
    assert found == {"a1", "b1", world.other.uuids["a1"], world.other.uuids["b1"]}


# --- By identifier ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Named:
    """A query by identifier: its parameter, what is named, and all that is told; `more` are other parameters.

    Of `one` object, or of several.
    """

    query: str
    id: str
    parameter: str
    named: tuple[str, ...]
    told: frozenset[str]
    more: tuple[tuple[str, str], ...] = ()
    one: bool = False


def both(query: str, query_id: str, prefix: str, named: tuple[str, ...], told: set[str], **how: object) -> list[Named]:
    """By entryUUID and by uniqueId."""
    ends = ("EntryUUID", "UniqueId")
    return [Named(query, query_id, f"{prefix}{end}", named, frozenset(told), **how) for end in ends]  # type: ignore[arg-type]


RELATED = {"a1", "a2", "a2 APND a1"}
NAMED = [
    *both("GetDocuments", queries.GET_DOCUMENTS, ENTRY, ("a1", "b1"), {"a1", "b1"}),
    *both("GetFolders", queries.GET_FOLDERS, FOLDER, ("fB",), {"fB"}),
    *both(
        "GetDocumentsAndAssociations",
        queries.GET_DOCUMENTS_AND_ASSOCIATIONS,
        ENTRY,
        ("a2",),
        {"a2", "A-a2", "B-a2", "fB-a2", "a2 APND a1"},
    ),
    *both(
        "GetSubmissionSetAndContents",
        queries.GET_SUBMISSION_SET_AND_CONTENTS,
        SET,
        ("B",),
        (EVERYTHING_OF_B | {"a2"}) - {"fB-a1", "B-fB-a1"},  # a1 is not in the set
        one=True,
    ),
    *both(
        "GetSubmissionSetAndContents", queries.GET_SUBMISSION_SET_AND_CONTENTS, SET, ("A",), EVERYTHING_OF_A, one=True
    ),
    *both(
        "GetFolderAndContents",
        queries.GET_FOLDER_AND_CONTENTS,
        FOLDER,
        ("fB",),
        {"fB", "b1", "a2", "a1", "fB-b1", "fB-a2", "fB-a1"},
        one=True,
    ),
    *both("GetFoldersForDocument", queries.GET_FOLDERS_FOR_DOCUMENT, ENTRY, ("a1",), {"fA", "fB"}, one=True),
    *both("GetFoldersForDocument", queries.GET_FOLDERS_FOR_DOCUMENT, ENTRY, ("b1",), {"fB"}, one=True),
    *both(
        "GetRelatedDocuments",
        queries.GET_RELATED_DOCUMENTS,
        ENTRY,
        ("a1",),
        {*RELATED, "b1", "b1 XFRM a1"},
        more=(("$AssociationTypes", listed(APND.value, XFRM.value)),),
        one=True,
    ),
    *both(
        "GetRelatedDocuments",
        queries.GET_RELATED_DOCUMENTS,
        ENTRY,
        ("a2",),
        RELATED,
        more=(("$AssociationTypes", listed(APND.value, XFRM.value)),),
        one=True,
    ),
    Named(
        "GetAssociations",
        queries.GET_ASSOCIATIONS,
        "$uuid",
        ("a1",),
        frozenset({"A-a1", "fA-a1", "fB-a1", "a2 APND a1", "b1 XFRM a1"}),
    ),
    Named(
        "GetAssociations",
        queries.GET_ASSOCIATIONS,
        "$uuid",
        ("fA", "b1"),
        frozenset({"A-fA", "fA-a1", "B-b1", "fB-b1", "b1 XFRM a1"}),
    ),
    Named(
        "GetSubmissionSets",
        queries.GET_SUBMISSION_SETS,
        "$uuid",
        ("a2", "fA"),
        frozenset({"A", "B", "A-a2", "B-a2", "A-fA"}),
    ),
]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(
            each,
            id=f"{each.query}-{each.parameter}-{'-'.join(each.named)}",
            marks=pytest.mark.proves(f"query/{each.query}", f"query/{each.query}/{each.parameter}"),
        )
        for each in NAMED
    ],
)
def test_what_is_told_of_what_is_named(world: World, asked: Named) -> None:
    known = world.one.unique_ids if asked.parameter.endswith("UniqueId") else world.one.uuids
    values = [known[name] for name in asked.named]
    slots = {asked.parameter: [f"'{values[0]}'" if asked.one else listed(*values)]}
    assert world.ask(asked.id, {**slots, **{name: [value] for name, value in asked.more}}) == asked.told


@proves("GetRelatedDocuments/$AssociationTypes")
def test_only_relations_of_the_types_asked_for_lead_on(world: World) -> None:
    named = {f"{ENTRY}EntryUUID": [f"'{world.one.uuids['a1']}'"]}
    for kind, told in ((APND, RELATED), (XFRM, {"a1", "b1", "b1 XFRM a1"}), (RPLC, set())):
        assert world.ask(queries.GET_RELATED_DOCUMENTS, {**named, "$AssociationTypes": [listed(kind.value)]}) == told


@proves("GetAll/$patientId")
def test_get_all_is_of_one_patient(world: World) -> None:
    own = world.ask(queries.GET_ALL, get_all(world.one.patient))
    theirs = world.node.query(queries.GET_ALL, get_all(world.other.patient))
    assert world.other.told(theirs) == own


@proves("GetDocuments/$homeCommunityId")
def test_the_home_of_a_query_routes_it_and_here_it_has_arrived(world: World) -> None:
    """As a slot, and as AdhocQuery/@home, which took its place."""
    uuid_ = world.one.uuids["a1"]
    slots = {f"{ENTRY}EntryUUID": [listed(uuid_)], "$homeCommunityId": ["'urn:oid:1.2.3'"]}
    assert world.ask(queries.GET_DOCUMENTS, slots) == {"a1"}
    body = (
        f'<query:AdhocQueryRequest xmlns:query="{QUERY}" xmlns:rim="{RIM}"><query:ResponseOption '
        f'returnComposedObjects="true" returnType="LeafClass"/><rim:AdhocQuery id="{queries.GET_DOCUMENTS}" '
        f'home="urn:oid:1.2.3"><rim:Slot name="{ENTRY}EntryUUID"><rim:ValueList><rim:Value>(\'{uuid_}\')</rim:Value>'
        "</rim:ValueList></rim:Slot></rim:AdhocQuery></query:AdhocQueryRequest>"
    )
    answer = world.node.soap(REGISTRY_PATH, "urn:ihe:iti:2007:RegistryStoredQuery", body)
    assert world.one.told(answer) == {"a1"}
