"""Metadata updates in the store: what is written, who wins, and what holds whatever is done in whatever order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.existing import DocumentVersion
from registry.metadata import Association, AssociationType, DocumentEntry, Folder
from registry.scope import Custody, Reach, Scope
from registry.store import METADATA, RegistryStore
from registry.stored_query import FindDocuments, GetAssociations, GetDocuments, GetFolders, ReturnType
from registry.update import UpdateEffects, admit_update
from registry.update_operations import RESTRICTED
from tests.registry.samples import (
    APPROVED,
    DEPRECATED,
    DOSSIER,
    EVERYTHING,
    HAS_MEMBER,
    NOW,
    PATIENT_ID,
    association,
    document,
    folder,
    register,
    submission,
)
from tests.registry.update_samples import carry_out, status_change, submitted, update

RPLC, APND = AssociationType.RPLC, AssociationType.APND
OTHER_DOSSIER = "dossier-2"
LEAF = ReturnType.LEAF_CLASS


def first(connection: sa.Connection, **more: Any) -> str:
    """The entryUUID of a document that was just registered."""
    effects = register(connection, submission(document()), **more)
    return effects.submission.entries[0].entry_uuid


def successor(lid: str, **changes: Any) -> DocumentEntry:
    return document(logical_id=lid, **changes)


def versions(connection: sa.Connection, scope: Scope = EVERYTHING, number: int = 1) -> list[DocumentEntry]:
    """Every version of a document that the scope permits."""
    query = GetDocuments(return_type=LEAF, unique_ids=(f"1.2.250.1.999.1.{number}",), metadata_level=2)
    return entries(RegistryStore(connection).find(query, scope))


def entries(found: tuple[object, ...]) -> list[DocumentEntry]:
    return [item for item in found if isinstance(item, DocumentEntry)]


def codes(caught: pytest.ExceptionInfo[RegistryError]) -> set[ErrorCode]:
    return {found.code for found in caught.value.findings}


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_old_and_new_version_stand_side_by_side(connection: sa.Connection) -> None:
    lid = first(connection)
    effects = carry_out(connection, update(successor(lid, title="Corrected")))
    old, new = versions(connection)
    assert (old.entry_uuid, old.version, old.availability_status, old.title) == (lid, 1, DEPRECATED, "Lettre de sortie")
    assert (new.version, new.availability_status, new.title) == (2, APPROVED, "Corrected")
    assert (new.logical_id, new.entry_uuid) == (lid, effects.entries[0].entry_uuid)


def test_only_the_newest_version_is_found(connection: sa.Connection) -> None:
    lid = first(connection)
    carry_out(connection, update(successor(lid)))
    both = (APPROVED, DEPRECATED)
    query = FindDocuments(return_type=LEAF, patient_id=PATIENT_ID, statuses=both)
    store = RegistryStore(connection)
    assert [entry.version for entry in entries(store.find(query, EVERYTHING))] == [2]
    every = replace(query, metadata_level=2)
    assert [entry.version for entry in entries(store.find(every, EVERYTHING))] == [1, 2]


def test_what_a_query_filters_by_is_that_of_the_newest_version(connection: sa.Connection) -> None:
    lid = first(connection)
    new = replace(document().type_code, code="11506-3")
    carry_out(connection, update(successor(lid, type_code=new)))
    store = RegistryStore(connection)
    for code, found in ((document().type_code, 0), (new, 1)):
        query = FindDocuments(return_type=LEAF, patient_id=PATIENT_ID, statuses=(APPROVED,), type_codes=(code,))
        assert len(store.find(query, EVERYTHING)) == found


def test_a_folder_has_versions_too(connection: sa.Connection) -> None:
    effects = register(connection, submission(folders=(folder(),)))
    (lid,) = (item.entry_uuid for item in effects.submission.folders)
    carry_out(connection, update(folder(logical_id=lid, title="Corrected")))
    query = GetFolders(return_type=LEAF, unique_ids=("1.2.250.1.999.5.1",), metadata_level=2)
    found = [item for item in RegistryStore(connection).find(query, EVERYTHING) if isinstance(item, Folder)]
    assert [(each.version, each.availability_status, each.title) for each in found] == [
        (1, DEPRECATED, "Dossier"),
        (2, APPROVED, "Corrected"),
    ]
    assert found[0].last_update_time == found[1].last_update_time


def test_versions_of_versions(connection: sa.Connection) -> None:
    lid = first(connection)
    for number in range(1, 6):
        carry_out(connection, update(successor(lid, version=number, title=f"v{number + 1}"), number=100 + number))
    assert [entry.version for entry in versions(connection)] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(RegistryError) as caught:
        carry_out(connection, update(successor(lid, version=3), number=200))
    assert codes(caught) == {ErrorCode.XDSMetadataVersionError}


def test_a_superseded_version_is_replaced_no_more(connection: sa.Connection) -> None:
    lid = first(connection)
    carry_out(connection, update(successor(lid)))
    late = submission(document("D2", 2), relations=(association(RPLC, "D2", lid),), number=2)
    with pytest.raises(RegistryError) as caught:
        register(connection, late)
    assert codes(caught) == {ErrorCode.XDSRegistryDeprecatedDocumentError}


def test_the_newest_version_is_replaced_with_its_addenda(connection: sa.Connection) -> None:
    lid = first(connection)
    addendum = register(
        connection, submission(document("D2", 2), relations=(association(APND, "D2", lid),), number=2)
    ).ids["D2"]
    (new,) = carry_out(connection, update(successor(lid))).entries
    register(connection, submission(document("D3", 3), relations=(association(RPLC, "D3", new.entry_uuid),), number=3))
    query = GetDocuments(return_type=LEAF, entry_uuids=(lid, new.entry_uuid, addendum))
    assert {entry.availability_status for entry in entries(RegistryStore(connection).find(query, EVERYTHING))} == {
        DEPRECATED
    }


def test_a_submitted_replacement_deprecates(connection: sa.Connection) -> None:
    ids = register(connection, submission(document("D1"), document("D2", 2))).ids
    carry_out(connection, update(*submitted(association(RPLC, ids["D2"], ids["D1"]))))
    assert [entry.availability_status for entry in versions(connection)] == [DEPRECATED]
    assert [entry.availability_status for entry in versions(connection, number=2)] == [APPROVED]


# --- Status -----------------------------------------------------------------------------------------------------------


def test_a_status_goes_and_comes_back(connection: sa.Connection) -> None:
    lid = first(connection)
    carry_out(connection, update(status_change(lid)))
    assert versions(connection)[0].availability_status is DEPRECATED
    carry_out(connection, update(status_change(lid, DEPRECATED, APPROVED), number=101))
    assert versions(connection)[0].availability_status is APPROVED


def test_the_status_of_an_association_is_read(connection: sa.Connection) -> None:
    ids = register(connection, submission(document("D1"), document("D2", 2))).ids
    (added, _) = carry_out(connection, update(*submitted(association(APND, ids["D2"], ids["D1"])))).associations
    carry_out(connection, update(status_change(added.entry_uuid), number=101))
    statuses = (APPROVED, DEPRECATED)
    query = GetAssociations(return_type=LEAF, uuids=(ids["D2"],), metadata_level=2, association_statuses=statuses)
    found = RegistryStore(connection).find(query, EVERYTHING)
    assert {item.type: item.availability_status for item in found if isinstance(item, Association)} == {
        HAS_MEMBER: APPROVED,
        APND: DEPRECATED,
    }


# --- What goes with a version -----------------------------------------------------------------------------------------


def test_who_stood_behind_a_version_stands_behind_the_next(connection: sa.Connection) -> None:
    lid = first(connection, custody={"Document01": Custody(frozenset({"depositor"}), frozenset({"house"}))})
    carry_out(connection, update(successor(lid)), custody=Custody(frozenset({"updater"}), frozenset()))
    for requester, numbers in (
        ({"person": "depositor"}, [1, 2]),
        ({"structure": "house"}, [1, 2]),
        ({"person": "updater"}, [2]),
    ):
        scope = replace(EVERYTHING, reach=Reach.STRUCTURE, **requester)
        assert [entry.version for entry in versions(connection, scope)] == numbers


def test_a_version_of_a_document_is_that_of_its_newest_metadata(connection: sa.Connection) -> None:
    lid = first(connection, versions={"Document01": DocumentVersion("1.2.3", 1)})
    carry_out(connection, update(successor(lid)))
    with pytest.raises(RegistryError) as caught:
        register(connection, submission(document("D2", 2), number=2), versions={"D2": DocumentVersion("1.2.3", 1)})
    assert codes(caught) == {ErrorCode.XDSRegistryMetadataError}


def test_a_document_goes_to_another_patient(connection: sa.Connection) -> None:
    lid = first(connection, versions={"Document01": DocumentVersion("1.2.3", 1)})
    effects = carry_out(connection, update(successor(lid)), patient=OTHER_DOSSIER)
    elsewhere = replace(EVERYTHING, patient=OTHER_DOSSIER)
    assert [entry.version for entry in versions(connection)] == [1]
    assert [(entry.version, entry.logical_id) for entry in versions(connection, elsewhere)] == [(2, lid)]
    query = GetAssociations(return_type=LEAF, uuids=(effects.entries[0].entry_uuid,))
    assert len(RegistryStore(connection).find(query, elsewhere)) == 1
    with pytest.raises(RegistryError):
        register(
            connection,
            submission(document("D2", 2), number=2),
            versions={"D2": DocumentVersion("1.2.3", 1)},
            patient=OTHER_DOSSIER,
        )


def test_a_document_of_a_folder_does_not_go_alone(connection: sa.Connection) -> None:
    relations = (association(HAS_MEMBER, "Folder01", "Document01"),)
    ids = register(connection, submission(document(), folders=(folder(),), relations=relations)).ids
    with pytest.raises(RegistryError) as caught:
        carry_out(connection, update(successor(ids["Document01"])), patient=OTHER_DOSSIER)
    assert codes(caught) == {ErrorCode.XDSPatientIDReconciliationError}


# --- Updates that meet ------------------------------------------------------------------------------------------------


def test_two_updates_of_one_version_one_wins(database: sa.Engine) -> None:
    with database.begin() as connection:
        lid = first(connection)
    barrier = Barrier(4)

    def attempt(number: int) -> set[ErrorCode]:
        barrier.wait()
        try:
            with database.begin() as connection:
                carry_out(connection, update(successor(lid, title=f"{number}"), number=100 + number))
        except RegistryError as error:
            return {found.code for found in error.findings}
        return set()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, range(4)))
    assert sorted(map(len, results)) == [0, 1, 1, 1]
    assert set().union(*results) == {ErrorCode.XDSMetadataVersionError}
    with database.begin() as connection:
        assert [entry.version for entry in versions(connection)] == [1, 2]


def admitted(connection: sa.Connection, item: Any) -> UpdateEffects:
    store = RegistryStore(connection)
    return admit_update(item, store.versions(item, DOSSIER), received=NOW)


def test_who_looked_too_early_loses(connection: sa.Connection) -> None:
    """Against whatever was read before: the write itself says who was first."""
    lid = first(connection)
    early = admitted(connection, update(successor(lid), number=100))
    change = admitted(connection, update(status_change(lid), number=101))
    carry_out(connection, update(successor(lid), number=102))
    custody = {early.entries[0].entry_uuid: Custody()}
    for effects, error in ((early, ErrorCode.XDSMetadataVersionError), (change, ErrorCode.XDSMetadataUpdateError)):
        with pytest.raises(RegistryError) as caught, connection.begin_nested():
            RegistryStore(connection).save_update(effects, DOSSIER, custody, NOW)
        assert codes(caught) == {error}
    assert len(versions(connection)) == 2


def test_who_looked_too_early_at_a_deprecated_version_loses(connection: sa.Connection) -> None:
    """Where no status tells that another was first."""
    lid = first(connection)
    carry_out(connection, update(status_change(lid), number=99))
    sent = update(successor(lid), number=100)
    versions_ = RegistryStore(connection).versions(sent, DOSSIER)
    early = admit_update(sent, versions_, received=NOW, rules=RESTRICTED)
    carry_out(connection, update(successor(lid), number=102), rules=RESTRICTED)
    with pytest.raises(RegistryError) as caught, connection.begin_nested():
        RegistryStore(connection).save_update(early, DOSSIER, {early.entries[0].entry_uuid: Custody()}, NOW)
    assert codes(caught) == {ErrorCode.XDSMetadataVersionError}


def test_a_refused_update_leaves_nothing(database: sa.Engine) -> None:
    with database.begin() as connection:
        lid = first(connection)
        before = counts(connection)
    with pytest.raises(RegistryError), database.begin() as connection:
        carry_out(connection, update(successor(lid), status_change(lid)))
    with database.begin() as connection:
        assert counts(connection) == before
        assert versions(connection)[0].availability_status is APPROVED


def counts(connection: sa.Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in METADATA.sorted_tables
    }
