"""Documents as files: what was kept is read back, and names tell nothing."""

from __future__ import annotations

import hashlib
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repository.content import Content
from repository.errors import ContentMissing, ContentTooLarge, RepositoryUnavailable
from repository.files import CHUNK_BYTES, INCOMING, KEY_NAME, LocalFiles
from tests.repository.kept import LETTER, in_threads, incoming, keep, staged, stored

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
    assert one[0].parent.name == one[0].name[:2]


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
