"""The web access for professionals, with a patient in its address (TD0.9, TD0.10)."""

from __future__ import annotations

from typing import Annotated

import typer

from conformance.lps.commands.session import Session, Whose, command
from conformance.lps.output import REFUSED
from conformance.lps.web import Page

app = typer.Typer()


@command(app, "web", "td0.9", "td0.10", whose=Whose.ANYBODY)
def web(
    session: Session,
    page: Annotated[Page, typer.Option(help="The page.")] = Page.tableau_de_bord,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Get the page: with the card, or with the VIHF in an indirect mode.")
    ] = False,
) -> None:
    """Address of a page of the web access, in the context of a patient (TD0.9; TD0.10 in AIR)."""
    whose = session.patient() if session.ins else None
    if not fetch:
        address = session.lps.web_address(page, whose, access=session.access)
        session.show({"address": address}, lambda: typer.echo(address))
        return
    fetched = session.lps.fetch(page, whose, access=session.access)
    said = {"address": fetched.address, "status": fetched.status, "title": fetched.title}
    session.show(said, lambda: typer.echo(f"{fetched.status}  {fetched.title}"))
    if fetched.status >= 400:
        raise typer.Exit(REFUSED)
