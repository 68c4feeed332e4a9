"""`dmp patients`: the operator's way to open, show and close a DMP, and to record what the patient said.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.1 to TD1.6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header, read_header
from dmp.gestion import Consents, close_dossier, open_dossier, record_consents
from dmp.merging import UnknownDossierError, merge_dossiers
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import InsError, read_ins
from identities.requester import PatientId
from schemas import oids
from server.commands import (
    Home,
    InsOid,
    Json,
    NotFoundError,
    PatientIns,
    UsageError,
    answering,
    opened,
    operator,
    patient_id,
    show,
    typed_patient,
)
from server.commands.account import account
from server.commands.alerts import alerts
from server.commands.dossiers import described, known, named, print_description, said_of_access
from server.commands.due import due_
from server.commands.history import history
from server.commands.names import PeopleFile, identifier_of, is_structure
from server.commands.situation import app as representatives
from server.commands.situation import ins, situation
from server.commands.wishes import (
    BrisDeGlace,
    Centre15,
    MasquesEnUrgence,
    Switched,
    after,
    block,
    destroy_request,
    medecin_traitant,
    oppose,
    revoke,
    switches,
    unblock,
)
from server.house import House

app = typer.Typer(help="Patients' DMPs, the operator's way.", no_args_is_help=True)
app.command("account")(account)
app.command("block")(block)
app.command("unblock")(unblock)
app.command("revoke")(revoke)
app.command("medecin-traitant")(medecin_traitant)
app.command("switches")(switches)
app.command("oppose")(oppose)
app.command("situation")(situation)
app.command("ins")(ins)
app.command("destroy-request")(destroy_request)
app.command("due")(due_)
app.add_typer(representatives, name="representative")
app.command("history")(history)
app.command("alerts")(alerts)

CHUNK = 1 << 16

Authorised = Annotated[
    list[str] | None, typer.Option("--authorise", help="A professional or structure let in, for a year.", metavar="WHO")
]
MedecinTraitant = Annotated[
    list[str] | None, typer.Option("--medecin-traitant", help="Médecin traitant.", metavar="WHO")
]
Blocked = Annotated[list[str] | None, typer.Option("--block", help="A professional shut out.", metavar="WHO")]


@app.command("open")
def open_patient(
    ins: Annotated[
        str | None,
        typer.Option("--ins", "--patient", help="INS: 13 characters and the key, alone or as INS^^^&OID&ISO."),
    ] = None,
    ins_oid: InsOid = None,
    family: Annotated[str | None, typer.Option(help="Birth name.")] = None,
    given: Annotated[str | None, typer.Option(help="Given name of the birth act.")] = None,
    birth_date: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Birth date.")] = None,
    sex: Annotated[str | None, typer.Option(help="M, F or U.")] = None,
    birth_place: Annotated[str, typer.Option(help="COG code of the birth place.")] = "",
    from_cda: Annotated[Path | None, typer.Option(help="Take all this from a CDA document.", metavar="FILE")] = None,
    authorise: Authorised = None,
    medecin_traitant: MedecinTraitant = None,
    block: Blocked = None,
    centre_15: Centre15 = None,
    bris_de_glace: BrisDeGlace = None,
    masques_en_urgence: MasquesEnUrgence = None,
    people: PeopleFile = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Open a DMP, or reopen a closed one (TD1.1). On one that is open, only records what is said about access.

    Where nothing is said of who may enter, a new DMP is opened to those that the settings name (ouverture_autorise,
    ouverture_medecin_traitant), else to nobody; a reopened one to whom it was.
    """
    with answering(as_json), opened(home) as house:
        if from_cda is not None:
            identifiers, traits = _from_cda(house, from_cda)
        else:
            identifiers, traits = _typed(ins, ins_oid, family, given, birth_date, sex, birth_place)
        consents = _consents(house, people, authorise, medecin_traitant, block)
        switches = (centre_15, bris_de_glace, masques_en_urgence)
        dossier, said = _open(house, identifiers, traits)
        if said is _Said.OPENED and not (authorise or medecin_traitant):
            consents = _by_settings(house, people, consents)
        _record(house, dossier, consents, switches)
        value = {"opened": said is not _Said.OPEN, **described(dossier)}
        show(as_json, value, lambda: typer.echo(f"{said.value} : {named(dossier)}."))


