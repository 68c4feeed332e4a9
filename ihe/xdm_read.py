"""An XDM medium in a ZIP file, read with suspicion: every name, size and ratio is judged before a byte is unpacked.

Nothing is ever written under a name that a medium gives, and no document is held in memory. Names are compared without
regard to case: media file systems have none, and real media mix both. Whatever does not stand below IHE_XDM is no
business of an importer.

Source: ITI TF-2 3.32.4.1.2 and 3.32.4.1.4 (Portable Media Importer); ITI TF-1 16.4.3; PKWARE APPNOTE 6.3 §4.4 (ZIP);
RFC 3986 §5 (relative URIs).
"""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from dmp.ports import Staged
from dmp.requests import Lot
from ihe.ebrim import read_submission
from ihe.xdm import METADATA, ROOT, MediaError
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from registry.metadata import DocumentEntry, ObjectType, Submission
from schemas.xml import XmlError, parse

CHUNK_BYTES = 256 * 1024
RATIO_FROM_BYTES = 1024 * 1024  # a smaller file may be as empty as it likes

_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # APPNOTE §4.4.5: what every tool writes
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # APPNOTE §4.4.4: bits 0, 6 and 13
_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")  # RFC 3986 §3.1
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)

Name = tuple[str, ...]  # a path from the root of the medium, in capitals


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one medium is read. Sizes are in bytes, before compression but for `directory_bytes`."""

    files: int = 20_000
    directory_bytes: int = 4 * 1024 * 1024  # the ZIP's own list of files, which is held in memory
    metadata_bytes: int = 8 * 1024 * 1024
    document_bytes: int = 150 * 1024 * 1024
    total_bytes: int = 4 * 1024 * 1024 * 1024  # of documents, each as often as it is named
    ratio: int = 200  # of size to compressed size; deflate reaches 1032


@dataclass(frozen=True, slots=True)
class Subset:
    """One submission set of a medium: its directory, what METADATA.XML says, and the file of each entry, by its id.

    `findings` are the warnings of reading it.
    """

    directory: str
    submission: Submission
    findings: tuple[Finding, ...]
    files: Mapping[str, zipfile.ZipInfo]


@dataclass(frozen=True, slots=True)
class Media:
    """A medium that was found in order, but for hashes. `ignored` names directories of IHE_XDM without METADATA.XML."""

    subsets: tuple[Subset, ...]
    ignored: tuple[str, ...]
    _archive: zipfile.ZipFile

    def chunks(self, file: zipfile.ZipInfo) -> Iterator[bytes]:
        """The bytes of a document, in chunks of at most CHUNK_BYTES. Raises MediaError where the medium is damaged."""
        yield from _chunks(self._archive, file)

    def mismatches(self) -> tuple[Finding, ...]:
        """XDSRepositoryMetadataError for each document whose bytes are not those its entry describes.

        Raises MediaError where the medium is damaged. Source: ITI TF-2 3.32.4.1.4.
        """
        return tuple(found for subset in self.subsets for found in self._mismatches(subset))

    def _mismatches(self, subset: Subset) -> Iterator[Finding]:
        error = ErrorCode.XDSRepositoryMetadataError
        for entry in subset.submission.entries:
            file, digest = subset.files[entry.entry_uuid], hashlib.sha1(usedforsecurity=False)
            for chunk in self.chunks(file):
                digest.update(chunk)
            if digest.hexdigest() != entry.hash.lower():
                attribute = f"DocumentEntry.hash of {entry.unique_id}"
                yield finding(error, attribute, expected=digest.hexdigest(), got=entry.hash[:64])
            if file.file_size != entry.size:
                attribute = f"DocumentEntry.size of {entry.unique_id}"
                yield finding(error, attribute, expected=str(file.file_size), got=str(entry.size))


def read_media(file: IO[bytes], limits: Limits = Limits()) -> Media:
    """The submission sets on the medium in `file`, a ZIP that stays open as long as documents are read.

    Raises MediaError for a medium that is none, or could hurt; RegistryError with everything wrong with its metadata.
    """
    archive = _opened(file, limits)
    files = _files(archive, limits)
    subsets, ignored = _subset_directories(files)
    findings: list[Finding] = []
    read = [_subset(archive, directory, files, limits, findings) for directory in subsets]
    if any(found.severity is Severity.ERROR for found in findings):
        raise RegistryError(findings)
    found = tuple(subset for subset in read if subset)
    total = sum(file.file_size for subset in found for file in subset.files.values())
    if total > limits.total_bytes:
        raise MediaError(f"at most {limits.total_bytes} bytes of documents", str(total))
    return Media(found, ignored, archive)


# --- The ZIP ----------------------------------------------------------------------------------------------------------


class _Guarded:
    """A file that refuses to be read in pieces as large as no honest list of files is."""

    def __init__(self, file: IO[bytes], limit: int) -> None:
        self._file, self._limit = file, limit
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        read = self._file.read(size if 0 <= size <= self._limit else self._limit + 1)
        if len(read) > self._limit:
            raise MediaError(f"a list of files of at most {self._limit} bytes", "a longer one")
        return read


def _opened(file: IO[bytes], limits: Limits) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_Guarded(file, max(limits.directory_bytes, CHUNK_BYTES)))
    except UnicodeDecodeError:
        raise MediaError("file names in UTF-8, where the ZIP says so", "other bytes") from None
    except (*_DAMAGED, ValueError):
        raise MediaError("a ZIP file", "something else, or a damaged one") from None


def _files(archive: zipfile.ZipFile, limits: Limits) -> dict[Name, zipfile.ZipInfo]:
    """The files of the archive by their names. Raises MediaError for a name that no medium should have.

    Of what stands elsewhere than below IHE_XDM only what a URI may mean for certain is kept.
    """
    listed = archive.infolist()
    if len(listed) > limits.files:
        raise MediaError(f"at most {limits.files} files", str(len(listed)))
    files: dict[Name, zipfile.ZipInfo] = {}
    ambiguous: set[Name] = set()
    for number, info in enumerate(listed, start=1):
        name, place = _name(info, number), f"file {number} of the ZIP"
        if not name or info.orig_filename.endswith(("/", "\\")):
            continue
        if name in files and name[0] == ROOT:
            raise MediaError("one file of each name, whatever its case", f"another one, {place}")
        if name[0] == ROOT:
            _check_kind(info, place)
        if name in files:
            ambiguous.add(name)
        files[name] = info
    for name in files:
        if name[0] == ROOT and any(name[:length] in files for length in range(1, len(name))):
            raise MediaError("a name that is a file or a directory", "one that is both")
    return {name: info for name, info in files.items() if name not in ambiguous}


def _name(info: zipfile.ZipInfo, number: int) -> Name:
    """Where a file stands. Old Windows tools write `\\` between names."""
    written = info.orig_filename
    parts = written.replace("\\", "/").split("/")
    if "\0" in written or not written:
        raise MediaError(f"a name for file {number} of the ZIP", "an empty one, or one with a NUL")
    if written[0] in "/\\" or _DRIVE.match(written):
        raise MediaError(f"a relative name for file {number} of the ZIP", "an absolute one")
    if ".." in parts:
        raise MediaError(f"a name inside the medium for file {number} of the ZIP", "one with `..`")
    return tuple(part.upper() for part in parts if part not in ("", "."))


def _check_kind(info: zipfile.ZipInfo, place: str) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise MediaError(f"a file as {place}", "a link or a device")


def _check(info: zipfile.ZipInfo, place: str, most: int, ratio: int) -> None:
    """Judges a file that is about to be read. Source: ITI TF-2 3.32.5 (media are not encrypted)."""
    _check_kind(info, place)
    if info.flag_bits & _ENCRYPTED:
        raise MediaError(f"{place} not encrypted", "encrypted")
    if info.compress_type not in _METHODS:
        raise MediaError(f"{place} stored or deflated", f"compression method {info.compress_type}")
    if info.file_size > most:
        raise MediaError(f"at most {most} bytes as {place}", str(info.file_size))
    if info.file_size > RATIO_FROM_BYTES and info.file_size > ratio * info.compress_size:
        raise MediaError(f"{place} made at most {ratio} times smaller", f"{info.file_size} of {info.compress_size}")


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    left = info.file_size
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                left -= len(chunk)
                yield chunk
    except _DAMAGED as error:
        raise MediaError("a file as the ZIP lists it", type(error).__name__) from None
    if left:
        raise MediaError(f"a file of {info.file_size} bytes, as the ZIP lists it", f"{info.file_size - left}")


# --- Submission sets --------------------------------------------------------------------------------------------------


def _subset_directories(files: Mapping[Name, zipfile.ZipInfo]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The directories of submission sets, and those that are none. Source: ITI TF-1 16.4.3."""
    directories = sorted({name[1] for name in files if name[0] == ROOT and len(name) > 2})
    subsets = tuple(each for each in directories if (ROOT, each, METADATA) in files)
    if not subsets:
        got = f"{len(directories)} directories without one" if directories else f"no {ROOT} with directories"
        raise MediaError(f"{ROOT}/SUBSET/{METADATA} at the root of the medium", got)
    return subsets, tuple(each for each in directories if each not in subsets)


