"""Documents as files: durable, whole or absent, whatever the disk does."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.content import Content
from repository.errors import ContentDamaged, ContentMissing, RepositoryUnavailable
from repository.files import CHUNK_BYTES, INCOMING, LocalFiles
from tests.repository.kept import LETTER, in_threads, incoming, keep, staged, stored

# --- Durability: what is on the disk when `keep` returns, whatever the power does then


@pytest.fixture
def calls(files: LocalFiles, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operating system's calls that matter, in order; folders and files by their path under the root."""
    record: list[str] = []

    def path(descriptor: int) -> str:
        shown = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(root)
        return "/".join("#" * len(part) if len(part) in (2, 32, 64) else part for part in shown.parts) or "."

    def spy(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object, **keywords: object) -> object:
            descriptors = (arguments[0], keywords.get("dir_fd"), keywords.get("dst_dir_fd"))
            where = next((path(place) for place in descriptors if isinstance(place, int)), ".")
            result = real(*arguments, **keywords)
            if name != "write" or f"write {where}" not in record:
                record.append(f"{name} {where}")
            return result

        monkeypatch.setattr(os, name, call)

    for name in ("write", "fdatasync", "fsync", "rename", "mkdir", "unlink"):
        spy(name)
    return record


STAGED = f"{INCOMING}/{'#' * 32}"


def test_bytes_then_name_then_folders(files: LocalFiles, calls: list[str]) -> None:
    keep(files, LETTER)
    assert calls == [
        f"write {STAGED}",
        f"fdatasync {STAGED}",
        "mkdir .",
        "rename ##",
        "fsync ##",
        "fsync .",
    ]


def test_folders_known_to_be_durable_are_not_synchronised_again(files: LocalFiles, calls: list[str]) -> None:
    keep(files, LETTER)
    calls.clear()
    keep(files, LETTER)
    assert [call for call in calls if call.startswith(("rename", "fsync"))] == ["rename ##", "fsync ##"]


def test_folders_that_another_process_made_are_synchronised(root: Path, files: LocalFiles, calls: list[str]) -> None:
    keep(LocalFiles(root), LETTER)
    calls.clear()
    keep(files, LETTER)
    assert [call for call in calls if call.startswith("fsync")] == ["fsync ##", "fsync ."]


def test_a_new_home_is_durable_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synchronised: set[Path] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synchronised.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    LocalFiles(tmp_path / "home" / "documents")
    assert {tmp_path, tmp_path / "home", tmp_path / "home" / "documents"} <= synchronised


# --- Failures of the disk


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("failing", ["write", "fdatasync", "mkdir", "rename", "fsync"])
def test_a_failing_disk_is_unavailable_and_leaves_nothing_half_written(
    files: LocalFiles, root: Path, monkeypatch: pytest.MonkeyPatch, failing: str, code: int
) -> None:
    document = staged(files, b"first half, ")

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(os, failing, fail)
        with pytest.raises(RepositoryUnavailable, match=os.strerror(code)):
            document.write(b"second half")
            document.finish()
            document.keep()
    assert incoming(root) == []
    assert all(file.read_bytes() == b"first half, second half" for file in stored(root))
    assert b"".join(files.chunks(keep(files, LETTER))) == LETTER


def test_a_disk_that_takes_a_few_bytes_at_a_time(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data[:3])))
    assert b"".join(files.chunks(keep(files, LETTER))) == LETTER


def test_a_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "documents").write_text("a file")
    with pytest.raises(RepositoryUnavailable, match="expected a folder for documents"):
        LocalFiles(tmp_path / "documents")


