"""The parameters that limit what the queries by identifier and GetAll tell: attributes, statuses and versions.

Source: ITI TF-2 3.18.4.1.2.3.7.4, 3.18.4.1.2.3.7.10 to 3.18.4.1.2.3.7.13; XDS Metadata Update 3.18.4.1.2.3.5.1
($MetadataLevel) and 3.18.4.1.2.3.7 ($XDSAssociationStatus, logicalID).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from registry.metadata import Association, AssociationType, Code, ObjectType
from tests.connectathon import CODE, Answer, Node, association, document, folder, new_patient, submission
from tests.journeys import queries
from tests.journeys.queries import ANY_STATUS, ONLY_DEPRECATED, Slots, coded, get_all, listed
from tests.journeys.updates import every_version, revision, status_change, successor, updated

APND, HAS_MEMBER, RPLC = AssociationType.APND, AssociationType.HAS_MEMBER, AssociationType.RPLC
OTHER = Code("other", "2.999.2", "Another code")
RESTRICTED = Code("R", "2.16.840.1.113883.5.25", "restricted")
STABLE, ON_DEMAND = listed(ObjectType.STABLE.value), listed(ObjectType.ON_DEMAND.value)
BOTH_TYPES = listed(ObjectType.STABLE.value, ObjectType.ON_DEMAND.value)
TO_BE_MADE: dict[str, Any] = {"object_type": ObjectType.ON_DEMAND, "hash": "", "size": None, "creation_time": ""}
ENTRY, LEVEL, ASSOCIATION_STATUS = "$XDSDocumentEntry", "$MetadataLevel", "$XDSAssociationStatus"


@dataclass(frozen=True)
class Held:
    """A patient with a folder and a set that hold documents; identifiers by what they are of."""

    patient: str
    folder: str
    set: str

    @property
    def questions(self) -> dict[str, tuple[str, Slots]]:
        return {
            "GetAll": (queries.GET_ALL, get_all(self.patient)),
            "GetSubmissionSetAndContents": (
                queries.GET_SUBMISSION_SET_AND_CONTENTS,
                {"$XDSSubmissionSetUniqueId": [f"'{self.set}'"]},
            ),
            "GetFolderAndContents": (queries.GET_FOLDER_AND_CONTENTS, {"$XDSFolderUniqueId": [f"'{self.folder}'"]}),
        }

    def ask(self, node: Node, query: str, parameter: str = "", value: str = "") -> Answer:
        query_id, slots = self.questions[query]
        return node.query(query_id, {**slots, f"{ENTRY}{parameter}": [value]} if parameter else slots)


def rows(*parameters: str) -> pytest.MarkDecorator:
    """GetAll and the contents of packages, each with each parameter, proving its row."""
    return pytest.mark.parametrize(
        ("query", "parameter"),
        [
            pytest.param(query, each, marks=proves(f"{query}/{ENTRY}{each}"))
            for query in Held("", "", "").questions
            for each in parameters
        ],
    )


def proves(row: str) -> pytest.MarkDecorator:
    return pytest.mark.proves(f"query/{row}")


def documents(answer: Answer) -> list[str]:
    assert answer.success, answer.errors
    return sorted(entry.title for entry in answer.entries)


# --- Attributes -------------------------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "FormatCode": (coded(OTHER), {"format_code": OTHER}),
    "ConfidentialityCode": (coded(RESTRICTED), {"confidentiality_codes": (CODE, RESTRICTED)}),
}


@rows(*CHANGES)
def test_what_a_document_must_have_to_be_told(node: Node, query: str, parameter: str) -> None:
    """Nor is its membership told, unless by GetAll: that tells what touches an object, whatever the other end."""
    patient, (value, changes) = new_patient(), CHANGES[parameter]
    box, kept, left = folder(patient), document(patient, "kept", title="kept", **changes), document(patient, "left")
    members = [association(HAS_MEMBER, box.entry_uuid, each.entry_uuid) for each in (kept, left)]
    sent = submission(box, kept, replace(left, title="left"), *members)
    assert node.register(sent).success
    held = Held(patient, box.unique_id, sent.submission_set.unique_id)
    (left_out,) = [entry.entry_uuid for entry in held.ask(node, query).entries if entry.title == "left"]
    assert documents(held.ask(node, query)) == ["kept", "left"]
    answer = held.ask(node, query, parameter, value)
    assert documents(answer) == ["kept"]
    assert (left_out in {item.target for item in answer.associations}) is (query == "GetAll")


@rows("Type")
def test_the_type_that_a_document_must_have_to_be_told(node: Node, query: str, parameter: str) -> None:
    held, _ = two_types(node)
    assert documents(held.ask(node, query)) == ["stable"]
    for value, told in ((STABLE, ["stable"]), (ON_DEMAND, ["on demand"]), (BOTH_TYPES, ["on demand", "stable"])):
        assert documents(held.ask(node, query, parameter, value)) == told


def two_types(node: Node) -> tuple[Held, str]:
    """A folder and a set with a Stable document and an On-Demand one appended to it; and the first's entryUUID."""
    patient = new_patient()
    box = folder(patient)
    assert node.register(submission(document(patient, title="stable"), box)).success
    found = node.everything(patient)
    (stable,), (own,) = found.entries, found.folders
    made = document(patient, "made", title="on demand", **TO_BE_MADE)
    members = [association(HAS_MEMBER, own.entry_uuid, each) for each in ("made", stable.entry_uuid)]
    sent = submission(made, *members, association(APND, "made", stable.entry_uuid), references=(stable.entry_uuid,))
    answer = node.register_on_demand(sent)
    assert answer.success, answer.errors
    return Held(patient, box.unique_id, sent.submission_set.unique_id), stable.entry_uuid


