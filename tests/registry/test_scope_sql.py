"""What a Scope lets through: in SQL as in Python, in every query. `Scope.permits` is the rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.metadata import AssociationType, AvailabilityStatus, Code, DocumentEntry
from registry.scope import (
    EVERY_TYPE,
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    Custody,
    Reach,
    Scope,
    TypeRule,
)
from registry.store import RegistryStore
from registry.store.tables import ENTRY
from registry.stored_query import (
    FindDocuments,
    GetAssociations,
    GetDocuments,
    GetRelatedDocuments,
    GetSubmissionSets,
    ReturnType,
)
from schemas import oids
from tests.registry.samples import (
    DOSSIER,
    EVERYTHING,
    HAS_MEMBER,
    NORMAL,
    PATIENT_ID,
    association,
    document,
    folder,
    register,
    submission,
)
from tests.registry.update_samples import carry_out, update

LEAF = ReturnType.LEAF_CLASS
TYPES, PERSONS, STRUCTURES = ("34112-3", "11502-2", "DOCPAT01"), ("899", "801", ""), ("1750", "1130", "")
FLAGS = tuple(Code(*flag) for flag in (MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX))

reaches = st.sampled_from(Reach)
scopes = st.builds(
    Scope,
    patient=st.just(DOSSIER),
    person=st.sampled_from(PERSONS),
    structure=st.sampled_from(STRUCTURES),
    types=st.builds(TypeRule, st.booleans(), st.frozensets(st.sampled_from(TYPES))),
    reach=st.just(Reach.ALL) | reaches,
    masked=reaches,
    invisible_patient=reaches,
    invisible_representatives=reaches,
    statuses=st.frozensets(st.sampled_from(AvailabilityStatus)),
)
stored = st.tuples(
    st.builds(
        document,
        type_code=st.sampled_from(TYPES).map(lambda code: Code(code, oids.LOINC)),
        confidentiality_codes=st.lists(st.sampled_from((NORMAL, *FLAGS)), unique=True).map(tuple),
        availability_status=st.sampled_from(AvailabilityStatus),
    ),
    st.builds(
        Custody,
        st.frozensets(st.sampled_from(PERSONS).filter(bool)),
        st.frozensets(st.sampled_from(STRUCTURES).filter(bool)),
    ),
)


def put(
    connection: sa.Connection, drawn: list[tuple[DocumentEntry, Custody]]
) -> dict[str, tuple[DocumentEntry, Custody]]:
    """Registers what was drawn, with its statuses; gives it back by uniqueId."""
    entries = [
        (replace(entry, entry_uuid=f"Document{number}", unique_id=f"1.2.3.{number}"), custody)
        for number, (entry, custody) in enumerate(drawn)
    ]
    item = submission(*(entry for entry, _ in entries))
    register(connection, item, custody={entry.entry_uuid: custody for entry, custody in entries})
    for entry, _ in entries:
        update = ENTRY.update().where(ENTRY.c.unique_id == entry.unique_id)
        connection.execute(update.values(availability_status=entry.availability_status))
    return {entry.unique_id: (entry, custody) for entry, custody in entries}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(stored, min_size=1, max_size=4), st.lists(scopes, min_size=1, max_size=8))
def test_the_sql_of_a_scope_is_the_scope(
    database: sa.Engine, drawn: list[tuple[DocumentEntry, Custody]], asked: list[Scope]
) -> None:
    with database.connect() as connection:
        entries = put(connection, drawn)
        store = RegistryStore(connection)
        for scope in asked:
            permitted = {each for each, (entry, custody) in entries.items() if scope.permits(entry, custody)}
            read = store.entries(tuple(entries), scope)
            assert {entry.unique_id for entry in read} == permitted
            assert all(entry.availability_status in scope.statuses for entry in read)
            hidden = store.hidden(scope, unique_ids=tuple(entries))
            assert {entry.unique_id: custody for entry, custody in hidden} == {
                each: custody for each, (_, custody) in entries.items() if each not in permitted
            }
            assert all(not scope.permits(entry, custody) for entry, custody in hidden)
            every_status = tuple(AvailabilityStatus)
            query = FindDocuments(return_type=LEAF, patient_id=PATIENT_ID, statuses=every_status)
            assert {entry.unique_id for entry in _documents(store.find(query, scope))} == permitted
        connection.rollback()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored, stored, st.lists(scopes, min_size=1, max_size=8))
def test_an_older_version_is_seen_by_whom_the_newest_is(
    database: sa.Engine,
    old: tuple[DocumentEntry, Custody],
    new: tuple[DocumentEntry, Custody],
    asked: list[Scope],
) -> None:
    with database.connect() as connection:
        (entry, custody), (later, more) = old, new
        both = Custody(custody.persons | more.persons, custody.structures | more.structures)
        lid = register(connection, submission(entry), custody={"Document01": custody}).submission.entries[0].entry_uuid
        effects = carry_out(connection, update(replace(later, logical_id=lid)), custody=more)
        uuids = (lid, effects.entries[0].entry_uuid)
        versions = {uuids[0]: (entry, custody), uuids[1]: (later, both)}
        for uuid, (version, _) in versions.items():
            put_status = ENTRY.update().where(ENTRY.c.entry_uuid == uuid)
            connection.execute(put_status.values(availability_status=version.availability_status))
        store = RegistryStore(connection)
        query = GetDocuments(return_type=LEAF, unique_ids=(entry.unique_id,), metadata_level=2)
        for scope in asked:
            first, second = (scope.permits(*versions[uuid]) for uuid in uuids)
            seen = {uuid for uuid, yes in zip(uuids, (first and second, second), strict=True) if yes}
            assert {each.entry_uuid for each in store.find(query, scope)} == seen
            assert {each.entry_uuid for each in store.entries([entry.unique_id], scope)} == seen
            hidden = store.hidden(scope, entry_uuids=uuids[:1])
            explaining = () if first and second else (uuids[1],) if first else (uuids[0],)
            assert tuple(each.entry_uuid for each, _ in hidden) == explaining
            assert not any(scope.permits(*each) for each in hidden)
            named = store.hidden(scope, unique_ids=[entry.unique_id])
            assert [each.entry_uuid for each, _ in named] == ([] if second else [uuids[1]])
        connection.rollback()


def _documents(found: tuple[Any, ...]) -> list[DocumentEntry]:
    return [item for item in found if isinstance(item, DocumentEntry)]


NOT_MASKED = replace(EVERYTHING, masked=Reach.NONE)
ONE_TYPE = replace(EVERYTHING, types=TypeRule(codes=frozenset({"11502-2"})))


@pytest.fixture
def replaced(connection: sa.Connection) -> dict[str, str]:
    """An open document, a masked one that is derived of it, and a folder that holds both; the uuids by name."""
    masked = document("Masked", 2, confidentiality_codes=(NORMAL, FLAGS[0]))
    relations = (
        association(AssociationType.XFRM, "Masked", "Open"),
        association(HAS_MEMBER, "Folder01", "Open"),
        association(HAS_MEMBER, "Folder01", "Masked"),
    )
    item = submission(document("Open"), masked, relations=relations, folders=(folder(),))
    return dict(register(connection, item).ids)


def test_nothing_leads_to_a_hidden_document(connection: sa.Connection, replaced: dict[str, str]) -> None:
    store = RegistryStore(connection)
    masked, opened, uuids = replaced["Masked"], replaced["Open"], tuple(replaced.values())
    for scope in (NOT_MASKED, ONE_TYPE, Scope(DOSSIER)):
        found = [
            *store.find(GetDocuments(return_type=LEAF, entry_uuids=uuids), scope),
            *store.find(GetAssociations(return_type=LEAF, uuids=uuids), scope),
            *store.find(GetSubmissionSets(return_type=LEAF, uuids=uuids), scope),
            *store.find(
                GetRelatedDocuments(return_type=LEAF, entry_uuid=opened, association_types=tuple(AssociationType)),
                scope,
            ),
            *store.find(
                GetRelatedDocuments(return_type=LEAF, entry_uuid=masked, association_types=tuple(AssociationType)),
                scope,
            ),
        ]
        assert masked not in repr(found)
        hidden_memberships = {replaced["HAS_MEMBER-Folder01-Masked"], replaced["HAS_MEMBER-SubmissionSet01-Masked"]}
        assert not hidden_memberships & {
            end for item in found for end in (item.entry_uuid, getattr(item, "target", ""))
        }
        assert bool(found) is (scope is NOT_MASKED)


def test_whoever_may_see_all_sees_all_associations(connection: sa.Connection, replaced: dict[str, str]) -> None:
    found = RegistryStore(connection).find(
        GetAssociations(return_type=LEAF, uuids=tuple(replaced.values())), EVERYTHING
    )
    assert len(found) == 8
    assert len({item.entry_uuid for item in found}) == 8


def test_a_set_is_seen_by_its_documents_and_an_empty_one_by_who_reaches_all(connection: sa.Connection) -> None:
    store = RegistryStore(connection)
    ids = register(connection, submission(folders=(folder(),))).ids
    query = GetSubmissionSets(return_type=LEAF, uuids=(ids["Folder01"],))
    assert len(store.find(query, EVERYTHING)) == 2
    assert len(store.find(query, replace(EVERYTHING, reach=Reach.STRUCTURE, structure="1750000001"))) == 0


def test_another_dossier_is_another_world(connection: sa.Connection, replaced: dict[str, str]) -> None:
    store, other, uuids = RegistryStore(connection), replace(EVERYTHING, patient="dossier-2"), tuple(replaced.values())
    assert store.find(GetDocuments(return_type=LEAF, entry_uuids=uuids), other) == ()
    assert store.find(GetAssociations(return_type=LEAF, uuids=uuids), other) == ()
    assert store.find(GetSubmissionSets(return_type=LEAF, uuids=uuids), other) == ()
    assert store.entries(("1.2.250.1.999.1.1",), other) == ()
    assert store.hidden(other, unique_ids=("1.2.250.1.999.1.1",)) == ()


def test_a_scope_that_says_nothing_permits_nothing(connection: sa.Connection, replaced: dict[str, str]) -> None:
    store, silent = RegistryStore(connection), Scope(DOSSIER, types=EVERY_TYPE)
    assert store.entries(("1.2.250.1.999.1.1",), silent) == ()
    assert [entry.unique_id for entry, _ in store.hidden(silent, unique_ids=("1.2.250.1.999.1.1",))] == [
        "1.2.250.1.999.1.1"
    ]
