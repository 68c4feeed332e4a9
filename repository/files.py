"""Documents as local files: durable before they are acknowledged, whole or absent, named so that names say nothing.

    ROOT/names.key             secret from which names are made
    ROOT/incoming/RANDOM       documents on their way in; what a crash leaves here is swept
    ROOT/aa/aabb...            documents kept; the name is HMAC-SHA-256(key, SHA-256 of the bytes)

The keyed name keeps a reader of the directory from testing whether a known document is there. Publication is one
`rename` of bytes that are already on the disk: a crash leaves a document whole, or in `incoming`, or nowhere.

Source: POSIX.1-2017 rename(), fsync(), fdatasync(); RFC 2104 (HMAC).
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import io
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from repository.content import Content
from repository.errors import ContentDamaged, ContentMissing, ContentTooLarge, RepositoryFull, RepositoryUnavailable

MAX_CONTENT_BYTES = 150 * 1024 * 1024  # one document, unless the affinity domain says otherwise
CHUNK_BYTES = 256 * 1024
KEY_BYTES = 32  # RFC 2104 §3: at least the length of the hash
KEY_NAME = "names.key"
INCOMING = "incoming"

_NAME = re.compile(r"[0-9a-f]{64}\Z")

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # disk, quota, limit of the process
_READ_ONLY, _PRIVATE, _PRIVATE_FOLDER = 0o400, 0o600, 0o700


class LocalFiles:
    """The repository's bytes under one folder. Safe to share between threads, and between processes on one disk.

    Implements `dmp.ports.Files`. Raises RepositoryUnavailable when the folder or its key cannot be used.
    """

    def __init__(self, root: Path, *, max_bytes: int = MAX_CONTENT_BYTES) -> None:
        self.root, self.max_bytes = root, max_bytes
        with _unavailable_on_failure("a folder for documents"):
            _make_root(root)
            with self.directory() as top:
                self._key = _names_key(top)
                _make_directory(INCOMING, top)
                os.fsync(top)
        self._durable: set[str] = set()

    def stage(self) -> StagedFile:
        """A new document on its way in, empty. Raises RepositoryUnavailable."""
        return StagedFile(self)

    def chunks(self, content: Content, *, verify: bool = True) -> Iterator[bytes]:
        """The bytes of `content`, in chunks of at most CHUNK_BYTES.

        Whether they are there and as many as they should be is found out now, by ContentMissing or ContentDamaged. The
        hash is known only at the end: with `verify`, the last chunk is given once all of them are found genuine, and
        ContentDamaged raised in its place otherwise. No file stays open before the first chunk is asked for.
        """
        os.close(self._open(content))
        return self._genuine(content) if verify else self._chunks(content)

    def sweep(self, older_than: datetime) -> int:
        """Removes what crashed processes left in `incoming`, last written before `older_than`; returns how many files.

        Leave more time than the longest request takes: a document still on its way in must not be swept.
        """
        swept = 0
        with _unavailable_on_failure("a folder of incoming documents"), self.directory(INCOMING) as incoming:
            with os.scandir(incoming) as entries:
                names = [entry.name for entry in entries]
            for name in names:
                with suppress(FileNotFoundError):  # kept or discarded by another process meanwhile
                    written = os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime
                    if written < older_than.timestamp():
                        os.unlink(name, dir_fd=incoming)
                        swept += 1
        return swept

    def remove(self, content: Content) -> bool:
        """Removes the bytes of `content`; False when they were not there. Raises RepositoryUnavailable.

        The caller holds off whoever could record the same bytes at this moment.
        """
        return self._unlink(*self._place(content.sha256))

    def orphans(self, addresses: Iterable[str], older_than: datetime) -> tuple[str, ...]:
        """The names of kept documents, last written before `older_than`, that are none of `addresses` (SHA-256).

        Takes some hundred bytes of memory for each address. Raises RepositoryUnavailable.
        """
        named = {bytes.fromhex(self._place(address)[1]) for address in addresses}
        with _unavailable_on_failure("folders of documents"):
            return tuple(
                entry.name
                for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]"))
                for entry in sorted(os.scandir(folder), key=lambda entry: entry.name)
                if _NAME.match(entry.name)
                and bytes.fromhex(entry.name) not in named
                and entry.stat(follow_symlinks=False).st_mtime < older_than.timestamp()
            )

    def sweep_kept(self, names: Iterable[str], older_than: datetime) -> int:
        """Removes those of `orphans` that nobody kept again since; returns how many files.

        The caller holds off whoever could record documents at this moment. Raises RepositoryUnavailable.
        """
        swept = 0
        for name in names:
            with suppress(FileNotFoundError):
                written = (self.root / name[:2] / name).lstat().st_mtime
                swept += written < older_than.timestamp() and self._unlink(name[:2], name)
        return swept

    def publish(self, staged: str, sha256: str) -> None:
        """Gives the staged file its lasting name, and returns when it would survive a loss of power.

        A document that is there already is replaced by itself: the same bytes, freshly verified, so that submitting a
        document again heals a copy that the disk damaged.
        """
        folder, name = self._place(sha256)
        with self.directory() as top:
            is_new = _make_directory(folder, top)
            with self.directory(folder) as inner, self.directory(INCOMING) as incoming:
                os.rename(staged, name, src_dir_fd=incoming, dst_dir_fd=inner)
                # `incoming` is not synchronised: a crash that brings the staged name back harms nothing.
                os.fsync(inner)
            # A folder that another thread or process made a moment ago may not be durable yet either.
            if is_new or folder not in self._durable:
                os.fsync(top)
                self._durable.add(folder)

    @contextmanager
    def directory(self, *names: str) -> Iterator[int]:
        """A descriptor of the folder `names` under the root; a symbolic link on the way is an error."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name in names:
                parent, descriptor = descriptor, os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(parent)
            yield descriptor
        finally:
            os.close(descriptor)

    def _place(self, sha256: str) -> tuple[str, str]:
        name = hmac.digest(self._key, bytes.fromhex(sha256), "sha256").hex()
        return name[:2], name

    def _unlink(self, folder: str, name: str) -> bool:
        try:
            with _unavailable_on_failure("a document that can be removed"), self.directory(folder) as inner:
                os.unlink(name, dir_fd=inner)
                os.fsync(inner)
        except RepositoryUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        return True

    def _open(self, content: Content) -> int:
        folder, name = self._place(content.sha256)
        with _unavailable_on_failure("a readable document"):
            try:
                with self.directory(folder) as inner:
                    descriptor = os.open(name, _READ, dir_fd=inner)
            except FileNotFoundError:
                raise ContentMissing("the bytes of a recorded document", "nothing") from None
            size = os.fstat(descriptor).st_size
        if size != content.size:
            os.close(descriptor)
            raise ContentDamaged(f"{content.size} bytes", f"{size} bytes")
        return descriptor

    def _chunks(self, content: Content) -> Iterator[bytes]:
        yield from _drain(self._open(content), content.size)

    def _genuine(self, content: Content) -> Iterator[bytes]:
        digest, left = hashlib.sha256(), content.size
        for chunk in self._chunks(content):
            digest.update(chunk)
            left -= len(chunk)
            if not left and digest.hexdigest() != content.sha256:
                raise ContentDamaged("the bytes that were kept", "other bytes of the same length")
            yield chunk


