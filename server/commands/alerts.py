"""`dmp patients alerts`: what people want to be told of a DMP, shown or set for who told the operator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dmp.preferences import AlertsError, Change, operator_changes, operator_reads, read_change
from identities.account import PATIENT
from identities.alerts import Alerts, Party
from server.commands import Home, InsOid, Json, PatientIns, UsageError, answering, opened, operator, patient_id, show
from server.commands.names import PeopleFile, requester_of
from server.house import House


def alerts(
    patient: PatientIns,
    whose: Annotated[
        str,
        typer.Option(
            "--for",
            help="Who wants it: patient, representant:ID, or a professional: a name of people.json, or an identifier.",
            metavar="WHO",
        ),
    ] = "patient",
    documents: Annotated[bool | None, typer.Option("--documents/--no-documents", help="Told of new documents.")] = None,
    types: Annotated[
        list[str] | None,
        typer.Option(
            "--type", help="Only of documents of that typeCode; several times. '': of every type.", metavar="CODE"
        ),
    ] = None,
    mail: Annotated[str | None, typer.Option(help="Where to, by mail; '' for not by mail.", metavar="ADDRESS")] = None,
    sms: Annotated[str | None, typer.Option(help="Where to, by SMS; '' for not by SMS.", metavar="NUMBER")] = None,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Set what somebody is told of a DMP, or without anything to set show what everybody is told.

    The patient, and who represents them, are told of emergency accesses whatever stands here: by the addresses given
    here, else by those of their account, else as they are known.
    """
    with answering(as_json), opened(home) as house:
        known, change = patient_id(house, patient, ins_oid), _change(documents, types, mail, sms)
        if change == Change():
            found = operator_reads(house.gate, operator(), known)
        else:
            wish = _wish(house, whose, people)
            found = (operator_changes(house.gate, operator(), known, wish, change),)
        value = [_described(each) for each in found]
        show(as_json, value, lambda: _print(value))


def _change(documents: bool | None, types: list[str] | None, mail: str | None, sms: str | None) -> Change:
    try:
        wanted = None if types is None else [each for each in types if each]
        return read_change(documents=documents, types=wanted, email=mail, sms=sms)
    except AlertsError as error:
        raise UsageError(str(error)) from None


def _wish(house: House, whose: str, people: Path | None) -> Alerts:
    if whose == Party.PATIENT.value:
        return Alerts(PATIENT, Party.PATIENT)
    party, _, representative = whose.partition(":")
    if party == Party.REPRESENTANT.value:
        return Alerts(representative, Party.REPRESENTANT)
    who = requester_of(house, people, whose)
    return Alerts(who.id_nat, Party.PROFESSIONNEL, structure_id=who.structure_id, authentication=who.authentication)


def _described(wish: Alerts) -> dict[str, Any]:
    return {
        "party": wish.party.value,
        "holder": wish.holder,
        "documents": wish.documents,
        "types": sorted(wish.types),
        "mail": wish.email,
        "sms": wish.sms,
    }


def _print(value: list[dict[str, Any]]) -> None:
    for each in value:
        documents = f"documents : {', '.join(each['types']) or 'tous'}" if each["documents"] else "documents : non"
        where = ", ".join(filter(None, (each["mail"], each["sms"]))) or "adresses connues"
        typer.echo(f"{each['party']:14} {each['holder']:24} {documents:24} {where}".rstrip())
    if not value:
        typer.echo("Aucun réglage : le patient et ses représentants sont avertis des accès en urgence.")
