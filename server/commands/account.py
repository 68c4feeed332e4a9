"""`dmp patients account`: the operator makes or renews a patient's internet account, or a code to create it by.

Source: GIE SESAM-Vitale, TD1.5a and TD1.5d; public guides of the DMP.
"""

from __future__ import annotations

from typing import Annotated

import typer

from dmp.compte import operator_creates, operator_invites, operator_renews
from identities.account import Channel
from server.commands import (
    Home,
    InsOid,
    Json,
    PatientIns,
    UsageError,
    answering,
    opened,
    operator,
    patient_id,
    show,
)
from server.home_key import home_key


def account(
    patient: PatientIns,
    sms: Annotated[str | None, typer.Option("--sms", help="Codes go to this number.", metavar="NUMBER")] = None,
    mail: Annotated[str | None, typer.Option("--mail", help="Codes go to this address.", metavar="ADDRESS")] = None,
    renew: Annotated[bool, typer.Option("--renew", help="A new first password for the account there is.")] = False,
    creation_code: Annotated[
        bool, typer.Option("--creation-code", help="A code by which the patient creates the account.")
    ] = False,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Make the internet account of a DMP (TD1.5a), renew it (TD1.5d), or print a code to create it by.

    Of a minor, or an adult under guardianship, it is the legal representative's. What is printed is printed once.
    """
    with answering(as_json), opened(home) as house:
        if sum((sms is not None, mail is not None, renew, creation_code)) != 1:
            raise UsageError("account: expected one of --sms, --mail, --renew and --creation-code")
        known = patient_id(house, patient, ins_oid)
        if creation_code:
            code, expires = operator_invites(house.gate, operator(), known, home_key(house.settings.home))
            value = {"code": code, "expires": expires.isoformat()}
        elif renew:
            access = operator_renews(house.gate, operator(), known)
            value = {"login": access.login, "password": access.password}
        else:
            channel, address = (Channel.SMS, sms) if sms is not None else (Channel.EMAIL, mail)
            access = operator_creates(house.gate, operator(), known, channel, address or "")
            value = {"login": access.login, "password": access.password}
        show(as_json, value, lambda: print_access(value))


def print_access(value: dict[str, str]) -> None:
    """What the holder is given, one line each."""
    labels = {
        "login": "Identifiant de connexion",
        "password": "Mot de passe initial (à changer à la première connexion)",
        "code": "Code de création",
        "expires": "Valable jusqu'au",
    }
    for name, said in value.items():
        typer.echo(f"{labels[name]} : {said}")
