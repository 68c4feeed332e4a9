"""Documents as files: what was kept is whole, durable and nameless; what was not is nowhere."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repository.content import Content
from repository.errors import ContentDamaged, ContentMissing, ContentTooLarge, RepositoryUnavailable
from repository.files import CHUNK_BYTES, INCOMING, KEY_NAME, LocalFiles, StagedFile

LETTER = b"<ClinicalDocument/>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def files(root: Path) -> LocalFiles:
    return LocalFiles(root)


def staged(files: LocalFiles, *chunks: bytes) -> StagedFile:
    document = files.stage()
    for chunk in chunks:
        document.write(chunk)
    return document


def keep(files: LocalFiles, data: bytes) -> Content:
    document = staged(files, data)
    content = document.finish()
    document.keep()
    return content


def stored(root: Path) -> list[Path]:
    """The documents under `root`, wherever they are."""
    return sorted(file for file in root.glob("??/??/*"))


def incoming(root: Path) -> list[Path]:
    return sorted((root / INCOMING).iterdir())


def in_threads(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


# --- What comes in comes out


def test_a_document_kept_is_read_back(files: LocalFiles) -> None:
    """FIPS 180-4, examples: the hashes of `abc`."""
    content = keep(files, b"abc")
    assert content == Content(
        sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        sha1="a9993e364706816aba3e25717850c26c9cd0d89d",
        size=3,
    )
    assert list(files.chunks(content)) == [b"abc"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(chunks=st.lists(st.binary(max_size=2000), max_size=12), times=st.sampled_from([1, 300]))
def test_however_it_is_cut_it_is_the_same_document(files: LocalFiles, chunks: list[bytes], times: int) -> None:
    whole = b"".join(chunks) * times
    document = files.stage()
    for _ in range(times):
        for chunk in chunks:
            document.write(chunk)
    content = document.finish()
    assert content == Content(hashlib.sha256(whole).hexdigest(), hashlib.sha1(whole).hexdigest(), len(whole))
    assert b"".join(document.chunks()) == whole
    document.keep()
    pieces = list(files.chunks(content))
    assert b"".join(pieces) == whole
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in pieces)


def test_a_staged_document_is_read_as_often_as_needed_before_and_after_keeping(files: LocalFiles) -> None:
    document = staged(files, LETTER)
    document.finish()
    assert b"".join(document.chunks()) == b"".join(document.chunks()) == LETTER
    document.keep()
    assert b"".join(document.chunks()) == LETTER


def test_a_document_not_kept_is_not_there(files: LocalFiles, root: Path) -> None:
    content = staged(files, LETTER).finish()
    with pytest.raises(ContentMissing, match="expected the bytes of a recorded document, got nothing"):
        files.chunks(content)
    assert stored(root) == []


def test_a_document_discarded_leaves_nothing(files: LocalFiles, root: Path) -> None:
    unfinished, finished = staged(files, LETTER), staged(files, LETTER)
    finished.finish()
    for document in (unfinished, finished):
        document.discard()
        document.discard()
        with pytest.raises(ValueError, match="discarded"):
            document.keep()
        with pytest.raises(ValueError, match="discarded"):
            document.write(b"more")
    assert incoming(root) == stored(root) == []


def test_discarding_after_keeping_is_nothing(files: LocalFiles) -> None:
    document = staged(files, LETTER)
    content = document.finish()
    document.keep()
    document.discard()
    document.keep()
    assert b"".join(files.chunks(content)) == LETTER


def test_a_finished_document_takes_no_more(files: LocalFiles) -> None:
    document = staged(files, LETTER)
    assert document.finish() == document.finish()
    with pytest.raises(ValueError, match="finished"):
        document.write(b"more")


def test_an_unfinished_document_is_neither_read_nor_kept(files: LocalFiles) -> None:
    document = staged(files, LETTER)
    with pytest.raises(ValueError, match="expected a finished document"):
        document.keep()
    with pytest.raises(ValueError, match="expected a finished document"):
        document.chunks()
    document.discard()


def test_the_largest_document_passes_and_one_byte_more_does_not(root: Path) -> None:
    files = LocalFiles(root, max_bytes=10)
    keep(files, b"0123456789")
    document = staged(files, b"01234", b"56789")
    with pytest.raises(ContentTooLarge, match="expected a document of at most 10 bytes, got more"):
        document.write(b"!")
    assert incoming(root) == []


# --- Names


def test_names_tell_nothing_of_content(tmp_path: Path) -> None:
    """Neither the hash of the bytes, nor the same name for the same document in another house."""
    houses = [LocalFiles(tmp_path / name) for name in ("one", "other")]
    contents = [keep(files, LETTER) for files in houses]
    one, other = (stored(files.root) for files in houses)
    assert len(one) == len(other) == 1
    assert one[0].name != other[0].name
    assert contents[0].sha256 not in str(one[0])
    assert contents[0].sha1 not in str(one[0])
    assert one[0].parts[-3:-1] == (one[0].name[:2], one[0].name[2:4])


def test_files_are_for_their_owner_and_never_written_again(files: LocalFiles, root: Path) -> None:
    keep(files, LETTER)
    (document,) = stored(root)
    assert stat.S_IMODE(document.stat().st_mode) == 0o400
    for folder in (root, document.parent, document.parent.parent, root / INCOMING):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_key_is_made_once_and_found_again(root: Path) -> None:
    content = keep(LocalFiles(root), LETTER)
    key = (root / KEY_NAME).read_bytes()
    assert len(key) == 32
    assert stat.S_IMODE((root / KEY_NAME).stat().st_mode) == 0o600
    assert b"".join(LocalFiles(root).chunks(content)) == LETTER
    assert (root / KEY_NAME).read_bytes() == key


def test_a_key_that_others_may_read_is_refused(root: Path) -> None:
    LocalFiles(root)
    (root / KEY_NAME).chmod(0o640)
    with pytest.raises(RepositoryUnavailable, match=r"expected names\.key readable by its owner alone, got mode 640"):
        LocalFiles(root)


def test_a_key_of_another_length_is_refused(root: Path) -> None:
    LocalFiles(root)
    (root / KEY_NAME).write_bytes(b"short")
    with pytest.raises(RepositoryUnavailable, match="of 32 bytes, got 5 bytes"):
        LocalFiles(root)


def test_a_lost_key_is_not_replaced(root: Path) -> None:
    keep(LocalFiles(root), LETTER)
    (root / KEY_NAME).unlink()
    with pytest.raises(RepositoryUnavailable, match="got documents without it"):
        LocalFiles(root)
    assert not (root / KEY_NAME).exists()


def test_processes_that_start_at_once_agree_on_the_key(root: Path) -> None:
    start = threading.Barrier(8)
    houses: list[LocalFiles] = []

    def begin() -> None:
        start.wait()
        houses.append(LocalFiles(root))

    in_threads(8, begin)
    content = keep(houses[0], LETTER)
    assert all(b"".join(house.chunks(content)) == LETTER for house in houses)
    assert sorted(file.name for file in root.iterdir() if file.is_file()) == [KEY_NAME]


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
        "mkdir ##",
        "rename ##/##",
        "fsync ##/##",
        "fsync ##",
        "fsync .",
    ]


def test_folders_known_to_be_durable_are_not_synchronised_again(files: LocalFiles, calls: list[str]) -> None:
    keep(files, LETTER)
    calls.clear()
    keep(files, LETTER)
    assert [call for call in calls if call.startswith(("rename", "fsync"))] == ["rename ##/##", "fsync ##/##"]


def test_folders_that_another_process_made_are_synchronised(root: Path, files: LocalFiles, calls: list[str]) -> None:
    keep(LocalFiles(root), LETTER)
    calls.clear()
    keep(files, LETTER)
    assert [call for call in calls if call.startswith("fsync")] == ["fsync ##/##", "fsync ##", "fsync ."]


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
