"""`dmp serve`: runs a server in the foreground."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from server import serve as server
from server.commands import ServerHome, answering, operator
from server.configuration import record_migration
from server.migrations import upgrade
from server.settings import load


def serve(
    home: ServerHome = None,
    domain: Annotated[
        str | None, typer.Option(help="Affinity domain: a name of schemas/domains or a .toml file. Default: fr-dmp.")
    ] = None,
    https: Annotated[str | None, typer.Option(help="Mutual TLS on this address.", metavar="ADDR:PORT")] = None,
    http: Annotated[str | None, typer.Option(help="Plain HTTP, on loopback only.", metavar="127.0.0.1:PORT")] = None,
    unix: Annotated[
        Path | None, typer.Option(help="Behind a proxy that terminates TLS, on this unix socket.", metavar="PATH")
    ] = None,
    mllp: Annotated[
        str | None, typer.Option(help="HL7 v2 messages by MLLP and mutual TLS on this address.", metavar="ADDR:PORT")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes for each address. Default: 2.", min=1)] = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C. Settings: flags, then DMP_* variables, then settings.toml in home.

    A home that is missing or empty gets its database first.
    """
    with answering(False):
        addresses = {"https": https, "http": http, "unix": unix, "mllp": mllp}
        flags = {"home": home, "domain": domain, **addresses, "workers": workers}
        settings = load(flags, os.environ)
        if _is_new(settings.home):
            settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            record_migration(settings, operator(), *upgrade(settings))
        server.serve(settings)


def _is_new(home: Path) -> bool:
    """Whether nothing was ever kept there; a home that has lost its database is not new, and is refused."""
    return not home.exists() or (home.is_dir() and not any(home.iterdir()))
