"""Every stored query, in SQL as in plain loops, over small registries and Scopes made by chance."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    SubmissionSet,
)
from registry.scope import MASQUE_PS, Custody, Reach, Scope, TypeRule
from registry.store import RegistryStore, dossiers
from registry.store.tables import ENTRY, FOLDER
from registry.store.writing import Writer
from registry.stored_query import GetAssociations, ObjectReference, ReturnType, StoredQuery, Told
from registry.stored_query_table import (
    ASSOCIATION_TYPE,
    CODE,
    DTM,
    LEVEL,
    OBJECT_TYPE,
    ROWS,
    STATUS,
    UUID,
    Parameter,
    Row,
)
from tests.registry.oracle import HAS_MEMBER, Object, Oracle, World
from tests.registry.queries import made
from tests.registry.samples import NORMAL, NOW, document, folder, submission_set, uuid

DOSSIERS = ("dossier-1", "dossier-2")
MOSTLY_FIRST = (*DOSSIERS, *[DOSSIERS[0]] * 4)
CODES = (Code("1", "s"), Code("2", "s"), Code("1", "t"))
CONFIDENTIALITY = (NORMAL, Code("R", NORMAL.scheme), Code(*MASQUE_PS))
STATUSES = (AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED)
TYPES = (AssociationType.APND, AssociationType.APND, AssociationType.XFRM)
PEOPLE = ("1^Durand^Anne", "2^DURAND_^Marc", "")
PATTERNS = ("%Durand%", "_^D%", "2^DURAND_^Marc", "%\\%", "%")
REFERENCES = ("a^^^&1.2&ISO^x", "b_^^^&1.2&ISO^x", "bc^^^&1.2&ISO^x")
REFERENCE_PATTERNS = (*REFERENCES, "b%", "%A%")
UNIQUE_IDS, SET_IDS, FOLDER_IDS = ("1.2.1", "1.2.2", "1.2.3"), ("1.3.1", "1.3.2"), ("1.4.1", "1.4.2")
KINDS = {"DocumentEntry": DocumentEntry, "SubmissionSet": SubmissionSet, "Folder": Folder}
TIMES = ("2021", "202106", "20210601120000", "20220101")
BOUNDS = ("20210101000000", "20210601000000", "20210601120000", "20220101000000")
PERSONS, STRUCTURES = ("899", "801"), ("1750",)
QUERIES_PER_ROW = 4


class Maker:
    """Makes a world, Scopes and questions of it; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.world, self._count = World(), 0
        for _ in range(self.random.randint(1, 10)):
            self._put(self._document())
        for _ in range(self.random.randint(1, 4)):
            self._put(self._set())
        for _ in range(self.random.randint(0, 4)):
            self._put(self._folder())
        for _ in range(self.random.randint(4, 40)):
            self._associate()

    def uuid(self) -> str:
        self._count += 1
        return uuid(self._count)

    def some(self, values: Any, least: int = 0) -> tuple[Any, ...]:
        return tuple(self.random.sample(values, self.random.randint(least, len(values))))

    def _put(self, item: Object) -> None:
        self.world.put(self.random.choice(MOSTLY_FIRST), item)
        versioned = isinstance(item, DocumentEntry | Folder)
        if versioned and self.random.random() < 0.2:
            self.world.superseded.add(item.entry_uuid)
        if isinstance(item, DocumentEntry):
            self.world.custody[item.entry_uuid] = Custody(
                frozenset(self.some(PERSONS)), frozenset(self.some(STRUCTURES))
            )

    def _document(self) -> DocumentEntry:
        pick, own = self.random.choice, self.uuid()
        return document(
            own,
            unique_id=pick(UNIQUE_IDS),
            logical_id=pick((own, uuid(1000))),
            version=self._count,
            home_community_id=pick(("", "urn:oid:1.2")),
            class_code=pick(CODES),
            type_code=pick(CODES),
            format_code=pick(CODES),
            healthcare_facility_type_code=pick(CODES),
            practice_setting_code=pick(CODES),
            event_codes=self.some(CODES),
            confidentiality_codes=self.some(CONFIDENTIALITY, 1),
            creation_time=pick(TIMES),
            service_start_time=pick((*TIMES, "")),
            service_stop_time=pick((*TIMES, "")),
            authors=tuple(Author(person=each, institutions=("I",)) for each in self.some(PEOPLE)),
            reference_ids=self.some(REFERENCES),
            object_type=pick((ObjectType.STABLE, ObjectType.STABLE, ObjectType.ON_DEMAND)),
            availability_status=pick(STATUSES),
        )

    def _set(self) -> SubmissionSet:
        return replace(
            submission_set(),
            entry_uuid=self.uuid(),
            unique_id=self.random.choice(SET_IDS),
            source_id=self.random.choice(UNIQUE_IDS),
            submission_time=self.random.choice(TIMES),
            content_type_code=self.random.choice(CODES),
            authors=tuple(Author(person=each, institutions=("I",)) for each in self.some(PEOPLE)),
            availability_status=self.random.choice(STATUSES),
        )

    def _folder(self) -> Folder:
        own = self.uuid()
        return folder(
            own,
            unique_id=self.random.choice(FOLDER_IDS),
            logical_id=self.random.choice((own, uuid(1000))),
            version=self._count,
            codes=self.some(CODES, 1),
            last_update_time=self.random.choice(BOUNDS),
            availability_status=self.random.choice(STATUSES),
        )

    def _associate(self) -> None:
        """An association between two objects: documents relate, packages hold; a set may hold an association, too."""
        objects = list(self.world.objects.values())
        documents = [item for item in objects if isinstance(item, DocumentEntry)]
        packages = [item for item in objects if isinstance(item, SubmissionSet | Folder)]
        source = self.random.choice(self.random.choice((packages, packages, documents)))
        targets: list[Object] = [*documents]
        if isinstance(source, SubmissionSet):
            targets += [item for item in objects if isinstance(item, Folder)]
            targets += [
                item
                for item in objects
                if isinstance(item, Association) and not isinstance(self.world.objects[item.target], Association)
            ]
        item = Association(
            self.uuid(),
            self.random.choice(TYPES) if isinstance(source, DocumentEntry) else HAS_MEMBER,
            source.entry_uuid,
            self.random.choice([item for item in targets if self._near(source, item)] or targets).entry_uuid,
            availability_status=self.random.choice((*STATUSES, *[STATUSES[0]] * 3)),
        )
        self.world.put(self.world.dossiers[source.entry_uuid], item)

    def _near(self, one: Object, other: Object) -> bool:
        """Whether both stand in one dossier; now and then it does not matter."""
        dossiers = self.world.dossiers
        return dossiers[one.entry_uuid] == dossiers[other.entry_uuid] or self.random.random() < 0.1

    def scope(self, dossier: str) -> Scope:
        pick = self.random.choice
        return Scope(
            patient=dossier,
            person=pick(("", *PERSONS)),
            structure=pick(("", *STRUCTURES)),
            types=pick((*[TypeRule(but=True)] * 4, TypeRule(codes=frozenset("1")))),
            reach=pick((*[Reach.ALL] * 6, *Reach)),
            masked=pick((*[Reach.ALL] * 4, *Reach)),
            statuses=frozenset(pick((STATUSES, STATUSES, STATUSES[:1]))),
        )

    def query(self, row: Row) -> StoredQuery:
        return made(row, self._value, self.random.choice, optional=(True, *[False] * 9))

    def _value(self, parameter: Parameter) -> Any:
        pools: dict[Any, Any] = {
            CODE: CODES,
            DTM: BOUNDS,
            STATUS: STATUSES,
            OBJECT_TYPE: tuple(ObjectType),
            ASSOCIATION_TYPE: (*TYPES, HAS_MEMBER),
            LEVEL: (1, 2),
            UUID: (*self._uuids(parameter.slot), uuid(1000), uuid(9999)),
        }
        named = {
            "author_person": PATTERNS,
            "author_persons": PATTERNS,
            "reference_ids": REFERENCE_PATTERNS,
            "confidentiality_codes": CONFIDENTIALITY,
            "unique_id": self._unique_ids(parameter.slot),
            "unique_ids": self._unique_ids(parameter.slot),
            "source_ids": UNIQUE_IDS,
            "patient_id": ("the patient",),
            "patient_ids": ("the patient",),
        }
        field = parameter.field.removeprefix("excluded_")
        return self.random.choice(named[field] if field in named else pools[parameter.kind])

    def _uuids(self, slot: str) -> list[str]:
        """Those of objects that the slot may be about."""
        kinds = [kind for name, kind in KINDS.items() if name in slot] or KINDS.values()
        return [key for key, item in self.world.objects.items() if isinstance(item, tuple(kinds))]

    def _unique_ids(self, slot: str) -> tuple[str, ...]:
        return SET_IDS if "SubmissionSet" in slot else FOLDER_IDS if "Folder" in slot else UNIQUE_IDS


