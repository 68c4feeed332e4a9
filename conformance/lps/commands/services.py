"""Who may enter a DMP, and the patient's internet account (TD0.3, TD0.4, TD1.5a, TD1.5b, TD1.5d, TD1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from conformance.lps import LpsUsageError, services
from conformance.lps.commands.session import Session, Whose, command, dtm
from conformance.lps.output import exit_if_none, ins_of, instant, print_facts
from conformance.lps.services import Account, AuthorisedDmp, AuthorisedProfessional

app = typer.Typer()


class By(StrEnum):
    """What --since is compared with."""

    last_authorisation = "last-authorisation"
    last_document = "last-document"


class Which(StrEnum):
    """Which of the authorisations."""

    active = "active"
    interdite = "interdite"
    toute = "toute"


class Channel(StrEnum):
    """By what one-time passwords go."""

    sms = "sms"
    email = "email"


class Change(StrEnum):
    """What is done to a channel of one-time passwords."""

    ajout = "ajout"
    modification = "modification"
    suppression = "suppression"


_DATE_TYPES = {By.last_authorisation: services.LAST_AUTHORISATION, By.last_document: services.LAST_DOCUMENT}
_Channel = Annotated[Channel, typer.Argument(help="By what one-time passwords go.")]
_Address = Annotated[str, typer.Argument(help="The mobile number, or the mail address.", metavar="ADDRESS")]


@command(app, "authorise", "td0.3")
def authorise(
    session: Session,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the authorisation, or stop being MT.")] = False,
    medecin_traitant: Annotated[
        bool, typer.Option("--medecin-traitant", help="Become médecin traitant; with --remove, no longer be it.")
    ] = False,
) -> None:
    """Declare, or remove, one's authorisation to a DMP (TD0.3)."""
    context = session.lps.authorise(
        session.patient(), remove=remove, medecin_traitant=medecin_traitant, access=session.access
    )
    _show_context(session, context)


@command(app, "authorised", "td0.4", whose=Whose.NOBODY)
def authorised(
    session: Session,
    since: Annotated[str, typer.Option(help="Only those with a newer date: 2024-01-31, 2024-01-31T10:00.")] = "",
    by: Annotated[By | None, typer.Option(help="Which date that is.")] = None,
    owner: Annotated[str, typer.Option(help="The DMPs of this professional.", metavar="PS_ID")] = "",
) -> None:
    """DMPs that one is authorised to (TD0.4)."""
    time = dtm(since)
    if since and len(time) < len("YYYYMMDD"):
        raise LpsUsageError(f"since: expected at least a day, got {since}")
    found = session.lps.authorised(
        since=time and time.ljust(14, "0"), by=_DATE_TYPES[by] if by else "", owner=owner, access=session.access
    )
    session.show([asdict(each) for each in found], lambda: _print_dmps(found))
    exit_if_none(found)


@command(app, "professionals", "td1.6")
def professionals(
    session: Session,
    which: Annotated[Which | None, typer.Option(help="Those authorised, those blocked, or all.")] = None,
) -> None:
    """Professionals and structures authorised to a DMP, or blocked (TD1.6)."""
    mode = which.value.upper() if which else ""
    found = session.lps.professionals(session.patient(), which=mode, access=session.access)
    session.show([asdict(each) for each in found], lambda: _print_professionals(found))
    exit_if_none(found)


@command(app, "account-create", "td1.5a")
def account_create(session: Session, channel: _Channel, address: _Address) -> None:
    """Create the patient's internet account (TD1.5a): login and temporary password, to be given to the patient."""
    kind = channel.value.upper()
    _show_account(session, session.lps.create_account(session.patient(), kind, address, access=session.access))


@command(app, "account-otp", "td1.5b")
def account_otp(
    session: Session,
    channel: _Channel,
    address: _Address,
    action: Annotated[Change, typer.Option(help="What is done to the channel.")] = Change.ajout,
) -> None:
    """Add, change or remove a channel of one-time passwords (TD1.5b)."""
    kind, change = channel.value.upper(), action.value.upper()
    _show_context(
        session, session.lps.update_otp(session.patient(), kind, address, action=change, access=session.access)
    )


@command(app, "account-renew", "td1.5d")
def account_renew(session: Session) -> None:
    """Renew the temporary password of the patient's internet account (TD1.5d)."""
    _show_account(session, session.lps.renew_account(session.patient(), access=session.access))


def _show_context(session: Session, context: str) -> None:
    session.show({"status": services.DONE, "context": context}, lambda: typer.echo(context or "Fait."))


def _show_account(session: Session, account: Account) -> None:
    facts = {"Identifiant": account.login, "Mot de passe provisoire": account.password}
    session.show({"status": services.DONE, **asdict(account)}, lambda: print_facts(facts))


def _print_dmps(found: Sequence[AuthorisedDmp]) -> None:
    for each in found:
        mark = "  [médecin traitant]" if each.medecin_traitant else ""
        born, last = instant(each.birth_date), instant(each.last_access)
        typer.echo(
            f"{ins_of(each.identifiers):15}  {each.family} {each.given}  {born}  dernier accès : {last or '-'}{mark}"
        )
    if not found:
        typer.echo("Aucun DMP.", err=True)


def _print_professionals(found: Sequence[AuthorisedProfessional]) -> None:
    for each in found:
        name, label = f"{each.family} {each.given}".strip(), ", ".join(each.labels or each.specialties)
        rights = "".join(f"  [{right}]" for right in each.specific_rights)
        typer.echo(f"{each.mode:9}  {each.id_nat:16}  {name}  {label}  depuis {instant(each.since)}{rights}")
    if not found:
        typer.echo("Aucun professionnel.", err=True)
