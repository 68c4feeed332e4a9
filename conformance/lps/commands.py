"""`dmp lps`: the simulated practice software at the command line.

Exit codes: 0 done, 1 refused or failed by the server, 2 unusable arguments or files, 3 nothing found.
"""

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

from conformance.lps import LpsNotFoundError, LpsUsageError, people
from conformance.lps.client import Lps
from conformance.lps.metadata import Code, Entry, Visibility
from conformance.lps.output import answering, exit_if_none, print_entries, print_json, print_result, progress_bar
from conformance.lps.people import Patient
from conformance.lps.query import STATUSES, Filters, is_entry_uuid
from conformance.lps.record_target import patient_ids
from conformance.lps.soap import LpsError
from conformance.lps.submission import RPLC
from conformance.lps.vihf import Access
from schemas.value_sets import ValueSets

_WATCHED_BYTES, _WATCHED_FILES = 4 << 20, 10  # from here on a progress bar is worth its place

app = typer.Typer(help="Simulated practice software (LPS): provide, find and open documents.", no_args_is_help=True)


class Mode(StrEnum):
    """Authentification_mode of the VIHF."""

    DIRECTE = people.DIRECTE
    INDIRECTE = people.INDIRECTE
    INDIRECTE_RENFORCEE = people.INDIRECTE_RENFORCEE


class AccessMode(StrEnum):
    """TRE_R248-ModeAcces."""

    normal = "normal"
    bris_de_glace = "bris_de_glace"
    centre_15 = "centre_15"


class Kind(StrEnum):
    """The stored queries that take identifiers."""

    documents = "documents"
    associations = "associations"
    submission_sets = "submission-sets"
    related = "related"


As = Annotated[str, typer.Option("--as", help="Who acts: a name of people.json.", metavar="NAME")]
PatientIns = Annotated[
    str, typer.Option("--patient", help="INS of the patient, alone or as INS^^^&OID&ISO.", metavar="INS")
]
InsOid = Annotated[
    str | None,
    typer.Option(
        help="OID of the INS. Default: that of patients.json, else of the CDA header (provide), else the last one used "
        f"({people.REMEMBERED}), else that of test NIRs (…4.10).",
        metavar="OID",
    ),
]
ModeOption = Annotated[Mode | None, typer.Option(help="Authentication mode. Default: the first of the person's modes.")]
User = Annotated[
    str | None,
    typer.Option("--person", help="Professional at the keyboard of a structure, in an indirect mode.", metavar="NAME"),
]
AccessOption = Annotated[AccessMode, typer.Option("--access", help="Access mode claimed.")]
Reason = Annotated[str, typer.Option(help="Reason given for bris de glace.")]
Secret = Annotated[bool, typer.Option("--secret", help="Secret connection: hidden from legal representatives.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value on standard output, errors included.")]
DemoFolder = Annotated[
    Path | None,
    typer.Option("--demo", envvar="DMP_DEMO", help="Folder of people, patients and keys. Default: ./demo."),
]
Server = Annotated[str | None, typer.Option(help="Base address of the server. Default: that of server.json.")]


@app.command()
def provide(
    files: Annotated[list[Path], typer.Argument(help="CDA documents, sent as one submission set.")],
    name: As,
    patient: PatientIns,
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
    mode: ModeOption = None,
    user: User = None,
    access: AccessOption = AccessMode.normal,
    reason: Reason = "",
    secret: Secret = False,
    ins_oid: InsOid = None,
    as_json: JsonOption = False,
    demo_folder: DemoFolder = None,
    server: Server = None,
) -> None:
    """Send documents to a patient's DMP (TD2.1, ITI-41)."""
    with answering(as_json):
        demo = people.load(demo_folder)
        lps = Lps.from_demo(demo, name, mode=mode.value if mode else None, user=user, server=server)
        whose = demo.patient(patient, ins_oid, header=patient_ids(files[0]))
        demo.remember(whose)
        total = sum(file.stat().st_size for file in files if file.is_file())
        quiet = as_json or (total < _WATCHED_BYTES and len(files) < _WATCHED_FILES)
        with progress_bar("Envoi", total, quiet=quiet) as progress:
            provided = lps.provide(
                files,
                whose,
                replace=replace,
                visibility=Visibility(mask, hide_from_patient, hide_from_representatives),
                access=Access(access.value, reason, secret),
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
        if as_json:
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


@app.command()
def find(
    name: As,
    patient: PatientIns,
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
    mode: ModeOption = None,
    user: User = None,
    access: AccessOption = AccessMode.normal,
    reason: Reason = "",
    secret: Secret = False,
    ins_oid: InsOid = None,
    as_json: JsonOption = False,
    demo_folder: DemoFolder = None,
    server: Server = None,
) -> None:
    """Search a patient's documents (TD3.1, ITI-18 FindDocuments)."""
    with answering(as_json):
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
            creation_time_from=_dtm(created_from),
            creation_time_to=_dtm(created_to),
            service_start_time_from=_dtm(service_from),
            service_start_time_to=_dtm(service_to),
        )
        demo = people.load(demo_folder)
        lps = Lps.from_demo(demo, name, mode=mode.value if mode else None, user=user, server=server)
        claimed, whose = Access(access.value, reason, secret), demo.patient(patient, ins_oid)
        if ids_only:
            references = lps.find_references(whose, filters, access=claimed)
            demo.remember(whose)
            print_result(as_json, references, lambda: typer.echo("\n".join(references)))
            exit_if_none(references)
            return
        entries = lps.find(whose, filters, access=claimed)
        demo.remember(whose)
        print_result(as_json, [asdict(entry) for entry in entries], lambda: print_entries(entries))
        exit_if_none(entries)


