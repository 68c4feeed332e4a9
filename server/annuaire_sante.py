"""An extraction of the Annuaire Santé into the directory, in constant memory.

Its lines are sorted in a scratch database, then brought in by batches, each a transaction of its own: professionals
and structures are never half there, nobody waits for long, and an import that was interrupted is taken up by doing it
again. What a full extraction lists no longer ends last.

Source: ANS, Annuaire Santé, extractions des données en libre accès.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import IO, Any

from identities.annuaire_sante import MAX_LINE, ExtractionError, Kind, Layout, Line, kind_of, read_titles
from identities.professional import Tally
from server.annuaire_scratch import Scratch, scratch
from server.house import BoundRooms, House, now, own_event
from server.people import PeopleError

ACT = "habilitations"  # who may act at all: a change of the security configuration, DICOM PS3.15 A.5.3.11
BATCH = 2000  # professionals or structures in one transaction
LINES = 5000  # read before they are put on disk
MOST_REFUSALS = 1000  # told one by one
# A full extraction that would end more than this is rather a file that was cut short.
MOST_ENDED, MOST_ENDED_SHARE = 1000, 0.1

NOTHING = Tally()
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that was not taken, and why."""

    file: str
    line: int
    expected: str
    got: str


@dataclass(slots=True)
class Report:
    """What an import read and did. `without_structure` are activities that name no structure by a Struct_IdNat."""

    partial: bool
    lines: dict[str, int] = field(default_factory=dict)
    professionals: Tally = NOTHING
    structures: Tally = NOTHING
    links: Tally = NOTHING
    without_structure: int = 0
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    seconds: float = 0.0
    lines_per_second: int = 0

    def refuse(self, refusal: Refusal) -> None:
        """Counts a line that is not taken, and tells the first of them."""
        self.refused += 1
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(refusal)

    def did(self, professionals: Tally = NOTHING, structures: Tally = NOTHING, links: Tally = NOTHING) -> None:
        """Adds what one batch did."""
        self.professionals += professionals
        self.structures += structures
        self.links += links


def import_extraction(
    house: House,
    path: Path,
    operator: str,
    *,
    partial: bool = False,
    strict: bool = False,
    end_many: bool = False,
    progress: Progress = lambda _lines: None,
) -> Report:
    """Brings the extraction at `path` (file, ZIP or folder) into the directory; what it did.

    `partial`: an excerpt, which ends nothing. `strict`: lines whose identifiers have a wrong key are refused.
    `end_many`: more may end than a tenth of what is known. Raises PeopleError, before anything is changed.
    """
    begun, report = monotonic(), Report(partial)
    with _opened(path) as files, scratch(house.settings.home) as held:
        layouts = [(name, stream, _layout(name, stream, kind)) for name, stream, kind in files]
        kinds = [layout.kind for _, _, layout in layouts]
        if kinds.count(Kind.ACTIVITIES) != 1 or len(set(kinds)) < len(kinds):
            got = ", ".join(kind.value for kind in kinds)
            raise PeopleError(f"{path}: expected one {Kind.ACTIVITIES.value}_*.txt and at most one of each, got {got}")
        for name, stream, layout in layouts:
            _read(name, stream, layout, held, report, strict, progress)
        _refuse_unlikely(house, held, check_missing=not (partial or end_many))
        instant = now()
        _list(house, held, report, operator, instant, Kind.SAVOIR_FAIRE in kinds and not partial)
        if not partial:
            _end(house, held, report, instant)
    report.seconds = round(monotonic() - begun, 3)
    report.lines_per_second = round(sum(report.lines.values()) / max(report.seconds, 0.001))
    return report


@contextmanager
def _opened(path: Path) -> Iterator[list[tuple[str, IO[bytes], Kind | None]]]:
    """The files of an extraction, open, with the kinds that their names say. Raises PeopleError."""
    streams: list[tuple[str, IO[bytes], Kind | None]] = []
    try:
        if path.is_dir():
            members = [each for each in sorted(path.iterdir()) if kind_of(each.name)]
            streams = [(each.name, each.open("rb"), kind_of(each.name)) for each in members]
            yield _some(path, streams)
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    name = member.filename.rpartition("/")[2]
                    if kind_of(name):
                        streams.append((name, archive.open(member), kind_of(name)))
                yield _some(path, streams)
        else:
            streams = [(path.name, path.open("rb"), None)]
            yield streams
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise PeopleError(f"{path}: expected a file, ZIP or folder that can be read, got {error}") from None
    finally:
        for _, stream, _ in streams:
            stream.close()


