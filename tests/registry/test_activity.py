"""When documents came and changed: the dates of what a Scope permits, and of nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.activity import Activity
from registry.metadata import DocumentEntry
from registry.scope import MASQUE_PS, Custody, Reach, Scope
from registry.store import RegistryStore
from registry.store.tables import ENTRY
from tests.registry.samples import DOSSIER, EVERYTHING, NORMAL, NOW, document, register, submission
from tests.registry.test_scope_sql import FLAGS, put, scopes, stored
from tests.registry.update_samples import carry_out, update

MINUTE = timedelta(minutes=1)
RECEIVED = NOW.replace(microsecond=0)
UNMASKED = replace(EVERYTHING, masked=Reach.NONE)


def receive(connection: sa.Connection, unique_id: str, minutes: int, version: int = 1) -> None:
    """Has that version of the document have come so many minutes after the others."""
    where = (ENTRY.c.unique_id == unique_id, ENTRY.c.version == version)
    received = f"{RECEIVED + minutes * MINUTE:%Y%m%d%H%M%S}"
    connection.execute(ENTRY.update().where(*where).values(received=received))


def activity(connection: sa.Connection, scope: Scope) -> Activity:
    return RegistryStore(connection).activity([scope])[scope.patient]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(stored, min_size=1, max_size=5), st.lists(scopes, min_size=1, max_size=8))
def test_the_last_document_is_the_last_that_may_be_seen(
    database: sa.Engine, drawn: list[tuple[DocumentEntry, Custody]], asked: list[Scope]
) -> None:
    with database.connect() as connection:
        entries = put(connection, drawn)
        for minutes, unique_id in enumerate(entries):
            receive(connection, unique_id, minutes)
        for scope in asked:
            seen = [
                RECEIVED + minutes * MINUTE
                for minutes, (entry, custody) in enumerate(entries.values())
                if scope.permits(entry, custody)
            ]
            assert activity(connection, scope) == Activity(max(seen, default=None), None)
        connection.rollback()


def test_a_new_version_is_a_change_and_no_new_document(connection: sa.Connection) -> None:
    entry = document()
    lid = register(connection, submission(entry)).submission.entries[0].entry_uuid
    carry_out(connection, update(document(logical_id=lid, title="Corrected")))
    receive(connection, entry.unique_id, 5, version=2)
    assert activity(connection, EVERYTHING) == Activity(RECEIVED, RECEIVED + 5 * MINUTE)


def test_a_document_that_is_masked_since_has_no_date(connection: sa.Connection) -> None:
    lid = register(connection, submission(document())).submission.entries[0].entry_uuid
    carry_out(connection, update(document(logical_id=lid, confidentiality_codes=(NORMAL, FLAGS[0]))))
    assert (FLAGS[0].code, FLAGS[0].scheme) == MASQUE_PS
    assert activity(connection, UNMASKED) == Activity()
    assert activity(connection, EVERYTHING) != Activity()


def test_another_dossier_has_its_own_dates(connection: sa.Connection) -> None:
    register(connection, submission(document()))
    other = replace(EVERYTHING, patient="dossier-2")
    assert RegistryStore(connection).activity([EVERYTHING, other]) == {
        DOSSIER: Activity(RECEIVED),
        "dossier-2": Activity(),
    }
