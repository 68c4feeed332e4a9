"""All or nothing, and submissions that meet: of those that exclude each other exactly one wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
import sqlalchemy as sa

from registry.errors import ErrorCode, RegistryError
from registry.lifecycle import DocumentVersion, admit
from registry.metadata import AssociationType, AvailabilityStatus
from registry.scope import Custody
from registry.store import METADATA, RegistryStore
from registry.stored_query import FindDocuments, ReturnType
from schemas.domain import SameUniqueId
from tests.registry.samples import (
    DOSSIER,
    EVERYTHING,
    NOW,
    PATIENT_ID,
    association,
    document,
    folder,
    register,
    submission,
    uuid,
)

RPLC, APND = AssociationType.RPLC, AssociationType.APND


def registered(connection: sa.Connection, *statuses: AvailabilityStatus) -> set[str]:
    """The last arc of the uniqueIds of the documents with these statuses."""
    query = FindDocuments(return_type=ReturnType.LEAF_CLASS, patient_id=PATIENT_ID, statuses=statuses)
    found = RegistryStore(connection).find(query, EVERYTHING)
    return {getattr(item, "unique_id", "").rpartition(".")[2] for item in found}


def counts(connection: sa.Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in METADATA.sorted_tables
    }


def test_a_refused_submission_leaves_nothing(database: sa.Engine) -> None:
    item = submission(document("D1"), document("D2", 2), folders=(folder(),))
    with database.begin() as connection:
        before = counts(connection)
    store_item = submission(document(uuid(1)), number=2)
    with pytest.raises(RegistryError), database.begin() as connection:
        store = RegistryStore(connection)
        existing = store.existing(item, DOSSIER, {})
        late = store.existing(store_item, DOSSIER, {})
        for each, known in ((item, existing), (store_item, late)):
            effects = admit(each, known, versions={}, same_unique_id=SameUniqueId.REFUSE, received=NOW)
            custody = {entry.entry_uuid: Custody() for entry in effects.submission.entries}
            store.save(effects, DOSSIER, custody, NOW)
    with database.begin() as connection:
        assert counts(connection) == before


LOST = {
    "RPLC": ErrorCode.XDSRegistryDeprecatedDocumentError,
    "uniqueId": ErrorCode.XDSRegistryMetadataError,
    "submission set": ErrorCode.XDSDuplicateUniqueIdInRegistry,
    "version": ErrorCode.XDSRegistryMetadataError,
    "id": ErrorCode.XDSRegistryMetadataError,
}


@pytest.mark.parametrize("meeting", list(LOST))
def test_of_submissions_that_meet_one_wins(database: sa.Engine, meeting: str) -> None:
    with database.begin() as connection:
        target = register(connection, submission(document("D1"))).ids["D1"]
    racers = 6
    start = Barrier(racers)

    def race(number: int) -> set[ErrorCode]:
        relations = (association(RPLC, "D2", target),) if meeting == "RPLC" else ()
        name = uuid(5) if meeting == "id" else "D2"
        entry = document(name, 99 if meeting == "uniqueId" else number)
        item = submission(entry, number=99 if meeting == "submission set" else number, relations=relations)
        versions = {name: DocumentVersion("1.2.3", 1)} if meeting == "version" else {}
        start.wait()
        try:
            with database.begin() as connection:
                register(connection, item, versions=versions)
        except RegistryError as error:
            return {found.code for found in error.findings}
        return set()

    with ThreadPoolExecutor(racers) as pool:
        outcomes = list(pool.map(race, range(10, 10 + racers)))
    assert outcomes.count(set()) == 1
    assert [each for each in outcomes if each] == [{LOST[meeting]}] * (racers - 1)
    with database.begin() as connection:
        assert len(registered(connection, *AvailabilityStatus)) == 2


def test_a_replacement_and_addenda_that_meet(database: sa.Engine) -> None:
    """Whoever comes first: no addendum stays Approved on a document that was replaced."""
    with database.begin() as connection:
        target = register(connection, submission(document("D1"))).ids["D1"]
    racers = 6
    start = Barrier(racers)

    def race(number: int) -> None:
        kind = RPLC if number == 10 else APND
        item = submission(document("D2", number), number=number, relations=(association(kind, "D2", target),))
        start.wait()
        try:
            with database.begin() as connection:
                register(connection, item)
        except RegistryError as error:
            codes = {found.code for found in error.findings}
            assert codes == {ErrorCode.XDSRegistryDeprecatedDocumentError}

    with ThreadPoolExecutor(racers) as pool:
        list(pool.map(race, range(10, 10 + racers)))
    with database.begin() as connection:
        assert registered(connection, AvailabilityStatus.APPROVED) == {"10"}


def test_of_two_hundred_replacements_one_wins(database: sa.Engine) -> None:
    """And nothing of the others is left: no rows, no uniqueIds."""
    with database.begin() as connection:
        target = register(connection, submission(document("D1"))).ids["D1"]
        before = counts(connection)
    racers, start = 20, Barrier(20)

    def race(number: int) -> set[ErrorCode]:
        if number < racers:
            start.wait()
        item = submission(document("D2", number + 10), number=number + 10, relations=(association(RPLC, "D2", target),))
        try:
            with database.begin() as connection:
                register(connection, item)
        except RegistryError as error:
            return {found.code for found in error.findings}
        return set()

    with ThreadPoolExecutor(racers) as pool:
        outcomes = list(pool.map(race, range(200)))
    assert outcomes.count(set()) == 1
    assert {code for each in outcomes for code in each} == {ErrorCode.XDSRegistryDeprecatedDocumentError}
    with database.begin() as connection:
        grown = {name: count - before[name] for name, count in counts(connection).items() if count != before[name]}
        assert registered(connection, AvailabilityStatus.APPROVED) == {str(outcomes.index(set()) + 10)}
    assert grown["registry_entry"] == grown["registry_submission_set"] == 1
    assert grown["registry_unique_id"] == grown["registry_association"] == 2
