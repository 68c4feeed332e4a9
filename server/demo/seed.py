"""Makes the demo: a PKI, people and patients on file, a home, and the DMPs opened the operator's way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.pki import KeyMaker, Pki, rsa_key
from dmp.gestion import Consents, close_dossier, open_dossier, record_consents
from dmp.representation import add_representative, record_situation
from identities.demographics import Telecom
from identities.professional import Structure
from identities.representation import Representative
from server.demo.people import PATIENTS, PEOPLE, DemoPatient, directory, inhabitant
from server.house import House, own_event
from server.migrations import upgrade
from server.settings import Address, Settings, load

OPERATOR = "demo"
MARK = "people.json"
MEDECIN_TRAITANT = "medecin-traitant"
Step = Callable[[], None]


class DemoError(RuntimeError):
    """The demo cannot be made or did not work; the text is for whoever typed `make demo`."""


def start_over(folder: Path) -> None:
    """An empty folder, whatever demo was there. Raises DemoError when something else is in it."""
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / MARK).is_file():
            raise DemoError(
                f"{folder} contient autre chose qu'une démonstration : choisissez un autre dossier (--dir)."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def write_people(folder: Path, done: Step, key_maker: KeyMaker = rsa_key) -> Pki:
    """people.json, patients.json and everybody's certificates, from the PKI it returns; `done` after each person."""
    _write_json(folder / MARK, [person.line() for person in PEOPLE])
    _write_json(folder / "patients.json", [patient.line() for patient in PATIENTS])
    pki = Pki.create(folder, key_maker=key_maker)
    done()
    for person in PEOPLE:
        if person.kind == "structure":
            pki.structure(person.name, person.structure_id, person.family)
        else:
            profession = "" if person.cpe else person.profession
            card = "CPE" if person.cpe else "CPS"
            names = (person.family, person.given)
            pki.person(person.name, person.id_nat, *names, profession, person.specialty, card=card)
        done()
    return pki


def write_home(folder: Path, https: Address, http: Address, mllp: Address | None = None) -> Settings:
    """The home of the demo's server: its settings, with the demo's PKI and the matrix made up for demonstrations."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    values: dict[str, object] = {
        "domain": "fr-dmp",
        "matrice": "matrice_synthetique.csv",
        "https": str(https),
        "http": str(http),
        **({"mllp": str(mllp)} if mllp else {}),
        "reports_of_results": True,
        "ca": "../ca.pem",
        "crl": "../crl.pem",
        "server_certificate": "../server.pem",
        "server_key": "../server.key",
        "oauth_server": f"https://{https}",
        # Who is let into a DMP that is opened by hand, unless the operator says otherwise.
        "ouverture_autorise": [person.id_nat for person in PEOPLE],
        "ouverture_medecin_traitant": [inhabitant(MEDECIN_TRAITANT).id_nat],
    }
    # A JSON text or list of texts is a TOML one.
    settings = (f"{name} = {json.dumps(value)}" for name, value in values.items())
    lines = ["# Les réglages de la démonstration.", *settings]
    (home / "settings.toml").write_text("\n".join(lines) + "\n", "utf-8")
    return load({"home": home}, {})


def populate(settings: Settings, done: Step) -> None:
    """The database, the directory and every patient's DMP; `done` is called after each patient."""
    upgrade(settings)
    house = House.build(settings, anchors=False)
    try:
        with house.rooms() as rooms:
            for known in directory():
                if isinstance(known, Structure):
                    rooms.identities.save_structure(known)
                else:
                    rooms.identities.save_professional(known)
            rooms.trail.append(own_event("operator", "habilitations", OPERATOR))
        for patient in PATIENTS:
            _open(house, patient)
            done()
    finally:
        house.database.dispose()


def _open(house: House, patient: DemoPatient) -> None:
    open_dossier(house.gate, OPERATOR, (patient.identifier,), patient.traits, domain=house.domain)
    let_in = [inhabitant(name) for name in patient.authorised if name not in patient.blocked]
    consents = Consents(
        authorised_persons=tuple(person.id_nat for person in let_in if person.kind == "ps"),
        authorised_structures=tuple(person.id_nat for person in let_in if person.kind == "structure"),
        medecins_traitants=tuple(inhabitant(name).id_nat for name in patient.medecins_traitants),
        blocked=tuple(inhabitant(name).id_nat for name in patient.blocked),
        switches=patient.switches,
    )
    record_consents(house.gate, OPERATOR, patient.identifier, consents)
    for parent in patient.representatives:
        mail = Telecom(f"mailto:{parent.mail}")
        said = Representative("", parent.family, parent.given, parent.relationship, telecoms=(mail,))
        add_representative(house.gate, OPERATOR, patient.identifier, said, proof="démonstration")
    if patient.attached_to_mes:
        record_situation(house.gate, OPERATOR, patient.identifier, attached_to_mes=True)
    if patient.status == "closed":
        close_dossier(house.gate, OPERATOR, patient.identifier, "demande du patient")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
