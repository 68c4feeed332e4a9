"""The contexts of tests/vectors/cda, and the way to rebuild its files: `PYTHONPATH=. python tests/cda/cda_vectors.py`.

Everything is invented; the INS is a test NIR.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from cda.builders.document import Address, Author, Context, Identification, Patient, Structure
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids
from server.demo.documents import BUILDERS

FOLDER = Path(__file__).parent.parent / "vectors" / "cda"
ROOT_OID = "1.2.250.1.999.77"
INS = "279039900001780"
PARIS_WINTER = timezone(timedelta(hours=1))

_PATIENT = Patient(
    identifier=PatientId(INS, oids.INS_NIR_TEST),
    traits=Traits("ESSAI-MARTEL", "CLAIRE", date(1979, 3, 28), "F", "35238", used_family="ESSAI"),
    address=Address("4", "rue des Lilas", "35000", "RENNES"),
    ipp="00421",
    ipp_authority=f"{ROOT_OID}.9",
    givens="CLAIRE ANNE",
)
_CARDIOLOGIST = Author(
    id_nat="899700000017",
    family="LEROY & FILS",
    given="Hugo",
    specialty=Code("G15_10/SM04", oids.AUTHOR_SPECIALTY, "Médecin - Cardiologie et maladies vasculaires (SM)"),
    function=Code("ATTPHYS", oids.HL7_PARTICIPATION_FUNCTION, "Référent"),
)
_HOSPITAL = Structure(
    structure_id="1350000017",
    name="Centre hospitalier des Trois Rivières",
    facility=Code("SA01", oids.SECTEUR_ACTIVITE, "Etablissement public de santé"),
    setting=Code("ETABLISSEMENT", oids.PRACTICE_SETTING, "Etablissement de santé"),
    address=Address("1", "avenue du Port", "35000", "RENNES"),
    phone="+33299000000",
)


def context(number: int, version: int = 1) -> Context:
    """The stay from which document `number` comes; a later version replaces the one before it."""
    return Context(
        patient=_PATIENT,
        author=_CARDIOLOGIST,
        structure=_HOSPITAL,
        identification=Identification(
            oid=f"{ROOT_OID}.{number}.{version}",
            set_oid=f"{ROOT_OID}.{number}",
            created=datetime(2026, 3, 2, 0, 30, 15, tzinfo=PARIS_WINTER),
            version=version,
            replaces=f"{ROOT_OID}.{number}.{version - 1}" if version > 1 else "",
        ),
        start=datetime(2026, 2, 24, 8, 0, 0, tzinfo=PARIS_WINTER),
        stop=datetime(2026, 3, 1, 11, 0, 0, tzinfo=PARIS_WINTER),
        inpatient=True,
    )


def build() -> dict[str, bytes]:
    """Every vector by file name: each kind of document, a second version, a self-presenting and a signed envelope."""
    files = {f"{name}.xml": builder(context(number)) for number, (name, builder) in enumerate(BUILDERS.items(), 1)}
    letter = BUILDERS["discharge_letter"]
    files["discharge_letter_v2.xml"] = letter(context(2, version=2))
    inner = letter(context(20)).partition(b"?>")[2].strip()
    files["self_presenting.xml"] = (
        b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:data="urn:data">\n'
        b'<data:Contenu>%s</data:Contenu>\n<xsl:template match="/"><p/></xsl:template>\n</xsl:stylesheet>\n' % inner
    )
    files["signed.xml"] = (
        b'<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue/>\n'
        b"<ds:Object>%s</ds:Object></ds:Signature>\n" % inner
    )
    return files


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file_name, content in build().items():
        (FOLDER / file_name).write_bytes(content)
