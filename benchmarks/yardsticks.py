"""What the machine allows, measured in the same run: its disk and one of its cores.

Source: SQLite documentation (a commit is a write and a flush); POSIX fdatasync, fsync.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from benchmarks.load import Exchange
from cda.document import read_document
from cda.header import read_header
from ihe.certificates import TrustStore
from ihe.dsg import verify_signature_document
from ihe.iti18 import read_question
from ihe.iti41 import read_provide
from ihe.iti43 import read_retrieve
from ihe.mime import Limits
from ihe.mtom import Package, read_package
from ihe.saml import SAML
from ihe.signature import parse_standalone, read_enveloped, verify_enveloped
from ihe.soap import read_body
from server.settings import Settings

RECORD_BYTES = 4096
SECONDS = 2.0


def disk_rates(folder: Path, document: bytes) -> tuple[float, float]:
    """Durable writes per second of such a document, and of a record."""
    return document_writes(folder, document), record_writes(folder)


def document_writes(folder: Path, document: bytes) -> float:
    """Durable documents per second, one at a time: write, flush, give it its name, flush the folder."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)

    def write() -> None:
        staged = folder / "staged"
        with staged.open("wb", buffering=0) as file:
            file.write(document)
            os.fdatasync(file.fileno())
        staged.rename(folder / os.urandom(16).hex())
        os.fsync(directory)

    try:
        return per_second(write)
    finally:
        os.close(directory)


def record_writes(folder: Path) -> float:
    """Durable records of 4 kB per second, one at a time, at the end of a file."""
    record = os.urandom(RECORD_BYTES)
    with (folder / "records").open("wb", buffering=0) as file:

        def append() -> None:
            file.write(record)
            os.fdatasync(file.fileno())

        return per_second(append)


def per_second(act: Callable[[], None]) -> float:
    """How often a second `act` can be done, one after another, after a first time that does not count."""
    act()
    times, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < SECONDS:
        act()
        times += 1
    return times / passed


class Core:
    """One core that parses a request, hashes its documents and verifies its signatures, and does nothing else."""

    def __init__(self, settings: Settings) -> None:
        self._trust = TrustStore.load(settings.ca, settings.crl)

    def rate(self, transaction: str, exchange: Exchange) -> float:
        """Requests like `exchange` per second."""
        return per_second(
            {"ITI-41": self._provide, "ITI-18": self._search, "ITI-43": self._open}[transaction](exchange)
        )

    def _provide(self, exchange: Exchange) -> Callable[[], None]:
        def judge() -> None:
            package = _read(exchange)
            submission, _ = read_provide(read_body(package.root))
            document, signature = (package.documents[entry.entry_uuid] for entry in submission.entries)
            read_header(read_document(document.chunks))
            verify_signature_document(
                b"".join(signature.chunks),
                documents={submission.entries[0].unique_id: lambda _: document.sha256.digest()},
                submission_set_unique_id=submission.submission_set.unique_id,
                trust=self._trust,
                now=datetime.now(UTC),
            )

        return judge

    def _search(self, exchange: Exchange) -> Callable[[], None]:
        def judge() -> None:
            read_question(read_body(_read(exchange).root))

        return judge

    def _open(self, exchange: Exchange) -> Callable[[], None]:
        def judge() -> None:
            read_retrieve(read_body(_read(exchange).root))
            hashlib.sha256(exchange.expected).digest()

        return judge


class _Hashed:
    """A document in memory with the digests that a repository takes of it."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.sha1, self.sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        self.sha1.update(chunk)
        self.sha256.update(chunk)


def _read(exchange: Exchange) -> Package[_Hashed]:
    """The request, parsed, its assertion verified."""
    return read_package(exchange.content_type, io.BytesIO(exchange.body), _Hashed, Limits(), _verify_assertion)


def _verify_assertion(envelope: etree._Element) -> None:
    (assertion,) = envelope.iter(f"{{{SAML}}}Assertion")
    root = parse_standalone(etree.tostring(assertion, with_tail=False))
    verify_enveloped(read_enveloped(root, root.get("ID", "")))
