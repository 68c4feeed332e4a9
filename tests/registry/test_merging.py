"""Two dossiers become one in the registry, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from registry.lifecycle import DocumentVersion
from registry.metadata import Association, DocumentEntry, SubmissionSet
from registry.scope import Custody
from registry.store import METADATA, RegistryStore
from registry.store.tables import VERSION
from registry.stored_query import FindDocuments, GetAssociations, GetDocuments, GetSubmissionSets, ReturnType
from schemas.store import FROM, uniting
from tests.registry.samples import (
    APPROVED,
    DOSSIER,
    EVERYTHING,
    HAS_MEMBER,
    PATIENT_ID,
    association,
    document,
    folder,
    register,
    submission,
)

MERGED = "dossier-2"
SUBSUMED = "255017510600111^^^&1.2.250.1.213.1.4.10&ISO"
SURVIVING = PATIENT_ID.removesuffix("^NH")
LEAF = ReturnType.LEAF_CLASS


def theirs(number: int = 2, **changes: object) -> DocumentEntry:
    entry = document(number=number, patient_id=f"{SUBSUMED}^NH", source_patient_id=SUBSUMED)
    return replace(entry, **changes)


def unite(connection: sa.Connection) -> RegistryStore:
    store = RegistryStore(connection)
    store.unite(MERGED, DOSSIER)
    store.rename(DOSSIER, SUBSUMED, SURVIVING)
    return store


def test_everything_of_the_merged_dossier_is_the_survivor_s(connection: sa.Connection) -> None:
    register(connection, submission(document()))
    held = folder(patient_id=SUBSUMED)
    member = association(HAS_MEMBER, "Folder01", "Document01")
    custody = {"Document01": Custody(frozenset({"899900063480"}))}
    lot = submission(theirs(), folders=(held,), relations=(member,), number=2, patient_id=SUBSUMED)
    effects = register(connection, lot, patient=MERGED, custody=custody)
    store = unite(connection)

    find = FindDocuments(return_type=LEAF, patient_id=SURVIVING, statuses=(APPROVED,))
    found = [item for item in store.find(find, EVERYTHING) if isinstance(item, DocumentEntry)]
    assert {entry.unique_id[-2:] for entry in found} == {".1", ".2"}
    moved = next(entry for entry in found if entry.unique_id.endswith(".2"))
    assert (moved.patient_id, moved.source_patient_id) == (PATIENT_ID, SUBSUMED)
    uuid, folder_uuid = effects.ids["Document01"], effects.ids["Folder01"]
    sets = store.find(GetSubmissionSets(return_type=LEAF, uuids=(uuid,)), EVERYTHING)
    assert [item.patient_id for item in sets if isinstance(item, SubmissionSet)] == [SURVIVING]
    around = store.find(GetAssociations(return_type=LEAF, uuids=(folder_uuid,)), EVERYTHING)
    assert len([item for item in around if isinstance(item, Association)]) >= 2
    own = replace(EVERYTHING, reach=type(EVERYTHING.reach).OWN, person="899900063480")
    assert [entry.unique_id for entry in store.entries([moved.unique_id], own)] == [moved.unique_id]
    assert store.find(find, replace(EVERYTHING, patient=MERGED)) == ()
    for table in METADATA.sorted_tables:
        if "patient" in table.c:
            left = sa.select(sa.func.count()).select_from(table).where(table.c.patient == MERGED)
            assert connection.execute(left).scalar_one() == 0, table.name
        if "body" in table.c:
            bodies = connection.execute(sa.select(table.c.body)).scalars().all()
            assert not [body for body in bodies if f'"patient_id":"{SUBSUMED}' in body], table.name


def test_of_two_claims_to_a_version_the_survivor_s_stands(connection: sa.Connection) -> None:
    same, other = DocumentVersion("1.2.3.9", 1), DocumentVersion("1.2.3.9", 2)
    register(connection, submission(document()), versions={"Document01": same})
    lot = submission(theirs(), number=2, patient_id=SUBSUMED)
    register(connection, lot, patient=MERGED, versions={"Document01": same})
    lot = submission(theirs(3), number=3, patient_id=SUBSUMED)
    register(connection, lot, patient=MERGED, versions={"Document01": other})
    standing = connection.execute(sa.select(VERSION.c.entry).where(VERSION.c.patient == DOSSIER)).scalar_one()
    unite(connection)
    rows = connection.execute(
        sa.select(VERSION.c.patient, VERSION.c.number, VERSION.c.entry).order_by(VERSION.c.number)
    )
    (first, second) = rows.all()
    assert (first.patient, first.number, first.entry) == (DOSSIER, 1, standing)
    assert (second.patient, second.number) == (DOSSIER, 2)


def test_renaming_leaves_whoever_is_another_patient(connection: sa.Connection) -> None:
    longer = SUBSUMED.replace("255017510600111", "2550175106001119")
    for number, patient in enumerate((f"{SUBSUMED}^NH", SUBSUMED, longer, PATIENT_ID), 1):
        entry = document(number=number, patient_id=patient, title=f"about {SUBSUMED}", source_patient_id=SUBSUMED)
        register(connection, submission(entry, number=number, patient_id=patient))
    store = RegistryStore(connection)
    store.rename(DOSSIER, SUBSUMED, SURVIVING)
    unique_ids = tuple(document(number=number).unique_id for number in range(1, 5))
    found = store.find(GetDocuments(return_type=LEAF, unique_ids=unique_ids), EVERYTHING)
    entries = [item for item in found if isinstance(item, DocumentEntry)]
    assert [each.patient_id for each in entries] == [f"{SURVIVING}^NH", SURVIVING, longer, PATIENT_ID]
    assert {(each.title, each.source_patient_id) for each in entries} == {(f"about {SUBSUMED}", SUBSUMED)}


def test_tables_that_come_later_are_merged_too() -> None:
    metadata = sa.MetaData()
    table = sa.Table(
        "later",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("patient", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Index("one_name", "patient", "name", unique=True),
    )
    sa.Table("of_nobody", metadata, sa.Column("id", sa.Integer, primary_key=True))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        rows = [("a", "x"), ("a", "y"), ("b", "y"), ("b", "z")]
        connection.execute(sa.insert(table), [{"patient": patient, "name": name} for patient, name in rows])
        for statement in uniting(metadata, "patient"):
            connection.execute(statement, {FROM.key: "b", "into_owner": "a"})
        left = connection.execute(sa.select(table.c.patient, table.c.name).order_by(table.c.name)).all()
    assert [tuple(row) for row in left] == [("a", "x"), ("a", "y"), ("a", "z")]


def test_who_takes_another_s_place_stands_behind_the_same_documents(connection: sa.Connection) -> None:
    """A patient's INS changes: what they wrote under the old one is theirs."""
    old, new, doctor = "279035121518989", "179035121518992", "899900063480"
    behind = [{old}, {old, new}, {new}, {doctor}]
    for number, persons in enumerate(behind, 1):
        custody = {"Document01": Custody(frozenset(persons))}
        register(connection, submission(document(number=number), number=number), custody=custody)
    lot = submission(theirs(9), number=9, patient_id=SUBSUMED)
    register(connection, lot, patient=MERGED, custody={"Document01": Custody(frozenset({old}))})
    store = RegistryStore(connection)
    store.hand_over(DOSSIER, old, new)
    own = replace(EVERYTHING, reach=type(EVERYTHING.reach).OWN)
    unique_ids = [document(number=number).unique_id for number in range(1, 5)]

    def of(person: str) -> set[str]:
        return {entry.unique_id for entry in store.entries(unique_ids, replace(own, person=person))}

    assert (of(old), of(new), of(doctor)) == (set(), set(unique_ids[:3]), {unique_ids[3]})
    theirs_still = replace(own, patient=MERGED, person=old)
    assert len(store.entries([theirs(9).unique_id], theirs_still)) == 1
