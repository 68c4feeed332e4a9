"""`dmp patients situation, ins, representative ...`: who a patient is, how they stand, and who acts for them.

Source: Code civil, art. 371-1, 388, 413-1 to 413-6, 425 to 443; Référentiel INS v2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from dmp.gestion import change_ins
from dmp.representation import add_representative, end_representation, record_situation, representatives_of
from identities.contact import ContactError, check_mail_address, check_number
from identities.demographics import Telecom
from identities.ins import InsError, read_ins
from identities.representation import PARIS, Capacity, Representative
from identities.requester import PatientId
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
    typed_patient,
)
from server.commands.dossiers import described, known, named
from server.house import House

app = typer.Typer(help="Legal representatives of a patient.", no_args_is_help=True)

Proof = Annotated[str, typer.Option(help="The document that says so: the audit log keeps this text.", metavar="TEXT")]


def situation(
    patient: PatientIns,
    mes: Annotated[bool | None, typer.Option("--mes/--no-mes", help="Managed in Mon espace santé.")] = None,
    deceased: Annotated[bool | None, typer.Option("--deceased/--no-deceased", help="The patient has died.")] = None,
    emancipated: Annotated[
        bool | None, typer.Option("--emancipated/--no-emancipated", help="A minor who counts as an adult.")
    ] = None,
    proof: Proof = "",
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Record the patient's situation. What is not named stays as it is."""
    with answering(as_json), opened(home) as house:
        if (mes, deceased, emancipated) == (None, None, None):
            raise UsageError("situation: expected an option, got none")
        if emancipated is not None and not proof:
            raise UsageError("situation: expected --proof TEXT with an emancipation, got none")
        dossier = record_situation(
            house.gate,
            operator(),
            _patient(house, patient, ins_oid),
            attached_to_mes=mes,
            deceased=deceased,
            emancipated=emancipated,
            proof=proof,
        )
        value = {"recorded": True, **described(dossier)}
        show(as_json, value, lambda: typer.echo(f"Situation du patient enregistrée : {named(dossier)}."))


def ins(
    patient: PatientIns,
    new: Annotated[str, typer.Option("--new", help="The new INS, alone or as INS^^^&OID&ISO.", metavar="INS")],
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Change the INS of a patient. Those that they had still lead to the DMP."""
    with answering(as_json), opened(home) as house:
        former, typed = _patient(house, patient, ins_oid), typed_patient(new, None)
        try:
            current = PatientId(read_ins(typed.value), typed.authority or former.authority)
        except InsError as error:
            raise UsageError(str(error)) from None
        dossier = change_ins(house.gate, operator(), former, current, domain=house.domain)
        value = {"changed": former != current, **described(dossier)}
        show(as_json, value, lambda: typer.echo(f"INS enregistré : {named(dossier)}."))


@app.command("add")
def add(
    patient: PatientIns,
    family: Annotated[str, typer.Option(help="Family name.")],
    given: Annotated[str, typer.Option(help="Given name.")],
    proof: Proof,
    capacity: Annotated[Capacity, typer.Option(help="In which capacity they act.")] = Capacity.PARENT,
    relationship: Annotated[str, typer.Option(help="Code of PersonalRelationshipRoleType: FTH, MTH ...")] = "RESPRSN",
    mail: Annotated[str | None, typer.Option(help="Mail address.")] = None,
    phone: Annotated[str | None, typer.Option(help="Telephone number, as +33612345678.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, when not today.")] = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Add a representative of a minor (parent, tuteur) or of an adult (tutelle)."""
    with answering(as_json), opened(home) as house:
        said = Representative(
            id="",
            family=family,
            given=given,
            relationship=relationship,
            capacity=capacity,
            telecoms=_telecoms(mail, phone),
            since=since.replace(tzinfo=PARIS) if since else None,
        )
        added = add_representative(house.gate, operator(), _patient(house, patient, ins_oid), said, proof=proof)
        value = {"added": True, **_described(added)}
        show(as_json, value, lambda: typer.echo(f"Représentant légal ajouté : {family} {given}, {added.id}."))


@app.command("end")
def end(
    representative: Annotated[str, typer.Argument(help="Their id, as `list` shows it.")],
    patient: PatientIns,
    proof: Proof,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """End the office of a representative, now. Majority and emancipation end it by themselves."""
    with answering(as_json), opened(home) as house:
        end_representation(house.gate, operator(), _patient(house, patient, ins_oid), representative, proof=proof)
        value = {"ended": True, "id": representative}
        show(as_json, value, lambda: typer.echo("Représentation terminée."))


@app.command("list")
def list_(patient: PatientIns, ins_oid: InsOid = None, home: Home = None, as_json: Json = False) -> None:
    """List the representatives of a patient, former ones too."""
    with answering(as_json), opened(home) as house:
        everybody, acting = representatives_of(house.gate, operator(), _patient(house, patient, ins_oid))
        value = [{**_described(each), "in_office": each.id in acting} for each in everybody]
        show(as_json, value, lambda: _print(value))


def _patient(house: House, typed: str, ins_oid: str | None) -> PatientId:
    return known(house, patient_id(house, typed, ins_oid)).ins


def _telecoms(mail: str | None, phone: str | None) -> tuple[Telecom, ...]:
    try:
        if mail is not None:
            check_mail_address(mail)
        if phone is not None:
            check_number(phone)
    except ContactError as error:
        raise UsageError(str(error)) from None
    return tuple(Telecom(url + value) for url, value in (("mailto:", mail), ("tel:", phone)) if value is not None)


def _described(representative: Representative) -> dict[str, Any]:
    return {
        "id": representative.id,
        "family": representative.family,
        "given": representative.given,
        "capacity": representative.capacity.value,
        "relationship": representative.relationship,
        "since": representative.since,
        "ended": representative.ended,
        "told": representative.told,
    }


def _print(everybody: list[dict[str, Any]]) -> None:
    for each in everybody:
        acts = "en exercice" if each["in_office"] else "n'exerce pas"
        who = f"{each['family']} {each['given']}"
        typer.echo(f"{each['id']}  {who} ({each['capacity']}, {each['relationship']}) : {acts}")
