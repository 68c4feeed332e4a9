"""`dmp habilitations`: which row of which table decides, before anybody asks."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from dmp.explain import Explanation, Step, Supposed, explain
from habilitations.action import Action
from identities.requester import Authentication, ModeAcces
from registry.metadata import AvailabilityStatus
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
from server.commands.names import PeopleFile, requester_of

app = typer.Typer(help="Functional rights and the habilitation matrix.", no_args_is_help=True)

# A variant of an action is what the document says of itself: asking for TD3.2 on a masked document asks by its row.
_STATUS_OF = {
    Action.TD3_2_ARCHIVE: AvailabilityStatus.ARCHIVED,
    Action.TD3_2_OBSOLETE: AvailabilityStatus.DEPRECATED,
    Action.TD3_2_SUPPRIME: AvailabilityStatus.DELETED,
}


class Status(Enum):
    """availabilityStatus of the supposed document."""

    approved = "approved"
    deprecated = "deprecated"
    archived = "archived"
    deleted = "deleted"


@app.callback()
def rights() -> None:
    """Functional rights and the habilitation matrix."""


@app.command("explain")
def explain_request(
    who: Annotated[
        str, typer.Option("--as", help="Who asks: a name of people.json, or an identifier.", metavar="NAME")
    ],
    patient: PatientIns,
    action: Annotated[str, typer.Option(help="The DMP's transaction: TD3.1, TD3.2, TD2.1, TD3.3a/masquer ...")],
    type_code: Annotated[
        str | None, typer.Option("--type", help="typeCode of a document, to ask the matrix too.", metavar="CODE")
    ] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Suppose the document MASQUE_PS.")] = False,
    invisible_patient: Annotated[bool, typer.Option("--invisible-patient", help="Suppose INVISIBLE_PATIENT.")] = False,
    invisible_representatives: Annotated[
        bool, typer.Option("--invisible-representatives", help="Suppose INVISIBLE_REPRESENTANTS_LEGAUX.")
    ] = False,
    own: Annotated[bool, typer.Option("--own", help="Suppose that the requester wrote the document.")] = False,
    status: Annotated[Status, typer.Option(help="Suppose this availability status.")] = Status.approved,
    mode: Annotated[
        Authentication | None, typer.Option(help="Authentication. Default: the first that people.json gives.")
    ] = None,
    access: Annotated[ModeAcces, typer.Option(help="Access mode.")] = ModeAcces.NORMAL,
    reason: Annotated[str, typer.Option(help="Reason given for bris de glace.")] = "urgence",
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Say what would be decided, and by which row of which table. Nothing is done; exit code 0 for yes and no alike."""
    with answering(as_json), opened(home) as house:
        asked = _action(action)
        flags = {
            "MASQUE_PS": masked,
            "INVISIBLE_PATIENT": invisible_patient,
            "INVISIBLE_REPRESENTANTS_LEGAUX": invisible_representatives,
        }
        said = tuple(code for code, wanted in flags.items() if wanted)
        if said and type_code is None:
            raise UsageError("document: expected --type CODE with what it says of itself, got none")
        supposed = None
        if type_code is not None:
            standing = _STATUS_OF.get(asked, AvailabilityStatus[status.name.upper()])
            supposed = Supposed(type_code, said, own, standing)
        requester = requester_of(house, people, who, mode=mode, access=access, motif=reason)
        identifier = patient_id(house, patient, ins_oid)
        explained = explain(house.gate, house.tables, operator(), requester, asked, identifier, supposed)
        show(as_json, _value(explained), lambda: _print(explained))


def _action(text: str) -> Action:
    for action in Action:
        if action.value.casefold() == text.casefold():
            return action
    variants = ", ".join(action.value for action in Action if action.value.casefold().startswith(text.casefold()))
    known = variants or ", ".join(action.value for action in Action)
    raise UsageError(f"action: expected one of {known}; got {text}")


def _value(explained: Explanation) -> dict[str, Any]:
    return {
        "granted": explained.granted,
        **{key: value for key, value in asdict(explained.decisive).items() if key != "granted"},
        "steps": [asdict(step) for step in explained.steps],
    }


def _print(explained: Explanation) -> None:
    typer.echo("ACCORDÉ" if explained.granted else "REFUSÉ")
    for number, step in enumerate(explained.steps, 1):
        _print_step(number, step)


def _print_step(number: int, step: Step) -> None:
    typer.echo(f"\n{number}. {'oui' if step.granted else 'non'} : {step.sentence}")
    typer.echo(f"   règle    {step.rule}")
    typer.echo(f"   table    {step.table}, version {step.version}")
    typer.echo(f"   ligne    {step.row}")
    if not step.granted:
        typer.echo(f"   attendu  {step.expected} ; reçu {step.got}")