class StagedFile:
    """A document on its way in. Used by one thread. Implements `dmp.ports.Staged`.

    In order: `write` as often as needed, `finish`, `chunks` as often as needed, then `keep` or `discard`. After a
    failure nothing of it is left, and every method but `discard` says so.
    """

    def __init__(self, files: LocalFiles) -> None:
        self._files = files
        self._name = secrets.token_hex(16)
        self._sha256, self._sha1, self._size = hashlib.sha256(), hashlib.sha1(usedforsecurity=False), 0
        self._content: Content | None = None
        self._gone = self._kept = False
        with _unavailable_on_failure("room for a document"), files.directory(INCOMING) as incoming:
            descriptor = os.open(self._name, _CREATE, _READ_ONLY, dir_fd=incoming)
        self._file = io.FileIO(descriptor, "wb")

    def write(self, chunk: bytes) -> None:
        """Appends bytes. Raises ContentTooLarge or RepositoryUnavailable, and then nothing is left of the document."""
        if self._file.closed:
            raise ValueError("expected a document that is being written, got one finished or discarded")
        self._size += len(chunk)
        if self._size > self._files.max_bytes:
            self.discard()
            raise ContentTooLarge(f"a document of at most {self._files.max_bytes} bytes", "more")
        with self._discarded_on_failure():
            _write(self._file.fileno(), chunk)
        self._sha256.update(chunk)
        self._sha1.update(chunk)

    def finish(self) -> Content:
        """Ends the document and puts its bytes on the disk. May be called again. Raises RepositoryUnavailable."""
        if self._content is None:
            if self._file.closed:
                raise ValueError("expected a document that is being written, got one discarded")
            with self._discarded_on_failure():
                os.fdatasync(self._file.fileno())
                self._file.close()
            self._content = Content(self._sha256.hexdigest(), self._sha1.hexdigest(), self._size)
        return self._content

    def chunks(self) -> Iterator[bytes]:
        """The bytes as staged, in chunks of at most CHUNK_BYTES. Raises RepositoryUnavailable."""
        content = self._finished()
        return self._files.chunks(content) if self._kept else self._staged_chunks(content.size)

    def keep(self) -> None:
        """Makes the document durable; when this returns it survives a loss of power. May be called again.

        Raises RepositoryUnavailable.
        """
        content = self._finished()
        if not self._kept:
            with self._discarded_on_failure():
                self._files.publish(self._name, content.sha256)
            self._kept = True

    def discard(self) -> None:
        """Removes the document unless it was kept. Never fails: what cannot be removed now will be swept."""
        if self._kept or self._gone:
            return
        self._gone = True
        with suppress(OSError):
            self._file.close()
        with suppress(OSError), self._files.directory(INCOMING) as incoming:
            os.unlink(self._name, dir_fd=incoming)

    def _finished(self) -> Content:
        if self._content is None or self._gone:
            raise ValueError("expected a finished document, got one that is being written or was discarded")
        return self._content

    def _staged_chunks(self, size: int) -> Iterator[bytes]:
        with _unavailable_on_failure("a staged document"), self._files.directory(INCOMING) as incoming:
            descriptor = os.open(self._name, _READ, dir_fd=incoming)
        yield from _drain(descriptor, size)

    @contextmanager
    def _discarded_on_failure(self) -> Iterator[None]:
        try:
            with _unavailable_on_failure("room for a document"):
                yield
        except RepositoryUnavailable:
            self.discard()
            raise


