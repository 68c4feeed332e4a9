"""`dmp cda metadata`: the metadata that a document gives, and where those of a submission differ."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cda.differences import Difference, FileFacts, differences
from cda.document import read_document
from cda.header import Header, read_header
from cda.metadata import document_entry, unique_id_forms
from ihe.ebrim_read import REGISTRY_OBJECT_LIST, read_objects
from registry.errors import RegistryError
from registry.metadata import Author, Code, DocumentEntry
from schemas import xml
from server.commands import FAILED, Json, NotFoundError, UsageError, answering, show
from server.commands.cda_render import chunks_of

_ATTRIBUTES = {  # of ITI TF-3 4.2.3.2, as printed
    "unique_id": "uniqueId",
    "patient_id": "patientId",
    "source_patient_id": "sourcePatientId",
    "source_patient_info": "sourcePatientInfo",
    "title": "title",
    "type_code": "typeCode",
    "class_code": "classCode",
    "format_code": "formatCode",
    "mime_type": "mimeType",
    "language_code": "languageCode",
    "confidentiality_codes": "confidentialityCode",
    "creation_time": "creationTime",
    "service_start_time": "serviceStartTime",
    "service_stop_time": "serviceStopTime",
    "healthcare_facility_type_code": "healthcareFacilityTypeCode",
    "practice_setting_code": "practiceSettingCode",
    "authors": "author",
    "legal_authenticator": "legalAuthenticator",
    "event_codes": "eventCodeList",
    "reference_ids": "referenceIdList",
    "hash": "hash",
    "size": "size",
}


def metadata(
    file: Annotated[Path, typer.Argument(help="The document.", metavar="FILE")],
    submission: Annotated[
        Path | None,
        typer.Option(help="Metadata to compare with: ebRIM, alone or in any message or METADATA.XML.", metavar="FILE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the XDS metadata that a document gives; with --submission, every difference to those submitted with it.

    Exit code 1 when there is a difference.
    """
    with answering(as_json):
        facts = _Facts()
        header = read_header(read_document(facts.through(chunks_of(file))))
        if submission is None:
            said = _said(document_entry(header), facts.told())
            show(as_json, said, lambda: _print_entry(said))
            return
        found = differences(header, _entry(submission, header), file=facts.told())
        value = {"agrees": not found, "differences": [{**asdict(each), "refused": each.refused} for each in found]}
        show(as_json, value, lambda: _print_differences(found))
    if found:
        raise typer.Exit(FAILED)


class _Facts:
    """SHA-1 and size of what passes by. Source: ITI TF-3 4.2.3.2.10 (hash)."""

    def __init__(self) -> None:
        self._sha1, self._size = hashlib.sha1(usedforsecurity=False), 0

    def through(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._sha1.update(chunk)
            self._size += len(chunk)
            yield chunk

    def told(self) -> FileFacts:
        return FileFacts(self._sha1.hexdigest(), self._size)


def _entry(path: Path, header: Header) -> DocumentEntry:
    """The DocumentEntry of the document: that of its uniqueId, or the only one. Raises UsageError, NotFoundError."""
    try:
        root = xml.parse(b"".join(chunks_of(path)))
        objects = [each for found in root.iter(REGISTRY_OBJECT_LIST) for each in read_objects(found)[0]]
    except (xml.XmlError, RegistryError) as error:
        raise UsageError(f"{path}: expected metadata in ebRIM, got: {error}") from None
    entries = [each for each in objects if isinstance(each, DocumentEntry)]
    named = [each for each in entries if each.unique_id in unique_id_forms(header.id)]
    chosen = named or entries
    if len(chosen) != 1:
        raise NotFoundError(f"{path}: expected the DocumentEntry of the document, got {len(entries)} others")
    return chosen[0]


def _said(entry: DocumentEntry, file: FileFacts) -> dict[str, object]:
    """The attributes by their printed names; those without a value are left out."""
    values = {name: getattr(entry, attribute) for attribute, name in _ATTRIBUTES.items()}
    values |= {"hash": file.hash, "size": file.size}
    return {name: value for name, value in values.items() if value not in ("", (), None)}


def _print_entry(said: dict[str, object]) -> None:
    for name, value in said.items():
        for each in value if isinstance(value, tuple) else (value,):
            typer.echo(f"{name}: {_text(each)}")


def _print_differences(found: tuple[Difference, ...]) -> None:
    for each in found:
        typer.echo(f"{each.attribute} ({each.place}){', refused' if each.refused else ''}")
        typer.echo(f"  document: {each.document or '-'}")
        typer.echo(f"  metadata: {each.metadata or '-'}")
    typer.echo(f"{len(found)} differences." if found else "The metadata say what the document says.")


def _text(value: object) -> str:
    match value:
        case Code(code, scheme, display):
            return f"{code} ({scheme}) {display}".rstrip()
        case Author(person, institutions, roles, specialties):
            return " | ".join((person, *institutions, *roles, *specialties))
        case _:
            return str(value)
