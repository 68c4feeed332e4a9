"""Bytes that go: after their row, never before; shared ones stay; what a crash leaves behind is swept a day later."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repository.content import Content
from repository.errors import ContentConflict, ContentMissing
from repository.files import LocalFiles
from repository.store import METADATA, RepositoryStore
from tests.repository.kept import LETTER, incoming, keep, staged, stored

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINE, THEIRS = "dossier-1", "dossier-2"
TEXT = "text/xml"


@pytest.fixture
def database(engine: sa.Engine) -> sa.Engine:
    METADATA.create_all(engine)
    return engine


def age(root: Path, days: float) -> None:
    """Everything under `root` was last written that many days before NOW."""
    written = (NOW - days * DAY).timestamp()
    for file in (*stored(root), *incoming(root)):
        os.utime(file, (written, written))


# --- Bytes


def test_removed_bytes_are_gone(files: LocalFiles, root: Path) -> None:
    content = keep(files, LETTER)
    assert files.remove(content) is True
    assert stored(root) == []
    with pytest.raises(ContentMissing):
        files.chunks(content)


def test_removing_what_is_not_there_is_nothing(files: LocalFiles) -> None:
    content = keep(files, LETTER)
    files.remove(content)
    assert files.remove(content) is False


def test_a_removed_document_can_be_kept_again(files: LocalFiles) -> None:
    content = keep(files, LETTER)
    files.remove(content)
    assert b"".join(files.chunks(keep(files, LETTER))) == LETTER


def test_what_no_row_names_is_an_orphan_a_day_later(files: LocalFiles, root: Path) -> None:
    named, orphan = keep(files, b"named"), keep(files, b"orphan")
    age(root, 2)
    young = keep(files, b"young")
    os.utime(max(stored(root), key=lambda file: file.stat().st_mtime), (NOW.timestamp(), NOW.timestamp()))
    found = files.orphans([named.sha256], NOW - DAY)
    assert files.sweep_kept(found, NOW - DAY) == len(found) == 1
    assert [b"".join(files.chunks(each)) for each in (named, young)] == [b"named", b"young"]
    with pytest.raises(ContentMissing):
        files.chunks(orphan)


def test_what_was_kept_again_since_is_spared(files: LocalFiles, root: Path) -> None:
    keep(files, LETTER)
    age(root, 2)
    found = files.orphans([], NOW - DAY)
    again = keep(files, LETTER)  # freshly written, as every document that comes in
    assert files.sweep_kept(found, NOW - DAY) == 0
    assert b"".join(files.chunks(again)) == LETTER


def test_the_sweep_leaves_what_is_not_its_own(files: LocalFiles, root: Path) -> None:
    keep(files, LETTER)
    (root / "ab").mkdir(exist_ok=True)
    (root / "ab" / "README").write_text("ours")
    document = staged(files, b"on its way")
    age(root, 2)
    files.sweep_kept(files.orphans([], NOW - DAY), NOW - DAY)
    assert (root / "ab" / "README").read_text() == "ours"
    assert (root / "names.key").exists()
    assert len(incoming(root)) == 1
    document.discard()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(documents=st.lists(st.tuples(st.binary(max_size=9), st.booleans()), max_size=12))
def test_orphans_are_exactly_what_no_row_names(
    tmp_path_factory: pytest.TempPathFactory, documents: list[tuple[bytes, bool]]
) -> None:
    root = tmp_path_factory.mktemp("documents")
    files = LocalFiles(root)
    contents = {data: keep(files, data) for data, _ in documents}
    named = {data for data, recorded in documents if recorded}
    age(root, 2)
    files.sweep_kept(files.orphans([contents[data].sha256 for data in named], NOW - DAY), NOW - DAY)
    assert len(stored(root)) == len(named)
    assert all(b"".join(files.chunks(contents[data])) == data for data in named)


# --- Rows


def test_a_row_goes_and_says_what_it_stood_for(database: sa.Engine, files: LocalFiles) -> None:
    content = keep(files, LETTER)
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record(MINE, "1.2.3", content, TEXT)
        assert store.remove(MINE, "1.2.3") == content
        assert store.content(MINE, "1.2.3") is None
        assert store.remove(MINE, "1.2.3") is None


def test_bytes_that_another_row_names_are_not_unrecorded(database: sa.Engine, files: LocalFiles) -> None:
    shared, single = keep(files, b"shared"), keep(files, b"single")
    with database.begin() as connection:
        store = RepositoryStore(connection)
        for patient, unique_id, content in ((MINE, "1.1", shared), (THEIRS, "1.2", shared), (MINE, "1.3", single)):
            store.record(patient, unique_id, content, TEXT)
        store.remove(MINE, "1.1")
        store.remove(MINE, "1.3")
        assert store.unrecorded([shared, single]) == (single,)


def test_a_unique_id_is_found_in_every_dossier(database: sa.Engine, files: LocalFiles) -> None:
    content = keep(files, LETTER)
    with database.begin() as connection:
        store = RepositoryStore(connection)
        for patient in (THEIRS, MINE):
            store.record(patient, "1.2.3", content, TEXT)
        assert store.dossiers_of(["1.2.3", "1.2.4"]) == (("1.2.3", MINE), ("1.2.3", THEIRS))


def test_what_a_removed_document_left_behind_makes_way_for_a_new_one(database: sa.Engine, files: LocalFiles) -> None:
    old, new = keep(files, b"old"), keep(files, b"new")
    with database.begin() as connection:
        store = RepositoryStore(connection)
        store.record(MINE, "1.2.3", old, TEXT)
        with pytest.raises(ContentConflict):
            store.record(MINE, "1.2.3", new, TEXT)
        store.record(MINE, "1.2.3", new, "text/plain", first=True)
        assert store.content(MINE, "1.2.3") == new


def test_every_row_is_paged_through_once(database: sa.Engine) -> None:
    count = 101
    with database.begin() as connection:
        store = RepositoryStore(connection)
        for number in range(count):
            store.record(f"d{number % 3}", f"1.{number // 3}", Content(f"{number:064x}", "0" * 40, 1), TEXT)
        first = store.page(limit=70)
        second = store.page(first[-1][:2], limit=70)
        assert len({address for _, _, address in (*first, *second)}) == len(first) + len(second) == count
        assert store.page(second[-1][:2]) == []


def test_a_dossier_is_erased_and_gives_back_what_it_stood_for(database: sa.Engine) -> None:
    contents = [Content(f"{number:064x}", "0" * 40, 1) for number in range(3)]
    with database.begin() as connection:
        store = RepositoryStore(connection)
        for number, content in enumerate(contents):
            store.record(MINE, f"1.{number}", content, TEXT)
        store.record(MINE, "1.9", contents[0], TEXT)
        store.record("another", "1.0", contents[0], TEXT)
        assert set(store.erase(MINE)) == set(contents)
        assert set(store.unrecorded(contents)) == set(contents[1:])
        assert store.erase(MINE) == ()


def test_whoever_removes_bytes_waits_for_who_is_recording_them(database: sa.Engine, files: LocalFiles) -> None:
    """The same bytes come in while their last row was removed: they are not unrecorded, for a row is on its way."""
    content = keep(files, LETTER)
    asked, answers = Event(), []

    def remover() -> None:
        asked.set()
        with database.begin() as connection:
            answers.append(RepositoryStore(connection).unrecorded([content]))

    thread = Thread(target=remover)
    with database.begin() as connection:
        RepositoryStore(connection).record(MINE, "1.2.3", content, TEXT)
        thread.start()
        asked.wait()
        thread.join(0.3)
        assert answers == []
    thread.join()
    assert answers == [()]
