"""`dmp cda render`: a document as a page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from cda.rendering.page import render as render_page
from server.commands import Json, UsageError, answering, show

CHUNK = 64 * 1024


def render(
    file: Annotated[Path, typer.Argument(help="The document.", metavar="FILE")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the page goes. Default: standard output.", metavar="FILE"),
    ] = None,
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Another report of the same patient, for the course of results.", metavar="FILE"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a document as one page of HTML: complete in itself, with nothing that runs, in French."""
    with answering(as_json):
        if as_json and output is None:
            raise UsageError("render: expected --output with --json, got none")
        page = render_page(chunks_of(file), [chunks_of(other) for other in others or ()])
        if output is None:
            sys.stdout.buffer.write(page)
            return
        write_file(output, page)
        show(as_json, {"output": output, "bytes": len(page)}, lambda: typer.echo(f"{output} : {len(page)} octets."))


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file. Raises UsageError."""
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be read, got: {error.strerror}") from None


def write_file(path: Path, content: bytes) -> None:
    """A file written. Raises UsageError."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be written, got: {error.strerror}") from None
