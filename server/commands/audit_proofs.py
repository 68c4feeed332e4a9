"""`dmp audit proof|check-proof`: a line of the audit log proved by a small file, and that file checked by anybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer

from audit.heads import TreeHead, read_head
from audit.merkle import ProofError, consistency_path, inclusion_path
from audit.notes import NoteError, Verifier, notes_in
from audit.proof import Proved, check_proof, write_consistency, write_inclusion
from audit.record import COLUMNS, NUMBERS, RecordError, read_record, record_bytes
from audit.rows import rows
from audit.sealing import HeadStore
from audit.segment import SegmentError, segment_records
from audit.store import AuditStore
from audit.tree import StoredTree
from server.commands import FAILED, Home, Json, NotFoundError, UsageError, answering, opened, operator, show
from server.commands.audit_integrity import read_key, signer_of
from server.commands.audit_line import ACT

SHOWN = ("sequence", "instant", "transaction", "action", "outcome", "requester_id", "requester_name", "patient_value")


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command("proof")(proof)
    app.command("check-proof")(check)


def proof(
    event_id: Annotated[str | None, typer.Argument(help="Id of the event; none with --from.", metavar="[ID]")] = None,
    earlier: Annotated[int | None, typer.Option("--from", help="Size of an earlier head.", metavar="SIZE")] = None,
    later: Annotated[int | None, typer.Option("--to", help="Size of a later one. Default: the last.")] = None,
    segment: Annotated[
        Path | None, typer.Option("--segment", help="The sealed segment that has the event.", exists=True)
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write. Default: the screen.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Prove that an event is in the log, or that the log of one moment continues that of an earlier one.

    The proof can be checked without this server (check-proof). It shows the whole event.
    """
    with answering(as_json), opened(home) as house:
        if (event_id is None) == (earlier is None):
            raise UsageError("proof: expected the id of an event, or --from SIZE")
        house.record("operator", ACT, operator())
        verifier = signer_of(house).verifier
        with house.database.snapshot() as connection:
            heads, tree = HeadStore(connection), StoredTree(connection)
            if event_id is not None:
                record = _record(connection, event_id, segment)
                sequence = int(read_record(record)[0]["sequence"])
                note = heads.covering(sequence)
                if note is None:
                    raise NotFoundError("head: expected one that covers the event, there is none yet: try again")
                path = inclusion_path(tree, sequence - 1, read_head(note, verifier).size)
                text = write_inclusion(record, path, note)
            else:
                first, last = _head(heads, earlier), _head(heads, later)
                sizes = [read_head(each, verifier).size for each in (first, last)]
                text = write_consistency(first, last, consistency_path(tree, sizes[0], sizes[1]))
        _check(text, verifier, None)  # what cannot be proved is not handed out
        if output is None:
            typer.echo(text, nl=False)
        else:
            output.write_text(text, "utf-8")


def check(
    file: Annotated[Path, typer.Argument(help="The proof.", exists=True, dir_okay=False)],
    key: Annotated[str, typer.Option("--key", help="The public key of the log, or a file that has it.")],
    heads: Annotated[
        Path | None,
        typer.Option("--heads", help="Published heads: that of the proof must be among them.", exists=True),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a proof. Needs neither server nor database. Exit code 1 when it proves nothing."""
    with answering(as_json):
        verifier = read_key(key)
        found = _check(file.read_text("utf-8", errors="replace"), verifier, heads)
        show(as_json, _told(found), lambda: _print(found))


def _check(text: str, verifier: Verifier, heads: Path | None) -> Proved:
    published = None
    if heads is not None:
        published = list(_read_heads(heads.read_text("utf-8", errors="replace"), verifier))
    try:
        return check_proof(text, verifier, published)
    except ProofError as error:
        typer.echo(f"dmp: {error}", err=True)
        raise typer.Exit(FAILED) from None


def _read_heads(text: str, verifier: Verifier) -> Iterator[TreeHead]:
    for note in notes_in(text):
        try:
            yield read_head(note, verifier)
        except NoteError:
            continue  # of another log


def _record(connection: sa.Connection, event_id: str, segment: Path | None) -> bytes:
    """The exact bytes of an event, of the database or of a segment. Raises NotFoundError."""
    found = AuditStore(connection).get(event_id)
    if found is not None:
        for row in rows(connection, found.sequence - 1, found.sequence):
            return record_bytes(row[: len(NUMBERS)], row[len(NUMBERS) : len(COLUMNS)], row[len(COLUMNS)])
    try:
        for record in segment_records(segment) if segment else ():
            if read_record(record)[0]["id"] == event_id:
                return record
    except (SegmentError, RecordError, OSError) as error:
        raise UsageError(str(error)) from None
    raise NotFoundError(f"event: expected the id of an event, got {event_id}")


def _head(heads: HeadStore, size: int | None) -> str:
    """The note of the head of that size, else of the last. Raises NotFoundError."""
    note = heads.covering(0) if size is None else heads.of_size(size)
    if note is None:
        raise NotFoundError(f"head: expected the size of a signed head (dmp audit heads), got {size}")
    return note


def _told(found: Proved) -> dict[str, Any]:
    head = {"number": found.head.number, "size": found.head.size, "instant": found.head.instant}
    if found.earlier is not None:
        return {"proved": True, "head": head, "earlier": found.earlier.size}
    message = found.message.decode(errors="replace")
    return {"proved": True, "head": head, "record": dict(found.columns), "message": message}


def _print(found: Proved) -> None:
    head = found.head
    if found.earlier is not None:
        typer.echo(f"Le journal de {head.size} événements continue celui de {found.earlier.size}.")
        return
    typer.echo(f"Ligne prouvée : journal de {head.size} événements scellé le {head.instant} (scellé {head.number}).")
    for name in SHOWN:
        if found.columns[name] != "":
            typer.echo(f"  {name:16} {found.columns[name]}")
