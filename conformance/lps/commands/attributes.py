"""A document's attributes: masked, made visible, deleted, archived (TD3.3)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from conformance.lps.attributes import Updated
from conformance.lps.commands.session import Identifier, Session, command

app = typer.Typer()

_Undo = Annotated[bool, typer.Option("--undo", help="The other way round.")]


@command(app, "mask", "td3.3a")
def mask(session: Session, identifier: Identifier, undo: _Undo = False) -> None:
    """Hide a document from other professionals (TD3.3a); --undo is `unmask`."""
    act = session.lps.unmask if undo else session.lps.mask
    _show(session, act(identifier, session.patient(), access=session.access))


@command(app, "unmask")
def unmask(session: Session, identifier: Identifier) -> None:
    """Show a masked document to other professionals again (TD3.3a)."""
    _show(session, session.lps.unmask(identifier, session.patient(), access=session.access))


@command(app, "reveal", "td3.3b")
def reveal(
    session: Session,
    identifier: Identifier,
    patient_too: Annotated[bool, typer.Option("--patient-too", help="To the patient only.")] = False,
    representatives_too: Annotated[
        bool, typer.Option("--representatives-too", help="To the legal representatives only.")
    ] = False,
) -> None:
    """Show a document to the patient and to the legal representatives (TD3.3b), or to one of these."""
    both = patient_too == representatives_too
    updated = session.lps.reveal(
        identifier,
        session.patient(),
        to_patient=both or patient_too,
        to_representatives=both or representatives_too,
        access=session.access,
    )
    _show(session, updated)


@command(app, "delete", "td3.3c")
def delete(session: Session, identifier: Identifier) -> None:
    """Delete a document of one's own (TD3.3c)."""
    _show(session, session.lps.delete(identifier, session.patient(), access=session.access))


@command(app, "archive", "td3.3d")
def archive(session: Session, identifier: Identifier, undo: _Undo = False) -> None:
    """Archive a document (TD3.3d); --undo is `unarchive`."""
    act = session.lps.unarchive if undo else session.lps.archive
    _show(session, act(identifier, session.patient(), access=session.access))


@command(app, "unarchive")
def unarchive(session: Session, identifier: Identifier) -> None:
    """Take a document out of the archive (TD3.3d)."""
    _show(session, session.lps.unarchive(identifier, session.patient(), access=session.access))


def _show(session: Session, updated: Updated) -> None:
    session.show({"status": "Success", **asdict(updated)}, lambda: typer.echo(f"{updated.entry_uuid} : fait."))
    if not session.as_json:
        for warning in updated.warnings:
            typer.echo(warning, err=True)
