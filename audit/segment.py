"""A sealed segment: records that retention took from the log, as bytes, under a signed manifest.

A ZIP file of two members. `manifest` is a signed note: origin; first and last sequence number and when; the frontier of
the tree before; the root over all records up to the last; the SHA-256 of the other member. `records` has each record's
exact bytes (audit.record) behind their length, eight bytes, the most significant first.

Source: PKWARE APPNOTE 6.3 (ZIP); C2SP signed-note v1.0.0; RFC 9162 §2.1.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.merkle import Frontier, leaf_hash
from audit.notes import NoteError, Signer, Verifier

MANIFEST, RECORDS = "manifest", "records"
LENGTH_BYTES = 8
MAX_RECORD_BYTES = 1 << 30
BLOCK_BYTES = 1 << 20

_TEXT = re.compile(
    r"(?P<origin>\S+)\nsegment (?P<first>[1-9][0-9]{0,18}) (?P<last>[1-9][0-9]{0,18}) (?P<instant>\S+)\n"
    r"frontier(?P<frontier>[ A-Za-z0-9+/=]*)\nroot (?P<root>[A-Za-z0-9+/]{43}=)\nrecords (?P<digest>[0-9a-f]{64})\n"
)


class SegmentError(ValueError):
    """A segment file that is not what its manifest says; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a segment holds. `before` is the tree of all records before the first, `root` that up to the last."""

    origin: str
    first: int
    last: int
    instant: str
    before: Frontier
    root: bytes
    digest: str

    def text(self) -> str:
        """What is signed."""
        frontier = "".join(f" {base64.b64encode(each).decode()}" for each in self.before.hashes)
        root = base64.b64encode(self.root).decode()
        return (
            f"{self.origin}\nsegment {self.first} {self.last} {self.instant}\n"
            f"frontier{frontier}\nroot {root}\nrecords {self.digest}\n"
        )


def read_manifest(note: str, verifier: Verifier) -> Manifest:
    """The manifest of a note that this key signed. Raises NoteError."""
    match = _TEXT.fullmatch(verifier.open(note))
    if match is None:
        raise NoteError("manifest: expected the lines of a segment")
    first, last = int(match["first"]), int(match["last"])
    try:
        hashes = b"".join(base64.b64decode(each, validate=True) for each in match["frontier"].split())
        before = Frontier.read(first - 1, hashes)
    except ValueError as error:
        raise NoteError(f"manifest: {error}") from None
    root = base64.b64decode(match["root"])
    return Manifest(match["origin"], first, last, match["instant"], before, root, match["digest"])


def write_segment(
    file: Path, records: Iterable[bytes], *, first: int, before: Frontier, instant: str, signer: Signer
) -> tuple[Manifest, str]:
    """Writes the records from sequence number `first` on, and gives the manifest, plain and signed."""
    digest, tree = hashlib.sha256(), before
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(RECORDS, "w", force_zip64=True) as member:
            for record in records:
                framed = len(record).to_bytes(LENGTH_BYTES, "big") + record
                digest.update(framed)
                member.write(framed)
                tree, _ = tree.grown(leaf_hash(record))
        manifest = Manifest(signer.name, first, tree.size, instant, before, tree.root(), digest.hexdigest())
        note = signer.sign(manifest.text())
        archive.writestr(MANIFEST, note, zipfile.ZIP_STORED)
    return manifest, note


def read_segment(file: Path, verifier: Verifier) -> tuple[Manifest, str]:
    """The manifest of a segment whose every byte was compared with it. Raises SegmentError, NoteError, OSError."""
    try:
        with zipfile.ZipFile(file) as archive:
            note = archive.read(MANIFEST).decode()
            manifest = read_manifest(note, verifier)
            with archive.open(RECORDS) as member:
                digest = hashlib.file_digest(member, "sha256").hexdigest()  # type: ignore[arg-type]
        if digest != manifest.digest:
            raise SegmentError(f"{file.name}: expected records of SHA-256 {manifest.digest}, got {digest}")
        tree = manifest.before
        for record in segment_records(file):
            tree, _ = tree.grown(leaf_hash(record))
    except (zipfile.BadZipFile, zlib.error, KeyError, UnicodeDecodeError, EOFError) as error:
        raise SegmentError(f"{file.name}: expected a segment, got a file that cannot be read ({error})") from None
    if (tree.size, tree.root()) != (manifest.last, manifest.root):
        raise SegmentError(f"{file.name}: expected the tree of its manifest, got another")
    return manifest, note


def segment_records(file: Path) -> Iterator[bytes]:
    """The records of a segment, in order. Raises SegmentError."""
    with zipfile.ZipFile(file) as archive, archive.open(RECORDS) as member:
        while head := member.read(LENGTH_BYTES):
            length = int.from_bytes(head, "big")
            record = member.read(length) if length <= MAX_RECORD_BYTES else b""
            if len(head) != LENGTH_BYTES or len(record) != length:
                raise SegmentError(f"{file.name}: expected a record of {length} bytes, got {len(record)}")
            yield record