@app.command("open")
def open_document(
    identifier: Annotated[str, typer.Argument(help="entryUUID or uniqueId of the document.", metavar="ID")],
    name: As,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Without it: standard output, when it is no terminal."),
    ] = None,
    patient: Annotated[
        str | None,
        typer.Option(
            help="INS, alone or as INS^^^&OID&ISO. Without it, the patients met are asked in turn, the last one first.",
            metavar="INS",
        ),
    ] = None,
    repository: Annotated[
        str | None, typer.Option(help="OID of the repository: ask it for this uniqueId without searching first.")
    ] = None,
    mode: ModeOption = None,
    user: User = None,
    access: AccessOption = AccessMode.normal,
    reason: Reason = "",
    secret: Secret = False,
    ins_oid: InsOid = None,
    as_json: JsonOption = False,
    demo_folder: DemoFolder = None,
    server: Server = None,
) -> None:
    """Retrieve a document to a file (TD3.2, ITI-43)."""
    with answering(as_json), tempfile.TemporaryDirectory(prefix="lps-") as scratch:
        if output is None and (as_json or sys.stdout.isatty()):
            raise LpsUsageError("output: expected -o FILE (or standard output to a file or a pipe), got none")
        demo = people.load(demo_folder)
        lps = Lps.from_demo(demo, name, mode=mode.value if mode else None, user=user, server=server)
        claimed, size = Access(access.value, reason, secret), 0
        if repository is None:
            candidates = [demo.patient(patient, ins_oid)] if patient else demo.known_patients()
            whose, entry = _locate(lps, identifier, candidates, claimed)
            if entry is not None:
                identifier, repository, size = entry.unique_id, entry.repository_unique_id, entry.size or 0
            elif is_entry_uuid(identifier) or demo.repository is None:
                raise _not_found(identifier)
            else:
                repository = demo.repository  # a search hides what may not be read: the repository says no, or yes
        elif patient is None:
            raise LpsUsageError("patient: expected --patient INS with --repository, got none")
        else:
            whose = demo.patient(patient, ins_oid)
        destination = output or Path(scratch) / "document"
        with progress_bar("Réception", size, quiet=as_json or size < _WATCHED_BYTES) as progress:
            try:
                opened = lps.open(
                    identifier, destination, whose, repository=repository, access=claimed, progress=progress
                )
            except LpsError as error:
                if error.code != "XDSDocumentUniqueIdError":
                    raise
                raise _not_found(identifier) from None
        demo.remember(whose)
        if output is None:
            with destination.open("rb") as stream:
                shutil.copyfileobj(stream, sys.stdout.buffer)
            return
        summary = {"file": str(output), "bytes": opened.size, "sha1": opened.sha1, "mime_type": opened.mime_type}
        print_result(as_json, summary, lambda: typer.echo(f"{output}: {opened.size} bytes, {opened.mime_type}"))


@app.command()
def query(
    kind: Annotated[Kind, typer.Argument(help="What to ask for.")],
    identifiers: Annotated[list[str], typer.Argument(help="entryUUIDs (or uniqueIds, for documents and related).")],
    name: As,
    patient: PatientIns,
    association: Annotated[
        list[str] | None, typer.Option(help="Association types, for related. Default: RPLC.")
    ] = None,
    mode: ModeOption = None,
    user: User = None,
    access: AccessOption = AccessMode.normal,
    reason: Reason = "",
    secret: Secret = False,
    ins_oid: InsOid = None,
    as_json: JsonOption = False,
    demo_folder: DemoFolder = None,
    server: Server = None,
) -> None:
    """Ask for objects by identifier (ITI-18 GetDocuments, GetAssociations, GetSubmissionSets, GetRelatedDocuments)."""
    with answering(as_json):
        demo = people.load(demo_folder)
        lps = Lps.from_demo(demo, name, mode=mode.value if mode else None, user=user, server=server)
        claimed, whose = Access(access.value, reason, secret), demo.patient(patient, ins_oid)
        if kind is Kind.documents:
            found: dict[str, Any] = {"entries": lps.documents(identifiers, whose, access=claimed)}
        else:
            if kind is Kind.associations:
                result = lps.associations(identifiers, whose, access=claimed)
            elif kind is Kind.submission_sets:
                result = lps.submission_sets(identifiers, whose, access=claimed)
            else:
                types = association or [RPLC]
                result = lps.related_documents(identifiers[0], types, whose, access=claimed)
            found = {
                "entries": result.entries,
                "submission_sets": result.submission_sets,
                "associations": result.associations,
            }
        objects = {key: [asdict(item) for item in items] for key, items in found.items()}
        print_result(as_json, objects, lambda: typer.echo(json.dumps(objects, ensure_ascii=False, indent=2)))
        exit_if_none([item for items in objects.values() for item in items])


def _not_found(identifier: str) -> LpsNotFoundError:
    return LpsNotFoundError(f"no document {identifier} for this requester")


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
    raise refusal or _not_found(identifier)


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


def _dtm(given: str) -> str:
    """`2024-01-31T10:00` or `202401311000` as a DTM."""
    digits = "".join(char for char in given if char.isdigit())
    if given and (set(given) - set("0123456789-T: ") or len(digits) not in (4, 6, 8, 10, 12, 14)):
        raise LpsUsageError(f"time: expected YYYY[-MM[-DD[Thh[:mm[:ss]]]]] in UTC, got {given}")
    return digits
