"""The registry on a database: what goes in comes back and queries find it."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import ErrorCode, RegistryError
from registry.lifecycle import DocumentVersion, admit
from registry.metadata import AssociationType, Author, AvailabilityStatus, Code, DocumentEntry, ObjectType, Submission
from registry.scope import Reach
from registry.store import METADATA, RegistryStore
from registry.store.like import MAX_COMPARISONS, MAX_PATTERNS, matched, matcher
from registry.store.reading import MOST
from registry.store.tables import FOLDER, UrnUuid
from registry.stored_query import (
    FindDocuments,
    GetAssociations,
    GetDocuments,
    GetRelatedDocuments,
    GetSubmissionSets,
    ReturnType,
    TimeRange,
)
from schemas.domain import SameUniqueId
from tests.databases import sqlite_engine
from tests.registry.samples import (
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
    uuid,
)

LEAF = ReturnType.LEAF_CLASS
APPROVED = AvailabilityStatus.APPROVED
RPLC, APND, XFRM = AssociationType.RPLC, AssociationType.APND, AssociationType.XFRM


def find(connection: sa.Connection, **filters: Any) -> list[str]:
    """The last arc of the uniqueIds that FindDocuments finds."""
    asked = {"statuses": (APPROVED,), **filters}
    query = FindDocuments(return_type=LEAF, patient_id=PATIENT_ID, **asked)
    found = RegistryStore(connection).find(query, EVERYTHING)
    assert all(isinstance(item, DocumentEntry) for item in found)
    return [item.unique_id.rpartition(".")[2] for item in found if isinstance(item, DocumentEntry)]


def refused(connection: sa.Connection, item: Submission, **more: Any) -> set[ErrorCode]:
    with pytest.raises(RegistryError) as caught:
        register(connection, item, **more)
    return {found.code for found in caught.value.findings}


# --- In and out -------------------------------------------------------------------------------------------------------


def test_all_of_a_submission_comes_back(connection: sa.Connection) -> None:
    entry = document(
        event_codes=(Code("a", "1.2", "A"), Code("a", "1.2", "again")),
        reference_ids=("1^^^&1.2&ISO^urn:ihe:iti:xds:2013:accession",),
        extra_slots=(("urn:x-unknown", ("1", "é")),),
        service_stop_time="2026",
    )
    relations = (association(HAS_MEMBER, "Folder01", "Document01", extra_slots=(("urn:y", ("z",)),)),)
    sent = submission(entry, folders=(folder(),), relations=relations)
    effects = register(connection, sent)
    stored = effects.submission
    store, ids = RegistryStore(connection), effects.ids
    assert store.entries((entry.unique_id,), EVERYTHING) == stored.entries
    found = store.find(GetSubmissionSets(return_type=LEAF, uuids=(ids["Document01"],)), EVERYTHING)
    assert found[0] == stored.submission_set
    found = store.find(GetAssociations(return_type=LEAF, uuids=tuple(ids.values())), EVERYTHING)
    assert set(found) == set(stored.associations)


@given(st.uuids())
def test_a_uuid_in_sixteen_bytes(value: Any) -> None:
    kind = UrnUuid()
    stored = kind.process_bind_param(f"urn:uuid:{value}", sa.create_mock_engine("sqlite://", print).dialect)
    assert stored == value.bytes
    assert kind.process_result_value(stored, sa.create_mock_engine("sqlite://", print).dialect) == f"urn:uuid:{value}"


# --- FindDocuments ----------------------------------------------------------------------------------------------------


@pytest.fixture
def library(connection: sa.Connection) -> sa.Connection:
    """Three documents, and one on demand, that differ in every attribute that a query may name."""
    first = document(
        "D1",
        1,
        creation_time="20210101",
        service_start_time="20201231",
        service_stop_time="20210101",
        event_codes=(Code("e1", "9"), Code("e2", "9")),
        authors=(Author(person="1^O'Neil^Anne"), Author(person="2^Durand_X^Marc")),
    )
    second = document(
        "D2",
        2,
        creation_time="20220101000000",
        service_start_time="",
        event_codes=(Code("e1", "9"),),
        type_code=Code("11502-2", "2.16.840.1.113883.6.1"),
        class_code=Code("11", "c"),
        authors=(Author(person="3^O'NEIL^Jean"), Author(institutions=("CHU",))),
    )
    third = document(
        "D3",
        3,
        creation_time="2023",
        service_start_time="20230101",
        type_code=Code("11502-2", "other"),
        format_code=Code("f", "f"),
        healthcare_facility_type_code=Code("h", "h"),
        practice_setting_code=Code("p", "p"),
        authors=(),
    )
    on_demand = document("D4", 4, creation_time="", object_type=ObjectType.ON_DEMAND, authors=(), service_start_time="")
    register(connection, submission(first, second, third, on_demand))
    return connection


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "123"),
        ({"type_codes": (Code("11502-2", "2.16.840.1.113883.6.1"),)}, "2"),
        ({"type_codes": (Code("11502-2", "2.16.840.1.113883.6.1"), Code("11502-2", "other"))}, "23"),
        ({"class_codes": (Code("11", "c"),)}, "2"),
        ({"format_codes": (Code("f", "f"),)}, "3"),
        ({"healthcare_facility_type_codes": (Code("h", "h"),)}, "3"),
        ({"practice_setting_codes": (Code("p", "p"),)}, "3"),
        ({"event_codes": ((Code("e1", "9"),),)}, "12"),
        ({"event_codes": ((Code("e1", "9"),), (Code("e2", "9"),))}, "1"),
        ({"event_codes": ((Code("e1", "9"), Code("e2", "9")),)}, "12"),
        ({"event_codes": ((Code("e1", "8"),),)}, ""),
        ({"confidentiality_codes": ((Code("N", "2.16.840.1.113883.5.25"),),)}, "123"),
        ({"creation_time": TimeRange("20210101000000", "20220101000000")}, "1"),
        ({"creation_time": TimeRange("20220101000000", "")}, "23"),
        ({"creation_time": TimeRange("", "20230101000000")}, "12"),
        ({"service_start_time": TimeRange("20210101000000", "")}, "23"),
        ({"service_start_time": TimeRange("", "20201231000000")}, "2"),
        ({"service_stop_time": TimeRange("20210102000000", "")}, "23"),
        ({"author_persons": ("%O'Neil%",)}, "1"),
        ({"author_persons": ("%o'neil%",)}, ""),
        ({"author_persons": ("%^Jean", "2^Durand\\_X%")}, "2"),
        ({"author_persons": ("2^Durand_X^____",)}, "1"),
        ({"statuses": (DEPRECATED,)}, ""),
        ({"object_types": ()}, ""),
        ({"object_types": (ObjectType.STABLE, ObjectType.ON_DEMAND)}, "1234"),
        ({"object_types": (ObjectType.ON_DEMAND,), "creation_time": TimeRange("2022", "2023")}, "4"),
        ({"type_codes": (Code("11502-2", "other"),), "creation_time": TimeRange("2024", "")}, ""),
    ],
)
def test_find_documents(library: sa.Connection, filters: dict[str, Any], expected: str) -> None:
    assert "".join(sorted(find(library, **filters))) == expected


@given(st.text("%_ab\\", max_size=8), st.text("ab\\_%\n", max_size=8))
def test_like(pattern: str, text: str) -> None:
    translated = "".join({"%": "(?s:.*)", "_": "(?s:.)"}.get(character, re.escape(character)) for character in pattern)
    assert (matcher(pattern)(text) is not None) is (re.fullmatch(translated, text) is not None)


@pytest.mark.parametrize(
    "pattern", ["%a" * 120 + "b", "%" * 100 + "a%" * 78 + "b", "%_" * 120 + "b", "%aaa_a%" * 30 + "b", "%" * 10**4]
)
def test_like_does_not_explode(pattern: str) -> None:
    """The texts of ten thousand authors in less than a second."""
    matches, start = matcher(pattern), time.perf_counter()
    assert bool(matches("a" * 250)) is (set(pattern) == {"%"})
    assert (time.perf_counter() - start) < 0.001


def test_a_query_is_worth_so_many_comparisons() -> None:
    texts = [f"text {number}" for number in range(MAX_COMPARISONS // 10)]
    assert matched([f"%{number}" for number in range(10)], texts, "x") == texts
    with pytest.raises(RegistryError, match="at most 10 values with % or _"):
        matched([f"%{number}" for number in range(11)], texts, "x")
    with pytest.raises(RegistryError, match="at most"):
        matched([f"%{number}" for number in range(MAX_PATTERNS + 1)], ["text"], "x")
    assert matched([*map(str, range(MAX_PATTERNS * 10)), "_x"], ["7", "x"], "x") == ["7"], "what is no pattern is cheap"


@pytest.mark.parametrize("return_type", ReturnType)
def test_too_many_results(library: sa.Connection, return_type: ReturnType) -> None:
    query = FindDocuments(return_type=return_type, patient_id=PATIENT_ID, statuses=(APPROVED,))
    found = len(RegistryStore(library).find(query, EVERYTHING))
    for most, answered in ((found, True), (found - 1, False)):
        store = RegistryStore(library, {**MOST, return_type: most})
        if answered:
            assert len(store.find(query, EVERYTHING)) == len(store.find_across(query, [EVERYTHING])) == found
            continue
        with pytest.raises(RegistryError) as one:
            store.find(query, EVERYTHING)
        with pytest.raises(RegistryError) as several:
            store.find_across(query, [EVERYTHING])
        codes = [caught.value.findings[0].code for caught in (one, several)]
        assert codes == [ErrorCode.XDSTooManyResults] * 2


# --- The other queries ------------------------------------------------------------------------------------------------


def test_thousands_of_identifiers(library: sa.Connection) -> None:
    store = RegistryStore(library)
    known = store.entries(("1.2.250.1.999.1.1", "1.2.250.1.999.1.2"), EVERYTHING)
    strangers = tuple(uuid(number) for number in range(5_000))
    uuids = (*strangers, *(entry.entry_uuid.upper().replace("URN:UUID", "urn:uuid") for entry in known))
    assert store.find(GetDocuments(return_type=LEAF, entry_uuids=(*uuids, *uuids)), EVERYTHING) == known
    unique_ids = tuple(f"1.2.250.1.999.1.{number}" for number in range(3_000))
    assert len(store.find(GetDocuments(return_type=LEAF, unique_ids=unique_ids), EVERYTHING)) == 4
    assert len(store.find(GetAssociations(return_type=LEAF, uuids=uuids), EVERYTHING)) == 2


def test_what_is_no_uuid_is_no_object(library: sa.Connection) -> None:
    store = RegistryStore(library)
    for text in ("Document01", "urn:uuid:", "", "urn:uuid:'", "1.2.3"):
        assert store.find(GetDocuments(return_type=LEAF, entry_uuids=(text,)), EVERYTHING) == ()
        assert store.find(GetAssociations(return_type=LEAF, uuids=(text,)), EVERYTHING) == ()


def test_get_related_documents_is_one_hop(connection: sa.Connection) -> None:
    store = RegistryStore(connection)
    chain = (association(APND, "D2", "D1"), association(XFRM, "D3", "D1"), association(APND, "D4", "D2"))
    ids = register(connection, submission(*(document(f"D{n}", n) for n in range(1, 6)), relations=chain)).ids

    def related(name: str, *types: AssociationType) -> list[str]:
        query = GetRelatedDocuments(return_type=LEAF, entry_uuid=ids[name], association_types=types)
        names = {each: key for key, each in ids.items()}
        return [names[item.entry_uuid] for item in store.find(query, EVERYTHING)]

    assert related("D1", APND) == ["D1", "D2", "APND-D2-D1"]
    assert related("D1", APND, XFRM) == ["D1", "D2", "D3", "APND-D2-D1", "XFRM-D3-D1"]
    assert related("D5", APND) == []
    assert related("D1", RPLC, HAS_MEMBER) == []
    by_unique_id = GetRelatedDocuments(return_type=LEAF, unique_id="1.2.250.1.999.1.4", association_types=(APND,))
    assert len(store.find(by_unique_id, EVERYTHING)) == 3
    no_type = replace(by_unique_id, object_types=())
    assert store.find(no_type, EVERYTHING) == ()


# --- Lifecycle on the database ----------------------------------------------------------------------------------------


def test_a_replacement_deprecates_the_whole_tree(connection: sa.Connection) -> None:
    chain = (association(APND, "D2", "D1"), association(XFRM, "D3", "D2"), association(HAS_MEMBER, "Folder01", "D1"))
    first = submission(*(document(f"D{n}", n) for n in range(1, 5)), relations=chain, folders=(folder(),))
    ids = register(connection, first).ids
    connection.execute(FOLDER.update().values(last_update_time="20200101000000"))
    second = submission(document("D9", 9), number=2, relations=(association(RPLC, "D9", ids["D1"]),))
    effects = register(connection, second)
    assert find(connection) == ["4", "9"]
    assert find(connection, statuses=(DEPRECATED,)) == ["1", "2", "3"]
    held = RegistryStore(connection).find(GetAssociations(return_type=LEAF, uuids=(ids["Folder01"],)), EVERYTHING)
    assert {ids["D1"], effects.ids["D9"]} <= {item.target for item in held if hasattr(item, "target")}
    assert connection.execute(sa.select(FOLDER.c.last_update_time)).scalar_one() == NOW.strftime("%Y%m%d%H%M%S")
    third = submission(document("D10", 10), number=3, relations=(association(RPLC, "D10", ids["D1"]),))
    assert refused(connection, third) == {ErrorCode.XDSRegistryDeprecatedDocumentError}
    appended = submission(document("D10", 10), number=3, relations=(association(APND, "D10", ids["D2"]),))
    assert refused(connection, appended) == {ErrorCode.XDSRegistryDeprecatedDocumentError}


def test_what_is_registered_is_known(connection: sa.Connection) -> None:
    version = DocumentVersion("1.2.3", 1)
    transformed = (association(XFRM, "D2", "D1"),)
    sent = submission(document("D1"), document("D2", 2), relations=transformed)
    ids = register(connection, sent, versions={"D1": version}).ids
    again = refused(connection, sent, versions={"D1": version})
    assert again == {ErrorCode.XDSDuplicateUniqueIdInRegistry, ErrorCode.XDSRegistryMetadataError}
    given = submission(document(ids["D1"], 3), number=2)
    assert refused(connection, given) == {ErrorCode.XDSRegistryMetadataError}
    other_version = submission(document("D3", 3), number=2)
    assert refused(connection, other_version, versions={"D3": version}) == {ErrorCode.XDSRegistryMetadataError}
    appended = submission(document("D3", 3), number=2, relations=(association(APND, "D3", ids["D2"]),))
    assert refused(connection, appended) == {ErrorCode.XDSRegistryMetadataError}
    elsewhere = submission(document("D3", 3), number=2, relations=(association(RPLC, "D3", ids["D1"]),))
    assert refused(connection, elsewhere, patient="dossier-2") == {ErrorCode.XDSPatientIdDoesNotMatch}
    register(connection, submission(document("D3", 3), number=2), patient="dossier-2", versions={"D3": version})


def test_the_same_document_twice_where_ihe_rules(connection: sa.Connection) -> None:
    policy = SameUniqueId.ACCEPT_IDENTICAL
    register(connection, submission(document()), policy=policy)
    register(connection, submission(document(), number=2), policy=policy)
    register(connection, submission(document(), number=3), policy=policy)
    assert find(connection) == ["1", "1", "1"]
    assert refused(connection, submission(document(hash="0" * 40), number=4), policy=policy) == {
        ErrorCode.XDSNonIdenticalHash
    }


def test_malformed_uuids_are_refused_not_looked_up(connection: sa.Connection) -> None:
    item = submission(document("urn:uuid:zz"), relations=(association(RPLC, "urn:uuid:zz", "urn:uuid:'"),))
    assert ErrorCode.UnresolvedReferenceException in refused(connection, item)


def test_custody_is_required_for_every_entry(connection: sa.Connection) -> None:
    item, store = submission(document()), RegistryStore(connection)
    existing = store.existing(item, DOSSIER, {})
    effects = admit(item, existing, versions={}, same_unique_id=SameUniqueId.REFUSE, received=NOW)
    with pytest.raises(KeyError):
        store.save(effects, DOSSIER, {}, NOW)


def test_every_statement_uses_an_index(tmp_path: Path) -> None:
    """No statement reads a table from end to end, however large it grows."""
    with sqlite_engine(tmp_path / "plan.sqlite") as engine, engine.connect() as connection:
        METADATA.create_all(connection)
        plans: list[str] = []

        def explain(raw: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
            if not many and statement.startswith(("SELECT", "UPDATE")):
                rows = raw.connection.dbapi_connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(f"{row[3]} in {statement}" for row in rows)

        sa.event.listen(engine, "before_cursor_execute", explain)
        relations = (association(APND, "D2", "D1"), association(HAS_MEMBER, "Folder01", "D1"))
        first = submission(document("D1"), document("D2", 2), relations=relations, folders=(folder(),))
        ids = register(connection, first, versions={"D1": DocumentVersion("1.2.3", 1)}).ids
        relations = (association(RPLC, uuid(1), ids["D1"]), association(APND, uuid(1), ids["D2"]))
        refused(connection, submission(document(uuid(1), 3), number=2, relations=relations))
        register(connection, submission(document("D3", 3), number=3, relations=(association(RPLC, "D3", ids["D1"]),)))
        store, mine = (
            RegistryStore(connection),
            replace(EVERYTHING, person="1", structure="2", reach=Reach.STRUCTURE, masked=Reach.OWN),
        )
        for scope in (EVERYTHING, mine):
            codes = ((Code("a", "b"),),)
            asked: dict[str, Any] = {
                "author_persons": ("%",),
                "event_codes": codes,
                "creation_time": TimeRange("20210101000000", "20220101000000"),
            }
            query = FindDocuments(return_type=LEAF, patient_id=PATIENT_ID, statuses=(APPROVED,), **asked)
            store.find(query, scope)
            store.find(GetAssociations(return_type=LEAF, uuids=tuple(ids.values())), scope)
            store.find(GetSubmissionSets(return_type=LEAF, uuids=tuple(ids.values())), scope)
            store.hidden(scope, unique_ids=(document().unique_id,))
        assert len(plans) > 40
        assert [plan for plan in plans if plan.startswith("SCAN registry")] == []
        within = "(patient=? AND availability_status=? AND creation_time>? AND creation_time<?)"
        assert any(f"INDEX ix_registry_entry_find {within}" in plan for plan in plans)