def _subset(
    archive: zipfile.ZipFile,
    directory: str,
    files: Mapping[Name, zipfile.ZipInfo],
    limits: Limits,
    findings: list[Finding],
) -> Subset | None:
    """The submission set in a directory; None, and findings, when its metadata cannot be used."""
    place, info = f"{ROOT}/{directory}/{METADATA}", files[ROOT, directory, METADATA]
    _check(info, place, limits.metadata_bytes, limits.ratio)
    try:
        submission, found = read_submission(parse(b"".join(_chunks(archive, info))))
    except XmlError as error:
        code = ErrorCode.XDSRegistryMetadataError
        findings.append(finding(code, place, expected=error.expected, got=error.got))
        return None
    except RegistryError as error:
        findings += (replace(each, context=f"{directory}: {each.context}") for each in error.findings)
        return None
    findings += (replace(each, context=f"{directory}: {each.context}") for each in found)
    named: dict[str, zipfile.ZipInfo] = {}
    for entry in submission.entries:
        if info_ := _document(entry, directory, files, limits, findings):
            named[entry.entry_uuid] = info_
    # On the way in a URI has done its work: it means nothing beside another METADATA.XML.
    entries = tuple(replace(entry, uri="") for entry in submission.entries)
    return Subset(directory, replace(submission, entries=entries), found, named)