@contextmanager
def _unavailable_on_failure(expected: str) -> Iterator[None]:
    """The operating system's refusals as RepositoryUnavailable."""
    try:
        yield
    except OSError as error:
        got = os.strerror(error.errno) if error.errno else type(error).__name__
        kind = RepositoryFull if error.errno in _NO_ROOM else RepositoryUnavailable
        raise kind(expected, got) from error


def _make_root(root: Path) -> None:
    """Makes the folder and its parents, durably."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    for folder in missing:
        descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _make_directory(name: str, parent: int) -> bool:
    """Makes a folder; False when it was there."""
    try:
        os.mkdir(name, _PRIVATE_FOLDER, dir_fd=parent)
    except FileExistsError:
        return False
    return True


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _drain(descriptor: int, size: int) -> Iterator[bytes]:
    """The first `size` bytes of an open file, which it closes. Raises ContentDamaged when there are fewer."""
    try:
        while size:
            with _unavailable_on_failure("a readable document"):
                chunk = os.read(descriptor, min(CHUNK_BYTES, size))
            if not chunk:
                raise ContentDamaged(f"{size} more bytes", "the end of the file")
            size -= len(chunk)
            yield chunk
    finally:
        os.close(descriptor)


def _names_key(top: int) -> bytes:
    """The key in the folder `top`; made once, by whichever process comes first."""
    try:
        return _read_key(top)
    except FileNotFoundError:
        pass
    with os.scandir(top) as entries:
        documents = any(len(entry.name) == 2 for entry in entries)
    if documents:  # a new key would make every one of them unfindable
        raise RepositoryUnavailable(f"{KEY_NAME} beside the documents that it names", "documents without it")
    draft = f"{KEY_NAME}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, _CREATE, _PRIVATE, dir_fd=top)
    try:
        _write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    with suppress(FileExistsError):  # another process was first: its key it is
        os.link(draft, KEY_NAME, src_dir_fd=top, dst_dir_fd=top, follow_symlinks=False)
    os.unlink(draft, dir_fd=top)
    os.fsync(top)
    return _read_key(top)


def _read_key(top: int) -> bytes:
    descriptor = os.open(KEY_NAME, _READ, dir_fd=top)
    try:
        mode = os.fstat(descriptor).st_mode
        key = os.read(descriptor, KEY_BYTES + 1)
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(mode) or stat.S_IMODE(mode) & 0o077:
        raise RepositoryUnavailable(f"{KEY_NAME} readable by its owner alone", f"mode {stat.S_IMODE(mode):o}")
    if len(key) != KEY_BYTES:
        raise RepositoryUnavailable(f"{KEY_NAME} of {KEY_BYTES} bytes", f"{len(key)} bytes")
    return key
