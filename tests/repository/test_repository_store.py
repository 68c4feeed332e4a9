"""The repository's rows: idempotent, led by patient, and never two contents for one uniqueId."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from repository.content import Content
from repository.errors import ContentConflict
from repository.store import DOCUMENT, METADATA, RepositoryStore

LETTER = Content(sha256="ab" * 32, sha1="cd" * 20, size=12_345)
UNIQUE_ID = "1.2.250.1.213.1.1.9^LETTER-1"


@pytest.fixture
def database(engine: sa.Engine) -> sa.Engine:
    METADATA.create_all(engine)
    return engine


def test_what_is_recorded_is_found_after_commit(database: sa.Engine) -> None:
    with database.begin() as connection:
        RepositoryStore(connection).record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
    with database.begin() as connection:
        assert RepositoryStore(connection).content("dossier-1", UNIQUE_ID) == LETTER


def test_a_document_is_found_in_its_dossier_only(database: sa.Engine) -> None:
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
        assert store.content("dossier-2", UNIQUE_ID) is None
        assert store.content("dossier-1", "1.2.3") is None


def test_recording_the_same_again_is_nothing(database: sa.Engine) -> None:
    for _ in range(2):
        with database.begin() as connection:
            RepositoryStore(connection).record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
    with database.begin() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(DOCUMENT)).scalar_one() == 1


@pytest.mark.parametrize(
    "other",
    [replace(LETTER, sha256="ff" * 32), replace(LETTER, sha1="ee" * 20), replace(LETTER, size=1)],
    ids=["sha256", "sha1", "size"],
)
def test_other_bytes_under_the_same_unique_id_are_refused(database: sa.Engine, other: Content) -> None:
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
        with pytest.raises(ContentConflict, match=r"expected .*LETTER-1.*, got"):
            store.record("dossier-1", UNIQUE_ID, other, "text/xml")
        assert store.content("dossier-1", UNIQUE_ID) == LETTER


def test_another_media_type_under_the_same_unique_id_is_refused(database: sa.Engine) -> None:
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
        with pytest.raises(ContentConflict, match="text/xml, got application/pdf"):
            store.record("dossier-1", UNIQUE_ID, LETTER, "application/pdf")


def test_rolling_back_leaves_nothing(database: sa.Engine) -> None:
    with database.connect() as connection:
        RepositoryStore(connection).record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
        connection.rollback()
    with database.begin() as connection:
        assert RepositoryStore(connection).content("dossier-1", UNIQUE_ID) is None


def test_of_two_at_once_the_second_finds_the_first_and_stays_usable(database: sa.Engine) -> None:
    """The other transaction commits while this one waits on its insert (PostgreSQL) or to begin (SQLite)."""
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def submit(content: Content) -> None:
        start.wait()
        with database.begin() as connection:
            store = RepositoryStore(connection)
            try:
                store.record("dossier-1", UNIQUE_ID, content, "text/xml")
                outcomes.append("recorded")
            except ContentConflict:
                outcomes.append("conflict")
            assert store.content("dossier-1", UNIQUE_ID) is not None

    threads = [threading.Thread(target=submit, args=(replace(LETTER, size=size),)) for size in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict", "recorded"]


def test_a_unique_id_is_a_value_and_nothing_else(database: sa.Engine) -> None:
    hostile = "1.2.3'; DROP TABLE repository_document; --"
    with database.begin() as connection:
        RepositoryStore(connection).record("dossier-1", hostile, LETTER, "text/xml")
    with database.begin() as connection:
        assert RepositoryStore(connection).content("dossier-1", hostile) == LETTER


def test_of_two_dossiers_that_become_one_what_both_have_stands_once(database: sa.Engine) -> None:
    with database.begin() as connection:
        store = RepositoryStore(connection)
        for dossier in ("dossier-1", "dossier-2"):
            store.record(dossier, UNIQUE_ID, LETTER, "text/xml")
        store.record("dossier-2", "1.2.3", LETTER, "text/plain")
        store.unite("dossier-2", "dossier-1")
        assert store.content("dossier-1", UNIQUE_ID) == store.content("dossier-1", "1.2.3") == LETTER
        assert connection.execute(sa.select(DOCUMENT.c.patient)).scalars().all() == ["dossier-1", "dossier-1"]


def test_two_dossiers_with_other_bytes_under_one_unique_id_do_not_become_one(database: sa.Engine) -> None:
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record("dossier-1", UNIQUE_ID, LETTER, "text/xml")
        store.record("dossier-2", UNIQUE_ID, replace(LETTER, sha256="ff" * 32), "text/xml")
        with pytest.raises(ContentConflict, match="the same bytes in both"):
            store.unite("dossier-2", "dossier-1")