def stored(connection: sa.Connection, world: World) -> RegistryStore:
    """The registry that holds `world`."""
    for dossier in DOSSIERS:
        writer = Writer(connection, dossier)
        own = [item for key, item in world.objects.items() if world.dossiers[key] == dossier]
        for item in own:
            match item:
                case DocumentEntry():
                    writer.save_entry(item, world.custody[item.entry_uuid], NOW)
                case SubmissionSet():
                    writer.save_set(item, NOW)
                case Folder():
                    writer.save_folder(item)
                case Association():
                    writer.save_associations([item], NOW)
    for table in (ENTRY, FOLDER):
        superseded = table.update().where(table.c.entry_uuid.in_(sorted(world.superseded))).values(latest=False)
        connection.execute(superseded)
    return RegistryStore(connection)


def told(world: World, query: StoredQuery, uuids: set[str], *seen: Oracle) -> set[Told]:
    """What an answer tells of these objects, as they are `seen`."""
    folders = {each.entry_uuid: each for oracle in seen for each in oracle.folders}
    objects = {folders.get(each, world.objects[each]) for each in uuids}
    if query.return_type is ReturnType.LEAF_CLASS:
        return set(objects)
    return {ObjectReference(each.entry_uuid, getattr(each, "home_community_id", "")) for each in objects}