@proves("GetRelatedDocuments/$XDSDocumentEntryType")
def test_the_type_that_related_documents_must_have(node: Node) -> None:
    _, stable = two_types(node)
    slots = {f"{ENTRY}EntryUUID": [f"'{stable}'"], "$AssociationTypes": [listed(APND.value)]}
    for types, told in ((None, []), (ON_DEMAND, []), (BOTH_TYPES, ["on demand", "stable"])):
        more = {f"{ENTRY}Type": [types]} if types else {}
        assert documents(node.query(queries.GET_RELATED_DOCUMENTS, {**slots, **more})) == told


# --- Statuses ---------------------------------------------------------------------------------------------------------


def asked_all(node: Node, patient: str, **more: str) -> Answer:
    answer = node.query(queries.GET_ALL, get_all(patient, **more))
    assert answer.success, answer.errors
    return answer


@proves("GetAll/$XDSDocumentEntryStatus")
@proves("GetAll/$XDSFolderStatus")
@proves("GetAll/$XDSSubmissionSetStatus")
def test_the_statuses_of_get_all(node: Node) -> None:
    """Each of its kind, and of no other. A submission set is never Deprecated."""
    patient = new_patient()
    boxes = [folder(patient, name, title=name) for name in ("box", "gone box")]
    assert node.register(submission(document(patient, "old", title="old"), *boxes, title="set")).success
    found = asked_all(node, patient)
    (old,), (gone,) = found.entries, [each for each in found.folders if each.title == "gone box"]
    new = document(patient, "new", title="new")
    assert node.register(submission(new, association(RPLC, "new", old.entry_uuid), title="set")).success
    updated(node, revision(status_change(gone.entry_uuid), patient=patient, title="set"))

    def told(**more: str) -> list[str]:
        return sorted(item.title for item in asked_all(node, patient, **more).objects if hasattr(item, "title"))

    assert told() == ["box", "new", "set", "set", "set"]
    assert told(DocumentEntryStatus=ONLY_DEPRECATED) == ["box", "old", "set", "set", "set"]
    assert told(FolderStatus=ONLY_DEPRECATED) == ["gone box", "new", "set", "set", "set"]
    assert told(SubmissionSetStatus=ONLY_DEPRECATED) == ["box", "new"]


# --- Versions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shelf:
    """What a patient has: ids by name, `one.2` the second version of the document `one`, `box-one` a HasMember.

    `unique_ids` are those of `one`, `box` and the first set, S.
    """

    node: Node
    patient: str
    ids: Mapping[str, str]
    unique_ids: Mapping[str, str]

    def told(self, question: tuple[str, Slots], level: int, statuses: str = "") -> set[str]:
        query_id, slots = question
        more = {LEVEL: [str(level)], **({ASSOCIATION_STATUS: [statuses]} if statuses else {})}
        answer = self.node.query(query_id, {**slots, **more})
        assert answer.success, answer.errors
        names = {uuid: name for name, uuid in self.ids.items()}
        return {names[item.entry_uuid] for item in answer.objects}


