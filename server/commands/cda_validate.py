"""`dmp cda validate`: what is wrong with documents, before they are sent to anybody."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from cda.official.installing import installed
from cda.official.saxon import SaxonError
from cda.official.verdicts import Official
from cda.validation.check import Check, Report, validate
from cda.validation.page import page
from cda.validation.report import json_value, svrl, text_lines
from server.commands import FAILED, Home, Json, UsageError, answering, settings_of, show

_CHUNK = 256 * 1024


class _Form(Enum):
    TEXT = "text"
    SVRL = "svrl"
    HTML = "html"


def validate_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CDA documents; - for standard input.", show_default=False)
    ],
    as_svrl: Annotated[
        bool, typer.Option("--svrl", help="SVRL (ISO 19757-3) on standard output; of one file.")
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", help="One HTML page on standard output.")] = False,
    official: Annotated[
        bool, typer.Option("--official", help="The verdicts of the installed package, too (dmp schemas install).")
    ] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Validate documents against our XSD of CDA R2 and the rules of the CI-SIS.

    Each finding says the rule, the clause, the place (XPath and line), what was expected and found, and how to mend it.
    Exit code 1 when a document has an error; warnings alone are 0.
    """
    with answering(as_json):
        form = _form(as_svrl, as_html, as_json, len(files))
        with _checks(official, home) as more:
            reports = [(str(path), _validated(path, more)) for path in files]
        if form is _Form.SVRL:
            sys.stdout.write(svrl(*reports[0]).decode())
        elif form is _Form.HTML:
            sys.stdout.write(page(reports))
        else:
            value = {"conforms": _conform(reports), "documents": [json_value(*each) for each in reports]}
            show(as_json, value, lambda: _print(reports))
    if not _conform(reports):
        raise typer.Exit(FAILED)


def _form(as_svrl: bool, as_html: bool, as_json: bool, files: int) -> _Form:
    if as_svrl + as_html + as_json > 1:
        raise UsageError("attendu --json, --svrl ou --html ; reçu plusieurs")
    if as_svrl and files != 1:
        raise UsageError(f"attendu un seul fichier avec --svrl ; reçu {files}")
    return _Form.SVRL if as_svrl else _Form.HTML if as_html else _Form.TEXT


@contextmanager
def _checks(official: bool, home: Path | None) -> Iterator[dict[str, Check]]:
    """The checks of the installed package, by name; none unless asked for."""
    if not official:
        yield {}
        return
    folder = settings_of(home).home / "schemas"
    package = installed(folder)
    if package is None:
        raise UsageError("paquet officiel : attendu un paquet installé (dmp schemas install), il n'y en a pas")
    try:
        verdicts = Official(package, folder / "compiled")
    except SaxonError as error:
        raise UsageError(str(error)) from None
    try:
        yield verdicts.checks
    finally:
        verdicts.close()


def _validated(path: Path, more: dict[str, Check]) -> Report:
    if str(path) == "-":
        return validate(iter(lambda: sys.stdin.buffer.read(_CHUNK), b""), more=more)
    try:
        return validate(_chunks(path), more=more)
    except OSError as error:
        raise UsageError(f"{path} : attendu un fichier lisible ; {error.strerror}") from None


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_CHUNK), b"")


def _conform(reports: list[tuple[str, Report]]) -> bool:
    return all(report.conforms for _, report in reports)


def _print(reports: list[tuple[str, Report]]) -> None:
    for name, report in reports:
        for line in text_lines(name, report):
            typer.echo(line)