@pytest.mark.parametrize("seed", range(18))
def test_sql_finds_what_the_standard_says(connection: sa.Connection, seed: int) -> None:
    maker = Maker(seed)
    world = maker.world
    store = stored(connection, world)
    for row in ROWS:
        for _ in range(QUERIES_PER_ROW):
            query, scope = maker.query(row), maker.scope(maker.random.choice(MOSTLY_FIRST))
            found, oracle = store.find(query, scope), Oracle(world, scope)
            assert set(found) == told(world, query, oracle.find(query), oracle), (query, scope)
            assert len(set(found)) == len(found), query


@pytest.mark.parametrize("seed", range(18, 28))
def test_across_dossiers_each_is_found_by_itself(connection: sa.Connection, seed: int) -> None:
    maker = Maker(seed)
    world = maker.world
    store = stored(connection, world)
    for row in (row for row in ROWS if row.query.multi_patient or row.parameters[0].field != "patient_id"):
        for _ in range(QUERIES_PER_ROW):
            query = maker.query(row)
            if getattr(query, "patient_ids", ()):
                continue
            scopes = {dossier: maker.scope(dossier) for dossier in DOSSIERS}
            oracles = {dossier: Oracle(world, scope) for dossier, scope in scopes.items()}
            expected = {dossier: oracle.find(query) for dossier, oracle in oracles.items()}
            ask = partial(store.find_across, query, [scopes[key] for key in store.dossiers_of(query)])
            single = query.return_type is ReturnType.LEAF_CLASS and not query.multi_patient
            if single and all(expected.values()):
                with pytest.raises(RegistryError) as refused:
                    ask()
                assert refused.value.findings[0].code is ErrorCode.XDSResultNotSinglePatient
            else:
                found = told(world, query, set().union(*expected.values()), *oracles.values())
                assert set(ask()) == found, (query, scopes)


def test_more_patients_than_one_answer_is_about(connection: sa.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(1)
    store = stored(connection, maker.world)
    uuids = tuple(maker.world.objects)
    query = GetAssociations(return_type=ReturnType.OBJECT_REF, uuids=uuids)
    assert store.dossiers_of(query) == DOSSIERS
    monkeypatch.setattr(dossiers, "MAX_DOSSIERS", 1)
    for ask in (partial(store.dossiers_of, query), partial(store.find_across, query, map(maker.scope, DOSSIERS))):
        with pytest.raises(RegistryError) as refused:
            ask()
        assert refused.value.findings[0].code is ErrorCode.XDSTooManyResults
