"""Removal of metadata: the rules of the standard, that nothing is left of what goes, and that what stays is sound.

Source: ITI TF-2 3.62.4.1.3 (Remove Metadata and Documents); NIST XDS Toolkit, tests 30000 to 30008.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import ErrorCode, RegistryError
from registry.lifecycle import DocumentVersion, Effects
from registry.metadata import AssociationType, Code, DocumentEntry
from registry.removal import Around, Tie, removal_faults
from registry.scope import MASQUE_PS, Reach
from registry.store import METADATA, RegistryStore
from registry.store.tables import ASSOCIATION, ENTRY, FOLDER, SUBMISSION_SET
from registry.stored_query import GetDocuments, ReturnType
from schemas.domain import SameUniqueId
from tests.registry.samples import (
    DEPRECATED,
    DOSSIER,
    EVERYTHING,
    HAS_MEMBER,
    association,
    document,
    folder,
    register,
    submission,
    uuid,
)

UNRESOLVED = ErrorCode.UnresolvedReferenceException
REFERENCES = ErrorCode.ReferencesExistException
UNREFERENCED = ErrorCode.XDSUnreferencedObjectException
OTHER = "dossier-2"


def faults(connection: sa.Connection, *uuids: str, scope: object = EVERYTHING) -> set[tuple[ErrorCode, str]]:
    """What stands against this removal, each with its location; nothing removed."""
    around = RegistryStore(connection).around(uuids, [scope])  # type: ignore[list-item]
    return {(found.code, found.location) for found in removal_faults(uuids, around)}


def remove(connection: sa.Connection, *uuids: str) -> None:
    assert faults(connection, *uuids) == set()
    RegistryStore(connection).remove(uuids, DOSSIER)


def everything(effects: Effects) -> list[str]:
    """The entryUUIDs of all that one submission registered."""
    return list(effects.ids.values())


def statuses(connection: sa.Connection, *uuids: str) -> list[str]:
    query = GetDocuments(return_type=ReturnType.LEAF_CLASS, entry_uuids=uuids)
    found = RegistryStore(connection).find(query, EVERYTHING)
    return [item.availability_status.name for item in found if isinstance(item, DocumentEntry)]


def rows(connection: sa.Connection) -> dict[str, int]:
    """How many rows each table has, those with none left out."""
    counts = {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in METADATA.sorted_tables
    }
    return {name: count for name, count in counts.items() if count}


def held_by(effects: Effects, name: str) -> str:
    """The HasMember by which the submission set holds the object of that id."""
    own = effects.ids[name]
    ends = {item.target: item for item in effects.submission.associations if item.type is HAS_MEMBER}
    return ends[own].entry_uuid


# --- The rules --------------------------------------------------------------------------------------------------------


def test_a_whole_submission_goes(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    remove(connection, *everything(registered))
    assert rows(connection) == {}


def test_an_unknown_id_is_unresolved_and_so_is_what_is_no_uuid(connection: sa.Connection) -> None:
    register(connection, submission(document()))
    assert faults(connection, uuid(9), "Document01", "urn:uuid:9") == {
        (UNRESOLVED, uuid(9)),
        (UNRESOLVED, "Document01"),
        (UNRESOLVED, "urn:uuid:9"),
    }


def test_a_uuid_in_capitals_is_the_same_and_one_named_twice_is_one(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    shouted = [each.upper().replace("URN:UUID:", "urn:uuid:") for each in everything(registered)]
    assert faults(connection, *shouted, *everything(registered)) == set()


def test_a_submission_set_that_holds_something_stays(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    own = registered.ids["SubmissionSet01"]
    assert faults(connection, own) == {(REFERENCES, own)}


def test_a_document_held_by_its_submission_set_stays(connection: sa.Connection) -> None:
    entry = register(connection, submission(document())).ids["Document01"]
    assert faults(connection, entry) == {(REFERENCES, entry)}


def test_a_submission_set_must_not_be_left_empty(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    entry, member = registered.ids["Document01"], held_by(registered, "Document01")
    assert faults(connection, entry, member) == {(UNREFERENCED, registered.ids["SubmissionSet01"])}


def test_a_document_must_not_be_left_without_submission_set(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    own, member = registered.ids["SubmissionSet01"], held_by(registered, "Document01")
    assert faults(connection, own, member) == {(UNREFERENCED, registered.ids["Document01"])}


def test_a_membership_alone_would_leave_both_its_ends(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    ends = {registered.ids["SubmissionSet01"], registered.ids["Document01"]}
    assert faults(connection, held_by(registered, "Document01")) == {(UNREFERENCED, end) for end in ends}


def test_one_of_two_documents_goes_with_its_membership(connection: sa.Connection) -> None:
    registered = register(connection, submission(document(), document("Document02", 2)))
    remove(connection, registered.ids["Document01"], held_by(registered, "Document01"))
    assert statuses(connection, registered.ids["Document02"]) == ["APPROVED"]


def test_a_document_leaves_its_folder_and_both_stay(connection: sa.Connection) -> None:
    """NIST 30005: the FD-DE HasMember and the one that holds it."""
    member = association(HAS_MEMBER, "Folder01", "Document01")
    registered = register(connection, submission(document(), folders=(folder(),), relations=(member,)))
    held = registered.ids[member.entry_uuid]
    assert faults(connection, held) == {(REFERENCES, held)}
    remove(connection, held, held_by(registered, member.entry_uuid))
    assert rows(connection)["registry_folder"] == 1


def test_a_folder_goes_with_its_codes(connection: sa.Connection) -> None:
    registered = register(connection, submission(folders=(folder(),)))
    assert rows(connection)["registry_folder_code"] == 1
    remove(connection, *everything(registered))
    assert rows(connection) == {}


def test_a_document_held_again_by_reference_goes_with_every_membership(connection: sa.Connection) -> None:
    first = register(connection, submission(document()))
    entry = first.ids["Document01"]
    own = association(HAS_MEMBER, "SubmissionSet01", entry, submission_set_status="Reference")
    again = register(connection, submission(document("Document02", 2), relations=(own,), number=2))
    assert faults(connection, *everything(first)) == {(REFERENCES, entry)}
    remove(connection, *everything(first), held_by_reference(again, entry))
    assert statuses(connection, again.ids["Document02"]) == ["APPROVED"]


def held_by_reference(effects: Effects, entry: str) -> str:
    return next(item.entry_uuid for item in effects.submission.associations if item.target == entry)


@pytest.mark.parametrize("kind", [AssociationType.RPLC, AssociationType.APND, AssociationType.XFRM_RPLC])
def test_what_a_relationship_names_stays_as_long_as_the_relationship(
    connection: sa.Connection, kind: AssociationType
) -> None:
    """NIST 30006: the original without the RPLC fails, with it goes; the replacement stays with its submission set."""
    first = register(connection, submission(document()))
    relation = association(kind, "Document02", first.ids["Document01"])
    second = register(connection, submission(document("Document02", 2), relations=(relation,), number=2))
    assert faults(connection, *everything(first)) == {(REFERENCES, first.ids["Document01"])}
    only_new = [each for each in everything(second) if each != second.ids[relation.entry_uuid]]
    assert faults(connection, *only_new) == {(REFERENCES, second.ids["Document02"])}
    remove(connection, *everything(first), second.ids[relation.entry_uuid])
    assert statuses(connection, second.ids["Document02"]) == ["APPROVED"]


def test_removing_the_replacement_makes_nothing_approved_again(connection: sa.Connection) -> None:
    first = register(connection, submission(document()))
    relation = association(AssociationType.RPLC, "Document02", first.ids["Document01"])
    second = register(connection, submission(document("Document02", 2), relations=(relation,), number=2))
    remove(connection, *everything(second))
    assert statuses(connection, first.ids["Document01"]) == [DEPRECATED.name]


def test_everything_that_is_wrong_is_told_at_once(connection: sa.Connection) -> None:
    first = register(connection, submission(document()))
    second = register(connection, submission(document("Document02", 2), number=2))
    found = faults(connection, uuid(9), first.ids["SubmissionSet01"], held_by(second, "Document02"))
    assert {code for code, _ in found} == {UNRESOLVED, REFERENCES, UNREFERENCED}


def test_objects_of_two_patients_do_not_go_together(connection: sa.Connection) -> None:
    mine = register(connection, submission(document()))
    theirs = register(connection, submission(document("Document02", 2), number=2), patient=OTHER)
    uuids = [*everything(mine), *everything(theirs)]
    around = RegistryStore(connection).around(uuids, [EVERYTHING, replace(EVERYTHING, patient=OTHER)])
    assert {found.code for found in removal_faults(uuids, around)} == {ErrorCode.XDSPatientIdDoesNotMatch}


def test_what_another_patients_submission_set_holds_stays(connection: sa.Connection) -> None:
    """By reference, a submission set may hold a document of another patient (mother and child)."""
    mine = register(connection, submission(document()))
    theirs = register(connection, submission(document("Document02", 2), number=2), patient=OTHER)
    entry = mine.ids["Document01"]
    connection.execute(
        ASSOCIATION.update().where(ASSOCIATION.c.entry_uuid == held_by(theirs, "Document02")).values(target=entry)
    )
    assert (REFERENCES, entry) in faults(connection, *everything(mine))


def test_what_the_requester_cannot_find_is_unresolved(connection: sa.Connection) -> None:
    masked = (Code(MASQUE_PS[0], MASQUE_PS[1], "Masqué"), *document().confidentiality_codes)
    registered = register(connection, submission(document(confidentiality_codes=masked)))
    blind = replace(EVERYTHING, masked=Reach.NONE)
    uuids = everything(registered)
    assert faults(connection, *uuids, scope=blind) == {(UNRESOLVED, each) for each in uuids}


def test_an_object_of_a_dossier_that_is_not_open_is_unresolved(connection: sa.Connection) -> None:
    registered = register(connection, submission(document()))
    assert RegistryStore(connection).dossiers_holding(everything(registered)) == (DOSSIER,)
    around = RegistryStore(connection).around(everything(registered), [])
    found = removal_faults(everything(registered), around)
    assert {each.code for each in found} == {UNRESOLVED}


# --- What is left -----------------------------------------------------------------------------------------------------


def test_a_removed_unique_id_may_be_used_again(connection: sa.Connection) -> None:
    registered = register(connection, submission(document(), folders=(folder(),)))
    remove(connection, *everything(registered))
    other = document(hash="0" * 40, size=2)
    register(connection, submission(other, folders=(folder(),)))
    assert rows(connection)["registry_unique_id"] == 3


def test_a_unique_id_that_another_entry_has_stays_taken(connection: sa.Connection) -> None:
    policy = SameUniqueId.ACCEPT_IDENTICAL
    first = register(connection, submission(document()), policy=policy)
    register(connection, submission(document(), number=2), patient=OTHER, policy=policy)
    remove(connection, *everything(first))
    store = RegistryStore(connection)
    existing = store.existing(submission(document("Document03"), number=3), DOSSIER, {})
    assert [(entry.unique_id, entry.patient) for entry in existing.same_unique_id] == [(document().unique_id, OTHER)]


def test_a_version_of_a_cda_document_may_be_registered_again(connection: sa.Connection) -> None:
    version = {"Document01": DocumentVersion("1.2.3", 1)}
    remove(connection, *everything(register(connection, submission(document()), versions=version)))
    register(connection, submission(document()), versions=version)


def test_the_version_that_is_left_is_the_latest(connection: sa.Connection) -> None:
    """Two versions of one logical object: without the newer one, nothing is newer than the older."""
    old = register(connection, submission(document())).ids["Document01"]
    newer = register(connection, submission(document("Document02", 2), number=2))
    new = newer.ids["Document02"]
    connection.execute(ENTRY.update().where(ENTRY.c.entry_uuid == old).values(latest=False))
    connection.execute(ENTRY.update().where(ENTRY.c.entry_uuid == new).values(logical_id=old, version=2))
    remove(connection, *everything(newer))
    assert connection.execute(sa.select(ENTRY.c.latest).where(ENTRY.c.entry_uuid == old)).scalar_one() is True


def test_a_thousand_objects_go_in_one_request(connection: sa.Connection) -> None:
    entries = [document(f"Document{number}", number) for number in range(1, 601)]
    registered = register(connection, submission(*entries))
    remove(connection, *everything(registered))
    assert rows(connection) == {}


# --- Two at once ------------------------------------------------------------------------------------------------------


def dangling(connection: sa.Connection) -> int:
    """How many ends of associations name nothing."""
    there = sa.union_all(*(sa.select(table.c.entry_uuid) for table in (ENTRY, FOLDER, SUBMISSION_SET, ASSOCIATION)))
    ends = (ASSOCIATION.c.source, ASSOCIATION.c.target)
    return sum(
        connection.execute(sa.select(sa.func.count()).select_from(ASSOCIATION).where(end.not_in(there))).scalar_one()
        for end in ends
    )


@pytest.mark.parametrize("what", ["folder", "document"])
def test_what_goes_while_others_refer_to_it_leaves_no_loose_end(database: sa.Engine, what: str) -> None:
    """Either the removal sees the new association, or the submission sees that nothing is there."""
    with database.begin() as connection:
        made = register(connection, submission(document("D1"), folders=(folder(),)))
    start, racers = Barrier(4), range(10, 14)

    def race(number: int) -> set[ErrorCode]:
        target = made.ids["Folder01" if what == "folder" else "D1"]
        kind = HAS_MEMBER if what == "folder" else AssociationType.APND
        ends = (target, "D2") if what == "folder" else ("D2", target)
        item = submission(document("D2", number), number=number, relations=(association(kind, *ends),))
        start.wait()
        try:
            with database.begin() as connection:
                if number == 10:
                    around = RegistryStore(connection).around(everything(made), [EVERYTHING])
                    if found := removal_faults(everything(made), around):
                        raise RegistryError(found)
                    RegistryStore(connection).remove(everything(made), DOSSIER)
                else:
                    register(connection, item)
        except RegistryError as error:
            return {found.code for found in error.findings}
        return set()

    with ThreadPoolExecutor(len(racers)) as pool:
        removed, *added = pool.map(race, racers)
    assert removed in (set(), {REFERENCES})
    assert set().union(*added) <= {UNRESOLVED}
    assert (removed == set()) is all(added)
    with database.begin() as connection:
        assert dangling(connection) == 0


def test_two_removals_do_not_leave_an_empty_submission_set(database: sa.Engine) -> None:
    with database.begin() as connection:
        made = register(connection, submission(document("D1"), document("D2", 2)))
    start = Barrier(2)

    def race(name: str) -> set[ErrorCode]:
        uuids = (made.ids[name], held_by(made, name))
        start.wait()
        with database.begin() as connection:
            around = RegistryStore(connection).around(uuids, [EVERYTHING])
            found = removal_faults(uuids, around)
            if not found:
                RegistryStore(connection).remove(uuids, DOSSIER)
        return {each.code for each in found}

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(race, ("D1", "D2")))
    assert sorted(map(len, outcomes)) == [0, 1]
    assert {UNREFERENCED} in outcomes


# --- A whole dossier --------------------------------------------------------------------------------------------------


def test_a_dossier_is_erased_and_another_keeps_what_it_has(connection: sa.Connection) -> None:
    shared = document(number=1)
    held = folder()
    member = association(HAS_MEMBER, "Folder01", "Document01")
    version = {"Document01": DocumentVersion("1.2.3.9", 1)}
    register(connection, submission(shared, folders=(held,), relations=(member,)), versions=version)
    register(connection, submission(document(number=2), number=2), patient=OTHER)
    store = RegistryStore(connection)
    store.erase(DOSSIER)
    for table in METADATA.sorted_tables:
        owners = connection.execute(sa.select(table.c.patient)).scalars() if "patient" in table.c else ()
        assert set(owners) <= {OTHER}, table.name
    left = store.entries([document(number=2).unique_id], replace(EVERYTHING, patient=OTHER))
    assert len(left) == 1
    register(connection, submission(shared, folders=(held,), relations=(member,)), versions=version)


# --- Properties -------------------------------------------------------------------------------------------------------

OBJECTS = [uuid(number) for number in range(1, 5)]
TIES = st.lists(st.tuples(st.sampled_from(OBJECTS), st.sampled_from(OBJECTS), st.booleans()), max_size=8).map(
    lambda drawn: [Tie(uuid(100 + number), *each) for number, each in enumerate(drawn)]
)


@given(ties=TIES, named=st.sets(st.sampled_from([*OBJECTS, *(uuid(100 + number) for number in range(8))])))
def test_what_may_be_removed_leaves_a_sound_registry(ties: list[Tie], named: set[str]) -> None:
    """Judged a second way: carried out, no tie has a loose end, and nothing lost its last hold but what went."""
    there = {*OBJECTS, *(tie.entry_uuid for tie in ties)}
    around = Around(dict.fromkeys(sorted(named & there), DOSSIER), tuple(ties))
    may = not removal_faults(sorted(named), around)
    left = [tie for tie in ties if tie.entry_uuid not in named]
    loose = any(end in named for tie in left for end in (tie.source, tie.target))

    def held(among: Iterable[Tie]) -> set[str]:
        return {end for tie in among if tie.of_set for end in (tie.source, tie.target)}

    lost = held(ties) - held(left) - named
    assert may is (named <= there and not loose and not lost)
