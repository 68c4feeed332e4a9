"""HL7 v2 messages: `hl7 send`, and a folder whose messages are sent as they come (`dmp hl7 watch`)."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from conformance.lps import LpsUsageError, people
from conformance.lps.hl7 import Acknowledgement, Mllp, deliver, read_message
from conformance.lps.output import REFUSED, answering, print_json, progress_bar
from conformance.lps.soap import LpsError
from conformance.lps.transport import client_context

app = typer.Typer(help="HL7 v2 messages over MLLP and TLS, as a structure.", no_args_is_help=True)
watching = typer.Typer(help="HL7 v2 messages that wait in a folder.", no_args_is_help=True)

_As = Annotated[str, typer.Option("--as", help="Which structure sends: a name of people.json.", metavar="NAME")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON value on standard output, errors included.")]
_DemoFolder = Annotated[
    Path | None,
    typer.Option("--demo", envvar="DMP_DEMO", help="Folder of people and keys. Default: ./demo."),
]
_Server = Annotated[
    str | None, typer.Option(help="Where to send: HOST:PORT. Default: that of server.json.", metavar="HOST:PORT")
]


@app.command("send")
def send(
    files: Annotated[list[Path], typer.Argument(help="Files of one message each, whatever ends their lines.")],
    name: _As,
    as_json: _Json = False,
    demo_folder: _DemoFolder = None,
    server: _Server = None,
) -> None:
    """Send messages on one connection, and show how each is acknowledged.

    Exit codes: 0 all accepted, 1 one was not, 2 unusable arguments or files.
    """
    with answering(as_json), connected(name, demo_folder, server) as connection:
        messages = [_message(file) for file in files]
        with progress_bar("HL7 v2", sum(map(len, messages)), quiet=as_json) as progress:
            answers = [connection.send(message, progress) for message in messages]
        if as_json:
            print_json([asdict(answer) for answer in answers])
        else:
            for file, answer in zip(files, answers, strict=True):
                say(file, answer)
        if not all(answer.accepted for answer in answers):
            raise typer.Exit(REFUSED)


@watching.command("watch")
def watch(
    folder: Annotated[Path, typer.Argument(help="Where files .hl7 and .er7 are put, whole.", metavar="DIR")],
    name: _As,
    once: Annotated[bool, typer.Option("--once", help="Send what is there, and end.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 2.0,
    demo_folder: _DemoFolder = None,
    server: _Server = None,
) -> None:
    """Send each message of a folder, and move it to processed/, or to rejected/ with its reason beside.

    What the server cannot take now stays, and is sent again. A file is put there by renaming it: one that is still
    written would be sent half.
    """
    with answering(False), connected(name, demo_folder, server) as connection:
        if not folder.is_dir():
            raise LpsUsageError(f"folder: expected one that is there, got {folder}")
        while True:
            try:
                for file, answer in deliver(folder, connection):
                    say(file, answer)
            except LpsError as error:
                if once:
                    raise
                typer.echo(f"{error.code}: {error.context}", err=True)
            if once:
                return
            time.sleep(every)


def connected(name: str, demo_folder: Path | None, server: str | None) -> Mllp:
    """A connection as that structure. Raises LpsUsageError."""
    demo = people.load(demo_folder)
    host, colon, port = (server or str(demo.server.get("mllp") or "")).rpartition(":")
    if not colon or not port.isdecimal():
        raise LpsUsageError(f"server: expected HOST:PORT, or mllp in server.json; got {server or 'none'}")
    ca = str(demo.ca) if demo.ca else None
    return Mllp(host.strip("[]"), int(port), client_context(demo.keys(demo.person(name)), ca))


def say(file: Path, answer: Acknowledgement) -> None:
    """One line for a message, and one for each error."""
    typer.echo(f"{answer.code}  {file.name}  {answer.control_id}")
    for error in answer.errors:
        typer.echo(f"    {error}", err=True)


def _message(file: Path) -> bytes:
    try:
        return read_message(file)
    except OSError as error:
        raise LpsUsageError(f"{file}: {error.strerror}") from None
