"""`dmp demo`: makes the demonstration, walks through the main job, and leaves the server up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.lps import LpsNotFoundError, LpsUsageError
from conformance.lps.soap import LpsError
from server.commands import FAILED
from server.demo import background, seed
from server.demo.paper import PAPERS
from server.demo.people import PATIENTS, PEOPLE
from server.demo.seed import DemoError
from server.demo.walkthrough import provide_papers, walk
from server.serve import ServeError, check_free
from server.settings import Address, Settings, SettingsError


class BusyPortError(DemoError):
    """Somebody else listens where the demo would."""


HTTPS_PORT, HTTP_PORT, MLLP_PORT = ("DMP_HTTPS_PORT", 8443), ("DMP_HTTP_PORT", 8080), ("DMP_MLLP_PORT", 2575)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo lives.", metavar="DIR")] = Path("demo"),
    stop: Annotated[bool, typer.Option("--stop", help="Stop the demo's server, and nothing else.")] = False,
) -> None:
    """Start over: PKI, patients, documents, a server in the background, and the main job on screen.

    DMP_HTTPS_PORT, DMP_HTTP_PORT and DMP_MLLP_PORT move it from 8443, 8080 and 2575.
    """
    console, folder = Console(), folder.absolute()
    if stop:
        stopped = background.stop(folder)
        console.print("Serveur arrêté." if stopped else "Aucun serveur de démonstration en marche.")
        return
    try:
        settings = _make(console, folder)
        walk(Console(soft_wrap=True), folder, settings)
    except BusyPortError as error:
        Console(stderr=True, soft_wrap=True).print(str(error), markup=False, style="red")
        raise typer.Exit(FAILED) from None
    except (DemoError, SettingsError, ServeError, LpsError, LpsUsageError, LpsNotFoundError) as error:
        log = folder / background.LOG
        where = f"\nJournal du serveur : {log}" if log.is_file() else ""
        Console(stderr=True).print(f"La démonstration a échoué : {error}{where}", markup=False, style="red")
        raise typer.Exit(FAILED) from None


def _make(console: Console, folder: Path) -> Settings:
    https, http, mllp = map(_address, (HTTPS_PORT, HTTP_PORT, MLLP_PORT))
    background.stop(folder)
    for (variable, _), address in ((HTTPS_PORT, https), (HTTP_PORT, http), (MLLP_PORT, mllp)):
        try:
            check_free(address)
        except ServeError:
            raise BusyPortError(
                f"L'adresse {address} est occupée par un autre programme. Arrêtez-le, ou choisissez un autre port : "
                f"{variable}={address.port + 1000} make demo"
            ) from None
    seed.start_over(folder)
    bars = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Bars are for a terminal: elsewhere the walk-through says what was done.
    with Progress(*bars, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Certificats de test", total=len(PEOPLE) + 1)
        seed.write_people(folder, lambda: progress.advance(task))
        settings = seed.write_home(folder, https, http, mllp)
        dossiers = progress.add_task("Ouverture des DMP", total=len(PATIENTS))
        seed.populate(settings, lambda: progress.advance(dossiers))
        server = progress.add_task("Démarrage du serveur", total=1)
        background.start(folder, settings)
        progress.advance(server)
        papers = progress.add_task("Alimentation (ITI-41)", total=len(PAPERS))
        provide_papers(folder, lambda: progress.advance(papers))
    return settings


def _address(port: tuple[str, int]) -> Address:
    name, default = port
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DemoError(f"{name} : attendu un numéro de port, reçu {text}")
    return Address("127.0.0.1", int(text))