def _document(
    entry: DocumentEntry,
    directory: str,
    files: Mapping[Name, zipfile.ZipInfo],
    limits: Limits,
    findings: list[Finding],
) -> zipfile.ZipInfo | None:
    """The file of an entry; None, and findings, when there is none. Source: ITI TF-3 Table 4.3.1-3 (XDM MC)."""

    def wrong(code: ErrorCode, attribute: str, expected: str, got: str) -> None:
        attribute = f"{directory}: DocumentEntry.{attribute}"
        findings.append(finding(code, attribute, expected=expected, got=got, location=entry.entry_uuid[:256]))

    if entry.object_type is not ObjectType.STABLE:
        wrong(ErrorCode.XDSRegistryMetadataError, "objectType", "a stable document", "an on-demand one")
    if not entry.hash:
        wrong(ErrorCode.XDSRepositoryMetadataError, "hash", "a SHA-1, by which the medium is verified", "none")
    if entry.size is None:
        wrong(ErrorCode.XDSRepositoryMetadataError, "size", "a number of bytes", "none")
    if not entry.uri:
        wrong(ErrorCode.XDSMissingDocument, "URI", "the file of the document", "none")
        return None
    try:
        names = _resolved(entry.uri, directory)
    except MediaError as error:
        wrong(ErrorCode.XDSMissingDocument, "URI", error.expected, error.got)
        return None
    found = next((files[name] for name in names if name in files), None)
    if found is None:
        wrong(ErrorCode.XDSMissingDocument, "URI", "a file of the medium", f"{entry.uri[:64]}, which is none")
    else:
        _check(found, f"{directory}: the document of {entry.unique_id[:128]}", limits.document_bytes, limits.ratio)
    return found


def _resolved(uri: str, directory: str) -> tuple[Name, ...]:
    """The names that a URI may mean: as it stands, and with its percent signs decoded. Raises MediaError.

    `..` may lead out of the directory, not out of the medium. Source: ITI TF-2 3.32.4.1.2.2; RFC 3986 §5.2.4.
    """
    written = uri.replace("\\", "/")
    if written.startswith("/") or _SCHEME.match(written):
        raise MediaError("a file on the medium, relative to METADATA.XML", "an absolute URI")
    meant = dict.fromkeys((written, _decoded(written)))
    return tuple(_walked(each, directory) for each in meant)


def _decoded(uri: str) -> str:
    decoded = _PERCENT.sub(lambda match: bytes.fromhex(match[1].decode()), uri.encode())
    return decoded.decode("utf-8", "replace").replace("\\", "/")


def _walked(path: str, directory: str) -> Name:
    place = [ROOT, directory]
    for part in path.split("/"):
        if part == "..":
            if not place:
                raise MediaError("a file on the medium", "a URI that leads out of it")
            place.pop()
        elif part not in ("", "."):
            place.append(part.upper())
    return tuple(place)


# --- Into the house ---------------------------------------------------------------------------------------------------


@contextmanager
def staged_lots(media: Media, subsets: Iterable[Subset], stage: Callable[[], Staged]) -> Iterator[tuple[Lot, ...]]:
    """The submissions of `subsets` with their documents staged, which what fails discards.

    Raises MediaError where the medium is damaged.
    """
    staged: list[Staged] = []

    def put(file: zipfile.ZipInfo) -> Staged:
        staged.append(place := stage())
        for chunk in media.chunks(file):
            place.write(chunk)
        return place

    try:
        yield tuple(
            Lot(each.submission, {name: put(file) for name, file in each.files.items()}, each.findings)
            for each in subsets
        )
    except BaseException:
        for place in staged:
            place.discard()
        raise