@app.command("show")
def show_patient(patient: PatientIns, ins_oid: InsOid = None, home: Home = None, as_json: Json = False) -> None:
    """Show the administrative data of a DMP (TD1.3a)."""
    with answering(as_json), opened(home) as house:
        dossier = known(house, patient_id(house, patient, ins_oid))
        with house.rooms() as rooms:
            value = {**described(dossier), **said_of_access(rooms.rights.wishes(dossier.key))}
        show(as_json, value, lambda: print_description(value))


@app.command("close")
def close_patient(
    patient: PatientIns,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "demande du patient",
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Close a DMP (TD1.4): nothing is erased, nothing is accessible."""
    with answering(as_json), opened(home) as house:
        standing = known(house, patient_id(house, patient, ins_oid))
        closed = standing.status is DossierStatus.CLOSED
        dossier = standing if closed else close_dossier(house.gate, operator(), standing.ins, reason)
        said = "Ce DMP est déjà fermé" if closed else "DMP fermé"
        value = {"closed": not closed, **described(dossier)}
        show(as_json, value, lambda: typer.echo(f"{said} : {named(dossier)}."))


@app.command("authorise")
def authorise_on_patient(
    patient: PatientIns,
    who: Annotated[list[str] | None, typer.Argument(help="Professionals and structures let in, for a year.")] = None,
    medecin_traitant: MedecinTraitant = None,
    block: Blocked = None,
    centre_15: Centre15 = None,
    bris_de_glace: BrisDeGlace = None,
    masques_en_urgence: MasquesEnUrgence = None,
    people: PeopleFile = None,
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Record what the patient said about access (TD1.6): all of it, or nothing."""
    with answering(as_json), opened(home) as house:
        dossier = known(house, patient_id(house, patient, ins_oid))
        consents = _consents(house, people, who, medecin_traitant, block)
        switches = (centre_15, bris_de_glace, masques_en_urgence)
        if not _record(house, dossier, consents, switches):
            raise UsageError("authorise: expected somebody to let in or shut out, or a switch; got nothing")
        with house.rooms() as rooms:
            value = {"recorded": True, **described(dossier), **said_of_access(rooms.rights.wishes(dossier.key))}
        show(as_json, value, lambda: typer.echo(f"Volontés du patient enregistrées : {named(dossier)}."))


@app.command("merge")
def merge_patients(
    into: Annotated[str, typer.Option("--into", help="INS of the DMP that survives.", metavar="INS")],
    subsumed: Annotated[str, typer.Option("--subsumed", help="INS that names nobody afterwards.", metavar="INS")],
    ins_oid: InsOid = None,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Merge one patient's two DMPs into one, for ever: its documents are all of both.

    What the patient authorised in the DMP that disappears ends; whom one of the two shuts out stays shut out.
    """
    with answering(as_json), opened(home) as house:
        surviving, gone = (patient_id(house, typed, ins_oid) for typed in (into, subsumed))
        try:
            dossier, done = merge_dossiers(house.gate, operator(), surviving, gone, domain=house.domain)
        except UnknownDossierError as error:
            raise NotFoundError(str(error)) from None
        said = "DMP fusionnés" if done else "Ces DMP sont déjà fusionnés"
        value = {"merged": done, "subsumed": str(gone), **described(dossier)}
        show(as_json, value, lambda: typer.echo(f"{said} : {named(dossier)}."))


class _Said(Enum):
    """What became of an opening."""

    OPENED = "DMP ouvert"
    REOPENED = "DMP rouvert"
    OPEN = "Ce DMP est déjà ouvert"


def _open(house: House, identifiers: tuple[PatientId, ...], traits: Traits) -> tuple[Dossier, _Said]:
    """The dossier, and what this did to it."""
    with house.rooms() as rooms:
        before = rooms.identities.dossier(identifiers[0])
    if before is not None and before.status is DossierStatus.OPEN:
        return known(house, identifiers[0]), _Said.OPEN
    dossier = open_dossier(house.gate, operator(), identifiers, traits, domain=house.domain)
    return dossier, _Said.OPENED if before is None else _Said.REOPENED


def _by_settings(house: House, people: Path | None, consents: Consents) -> Consents:
    """`consents`, with whom the settings let in, but those whom it blocks."""
    settings = house.settings

    def but_blocked(who: tuple[str, ...]) -> list[str]:
        return [each for each in who if each not in consents.blocked]

    let_in, medecins = but_blocked(settings.ouverture_autorise), but_blocked(settings.ouverture_medecin_traitant)
    return replace(_consents(house, people, let_in, medecins, None), blocked=consents.blocked)


def _consents(
    house: House,
    people: Path | None,
    authorised: list[str] | None,
    medecins_traitants: list[str] | None,
    blocked: list[str] | None,
) -> Consents:
    def identifiers(who: list[str] | None) -> tuple[str, ...]:
        return tuple(identifier_of(house, people, name) for name in who or ())

    let_in = identifiers(authorised)
    return Consents(
        authorised_persons=tuple(each for each in let_in if not is_structure(house, each)),
        authorised_structures=tuple(each for each in let_in if is_structure(house, each)),
        medecins_traitants=identifiers(medecins_traitants),
        blocked=identifiers(blocked),
    )


def _record(house: House, dossier: Dossier, consents: Consents, switched: Switched) -> bool:
    """Records what was said; False when nothing was. A switch that was not named stays as it is."""
    if any(switch is not None for switch in switched):
        with house.rooms() as rooms:
            standing = rooms.rights.wishes(dossier.key).switches
        consents = replace(consents, switches=after(standing, switched))
    if consents == Consents():
        return False
    record_consents(house.gate, operator(), dossier.ins, consents)
    return True


def _typed(
    ins: str | None,
    ins_oid: str | None,
    family: str | None,
    given: str | None,
    birth_date: datetime | None,
    sex: str | None,
    birth_place: str,
) -> tuple[tuple[PatientId, ...], Traits]:
    needed = {"--ins": ins, "--family": family, "--given": given, "--birth-date": birth_date, "--sex": sex}
    missing = [name for name, value in needed.items() if not value]
    if ins is None or family is None or given is None or birth_date is None or sex is None or missing:
        raise UsageError(f"patient: expected --from-cda FILE or every trait, missing {', '.join(missing)}")
    if sex not in {"M", "F", "U"}:
        raise UsageError(f"sex: expected M, F or U, got {sex}")
    typed = typed_patient(ins, ins_oid)
    try:
        identifier = PatientId(read_ins(typed.value), typed.authority or oids.INS_NIR_TEST)
    except InsError as error:
        raise UsageError(str(error)) from None
    return (identifier,), Traits(family, given, birth_date.date(), sex, birth_place)


def _from_cda(house: House, file: Path) -> tuple[tuple[PatientId, ...], Traits]:
    """Identifiers and traits of recordTarget. Source: CI-SIS, volet Structuration minimale."""
    try:
        with file.open("rb") as stream:
            header = read_header(read_document(iter(lambda: stream.read(CHUNK), b"")))
    except (OSError, CdaError) as error:
        raise UsageError(f"{file}: {error}") from None
    taken = house.domain.patient_authorities
    found = tuple(PatientId(each.extension, each.root) for each in header.patient.ids if each.root in taken)
    if not found:
        got = ", ".join(each.root for each in header.patient.ids)
        expected = f"an identifier of the authorities {', '.join(sorted(taken))} in recordTarget"
        raise UsageError(f"{file}: expected {expected}, got those of {got}")
    return tuple(dict.fromkeys(found)), _traits(file, header)


def _traits(file: Path, header: Header) -> Traits:
    patient = header.patient
    try:
        birth = datetime.strptime(patient.birth_date[:8], "%Y%m%d").date()
    except ValueError:
        raise UsageError(f"{file}: expected a birth date YYYYMMDD in recordTarget, got none") from None
    return Traits(
        birth_family=patient.birth_name.family,
        birth_given=patient.birth_name.given,
        birth_date=birth,
        sex=patient.sex if patient.sex in {"M", "F"} else "U",
        birth_place=patient.birth_place,
        used_family=patient.used_name.family,
        used_given=patient.used_name.given,
    )