def shelf_of(node: Node, change: Callable[[str, Mapping[str, Any]], None]) -> Shelf:
    """`S` holds `one`, `two` and `box`, which holds both; `two` is appended to `one`; then what `change` does."""
    patient = new_patient()
    one, two, box = document(patient, "one", title="one"), document(patient, "two", title="two"), folder(patient, "box")
    members = [association(HAS_MEMBER, "box", each) for each in ("one", "two")]
    sent = submission(one, two, replace(box, title="box"), *members, association(APND, "two", "one"), title="S")
    assert node.register(sent).success
    found = node.everything(patient)
    change(patient, {item.title: item for item in (*found.entries, *found.folders)} | names_of(found))
    slots = {**get_all(patient, DocumentEntryStatus=ANY_STATUS, FolderStatus=ANY_STATUS), LEVEL: ["2"]}
    everything = node.query(queries.GET_ALL, {**slots, ASSOCIATION_STATUS: [ANY_STATUS]})
    ids = {name: item.entry_uuid for name, item in names_of(everything).items()}
    return Shelf(node, patient, ids, {"one": one.unique_id, "box": box.unique_id, "S": sent.submission_set.unique_id})


def names_of(answer: Answer) -> dict[str, Any]:
    """The objects of an answer by name; versions after the first are numbered."""
    names = {
        item.entry_uuid: item.title + (f".{item.version}" if getattr(item, "version", 1) > 1 else "")
        for item in answer.objects
        if not isinstance(item, Association)
    }
    for item in sorted(answer.associations, key=lambda each: each.target not in names):
        between = "-" if item.type is HAS_MEMBER else f" {item.type.name} "
        names[item.entry_uuid] = f"{names[item.source]}{between}{names[item.target]}"
    return {names[item.entry_uuid]: item for item in answer.objects}


@pytest.fixture(scope="module")
def revised(node: Node) -> Iterator[Shelf]:
    """`one` by the set T, and then `box` by the set U, have second versions."""

    def change(patient: str, there: Mapping[str, Any]) -> None:
        updated(node, revision(successor(there["one"]), title="T"))
        (box,) = every_version(node, there["box"].unique_id, queries.GET_FOLDERS, "Folder").folders
        updated(node, revision(replace(box, entry_uuid="Folder01"), title="U"))

    yield shelf_of(node, change)


def question(shelf: Shelf, query: str) -> tuple[str, Slots]:
    """Each query by what it names; `one` and `box` by their uniqueIds, which all their versions have."""
    entry, box, own = (shelf.unique_ids[name] for name in ("one", "box", "S"))
    named: dict[str, tuple[str, Slots]] = {
        "GetAll": (queries.GET_ALL, get_all(shelf.patient, DocumentEntryStatus=ANY_STATUS, FolderStatus=ANY_STATUS)),
        "GetDocuments": (queries.GET_DOCUMENTS, {f"{ENTRY}UniqueId": [listed(entry)]}),
        "GetFolders": (queries.GET_FOLDERS, {"$XDSFolderUniqueId": [listed(box)]}),
        "GetAssociations": (queries.GET_ASSOCIATIONS, {"$uuid": [listed(shelf.ids["two"])]}),
        "GetDocumentsAndAssociations": (
            queries.GET_DOCUMENTS_AND_ASSOCIATIONS,
            {f"{ENTRY}UniqueId": [listed(entry)]},
        ),
        "GetSubmissionSets": (queries.GET_SUBMISSION_SETS, {"$uuid": [listed(shelf.ids["one"])]}),
        "GetFoldersForDocument": (queries.GET_FOLDERS_FOR_DOCUMENT, {f"{ENTRY}UniqueId": [f"'{entry}'"]}),
        "GetRelatedDocuments": (
            queries.GET_RELATED_DOCUMENTS,
            {f"{ENTRY}EntryUUID": [f"'{shelf.ids['two']}'"], "$AssociationTypes": [listed(APND.value)]},
        ),
    }
    return {**Held(shelf.patient, box, own).questions, **named}[query]


