"""`dmp audit verify|key|heads|resume`: whether the audit log is what was written, and what signs it."""

from __future__ import annotations

import base64
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from audit.event import Call, Event, Outcome
from audit.findings import Finding, Kind
from audit.notes import NoteError, Signer, Verifier, notes_in
from audit.resumption import rebuild
from audit.sealing import HeadStore, Seal, signed
from audit.segment import SegmentError, read_segment
from audit.store import AuditStore, instant_text
from audit.trail import AuditTrail
from audit.verification import Verification, verify
from server.alarm import read_alarm, silence
from server.commands import Home, Json, UsageError, answering, opened, operator, show
from server.commands.audit_line import ACT
from server.home_key import AUDIT_FILE, KeyFileError, audit_key
from server.house import House, now
from server.sealer import read_seal, write_seal

_FRENCH = {
    Kind.ALTERED: "modifié",
    Kind.MISSING: "manquant",
    Kind.INSERTED: "ajouté",
    Kind.REORDERED: "déplacé",
    Kind.TRUNCATED: "fin coupée",
    Kind.REWRITTEN: "réécrit",
    Kind.UNPROVEN: "plus prouvé",
    Kind.NODE: "nœud de l'arbre faux",
    Kind.HEAD: "fin de l'arbre fausse",
    Kind.FORGED: "scellé falsifié",
    Kind.UNSEALED: "scellé manquant",
}

Key = Annotated[
    str | None, typer.Option("--key", help="The public key, or a file that has it. Default: home's.", metavar="KEY")
]


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command("verify")(verify_log)
    app.command("key")(show_key)
    app.command("heads")(show_heads)
    app.command("resume")(resume)


