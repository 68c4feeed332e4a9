"""A DMP as a whole: tested, searched, created, reactivated, administered, closed (TD0.2, TD0.5, TD1.1 to TD1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from conformance.lps import LpsUsageError
from conformance.lps.candidates import Candidate, Criteria
from conformance.lps.commands.session import AccessMode, Session, Whose, command, day
from conformance.lps.dossier import FERMETURE_DEMANDE_PATIENT, Administrative, Existence, Oppositions
from conformance.lps.output import exit_if_none, ins_of, instant, print_facts, yes_or_no
from conformance.lps.record_target import patient_ids, patient_traits
from conformance.lps.traits import Address, Telecom, Traits, of_line

app = typer.Typer()

_Consent = Annotated[bool, typer.Option("--consent", help="The patient was asked and consents. Required.")]
_STATUS = {"active": "ouvert", "terminated": "fermé", "": "aucun"}


@dataclass(frozen=True, slots=True)
class Searched:
    """The traits searched for."""

    family: Annotated[str, typer.Option(help="Family name, of birth or in use.")] = ""
    given: Annotated[str, typer.Option(help="Given name.")] = ""
    birth_date: Annotated[str, typer.Option(help="Day of birth: 1979-03-28.")] = ""
    sex: Annotated[str, typer.Option(help="M or F.")] = ""
    city: Annotated[str, typer.Option(help="City.")] = ""
    postal_code: Annotated[str, typer.Option(help="Postal code.")] = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the options say of the patient; '' and None where they say nothing."""

    family: Annotated[str, typer.Option(help="Family name of birth.")] = ""
    used_family: Annotated[str, typer.Option(help="Family name in use. Default: that of birth.")] = ""
    given: Annotated[str, typer.Option(help="Given name.")] = ""
    birth_date: Annotated[str, typer.Option(help="Day of birth: 1979-03-28.")] = ""
    sex: Annotated[str, typer.Option(help="M, F or UN.")] = ""
    mobile: Annotated[str, typer.Option(help="Mobile telephone number.")] = ""
    phone: Annotated[str, typer.Option(help="Telephone number at home.")] = ""
    email: Annotated[str, typer.Option(help="Electronic mail address.")] = ""
    street: Annotated[str, typer.Option(help="Number and street.")] = ""
    postal_code: Annotated[str, typer.Option(help="Postal code.")] = ""
    city: Annotated[str, typer.Option(help="City.")] = ""
    country: Annotated[str, typer.Option(help="Country.")] = ""
    bris_de_glace: Annotated[
        bool | None, typer.Option("--bris-de-glace/--no-bris-de-glace", help="Bris de glace allowed, or opposed.")
    ] = None
    centre_15: Annotated[
        bool | None, typer.Option("--centre-15/--no-centre-15", help="Access by the centre 15 allowed, or opposed.")
    ] = None

    def traits(self, known: Traits) -> Traits:
        """What is known of the patient, with what is said in its place."""
        used, street = self.used_family or self.family, (self.street,) if self.street else ()
        name = _given(used=used, birth=self.family, given=self.given)
        place = _given(street=street, postal_code=self.postal_code, city=self.city, country=self.country)
        reached = {("tel", "HP"): self.phone, ("tel", "MC"): self.mobile, ("mailto", ""): self.email}
        telecoms = tuple(Telecom(f"{scheme}:{value}", use) for (scheme, use), value in reached.items() if value)
        kinds = {_kind(telecom) for telecom in telecoms}
        return replace(
            known,
            **_given(sex=self.sex, birth_date=day(self.birth_date)),
            name=replace(known.name, **name),
            telecoms=(*(each for each in known.telecoms if _kind(each) not in kinds), *telecoms),
            address=replace(known.address or Address(), **place) if place else known.address,
        )

    def oppositions(self, known: Oppositions) -> Oppositions:
        """What the patient was opposed to, with what is said in its place."""
        return Oppositions(
            known.bris_de_glace if self.bris_de_glace is None else not self.bris_de_glace,
            known.centre_15 if self.centre_15 is None else not self.centre_15,
        )


@command(app, "existence", "td0.2")
def existence(session: Session) -> None:
    """Whether there is a DMP, open or closed, and what one is to it (TD0.2)."""
    whose = session.patient()
    found = session.lps.existence(whose, access=session.access)
    if found.exists:
        session.demo.remember(whose)
    session.show({"exists": found.exists, **asdict(found)}, lambda: _print_existence(found))
    exit_if_none([found] if found.exists else [])


@command(app, "candidates", "td0.5", whose=Whose.NOBODY, access=AccessMode.centre_15)
def candidates(session: Session, searched: Searched) -> None:
    """Patients by their traits, without an INS (TD0.5). For medical regulation: the access mode is centre_15."""
    if searched == Searched():
        raise LpsUsageError("traits: expected at least one of --family, --given, --birth-date ..., got none")
    criteria = Criteria(**asdict(replace(searched, birth_date=day(searched.birth_date))))
    found = session.lps.candidates(criteria, access=session.access)
    session.show([asdict(each) for each in found], lambda: _print_candidates(found))
    exit_if_none(found)


