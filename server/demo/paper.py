"""The demo's documents on paper: who writes what about whom, as CDA files that a sender can provide."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cda.builders import document as cda
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets
from server.demo.documents import BUILDERS
from server.demo.people import PATIENTS, STRUCTURES, Inhabitant, inhabitant

INPATIENT = frozenset({"hospital_stay_report", "discharge_letter"})
ADDRESS = cda.Address("12", "rue des Essais", "75000", "Ville-Exemple")
PHONE = "0100000000"


@dataclass(frozen=True, slots=True)
class Paper:
    """One document: its kind (a key of BUILDERS), who sends and who writes it, about which patient, days ago."""

    kind: str
    sender: str
    author: str
    patient: int  # index in PATIENTS
    days_ago: int
    masked: bool = False

    @property
    def ins(self) -> str:
        """The INS of its patient."""
        return PATIENTS[self.patient].ins


PAPERS = (
    Paper("hospital_stay_report", "hopital", "medecin-hospitalier", 0, 40),
    Paper("lab_report", "laboratoire", "biologiste", 0, 33),
    Paper("imaging_report", "hopital", "medecin-hospitalier", 0, 41),
    Paper("consultation_report", "medecin-traitant", "medecin-traitant", 0, 60),
    Paper("prescription", "medecin-traitant", "medecin-traitant", 0, 60),
    Paper("vaccination_note", "medecin-traitant", "medecin-traitant", 0, 90),
    Paper("nursing_report", "infirmier", "infirmier", 0, 20),
    Paper("consultation_report", "medecin", "medecin", 0, 15, masked=True),
    Paper("hospital_stay_report", "hopital", "medecin-hospitalier", 1, 120),
    Paper("lab_report", "laboratoire", "biologiste", 2, 12),
    Paper("discharge_letter", "hopital", "medecin-hospitalier", 4, 8),
    Paper("prescription", "medecin-traitant", "medecin-traitant", 5, 3),
)

LETTER = Paper("discharge_letter", "hopital", "medecin-hospitalier", 0, 1)  # the one that the walk-through sends


def write(paper: Paper, folder: Path, number: int, now: datetime) -> Path:
    """Writes the document as a file of `folder`; `now` is an aware instant."""
    author = inhabitant(paper.author)
    written = (now - timedelta(days=paper.days_ago)).replace(microsecond=0)
    stay = paper.kind in INPATIENT
    person = PATIENTS[paper.patient]
    context = cda.Context(
        patient=cda.Patient(person.identifier, person.traits, ADDRESS),
        author=cda.Author(author.id_nat, author.family, author.given, _specialty(author)),
        structure=_structure(author),
        identification=cda.Identification(oid=_oid(), set_oid=_oid(), created=written),
        start=written - timedelta(days=5) if stay else written,
        stop=written if stay else None,
        inpatient=stay,
    )
    file = folder / f"{number:02d}-{paper.kind.replace('_', '-')}.xml"
    file.write_bytes(BUILDERS[paper.kind](context))
    return file


def _oid() -> str:
    """A new OID under 2.25. Source: ITU-T X.667."""
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"


def _specialty(person: Inhabitant) -> Code:
    code = f"G15_{person.profession}" + (f"/{person.specialty}" if person.specialty else "")
    return _code("author_specialty", code, oids.AUTHOR_SPECIALTY)


def _structure(author: Inhabitant) -> cda.Structure:
    names = {structure.structure_id: structure.family for structure in STRUCTURES}
    hospital = author.sector in {"SA01", "SA04"}
    setting = "ETABLISSEMENT" if hospital else "AMBULATOIRE"
    return cda.Structure(
        structure_id=author.structure_id,
        name=names.get(author.structure_id, f"Cabinet {author.family}"),
        facility=_code("healthcare_facility_type", author.sector, oids.SECTEUR_ACTIVITE),
        setting=_code("practice_setting", setting, oids.PRACTICE_SETTING),
        address=ADDRESS,
        phone=PHONE,
    )


def _code(table: str, code: str, scheme: str) -> Code:
    return Code(code, scheme, ValueSets.load().label(table, code, scheme) or code)
