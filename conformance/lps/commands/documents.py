"""Documents sent, searched and opened: `provide`, `find`, `open`, `query` (TD2.1, TD2.2, TD3.1, TD3.2)."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from conformance.lps import LpsNotFoundError, LpsUsageError
from conformance.lps.client import Lps
from conformance.lps.commands.session import Identifier, Session, Whose, command, dtm
from conformance.lps.metadata import Code, Entry, Visibility
from conformance.lps.output import exit_if_none, print_entries, print_json, progress_bar
from conformance.lps.people import Patient
from conformance.lps.query import STATUSES, Filters, is_entry_uuid
from conformance.lps.record_target import patient_ids
from conformance.lps.searching import not_found
from conformance.lps.soap import LpsError
from conformance.lps.submission import RPLC
from conformance.lps.vihf import Access
from schemas.value_sets import ValueSets

_WATCHED_BYTES, _WATCHED_FILES = 4 << 20, 10  # from here on a progress bar is worth its place

app = typer.Typer()


class Kind(StrEnum):
    """The stored queries that take identifiers."""

    documents = "documents"
    associations = "associations"
    submission_sets = "submission-sets"
    related = "related"


@command(app, "provide", "td2.1", "td2.2")
def provide(
    session: Session,
    files: Annotated[list[Path], typer.Argument(help="CDA documents, sent as one submission set.")],
    replace: Annotated[str | None, typer.Option(help="entryUUID or uniqueId of the document replaced.")] = None,
    mask: Annotated[bool, typer.Option("--mask", help="MASQUE_PS: hidden from other professionals.")] = False,
    hide_from_patient: Annotated[bool, typer.Option("--hide-from-patient", help="INVISIBLE_PATIENT.")] = False,
    hide_from_representatives: Annotated[
        bool, typer.Option("--hide-from-representatives", help="INVISIBLE_REPRESENTANTS_LEGAUX.")
    ] = False,
    content_type: Annotated[
        str | None, typer.Option(help="contentTypeCode. Default: that of the encounter, else 07 (consultation).")
    ] = None,
    format_code: Annotated[
        str | None, typer.Option(help="formatCode, CODE^^SCHEME. Default: that of the document's templates.")
    ] = None,
    inline: Annotated[bool, typer.Option("--inline", help="Documents as base64 in the envelope.")] = False,
    signature: Annotated[bool, typer.Option(help="Add the signature document of the submission.")] = True,
) -> None:
    """Send documents to a patient's DMP (TD2.1; TD2.2 with a CPE; ITI-41)."""
    whose = session.patient(header=patient_ids(files[0]))
    session.demo.remember(whose)
    total = sum(file.stat().st_size for file in files if file.is_file())
    quiet = session.as_json or (total < _WATCHED_BYTES and len(files) < _WATCHED_FILES)
    with progress_bar("Envoi", total, quiet=quiet) as progress:
        provided = session.lps.provide(
            files,
            whose,
            replace=replace,
            visibility=Visibility(mask, hide_from_patient, hide_from_representatives),
            access=session.access,
            inline=inline,
            signature=signature,
            content_type_code=content_type,
            format_code=_coded("format_code", format_code) if format_code else None,
            progress=progress,
        )
    documents = [
        {"file": str(file), "document_unique_id": unique_id, "entry_uuid": entry_uuid}
        for file, unique_id, entry_uuid in zip(files, provided.unique_ids, provided.entry_uuids, strict=True)
    ]
    if session.as_json:
        print_json(
            {
                "status": "Success",
                "document_unique_id": provided.unique_ids[0],
                "entry_uuid": provided.entry_uuids[0],
                "submission_set": provided.submission_set,
                "warnings": list(provided.warnings),
                "documents": documents,
            }
        )
        return
    for document in documents:
        typer.echo(f"{document['file']}: {document['document_unique_id']} ({document['entry_uuid']})")
    for warning in provided.warnings:
        typer.echo(warning, err=True)


@command(app, "find", "td3.1")
def find(
    session: Session,
    type_code: Annotated[list[str] | None, typer.Option("--type", help="typeCode: CODE or CODE^^SCHEME.")] = None,
    class_code: Annotated[list[str] | None, typer.Option("--class", help="classCode.")] = None,
    format_code: Annotated[list[str] | None, typer.Option("--format", help="formatCode.")] = None,
    facility: Annotated[list[str] | None, typer.Option(help="healthcareFacilityTypeCode.")] = None,
    practice_setting: Annotated[list[str] | None, typer.Option(help="practiceSettingCode.")] = None,
    confidentiality: Annotated[list[str] | None, typer.Option(help="confidentialityCode, any of those given.")] = None,
    event: Annotated[list[str] | None, typer.Option(help="eventCodeList, CODE^^SCHEME, any of those given.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="authorPerson, with % and _ as wildcards.")] = None,
    status: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(STATUSES)} or a URN. Default: approved.")
    ] = None,
    created_from: Annotated[str, typer.Option("--from", help="creationTime from (included), UTC: 2024-01-31.")] = "",
    created_to: Annotated[str, typer.Option("--to", help="creationTime to (excluded), UTC.")] = "",
    service_from: Annotated[str, typer.Option(help="serviceStartTime from (included), UTC.")] = "",
    service_to: Annotated[str, typer.Option(help="serviceStartTime to (excluded), UTC.")] = "",
    ids_only: Annotated[bool, typer.Option("--ids-only", help="Technical ids only (TD3.1b, ObjectRef).")] = False,
) -> None:
    """Search a patient's documents (TD3.1, ITI-18 FindDocuments)."""
    filters = Filters(
        statuses=[STATUSES.get(value, value) for value in status or ["approved"]],
        type_codes=_all_coded("type_document", type_code),
        class_codes=_all_coded("classe_document", class_code),
        format_codes=_all_coded("format_code", format_code),
        healthcare_facility_type_codes=_all_coded("healthcare_facility_type", facility),
        practice_setting_codes=_all_coded("practice_setting", practice_setting),
        confidentiality_codes=[_all_coded("confidentiality", confidentiality)] if confidentiality else [],
        event_codes=[_all_coded("", event)] if event else [],
        author_persons=author or [],
        creation_time_from=dtm(created_from),
        creation_time_to=dtm(created_to),
        service_start_time_from=dtm(service_from),
        service_start_time_to=dtm(service_to),
    )
    whose = session.patient()
    if ids_only:
        references = session.lps.find_references(whose, filters, access=session.access)
        session.demo.remember(whose)
        session.show(references, lambda: typer.echo("\n".join(references)))
        exit_if_none(references)
        return
    entries = session.lps.find(whose, filters, access=session.access)
    session.demo.remember(whose)
    session.show([asdict(entry) for entry in entries], lambda: print_entries(entries))
    exit_if_none(entries)


