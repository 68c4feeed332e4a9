"""`dmp xdm`: documents on portable media (IHE XDM), made, looked at, and taken in.

Source: ITI TF-1 16 and TF-2 3.32 (ITI-32, Distribute Document Set on Media).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from audit.event import Call
from dmp.errors import AccessRefused, GestionError
from dmp.media_sets import Selection, as_patient, patients_of
from dmp.medias import EXPORT, IMPORT, Maker, Medium, Recipient, copy_media, export_media, import_media
from identities.ins import AUTHORITIES, write_cx
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from ihe.xdm import MediaError
from ihe.xdm_read import Limits, Media, Subset, read_media, staged_lots
from ihe.xdm_write import write_media
from registry.errors import Finding, RegistryError
from registry.hl7_types import cx_key
from repository.errors import RepositoryError
from schemas.domain import Profile
from server.commands import (
    FAILED,
    NOTHING_FOUND,
    Home,
    InsOid,
    Json,
    PatientIns,
    UsageError,
    answering,
    opened,
    operator,
    patient_id,
    show,
)
from server.commands.names import PeopleFile, requester_of
from server.house import House, now
from server.wiring import alimentation_of

app = typer.Typer(help="Documents on portable media (IHE XDM).", no_args_is_help=True)

DEFAULT_OUTPUT = Path("IHE_XDM.ZIP")
NH = "NH"  # identifier type of an INS. Source: CI-SIS, volet Partage de documents de santé, patientId
_PRIVATE = 0o600

As = Annotated[
    str | None,
    typer.Option(
        "--as", help="In whose name: a name of people.json, or an identifier of the directory.", metavar="WHO"
    ),
]
Mode = Annotated[
    Authentication | None, typer.Option(help="With --as: authentication. Default: the first that people.json gives.")
]
Medium_ = Annotated[Path, typer.Argument(help="The ZIP of the medium.", metavar="FILE", exists=True, dir_okay=False)]


@app.command("export")
def export_to_medium(
    patient: PatientIns,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the ZIP goes.", metavar="FILE")
    ] = DEFAULT_OUTPUT,
    recipient: Annotated[
        Recipient | None,
        typer.Option(
            "--for",
            help="Whose copy: the patient's (without what must still be announced), a legal representative's (without "
            "what the minor keeps from them either), or the operator's, to move the DMP elsewhere (everything). "
            "Default: patient; not with --as.",
        ),
    ] = None,
    who: As = None,
    mode: Mode = None,
    access: Annotated[ModeAcces, typer.Option(help="With --as: access mode.")] = ModeAcces.NORMAL,
    reason: Annotated[str, typer.Option(help="With --as: reason given for bris de glace.")] = "",
    apart: Annotated[bool, typer.Option("--apart", help="One directory for each original submission set.")] = False,
    obsolete: Annotated[bool, typer.Option("--obsolete", help="Replaced versions too; implies --apart.")] = False,
    archived: Annotated[bool, typer.Option("--archived", help="Archived documents too.")] = False,
    institution: Annotated[str | None, typer.Option(help="Who makes the medium, for README.TXT.")] = None,
    contact: Annotated[
        str, typer.Option(help="Whom to ask, for README.TXT.")
    ] = "l'établissement qui vous a remis ce support",
    force: Annotated[bool, typer.Option("--force", help="Replace FILE where there is one.")] = False,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Write a patient's documents as an XDM medium, one ZIP file. Exit code 3 when there is none to copy.

    Without --as it is the operator's act, for whom --for says; with --as what that professional may find and open.
    """
    with answering(as_json), _telling(), opened(home) as house:
        if output.exists() and not force:
            raise UsageError(f"{output}: expected no such file, or --force; got one")
        identifier, selection = patient_id(house, patient, ins_oid), Selection(obsolete, archived, apart)
        maker = Maker(institution or f"service {house.domain.name}", contact, house.domain.repository_unique_id)
        if who is None:
            medium = copy_media(house.gate, operator(), identifier, selection, maker, recipient or Recipient.PATIENT)
        elif recipient is not None:
            raise UsageError(f"--for: expected none with --as, whose rights decide; got {recipient.value}")
        else:
            requester = _in_the_name_of(house, who, mode, people, access, reason)
            medium = export_media(house.gate, requester, _call(EXPORT), identifier, selection, maker)
        if medium.submissions:
            with _written(output) as file:
                write_media(file, medium, maker, f"open-dmp {version('open-dmp')}", now())
        value = _exported(medium, output)
        show(as_json, value, lambda: _print_exported(value))
        if not medium.submissions:
            raise typer.Exit(NOTHING_FOUND)


