"""A DMP as the operator reads it, on a screen or as JSON."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import typer

from dmp.errors import GestionError
from dmp.gestion import show_dossier
from habilitations.wishes import Wishes
from identities.dossier import Dossier, DossierStatus
from identities.requester import PatientId
from server.commands import NotFoundError, operator
from server.house import House


def described(dossier: Dossier) -> dict[str, Any]:
    """The administrative data of a DMP. Source: GIE SESAM-Vitale, TD1.3a."""
    traits = dossier.traits
    return {
        "ins": dossier.ins.value,
        "ins_oid": dossier.ins.authority,
        "family": traits.birth_family,
        "given": traits.birth_given,
        "birth_date": traits.birth_date.isoformat() if traits.birth_date else None,
        "birth_place": traits.birth_place,
        "sex": traits.sex,
        "identifiers": [str(each) for each in dossier.identifiers],
        "status": "open" if dossier.status is DossierStatus.OPEN else "closed",
        "opened_at": dossier.opened.isoformat(),
        "closed_at": dossier.closed.isoformat() if dossier.closed else None,
        "destruction_requested_at": dossier.destruction_requested.isoformat()
        if dossier.destruction_requested
        else None,
        "attached_to_mes": dossier.attached_to_mes,
        "deceased": dossier.deceased,
        "emancipated": dossier.emancipated,
    }


def known(house: House, patient: PatientId) -> Dossier:
    """The DMP of that patient: reading it is recorded (TD1.3a). Raises NotFoundError."""
    try:
        return show_dossier(house.gate, operator(), patient)
    except GestionError as error:
        raise NotFoundError(str(error)) from None


def named(dossier: Dossier) -> str:
    """Whose DMP, in one line."""
    traits = dossier.traits
    return f"{traits.birth_family} {traits.birth_given}, INS {dossier.ins.value} ({dossier.ins.authority})"


def said_of_access(wishes: Wishes) -> dict[str, Any]:
    """What the patient said of who may enter. Source: GIE SESAM-Vitale, TD1.6."""
    return {
        "medecins_traitants": list(wishes.medecins_traitants),
        "authorised": [
            {"id_nat": each.holder, "kind": each.kind, "until": each.end.isoformat()} for each in wishes.authorisations
        ],
        "blocked": list(wishes.blocked),
        "switches": asdict(wishes.switches),
        "opposed_to_feeding": wishes.opposed_to_feeding,
    }


def print_description(value: dict[str, Any]) -> None:
    """One line for each thing said."""
    for name, said in value.items():
        typer.echo(f"{name:20} {_text(said)}".rstrip())


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _text(said: object) -> str:
    if isinstance(said, list):
        return ", ".join(map(_text, said))
    if isinstance(said, dict) and "until" in said:
        return f"{said['id_nat']} (jusqu'au {said['until'][:10]})"
    if isinstance(said, dict):
        return " ".join(f"{key}={_text(each)}" for key, each in said.items())
    if isinstance(said, bool):
        return "oui" if said else "non"
    return "" if said is None else str(said)