@command(app, "create", "td1.1")
def create(
    session: Session,
    said: Said,
    consent: _Consent = False,
    from_cda: Annotated[
        Path | None, typer.Option("--from-cda", help="CDA document whose recordTarget says who the patient is.")
    ] = None,
) -> None:
    """Create a DMP (TD1.1). Who the patient is: patients.json or --from-cda, and what the options say."""
    _consented(consent)
    header = patient_ids(from_cda) if from_cda else ()
    whose = session.patient(header=header)
    if from_cda and whose not in header:
        raise LpsUsageError(f"patient: expected one of {from_cda}, got {whose.ins}")
    known = patient_traits(from_cda) if from_cda else of_line(session.demo.line(whose))
    oppositions = said.oppositions(Oppositions())
    status = session.lps.create(whose, said.traits(known), oppositions=oppositions, access=session.access)
    session.demo.remember(whose)
    _show_status(session, status)


@command(app, "reactivate", "td1.2")
def reactivate(session: Session, consent: _Consent = False) -> None:
    """Open a closed DMP again (TD1.2)."""
    _consented(consent)
    whose = session.patient()
    _show_status(session, session.lps.reactivate(whose, of_line(session.demo.line(whose)), access=session.access))


@command(app, "administrative", "td1.3a")
def administrative(session: Session) -> None:
    """Administrative data of a DMP (TD1.3a)."""
    found = session.lps.administrative(session.patient(), access=session.access)
    session.show(asdict(found), lambda: _print_administrative(found))


@command(app, "amend", "td1.3b")
def amend(session: Session, said: Said) -> None:
    """Change the administrative data of a DMP (TD1.3b): read first (TD1.3a), then sent whole with what is said."""
    if said == Said():
        raise LpsUsageError("data: expected at least one of --mobile, --email, --street ..., got none")
    whose = session.patient()
    known = session.lps.administrative(whose, access=session.access)
    traits, oppositions = said.traits(known.traits), said.oppositions(known.oppositions)
    _show_status(session, session.lps.amend(whose, traits, oppositions, access=session.access))


@command(app, "close", "td1.4")
def close(
    session: Session,
    reason: Annotated[str, typer.Option(help="Code of the reason.", metavar="CODE")] = FERMETURE_DEMANDE_PATIENT,
    text: Annotated[str, typer.Option(help="The reason in words. Default: its code.")] = "",
) -> None:
    """Close a DMP (TD1.4)."""
    whose = session.patient()
    status = session.lps.close_dossier(
        whose, of_line(session.demo.line(whose)), reason=reason, text=text, access=session.access
    )
    _show_status(session, status)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _kind(telecom: Telecom) -> tuple[str, str]:
    return telecom.value.partition(":")[0], telecom.use


def _consented(consent: bool) -> None:
    if not consent:
        raise LpsUsageError("consent: expected --consent, once the patient consents, got none")


def _show_status(session: Session, status: str) -> None:
    session.show({"status": status}, lambda: print_facts({"DMP": _STATUS[status]}))


def _print_existence(found: Existence) -> None:
    facts = {
        "DMP": _STATUS[found.status],
        "Autorisation": found.authorisation,
        "Médecin traitant": yes_or_no(found.medecin_traitant),
        "Compte internet": yes_or_no(found.internet_account),
        "Rattaché à Mon espace santé": yes_or_no(found.mon_espace_sante),
    }
    if found.closing:
        facts["Fermé"] = f"{instant(found.closing.date)} ({found.closing.code}) {found.closing.reason}"
    print_facts(facts if found.exists else {"DMP": facts["DMP"], "Autorisation": facts["Autorisation"]})


def _print_administrative(found: Administrative) -> None:
    traits, name = found.traits, found.traits.name
    facts = {
        "DMP": _STATUS[found.status],
        "Nom de naissance": name.birth,
        "Nom utilisé": f"{name.prefix} {name.used}".strip(),
        "Prénom": name.given,
        "Sexe": traits.sex,
        "Naissance": instant(traits.birth_date),
        "Adresse": _one_line(traits.address),
        "Télécommunications": ", ".join(telecom.value for telecom in traits.telecoms),
        "Décédé": yes_or_no(found.deceased),
        "Bris de glace": "opposition" if found.oppositions.bris_de_glace else "permis",
        "Centre 15": "opposition" if found.oppositions.centre_15 else "permis",
    }
    for each in traits.representatives:
        facts[f"Représentant légal ({each.code})"] = f"{each.name.given} {each.name.used}".strip()
    print_facts(facts)


def _one_line(address: Address | None) -> str:
    if address is None:
        return ""
    parts = (*address.street, address.locator, f"{address.postal_code} {address.city}".strip(), address.country)
    return ", ".join(part for part in parts if part)


def _print_candidates(found: Sequence[Candidate]) -> None:
    for each in found:
        name, ins = each.traits.name, ins_of(each.identifiers)
        born, place = instant(each.traits.birth_date), _one_line(each.traits.address)
        opposed = "  [opposition au centre 15]" if each.opposed else ""
        typer.echo(f"{each.match:3} %  {ins:15}  {name.birth or name.used} {name.given}  {born}  {place}{opposed}")
    if not found:
        typer.echo("Aucun patient.", err=True)