def test_a_disk_that_fails_to_read(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    content = keep(files, LETTER)

    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    chunks = files.chunks(content)
    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(RepositoryUnavailable, match="expected a readable document"):
        next(chunks)


# --- Damage


def spoil(root: Path, data: bytes) -> None:
    (document,) = stored(root)
    document.unlink()
    document.write_bytes(data)


def test_a_document_of_another_length_is_found_before_the_first_chunk(files: LocalFiles, root: Path) -> None:
    content = keep(files, LETTER)
    spoil(root, LETTER[:-1])
    with pytest.raises(ContentDamaged, match="expected 19 bytes, got 18 bytes"):
        files.chunks(content)


def test_other_bytes_are_found_before_the_last_chunk_is_given(files: LocalFiles, root: Path) -> None:
    whole = bytes(CHUNK_BYTES) + LETTER
    content = keep(files, whole)
    spoil(root, b"\x01" + whole[1:])
    given: list[bytes] = []
    with pytest.raises(ContentDamaged, match="expected the bytes that were kept"):
        given.extend(files.chunks(content))
    assert len(given) <= 1
    assert b"".join(files.chunks(content, verify=False)) == b"\x01" + whole[1:]


def test_a_file_that_shrinks_while_it_is_read(files: LocalFiles, root: Path) -> None:
    content = keep(files, bytes(2 * CHUNK_BYTES))
    chunks = files.chunks(content)
    next(chunks)
    (document,) = stored(root)
    document.chmod(0o600)
    os.truncate(document, CHUNK_BYTES)
    with pytest.raises(ContentDamaged, match="got the end of the file"):
        next(chunks)


def test_submitting_a_document_again_heals_it(files: LocalFiles, root: Path) -> None:
    content = keep(files, LETTER)
    spoil(root, b"rotten")
    assert keep(files, LETTER) == content
    assert b"".join(files.chunks(content)) == LETTER


# --- Symbolic links


def test_links_are_not_followed(files: LocalFiles, root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(LETTER)
    content = keep(files, LETTER)
    (document,) = stored(root)
    document.unlink()
    document.symlink_to(elsewhere)
    with pytest.raises(RepositoryUnavailable):
        files.chunks(content)
    keep(files, LETTER)  # replaces the link, and writes nothing where it led
    assert not document.is_symlink()
    assert stat.S_IMODE(elsewhere.stat().st_mode) != 0o400


def test_linked_folders_are_not_followed(files: LocalFiles, root: Path, tmp_path: Path) -> None:
    content = keep(files, LETTER)
    (document,) = stored(root)
    document.parent.rename(tmp_path / "elsewhere")
    document.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RepositoryUnavailable):
        files.chunks(content)
    with pytest.raises(RepositoryUnavailable):
        keep(files, LETTER)
    assert incoming(root) == []


# --- What crashes left


def test_sweeping_takes_what_is_old_and_nothing_else(files: LocalFiles, root: Path) -> None:
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    kept = keep(files, LETTER)
    for _ in range(2):
        staged(files, LETTER).finish()
    for file, age in zip(incoming(root), (timedelta(hours=2), timedelta(minutes=1)), strict=True):
        written = (now - age).timestamp()
        os.utime(file, (written, written))
    survivor = incoming(root)[1]
    assert files.sweep(now - timedelta(hours=1)) == 1
    assert incoming(root) == [survivor]
    assert b"".join(files.chunks(kept)) == LETTER


def test_a_document_swept_too_early_is_unavailable(files: LocalFiles, root: Path) -> None:
    document = staged(files, LETTER)
    content = document.finish()
    assert files.sweep(datetime.now(UTC) + timedelta(days=1)) == 1
    with pytest.raises(RepositoryUnavailable):
        document.keep()
    with pytest.raises(ContentMissing):
        files.chunks(content)


# --- Many at once


def test_threads_keep_the_same_document_and_others(files: LocalFiles, root: Path) -> None:
    start = threading.Barrier(8)
    kept: list[Content] = []

    def submit() -> None:
        start.wait()
        for number in range(5):
            kept.append(keep(files, LETTER))
            kept.append(keep(files, b"%d" % number))

    in_threads(8, submit)
    assert len(kept) == 80
    assert len(stored(root)) == 6
    assert incoming(root) == []
    for content in set(kept):
        assert hashlib.sha256(b"".join(files.chunks(content))).hexdigest() == content.sha256


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_stays_open(files: LocalFiles) -> None:
    before = open_descriptors()
    content = keep(files, bytes(2 * CHUNK_BYTES))
    documents = [staged(files, LETTER) for _ in range(3)]
    documents[0].finish()
    for document in documents:
        document.discard()
    never_read, half_read = files.chunks(content), files.chunks(content)
    assert open_descriptors() == before
    next(half_read)
    close(half_read)
    with pytest.raises(ContentMissing):
        files.chunks(Content("00" * 32, "00" * 20, 1))
    assert open_descriptors() == before
    close(never_read)


def close(chunks: Iterator[bytes]) -> None:
    """What a WSGI server does when the client has gone."""
    chunks.close()  # type: ignore[attr-defined]