def verify_log(
    witness: Annotated[
        list[Path] | None,
        typer.Option("--witness", help="A file of signed heads that somebody kept; may be repeated.", exists=True),
    ] = None,
    segment: Annotated[
        list[Path] | None,
        typer.Option("--segment", help="A sealed segment, to be verified too; may be repeated.", exists=True),
    ] = None,
    key: Key = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Read the whole log, and say what was altered, removed, inserted, moved or cut, and where. Exit code 1 then.

    Witness files of the settings count without being named. The server may go on meanwhile.
    """
    with answering(as_json), opened(home) as house:
        house.record("operator", ACT, operator())
        verifier = verifier_of(house, key)
        notes = _kept_notes(house, witness or [])  # before the log is read: it only grows
        with house.database.snapshot() as connection:
            found = verify(connection, verifier, notes)
        faults = [fault for file in segment or () if (fault := _segment_fault(file, verifier))]
        value = {**_told(found), "segments": faults}
        show(as_json, value, lambda: _print(found, faults))
        if not found.intact or faults:
            raise typer.Exit(1)


def show_key(home: Home = None, as_json: Json = False) -> None:
    """Print the public key that heads and proofs are checked with. Keep it elsewhere than the log."""
    with answering(as_json), opened(home) as house:
        key = str(signer_of(house).verifier)
        show(as_json, {"key": key}, lambda: typer.echo(key))


def show_heads(
    after: Annotated[int, typer.Option("--after", help="Only those of a greater number.", min=0)] = 0,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Print the signed heads of the log, as witnesses keep them."""
    with answering(as_json), opened(home) as house:
        with house.database.snapshot() as connection:
            notes = [note for _, note in HeadStore(connection).after(after)]
        show(as_json, notes, lambda: typer.echo("\n".join(notes), nl=False))


def resume(
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the log.", prompt=True)],
    home: Home = None,
    as_json: Json = False,
) -> None:
    """After an alarm that was looked into: seal the log as it now is, and let the server be healthy again.

    What happened stays visible: `dmp audit verify` goes on finding it.
    """
    with answering(as_json), opened(home) as house:
        alarm = read_alarm(house.settings.home)
        if alarm is None:
            raise UsageError("resume: expected an alarm, there is none")
        size = _seal_as_it_is(house, signer_of(house), _resumed(alarm[0], reason))
        silence(house.settings.home)
        value = {"resumed": True, "events": size}
        show(as_json, value, lambda: typer.echo(f"Scellement repris à l'événement {size}."))


def signer_of(house: House) -> Signer:
    """The key of the home, to sign with. Raises UsageError."""
    if not (house.settings.home / AUDIT_FILE).exists():
        raise UsageError(f"key: expected {AUDIT_FILE} in {house.settings.home}, as dmp migrate makes it")
    try:
        return audit_key(house.settings.home)
    except KeyFileError as error:
        raise UsageError(str(error)) from None


def verifier_of(house: House, key: str | None) -> Verifier:
    """The public key that was given, else that of the home. Raises UsageError."""
    return read_key(key) if key is not None else signer_of(house).verifier


def read_key(key: str) -> Verifier:
    """A public key, given as itself or as a file. Raises UsageError."""
    file = Path(key)
    try:
        return Verifier.read(file.read_text("utf-8") if "+" not in key and file.is_file() else key)
    except (NoteError, UnicodeDecodeError, OSError) as error:
        raise UsageError(f"key: {error}") from None


def _kept_notes(house: House, witnesses: list[Path]) -> list[str]:
    """The heads that are known beside the database: by the seal, these witness files and those of the settings."""
    settings = house.settings
    seal = read_seal(settings.home, signer_of(house))
    notes = [seal.note] if seal else []
    for file in (*witnesses, *(each for each in settings.keeping.witness_files if each.is_file())):
        try:
            notes += notes_in(file.read_text("utf-8", errors="replace"))
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from None
    return notes


def _segment_fault(file: Path, verifier: Verifier) -> str:
    try:
        read_segment(file, verifier)
    except (SegmentError, NoteError, OSError) as error:
        return f"{file.name}: {error}"
    return ""


def _told(found: Verification) -> dict[str, Any]:
    return {
        "intact": found.intact,
        "events": found.size,
        "root": base64.b64encode(found.root).decode() if found.root else None,
        "sealed": found.sealed,
        "pruned": found.pruned,
        "unreadable_heads": found.unreadable,
        "findings": [
            {"kind": each.kind.value, "first": each.first, "last": each.last, "detail": each.detail}
            for each in found.findings
        ],
    }


def _print(found: Verification, faults: list[str]) -> None:
    if found.intact:
        archived = f", dont {found.pruned} archivés" if found.pruned else ""
        typer.echo(f"{found.size} événements{archived}, {found.sealed} scellés : journal intact.")
    for each in found.findings:
        where = f"événement {each.first}" if each.first == each.last else f"événements {each.first} à {each.last}"
        typer.echo(f"{_FRENCH[each.kind]} : {where}{f' ({each.detail})' if each.detail else ''}.")
    for fault in faults:
        typer.echo(f"Archive fausse : {fault}")
    if found.unreadable:
        typer.echo(f"{found.unreadable} scellés publiés ne sont pas de cette clé, ou illisibles.")


def _seal_as_it_is(house: House, signer: Signer, event: Event) -> int:
    """Signs the tree of the records as they now are, `event` being the last, behind every head there is; its size."""
    kept = read_seal(house.settings.home, signer)
    with house.database.transaction() as connection:
        rebuild(connection, signer.verifier)
        AuditTrail(AuditStore(connection), house.source).append(event)
        tree, store = AuditStore(connection).head(), HeadStore(connection)
        number = max([number for number, _ in store.after(0)] + [kept.number if kept else 0])
        ((head, note),) = signed([tree], number, instant_text(now()), signer)
        store.add([(head, note)])
    write_seal(house.settings.home, Seal(head.number, note, tree))
    return head.size


def _resumed(finding: Finding, reason: str) -> Event:
    what = f"{finding.kind.value}, {finding.first} à {finding.last}"
    return Event(
        id=str(uuid.uuid4()),
        instant=now(),
        call=Call(transaction="operator", request_id=uuid.uuid4().hex),
        outcome=Outcome.SUCCESS,
        action="audit/reprise",
        operator=operator(),
        explanation=f"Scellement repris après une alerte ({what}) : {reason}",
    )
