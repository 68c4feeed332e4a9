"""The documents of the benchmark: CDA level 1 around a PDF of 200 kB, each with an identifier of its own."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cda.builders import document as cda
from registry.metadata import Code
from schemas import oids
from schemas.value_sets import ValueSets
from server.demo.pdf import write_pdf
from server.demo.people import DemoPatient, inhabitant

PDF_BYTES = 200_000
AUTHOR = "medecin-hospitalier"
KIND = cda.Kind(
    type=Code("34112-3", oids.LOINC, "CR hospitalier (séjour)"),
    title="Compte rendu d'hospitalisation",
    act=Code("IMP", oids.HL7_ACT_CODE, "Hospitalisation"),
)

_SYLLABLES = ("ba", "cor", "di", "fé", "lan", "mi", "no", "par", "qui", "ré", "sou", "tal", "u", "vin", "xé", "zo")
_PARAGRAPH_BYTES = 1_000


def pdf(size: int = PDF_BYTES) -> bytes:
    """A PDF of about `size` bytes of meaningless text, the same one every time."""
    chance = random.Random(size)
    paragraphs: list[str] = []
    while sum(len(text) for text in paragraphs) < size * 0.76:  # the rest is markup
        text = " ".join("".join(chance.choices(_SYLLABLES, k=3)) for _ in range(_PARAGRAPH_BYTES // 8))
        paragraphs.append(text)
    return write_pdf(KIND.title, paragraphs)


def write_document(folder: Path, patient: DemoPatient, content: bytes) -> Path:
    """A new document about `patient` with `content` (a PDF) as its body, as a file of `folder`."""
    oid = _oid()
    file = folder / f"{oid}.xml"
    file.write_bytes(cda.clinical_document(_context(patient, oid), KIND, cda.non_xml_body(content, "application/pdf")))
    return file


def _context(patient: DemoPatient, oid: str) -> cda.Context:
    author = inhabitant(AUTHOR)
    address = cda.Address("12", "rue des Essais", "75000", "Ville-Exemple")
    written = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    return cda.Context(
        patient=cda.Patient(patient.identifier, patient.traits, address),
        author=cda.Author(
            author.id_nat,
            author.family,
            author.given,
            _code("author_specialty", f"G15_{author.profession}/{author.specialty}", oids.AUTHOR_SPECIALTY),
        ),
        structure=cda.Structure(
            structure_id=author.structure_id,
            name=inhabitant("hopital").family,
            facility=_code("healthcare_facility_type", author.sector, oids.SECTEUR_ACTIVITE),
            setting=_code("practice_setting", "ETABLISSEMENT", oids.PRACTICE_SETTING),
            address=address,
            phone="0100000000",
        ),
        identification=cda.Identification(oid=oid, set_oid=_oid(), created=written),
        start=written - timedelta(days=5),
        stop=written,
        inpatient=True,
    )


def _oid() -> str:
    """A new OID under 2.25. Source: ITU-T X.667."""
    return f"{oids.UUID_ARC}.{uuid.uuid4().int}"


def _code(table: str, code: str, scheme: str) -> Code:
    return Code(code, scheme, ValueSets.load().label(table, code, scheme) or code)
