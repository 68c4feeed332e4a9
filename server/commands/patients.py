"""`dmp patients`: the operator's way to open, show and close a DMP, and to record what the patient said.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD1.1 to TD1.6.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cda.document import read_document
from cda.errors import CdaError
from cda.header import Header, read_header
from dmp.gestion import Consents, GestionError, close_dossier, open_dossier, record_consents, show_dossier
from habilitations.statement import Switches
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import InsError, check_ins, read_ins
from identities.requester import PatientId
from schemas import oids
from server.commands import (
    TEST_INS,
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
)
from server.commands.names import PeopleFile, identifier_of, is_structure
from server.house import House

app = typer.Typer(help="Patients' DMPs, the operator's way.", no_args_is_help=True)

CHUNK = 1 << 16
_INS_AUTHORITIES = (oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO)

Authorised = Annotated[
    list[str] | None, typer.Option("--authorise", help="A professional or structure let in, for a year.", metavar="WHO")
]
MedecinTraitant = Annotated[
    list[str] | None, typer.Option("--medecin-traitant", help="Médecin traitant.", metavar="WHO")
]
Blocked = Annotated[list[str] | None, typer.Option("--block", help="A professional shut out.", metavar="WHO")]
Centre15 = Annotated[bool | None, typer.Option("--centre-15/--no-centre-15", help="Access by the centre 15.")]
BrisDeGlace = Annotated[bool | None, typer.Option("--bris-de-glace/--no-bris-de-glace", help="Access in emergency.")]
Switched = tuple[bool | None, bool | None, bool | None]  # centre_15, bris_de_glace, masques_en_urgence
MasquesEnUrgence = Annotated[
    bool | None, typer.Option("--masques-en-urgence/--no-masques-en-urgence", help="Masked documents in emergency.")
]


@app.command("open")
def open_patient(
    ins: Annotated[str | None, typer.Option(help="INS: 13 characters and the key.")] = None,
    ins_oid: InsOid = TEST_INS,
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
    """Open a DMP, or reopen a closed one (TD1.1). On one that is open, only records what is said about access."""
    with answering(as_json), opened(home) as house:
        if from_cda is not None:
            identifiers, traits = _from_cda(from_cda)
        else:
            identifiers, traits = _typed(ins, ins_oid, family, given, birth_date, sex, birth_place)
        consents = _consents(house, people, authorise, medecin_traitant, block)
        switches = (centre_15, bris_de_glace, masques_en_urgence)
        dossier, new = _open(house, identifiers, traits)
        _record(house, dossier, consents, switches)
        said = "DMP ouvert." if new else "Ce DMP est déjà ouvert."
        show(as_json, {"opened": new, **_described(dossier)}, lambda: typer.echo(said))


@app.command("show")
def show_patient(patient: PatientIns, ins_oid: InsOid = TEST_INS, home: Home = None, as_json: Json = False) -> None:
    """Show the administrative data of a DMP (TD1.3a)."""
    with answering(as_json), opened(home) as house:
        value = _described(_known(house, patient_id(patient, ins_oid)))
        show(as_json, value, lambda: typer.echo("\n".join(f"{key:16} {text}" for key, text in value.items())))


@app.command("close")
def close_patient(
    patient: PatientIns,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "demande du patient",
    ins_oid: InsOid = TEST_INS,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Close a DMP (TD1.4): nothing is erased, nothing is accessible."""
    with answering(as_json), opened(home) as house:
        known = _known(house, patient_id(patient, ins_oid))
        closed = known.status is DossierStatus.CLOSED
        dossier = known if closed else close_dossier(house.gate, operator(), known.ins, reason)
        said = "Ce DMP est déjà fermé." if closed else "DMP fermé."
        show(as_json, {"closed": not closed, **_described(dossier)}, lambda: typer.echo(said))


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
    ins_oid: InsOid = TEST_INS,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Record what the patient said about access (TD1.6): all of it, or nothing."""
    with answering(as_json), opened(home) as house:
        dossier = _known(house, patient_id(patient, ins_oid))
        consents = _consents(house, people, who, medecin_traitant, block)
        switches = (centre_15, bris_de_glace, masques_en_urgence)
        if not _record(house, dossier, consents, switches):
            raise UsageError("authorise: expected somebody to let in or shut out, or a switch; got nothing")
        show(
            as_json, {"recorded": True, **_described(dossier)}, lambda: typer.echo("Volontés du patient enregistrées.")
        )


def _open(house: House, identifiers: tuple[PatientId, ...], traits: Traits) -> tuple[Dossier, bool]:
    """The dossier, and whether this opened it."""
    with house.rooms() as rooms:
        known = rooms.identities.dossier(identifiers[0])
    if known is not None and known.status is DossierStatus.OPEN:
        return _known(house, identifiers[0]), False
    return open_dossier(house.gate, operator(), identifiers, traits), True


def _known(house: House, patient: PatientId) -> Dossier:
    try:
        return show_dossier(house.gate, operator(), patient)
    except GestionError as error:
        raise NotFoundError(str(error)) from None


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
        before = (standing.centre_15, standing.bris_de_glace, standing.masques_en_urgence)
        said = (old if new is None else new for old, new in zip(before, switched, strict=True))
        consents = replace(consents, switches=Switches(*said))
    if consents == Consents():
        return False
    record_consents(house.gate, operator(), dossier.ins, consents)
    return True


def _typed(
    ins: str | None,
    ins_oid: str,
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
    try:
        identifier = PatientId(read_ins(ins), ins_oid)
        check_ins(identifier, strict=True)
    except InsError as error:
        raise UsageError(str(error)) from None
    return (identifier,), Traits(family, given, birth_date.date(), sex, birth_place)


def _from_cda(file: Path) -> tuple[tuple[PatientId, ...], Traits]:
    """Identifiers and traits of recordTarget. Source: CI-SIS, volet Structuration minimale."""
    try:
        with file.open("rb") as stream:
            header = read_header(read_document(iter(lambda: stream.read(CHUNK), b"")))
    except (OSError, CdaError) as error:
        raise UsageError(f"{file}: {error}") from None
    found = tuple(PatientId(each.extension, each.root) for each in header.patient.ids if each.root in _INS_AUTHORITIES)
    if not found:
        raise UsageError(f"{file}: expected an INS in recordTarget, got none")
    return found[:1], _traits(file, header)


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
        sex=patient.sex or "U",
        used_family=patient.used_name.family,
        used_given=patient.used_name.given,
    )


def _described(dossier: Dossier) -> dict[str, Any]:
    traits = dossier.traits
    born: date = traits.birth_date
    return {
        "ins": dossier.ins.value,
        "ins_oid": dossier.ins.authority,
        "family": traits.birth_family,
        "given": traits.birth_given,
        "birth_date": born.isoformat(),
        "birth_place": traits.birth_place,
        "sex": traits.sex,
        "status": "open" if dossier.status is DossierStatus.OPEN else "closed",
        "opened_at": dossier.opened.isoformat(),
        "closed_at": dossier.closed.isoformat() if dossier.closed else None,
    }
