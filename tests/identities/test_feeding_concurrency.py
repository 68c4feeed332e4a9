"""A merge and a submission that meet: whichever is first, no document is left with a dossier that is no more.

On PostgreSQL: SQLite has one writing transaction at a time.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from identities.store import METADATA, IdentitiesStore
from tests.databases import postgresql_engine

SURVIVING, SUBSUMED = PatientId("S", "1.2.3"), PatientId("X", "1.2.3")
TRAITS = Traits("MUSTER", "MAJA", date(1960, 6, 18), "F")
DOSSIER = Dossier("d1", (SURVIVING,), TRAITS, DossierStatus.OPEN, datetime(2026, 3, 1, tzinfo=UTC))
SUBMITTED = sa.Table("submitted", sa.MetaData(), sa.Column("patient", sa.Text))


@pytest.fixture
def engine(postgresql_url: str):  # type: ignore[no-untyped-def]
    with postgresql_engine(postgresql_url) as engine:
        METADATA.create_all(engine)
        SUBMITTED.create(engine)
        with engine.begin() as connection:
            store = IdentitiesStore(connection)
            store.open(DOSSIER)
            store.open(replace(DOSSIER, key="d2", identifiers=(SUBSUMED,)))
        yield engine


def merge(connection: sa.Connection) -> None:
    store = IdentitiesStore(connection)
    store.lock(["d1", "d2"])
    connection.execute(sa.update(SUBMITTED).where(SUBMITTED.c.patient == "d2").values(patient="d1"))
    store.unite("d2", "d1")
    store.subsume(SUBSUMED, SURVIVING)


def test_a_merge_waits_for_a_submission_that_holds_the_dossier(engine: sa.Engine) -> None:
    held = threading.Event()

    def submit() -> None:
        with engine.begin() as connection:
            assert IdentitiesStore(connection).hold("d2", SUBSUMED)
            held.set()
            connection.execute(sa.text("SELECT pg_sleep(0.3)"))
            connection.execute(sa.insert(SUBMITTED).values(patient="d2"))

    source = threading.Thread(target=submit)
    source.start()
    assert held.wait(10)
    with engine.begin() as connection:
        merge(connection)
    source.join()
    with engine.begin() as connection:
        assert connection.execute(sa.select(SUBMITTED.c.patient)).scalars().all() == ["d1"]


def test_a_submission_that_comes_after_the_merge_does_not_hold(engine: sa.Engine) -> None:
    answers: list[bool] = []

    def submit() -> None:
        with engine.begin() as connection:
            answers.append(IdentitiesStore(connection).hold("d2", SUBSUMED))

    source = threading.Thread(target=submit)
    with engine.begin() as connection:
        merge(connection)
        source.start()
        connection.execute(sa.text("SELECT pg_sleep(0.3)"))
        assert answers == []
    source.join()
    assert answers == [False]
