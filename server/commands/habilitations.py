"""`dmp habilitations`: which row of which table decides, before anybody asks and after somebody was refused."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from typing import Annotated, Any

import typer

from audit.event import Outcome
from audit.store import AuditRecord, AuditStore
from dmp.explain import Explanation, Step, Supposed, explain
from habilitations.action import Action
from identities.requester import Authentication, ModeAcces
from registry.metadata import AvailabilityStatus
from server.commands import (
    Home,
    InsOid,
    Json,
    NotFoundError,
    UsageError,
    answering,
    opened,
    operator,
    patient_id,
    show,
)
from server.commands.habilitation_tables import check_files, diff_matrices, show_tables
from server.commands.names import PeopleFile, requester_of
from server.house import House

app = typer.Typer(help="Functional rights and the habilitation matrix.", no_args_is_help=True)
app.command("check")(check_files)
app.command("diff")(diff_matrices)
app.command("show")(show_tables)

READING_THE_LOG = "audit"  # as `dmp audit` records it

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


# Why a request was not carried out that no table decided: rule of the audit event -> sentence.
_UNDECIDED = {
    "authentification": "Le requérant n'a pas été authentifié : {}.",
    "message": "La demande n'a pas été comprise : {}.",
    "demande": "La demande n'a pas pu être satisfaite telle qu'elle était ({}).",
    "serveur": "Le serveur n'a pas pu satisfaire la demande ({}).",
    "exploitant": "Acte de l'exploitant du serveur : aucune table ne s'y applique.",
}
_OUTCOMES = {
    Outcome.SUCCESS: "ACCORDÉ",
    Outcome.MINOR_FAILURE: "REFUSÉ",
    Outcome.SERIOUS_FAILURE: "NON AUTHENTIFIÉ",
    Outcome.MAJOR_FAILURE: "ÉCHEC",
}


@app.callback()
def rights() -> None:
    """Functional rights and the habilitation matrix."""


@app.command("explain")
def explain_request(
    who: Annotated[
        str | None, typer.Option("--as", help="Who asks: a name of people.json, or an identifier.", metavar="NAME")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(help="INS of the patient, alone or as INS^^^&OID&ISO.", metavar="INS")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="The DMP's transaction: TD3.1, TD3.2, TD2.1, TD3.3a/masquer ...")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(help="Instead: an event of the audit log, by its id or the beginning of it.", metavar="ID"),
    ] = None,
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
    """Say what would be decided, and by which row of which table. Nothing is done; exit code 0 for yes and no alike.

    It takes --as, --patient and --action; or --event alone, to read from the audit log what was decided, and why.
    """
    with answering(as_json), opened(home) as house:
        if event is not None and (who, patient, action, type_code) == (None, None, None, None):
            record = _event(house, event)
            show(as_json, _recorded(record), lambda: _print_event(record))
            return
        if who is None or patient is None or action is None or event is not None:
            given = _given(who, patient, action, type_code, event)
            raise UsageError(f"attendu --as, --patient et --action, ou --event seul ; reçu {given}")
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


def _given(who: str | None, patient: str | None, action: str | None, type_code: str | None, event: str | None) -> str:
    options = {"--as": who, "--patient": patient, "--action": action, "--type": type_code, "--event": event}
    return ", ".join(name for name, value in options.items() if value is not None) or "aucune de ces options"


def _event(house: House, typed: str) -> AuditRecord:
    """The event whose id is, or begins with, what was typed. Reading the log is recorded, as by `dmp audit`."""
    house.record("operator", READING_THE_LOG, operator())
    with house.database.transaction() as connection:
        found = AuditStore(connection).beginning_with(typed) if typed else ()
    if not found:
        raise NotFoundError(f"événement : attendu l'identifiant d'un événement, ou son début ; reçu {typed or 'rien'}")
    if len(found) > 1:
        raise UsageError(f"événement : attendu le début d'un seul identifiant ; reçu {typed}, celui de plusieurs")
    return found[0]


def _recorded(record: AuditRecord) -> dict[str, Any]:
    undecided = _UNDECIDED.get(record.rule)
    return {
        "event": record.id,
        "instant": record.instant,
        "action": record.action or record.transaction,
        "granted": record.outcome is Outcome.SUCCESS,
        "outcome": record.outcome.value,
        "rule": record.rule,
        "table": record.rule_table,
        "version": record.rule_version,
        "row": record.rule_row,
        "sentence": undecided.format(record.explanation) if undecided else record.explanation,
    }


def _print_event(record: AuditRecord) -> None:
    said = _recorded(record)
    typer.echo(f"{_OUTCOMES[record.outcome]} le {record.instant:%Y-%m-%d à %H:%M:%S} UTC ({said['action']})")
    typer.echo(f"\n{said['sentence']}")
    typer.echo(f"   règle    {record.rule}")
    if record.rule_table:
        typer.echo(f"   table    {record.rule_table}, version {record.rule_version}")
        typer.echo(f"   ligne    {record.rule_row}")
    else:
        typer.echo("   table    aucune")
    typer.echo(f"   événement {record.id}")


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