@command(app, "open", "td3.2", whose=Whose.ANYBODY)
def open_document(
    session: Session,
    identifier: Identifier,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Without it: standard output, when it is no terminal."),
    ] = None,
    repository: Annotated[
        str | None, typer.Option(help="OID of the repository: ask it for this uniqueId without searching first.")
    ] = None,
) -> None:
    """Retrieve a document to a file (TD3.2, ITI-43).

    Without --patient, the DMPs of the patients met are asked in turn, the last one first.
    """
    if output is None and (session.as_json or sys.stdout.isatty()):
        raise LpsUsageError("output: expected -o FILE (or standard output to a file or a pipe), got none")
    demo, lps, access, size = session.demo, session.lps, session.access, 0
    if repository is not None:
        whose = session.patient()
    else:
        candidates = [session.patient()] if session.ins else demo.known_patients()
        whose, entry = _locate(lps, identifier, candidates, access)
        if entry is not None:
            identifier, repository, size = entry.unique_id, entry.repository_unique_id, entry.size or 0
        elif is_entry_uuid(identifier) or demo.repository is None:
            raise not_found(identifier)
        else:
            repository = demo.repository  # a search hides what may not be read: the repository says no, or yes
    with (
        tempfile.TemporaryDirectory(prefix="lps-") as scratch,
        progress_bar("Réception", size, quiet=session.as_json or size < _WATCHED_BYTES) as progress,
    ):
        destination = output or Path(scratch) / "document"
        try:
            opened = lps.open(identifier, destination, whose, repository=repository, access=access, progress=progress)
        except LpsError as error:
            if error.code != "XDSDocumentUniqueIdError":
                raise
            raise not_found(identifier) from None
        demo.remember(whose)
        if output is None:
            with destination.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
            return
    summary = {"file": str(output), "bytes": opened.size, "sha1": opened.sha1, "mime_type": opened.mime_type}
    session.show(summary, lambda: typer.echo(f"{output}: {opened.size} bytes, {opened.mime_type}"))


@command(app, "query")
def query(
    session: Session,
    kind: Annotated[Kind, typer.Argument(help="What to ask for.")],
    identifiers: Annotated[list[str], typer.Argument(help="entryUUIDs (or uniqueIds, for documents and related).")],
    association: Annotated[
        list[str] | None, typer.Option(help="Association types, for related. Default: RPLC.")
    ] = None,
) -> None:
    """Ask for objects by identifier (ITI-18 GetDocuments, GetAssociations, GetSubmissionSets, GetRelatedDocuments)."""
    lps, access, whose = session.lps, session.access, session.patient()
    if kind is Kind.documents:
        found: dict[str, Any] = {"entries": lps.documents(identifiers, whose, access=access)}
    else:
        if kind is Kind.associations:
            result = lps.associations(identifiers, whose, access=access)
        elif kind is Kind.submission_sets:
            result = lps.submission_sets(identifiers, whose, access=access)
        else:
            types = association or [RPLC]
            result = lps.related_documents(identifiers[0], types, whose, access=access)
        found = {
            "entries": result.entries,
            "submission_sets": result.submission_sets,
            "associations": result.associations,
        }
    objects = {key: [asdict(item) for item in items] for key, items in found.items()}
    session.show(objects, lambda: typer.echo(json.dumps(objects, ensure_ascii=False, indent=2)))
    exit_if_none([item for items in objects.values() for item in items])


def _locate(lps: Lps, identifier: str, candidates: Sequence[Patient], access: Access) -> tuple[Patient, Entry | None]:
    """Whose document it is. None: it is in none of the DMPs that may be searched, of which this is the first.

    Raises LpsError, the first one, when no DMP may be searched.
    """
    refusal: LpsError | None = None
    searched: Patient | None = None
    for patient in candidates:
        try:
            return patient, lps.locate(identifier, patient, access=access)
        except LpsNotFoundError:
            searched = searched or patient
        except LpsError as error:
            if error.code == "Transport":
                raise
            refusal = refusal or error
    if searched is not None:
        return searched, None
    raise refusal or not_found(identifier)


def _all_coded(table: str, given: list[str] | None) -> list[Code]:
    return [_coded(table, value) for value in given or []]


def _coded(table: str, given: str) -> Code:
    """`CODE^^SCHEME`, or a code of a known table."""
    code, separator, scheme = given.partition("^^")
    if separator and code and scheme:
        return Code(code, scheme)
    concepts = ValueSets.load().concepts(table) if table else ()
    found = next((concept for concept in concepts if concept.code == given), None)
    if found is None:
        raise LpsUsageError(f"code: expected CODE^^SCHEME{f' or a code of {table}' if table else ''}, got {given}")
    return Code(found.code, found.scheme, found.label)
