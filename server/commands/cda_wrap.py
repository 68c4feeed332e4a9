"""`dmp cda wrap`: a file as a document of level 1."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Annotated

import typer

from cda.builders.document import Identification
from cda.document import read_document
from cda.header import read_header
from cda.unstructured import wrap as wrap_file
from schemas import oids
from server.commands import Json, answering, show
from server.commands.cda_form import read_form
from server.commands.cda_render import chunks_of, write_file
from server.house import now


def wrap(
    file: Annotated[Path, typer.Argument(help="PDF, text, RTF, JPEG or TIFF.", metavar="FILE")],
    form: Annotated[Path, typer.Option(help="Who, about whom, where, when, what: TOML.", metavar="FILE")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the document goes.", metavar="FILE")],
    replaces: Annotated[
        Path | None, typer.Option(help="The document whose place it takes: the version after it.", metavar="FILE")
    ] = None,
    strict: Annotated[bool, typer.Option("--pdf-a", help="Refuse a PDF that is no PDF/A-1, and say why.")] = False,
    as_json: Json = False,
) -> None:
    """Wrap a file in a header of the CI-SIS, as a document of level 1. Where a PDF is no PDF/A-1, that is told."""
    with answering(as_json):
        wrapped = wrap_file(read_form(form, _identification(replaces)), b"".join(chunks_of(file)), strict=strict)
        write_file(output, wrapped.document)
        said = {"output": output, "media_type": wrapped.media_type, "notes": list(wrapped.notes)}
        show(as_json, said, lambda: typer.echo("\n".join((f"{output} : {wrapped.media_type}.", *wrapped.notes))))


def _identification(replaces: Path | None) -> Identification:
    """A new document, or the next version of one."""
    oid = f"{oids.UUID_ARC}.{uuid.uuid4().int}"
    if replaces is None:
        return Identification(oid, f"{oids.UUID_ARC}.{uuid.uuid4().int}", now())
    return Identification.after(read_header(read_document(chunks_of(replaces))), oid, now())