@app.command("import")
def import_from_medium(
    file: Medium_,
    patient: Annotated[
        str | None, typer.Option(help="Which patient of a medium with several, as ID^^^&OID&ISO.", metavar="CX")
    ] = None,
    as_patient_: Annotated[
        str | None,
        typer.Option("--as-patient", help="Whose documents they are here, whatever the medium says.", metavar="INS"),
    ] = None,
    who: As = None,
    mode: Mode = None,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Take in the documents of an XDM medium, all of them or none, as if they had been provided (ITI-41).

    In an IHE domain the operator is a node; in the DMP's, --as says whose submission it is, and their rights decide.
    """
    with answering(as_json), _telling(), opened(home, anchors=True) as house:
        requester, call = _submitter(house, who, mode, people), _call(IMPORT)
        with file.open("rb") as stream:
            media = _media(house, stream, call, requester)
            subsets = _chosen(media, patient)
            if as_patient_ is not None:
                subsets = _reconciled(subsets, patient_id(house, as_patient_, ins_oid))
            with staged_lots(media, subsets, house.gate.stage) as lots:
                warnings = import_media(alimentation_of(house), requester, call, lots)
        value = {**_described(subsets, media.ignored), "warnings": [_line(found) for found in warnings]}
        show(as_json, {"imported": True, **value}, lambda: _print_imported(value))


@app.command("show")
def show_medium(file: Medium_, as_json: Json = False) -> None:
    """Show what is on an XDM medium, and verify each document. Exit code 1 when one is not what it should be."""
    with answering(as_json), _telling(), file.open("rb") as stream:
        media = read_media(stream)
        mismatches = [_line(found) for found in media.mismatches()]
        value = {**_described(media.subsets, media.ignored), "intact": not mismatches, "mismatches": mismatches}
        show(as_json, value, lambda: _print_shown(value))
        if mismatches:
            raise typer.Exit(FAILED)


# --- Doing ------------------------------------------------------------------------------------------------------------


def _call(transaction: str) -> Call:
    return Call(transaction=transaction, request_id=uuid.uuid4().hex, operator=operator())


def _submitter(house: House, who: str | None, mode: Authentication | None, people: Path | None) -> Requester:
    """Who provides what is on a medium. Raises UsageError."""
    if who is not None:
        return _in_the_name_of(house, who, mode, people)
    if house.domain.assertion.profile is not Profile.XUA:
        raise UsageError(f"domain {house.domain.name}: expected --as WHO, whose submission it is; got none")
    return Requester(
        id_nat="",
        name=operator(),
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=Authentication.NOEUD_IHE,
    )


def _in_the_name_of(
    house: House,
    who: str,
    mode: Authentication | None,
    people: Path | None,
    access: ModeAcces = ModeAcces.NORMAL,
    reason: str = "",
) -> Requester:
    """Somebody of the directory, whose rights decide: a node has none of theirs. Raises UsageError, PeopleError."""
    if mode is not None and not mode.french:
        known = ", ".join(each.value for each in Authentication if each.french)
        raise UsageError(f"mode: expected one of {known} with --as, got {mode.value}")
    return requester_of(house, people, who, mode=mode, access=access, motif=reason)


def _media(house: House, stream: IO[bytes], call: Call, requester: Requester) -> Media:
    """The medium, or a record of why there is none."""
    try:
        return read_media(stream, Limits(document_bytes=house.domain.max_document_bytes))
    except (MediaError, RegistryError) as error:
        reason = "support XDM illisible" if isinstance(error, MediaError) else "métadonnées du support XDM"
        house.gate.refused(call, reason, requester)
        raise


def _chosen(media: Media, patient: str | None) -> tuple[Subset, ...]:
    """The submission sets about one patient. Raises UsageError.

    Source: ITI TF-1 16 (selection of the patient of interest).
    """
    known = patients_of(subset.submission for subset in media.subsets)
    if patient is None:
        if len(known) > 1:
            raise UsageError(f"patient: expected --patient, the medium having {len(known)}: {', '.join(known)}")
        return media.subsets
    chosen = tuple(
        each for each in media.subsets if cx_key(each.submission.submission_set.patient_id) == cx_key(patient)
    )
    if not chosen:
        raise UsageError(f"patient: expected one of {', '.join(known)}, got {patient}")
    return chosen


def _reconciled(subsets: tuple[Subset, ...], patient: PatientId) -> tuple[Subset, ...]:
    identifier = write_cx(patient, NH if patient.authority in AUTHORITIES else "")
    return tuple(replace(each, submission=as_patient(each.submission, identifier)) for each in subsets)


@contextmanager
def _written(output: Path) -> Iterator[IO[bytes]]:
    """A file that only its owner reads, which is there whole or not at all. Raises UsageError where none can be."""
    draft = output.with_name(f".{output.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    except OSError as error:
        raise UsageError(f"{output}: expected a place for a file, got {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        draft.replace(output)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


@contextmanager
def _telling() -> Iterator[None]:
    """What the hall and a medium refuse, as `answering` tells it."""
    try:
        yield
    except RegistryError as error:
        raise GestionError("\n".join(map(_line, error.findings))) from None
    except AccessRefused as error:
        raise GestionError(_line(error.finding)) from None
    except (MediaError, RepositoryError) as error:
        raise GestionError(f"support XDM : {error.diagnostics()}") from None


# --- Telling ----------------------------------------------------------------------------------------------------------


def _line(found: Finding) -> str:
    return f"{found.code.value}: {found.context}"


def _exported(medium: Medium, output: Path) -> dict[str, Any]:
    return {
        "file": str(output) if medium.submissions else None,
        "patient": str(medium.dossier.ins),
        "submission_sets": [each.submission_set.unique_id for each in medium.submissions],
        "documents": [entry.unique_id for each in medium.submissions for entry in each.entries],
        "left_out": [{"document": each.entry.unique_id, "reason": each.reason.value} for each in medium.left_out],
    }


def _described(subsets: tuple[Subset, ...], ignored: tuple[str, ...]) -> dict[str, Any]:
    return {
        "submission_sets": [
            {
                "directory": each.directory,
                "unique_id": each.submission.submission_set.unique_id,
                "patient": each.submission.submission_set.patient_id,
                "submission_time": each.submission.submission_set.submission_time,
                "documents": [
                    {
                        "unique_id": entry.unique_id,
                        "title": entry.title,
                        "mime_type": entry.mime_type,
                        "size": entry.size,
                        "file": each.files[entry.entry_uuid].filename,
                    }
                    for entry in each.submission.entries
                ],
            }
            for each in subsets
        ],
        "ignored": list(ignored),
    }


def _print_exported(value: dict[str, Any]) -> None:
    documents, sets = len(value["documents"]), len(value["submission_sets"])
    typer.echo(f"{documents} documents en {sets} lots : {value['file'] or 'rien à copier'}.")
    for each in value["left_out"]:
        _say(f"  absent : {each['document']} ({each['reason']})")


def _print_imported(value: dict[str, Any]) -> None:
    _print_sets(value)
    documents = sum(len(each["documents"]) for each in value["submission_sets"])
    typer.echo(f"{documents} documents importés.")
    for warning in value["warnings"]:
        _say(f"  avertissement : {warning}")


def _print_shown(value: dict[str, Any]) -> None:
    _print_sets(value)
    typer.echo("Support intègre." if value["intact"] else "Support altéré :")
    for mismatch in value["mismatches"]:
        _say(f"  {mismatch}")


def _print_sets(value: dict[str, Any]) -> None:
    for each in value["submission_sets"]:
        _say(f"{each['directory']}  lot {each['unique_id']} du {each['submission_time']}, {each['patient']}")
        for document in each["documents"]:
            _say(f"  {document['unique_id']}  {document['mime_type']}  {document['size']} o  {document['title']}")
    for directory in value["ignored"]:
        _say(f"{directory}  ignoré : pas de METADATA.XML")


def _say(line: str) -> None:
    """One line: what a stranger's medium says must not drive the terminal."""
    typer.echo("".join(character if character.isprintable() else "\ufffd" for character in line))