def _some(path: Path, streams: list[Any]) -> list[Any]:
    if not streams:
        expected = ", ".join(f"{kind.value}_*.txt" for kind in Kind)
        raise PeopleError(f"{path}: expected {expected}, got none of them")
    return streams


def _layout(name: str, stream: IO[bytes], kind: Kind | None) -> Layout:
    try:
        return read_titles(stream.readline(MAX_LINE + 1), kind)
    except ExtractionError as error:
        raise PeopleError(f"{name}, line 1: {error}") from None


def _read(
    name: str, stream: IO[bytes], layout: Layout, held: Scratch, report: Report, strict: bool, progress: Progress
) -> None:
    """Every line of one file into the scratch database, or into the report."""
    lines: list[Line] = []
    spared: list[str] = []
    number = 1
    for number, raw in enumerate(_lines(stream), 2):
        if not raw.strip():
            continue
        try:
            line = layout.read(raw, luhn=strict)
            lines.append(line)
            report.without_structure += layout.kind is Kind.ACTIVITIES and not line.structures
        except ExtractionError as error:
            report.refuse(Refusal(name, number, error.expected, error.got))
            spared += [error.id_nat] if error.id_nat else []
        if len(lines) + len(spared) >= LINES:
            held.add(layout.kind, lines, spared)
            progress(len(lines) + len(spared))
            lines, spared = [], []
    held.add(layout.kind, lines, spared)
    report.lines[name] = number - 1


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; one that is too long is cut, and the rest of it passed over."""
    while raw := stream.readline(MAX_LINE + 2):
        tail = raw
        while tail and not tail.endswith(b"\n"):
            tail = stream.readline(MAX_LINE)
        yield raw


def _list(house: House, held: Scratch, report: Report, operator: str, instant: datetime, every: bool) -> None:
    """Adds and changes; `every` savoir-faire is in the extraction."""
    with house.rooms() as rooms:
        rooms.trail.append(own_event("operator", ACT, operator))
    for structures in held.structures(BATCH):
        with house.rooms() as rooms:
            done = rooms.identities.list_structures(structures)
        report.did(structures=done)
    for listings in held.listings(BATCH):
        with house.rooms() as rooms:
            people, links = rooms.identities.list_professionals(
                listings, instant, complete=not report.partial, every_savoir_faire=every
            )
        report.did(people, links=links)


def _end(house: House, held: Scratch, report: Report, instant: datetime) -> None:
    for keys in _professionals(house):
        if gone := held.missing_people(keys):
            with house.rooms() as rooms:
                people, links = rooms.identities.end_professionals(gone, instant)
            report.did(people, links=links)
    for keys in _structures(house):
        if gone := held.missing_structures(keys):
            with house.rooms() as rooms:
                done = rooms.identities.end_structures(gone)
            report.did(structures=done)


def _refuse_unlikely(house: House, held: Scratch, *, check_missing: bool) -> None:
    """Raises PeopleError on an extraction that lists nobody, or from which too many of those known are missing."""
    if next(held.listings(1), None) is None:
        raise PeopleError("extraction: expected at least one activity that can be read, got none")
    if not check_missing:
        return
    known = gone = 0
    for keys in _professionals(house):
        known, gone = known + len(keys), gone + len(held.missing_people(keys))
    if gone > MOST_ENDED and gone > known * MOST_ENDED_SHARE:
        raise PeopleError(
            f"extraction: expected most of the {known} professionals of the last one, got {gone} missing: "
            "an excerpt is imported with --partial, and so many are ended with --end-many only"
        )


def _professionals(house: House) -> Iterator[tuple[str, ...]]:
    """The active professionals that an extraction listed, a batch at a time."""
    return _pages(house, lambda rooms, after: rooms.identities.professionals_listed(after, BATCH))


def _structures(house: House) -> Iterator[tuple[str, ...]]:
    return _pages(house, lambda rooms, after: rooms.identities.structures_listed(after, BATCH))


def _pages(house: House, page: Callable[[BoundRooms, str], tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    after = ""
    while True:
        with house.rooms() as rooms:
            keys = page(rooms, after)
        if not keys:
            return
        yield keys
        after = keys[-1]
