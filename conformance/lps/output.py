"""What `dmp lps` shows: results, failures with their exit codes, progress.

Exit codes: 0 done, 1 refused or failed by the server, 2 unusable arguments or files, 3 nothing found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from conformance.lps import LpsNotFoundError, LpsUsageError
from conformance.lps.metadata import Entry
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from schemas import oids

REFUSED, USAGE, NOTHING_FOUND = 1, 2, 3


@contextmanager
def answering(as_json: bool) -> Iterator[None]:
    """Turns every failure into a message or a JSON object, and its exit code."""
    try:
        yield
    except LpsError as error:
        errors = [{"code": item.code, "context": item.context, "location": item.location} for item in error.errors]
        _fail(as_json, REFUSED, error.code, error.context, error.reason, errors)
    except LpsNotFoundError as error:
        _fail(as_json, NOTHING_FOUND, "NotFound", str(error), "", [])
    except LpsUsageError as error:
        _fail(as_json, USAGE, "Usage", str(error), "", [])


def _fail(as_json: bool, status: int, code: str, context: str, reason: str, errors: list[dict[str, str]]) -> None:
    if as_json:
        said = {"status": status, "code": code, "context": context, "reason": reason, "errors": errors}
        print_json({"error": said})
    else:
        for item in errors or [{"code": code, "context": context}]:
            typer.echo(f"{item['code']}: {item['context']}", err=True)
        if "ConnectionRefusedError" in context:
            typer.echo(f"Le serveur {reason} est-il en marche ? (make demo, dmp serve)", err=True)
    raise typer.Exit(status)


@contextmanager
def progress_bar(label: str, total: int, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar in bytes on the terminal, or nothing at all."""
    if quiet or not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(label, total=total or None)
        yield lambda count: bar.advance(task, count)


def print_result(as_json: bool, value: object, otherwise: Callable[[], None]) -> None:
    """The value as JSON, or what people read."""
    if as_json:
        print_json(value)
    else:
        otherwise()


def print_json(value: object) -> None:
    """One JSON value on one line of standard output."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def exit_if_none(found: Sequence[object]) -> None:
    """Ends with NOTHING_FOUND when there is nothing."""
    if not found:
        raise typer.Exit(NOTHING_FOUND)


def print_entries(entries: Sequence[Entry]) -> None:
    """A list of documents, the newest first, one on each line: the uniqueId whole, to be copied."""
    width = max((len(entry.unique_id) for entry in entries), default=0)
    for entry in sorted(entries, key=lambda item: item.creation_time, reverse=True):
        status = entry.availability_status.rpartition(":")[2]
        said = [code.code for code in entry.confidentiality_codes if code.scheme == oids.CONFIDENTIALITE_CISIS]
        marks = f"  [{', '.join(said)}]" if said else ""
        created, type_code = instant(entry.creation_time), entry.type_code.code
        typer.echo(f"{created:16}  {type_code:8}  {status:10}  {entry.unique_id:{width}}  {entry.title}{marks}")
    if not entries:
        typer.echo("Aucun document.", err=True)


def print_facts(facts: Mapping[str, str]) -> None:
    """What is known, one fact on each line; '' stands for what is not."""
    width = max(map(len, facts))
    for name, value in facts.items():
        typer.echo(f"{name:{width}} : {value or '-'}")


def ins_of(identifiers: Sequence[Patient]) -> str:
    """The INS among the identifiers of a patient, as people know it: not the INS-C of old."""
    return next((each.ins for each in identifiers if each.ins_oid != oids.INS_C), "")


def yes_or_no(value: bool | None) -> str:
    """As people read it; '' for what is not known."""
    return {True: "oui", False: "non", None: ""}[value]


def instant(dtm: str) -> str:
    """A DTM in UTC, or a day, as people read it: to the minute, or as precise as it is."""
    day = "-".join(part for part in (dtm[:4], dtm[4:6], dtm[6:8]) if part)
    return f"{day} {dtm[8:10]}:{dtm[10:12] or '00'}" if len(dtm) > 8 else day
