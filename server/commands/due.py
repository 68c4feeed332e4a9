"""`dmp patients due`: what falls due, and carrying it out.

Source: public guide of the DMP (notice before majority); CSP L.1111-18 (ten years after closing).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer

from dmp.destruction import destroy, reason_to_destroy
from dmp.echeances import Due, due, tell
from dmp.errors import GestionError
from dmp.gate import Gate
from server.commands import Home, Json, answering, opened, operator, show
from server.commands.dossiers import named
from server.house import House, now

T = TypeVar("T")


def due_(
    tell_only: Annotated[bool, typer.Option("--tell", help="Tell representatives by mail or SMS.")] = False,
    do: Annotated[bool, typer.Option("--do", help="Tell them, and destroy for good what is kept no longer.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """List what falls due: representatives to tell, authorisations that end within a month, dossiers to destroy.

    Authorisations are renewed by patients and professionals; nothing is done about them here.
    """
    with answering(as_json), opened(home) as house:
        found = due(house.gate, operator())
        value = _described(house, found, telling=tell_only or do, destroying=do)
        show(as_json, value, lambda: _print(value))


def _described(house: House, found: Due, *, telling: bool, destroying: bool) -> dict[str, Any]:
    """What is due, and of what is carried out whether it was."""
    value: dict[str, Any] = {"telling": telling, "destroying": destroying}
    value["representatives"] = [
        {
            "ins": each.dossier.ins.value,
            "id": each.representative.id,
            "name": f"{each.representative.family} {each.representative.given}",
            "majority": each.day,
            "told": telling and _done(tell, house, each),
        }
        for each in found.endings
    ]
    value["expiring"] = [
        {"ins": dossier.ins.value, "id_nat": each.holder, "kind": each.kind, "until": each.end}
        for dossier, each in found.expiring
    ]
    value["to_destroy"] = [
        {
            "ins": each.ins.value,
            "patient": named(each),
            "closed_at": each.closed,
            "reason": reason_to_destroy(each, now()),
            "destroyed": destroying and _done(destroy, house, each),
        }
        for each in found.to_destroy
    ]
    return value


def _done(act: Callable[[Gate, str, T], None], house: House, about: T) -> bool:
    """Whether an act could be carried out, as things now stand."""
    try:
        act(house.gate, operator(), about)
    except GestionError:
        return False
    return True


def _print(value: dict[str, Any]) -> None:
    for each in value["representatives"]:
        untold = "aucun canal : à prévenir par courrier" if value["telling"] else "à prévenir"
        said = "prévenu" if each["told"] else untold
        typer.echo(f"Représentant de {each['ins']}, {each['name']} : majorité le {each['majority']:%d/%m/%Y}, {said}.")
    for each in value["expiring"]:
        typer.echo(f"Autorisation de {each['id_nat']} sur {each['ins']} : expire le {each['until']:%d/%m/%Y}.")
    for each in value["to_destroy"]:
        typer.echo(f"{'DMP détruit' if each['destroyed'] else 'DMP à détruire'} : {each['patient']}. {each['reason']}")
    if not any(value[kind] for kind in ("representatives", "expiring", "to_destroy")):
        typer.echo("Rien à échéance.")