LATEST: dict[str, set[str]] = {
    "GetDocuments": {"one.2"},
    "GetFolders": {"box.2"},
    "GetDocumentsAndAssociations": {"one.2", "T-one.2", "box-one.2", "box.2-one.2", "two APND one.2"},
    "GetSubmissionSets": {"S", "S-one"},
    "GetSubmissionSetAndContents": {"S", "two", "S-two"},
    "GetFolderAndContents": {"box.2", "one.2", "two", "box.2-one.2", "box.2-two"},
    "GetFoldersForDocument": {"box.2"},
    "GetRelatedDocuments": {"two", "one.2", "two APND one.2"},
}
ALL: dict[str, set[str]] = {
    "GetDocuments": {"one", "one.2"},
    "GetFolders": {"box", "box.2"},
    "GetDocumentsAndAssociations": LATEST["GetDocumentsAndAssociations"] | {"one", "S-one", "box-one", "two APND one"},
    "GetSubmissionSets": {"S", "S-one"},  # has no versions
    "GetSubmissionSetAndContents": {
        *("S", "one", "two", "box", "S-one", "S-two", "S-box"),
        *("box-one", "box-two", "S-box-one", "S-box-two"),
    },
    "GetFolderAndContents": LATEST["GetFolderAndContents"] | {"box", "one", "box-one", "box-one.2", "box-two"},
    "GetFoldersForDocument": {"box", "box.2"},
    "GetRelatedDocuments": LATEST["GetRelatedDocuments"] | {"one", "two APND one"},
}


@pytest.mark.parametrize("query", [pytest.param(query, marks=proves(f"{query}/{LEVEL}")) for query in LATEST])
def test_every_version_or_the_latest(revised: Shelf, query: str) -> None:
    assert revised.told(question(revised, query), 1) == LATEST[query]
    assert revised.told(question(revised, query), 2) == ALL[query]


@proves(f"GetAll/{LEVEL}")
def test_get_all_tells_every_version_or_the_latest(revised: Shelf) -> None:
    every, latest = revised.told(question(revised, "GetAll"), 2), revised.told(question(revised, "GetAll"), 1)
    assert every == set(revised.ids)
    assert every - latest == {"one", "box", "box-one"}  # the last is between two that are not the latest


@proves("GetDocuments/$XDSDocumentEntryLogicalID")
@proves("GetFolders/$XDSFolderLogicalID")
def test_a_logical_id_names_all_versions(revised: Shelf) -> None:
    for name, query_id, slot in (
        ("one", queries.GET_DOCUMENTS, f"{ENTRY}LogicalID"),
        ("box", queries.GET_FOLDERS, "$XDSFolderLogicalID"),
    ):
        asked = (query_id, {slot: [listed(revised.ids[name])]})
        assert revised.told(asked, 1) == {f"{name}.2"}
        assert revised.told(asked, 2) == {name, f"{name}.2"}


# --- Associations that are Deprecated ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unlinked(node: Node) -> Iterator[Shelf]:
    """`two` is not appended to `one` any more, nor `one` and `two` in `box`."""

    def change(patient: str, there: Mapping[str, Any]) -> None:
        gone = [status_change(there[name].entry_uuid) for name in ("two APND one", "box-one", "box-two")]
        updated(node, revision(*gone, patient=patient, title="T"))

    yield shelf_of(node, change)


GONE: dict[str, tuple[set[str], set[str]]] = {  # what is told all the same, and what only with its status
    "GetAssociations": ({"S-two"}, {"two APND one", "box-two"}),
    "GetDocumentsAndAssociations": ({"one", "S-one"}, {"two APND one", "box-one"}),
    "GetSubmissionSetAndContents": (
        {"S", "one", "two", "box", "S-one", "S-two", "S-box"},
        {"box-one", "box-two", "S-box-one", "S-box-two"},
    ),
    "GetFolderAndContents": ({"box"}, {"one", "two", "box-one", "box-two"}),
    "GetFoldersForDocument": (set(), {"box"}),
    "GetRelatedDocuments": (set(), {"one", "two", "two APND one"}),
}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(query, marks=pytest.mark.proves(f"query/{query}/{ASSOCIATION_STATUS}", f"query/{query}/{LEVEL}"))
        for query in GONE
    ],
)
def test_deprecated_associations(unlinked: Shelf, query: str) -> None:
    """Only of $MetadataLevel 2, and only when asked for."""
    stays, gone = GONE[query]
    asked = question(unlinked, query)
    assert unlinked.told(asked, 2) == unlinked.told(asked, 1, ANY_STATUS) == stays
    assert unlinked.told(asked, 2, ANY_STATUS) == stays | gone


@proves(f"GetAll/{ASSOCIATION_STATUS}")
def test_deprecated_associations_of_get_all(unlinked: Shelf) -> None:
    asked = question(unlinked, "GetAll")
    assert unlinked.told(asked, 2, ANY_STATUS) == set(unlinked.ids)
    assert set(unlinked.ids) - unlinked.told(asked, 2) == {"two APND one", "box-one", "box-two"}
    assert unlinked.told(asked, 2, ONLY_DEPRECATED) == {"S", "T", "one", "two", "box"} | {
        "two APND one", "box-one", "box-two"
    }  # fmt: skip
