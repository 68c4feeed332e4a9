"""Requesters, statements and documents to decide about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from habilitations.column import (
    AUDITEUR,
    CPE_NON_PS,
    ES_INDIRECT,
    MEDECIN_DU_TRAVAIL,
    MEDECIN_NON_MT,
    MEDECIN_TRAITANT,
    NOEUD_IHE,
    PATIENT,
    PE_NON_PS,
    PS_NON_MEDECIN,
    REPRESENTANT_LEGAL,
    SANS_OBJET,
    UTILISATEUR_XUA,
)
from habilitations.statement import Statement, Switches
from identities.requester import Authentication, ModeAcces, Requester
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody
from schemas import oids

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DOSSIER = "dossier-1"
HOSPITAL, PRACTICE = "1990000018", "399000000100018"

MEDECIN = Requester(
    id_nat="899900000017",
    name="MARTIN Claire",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id=PRACTICE,
    sector="SA07",
    authentication=Authentication.DIRECTE,
    motif="patient inconscient",
)
INFIRMIER = replace(MEDECIN, id_nat="899900000025", profession="60", specialty="")
PHARMACIEN = replace(MEDECIN, id_nat="899900000033", profession="21", specialty="A")
PODOLOGUE = replace(MEDECIN, id_nat="899900000041", profession="80", specialty="")
MEDECIN_DU_TRAVAIL_SM25 = replace(MEDECIN, id_nat="899900000058", specialty="SM25")
SECRETAIRE = replace(
    MEDECIN,
    id_nat="399900000/7",
    profession="SECRETARIAT_MEDICAL",
    profession_system=oids.ROLE_NON_PS,
    specialty="",
)
ETABLISSEMENT = replace(
    SECRETAIRE,
    id_nat=f"{HOSPITAL}/automate",
    profession="AUTOMATE",
    structure_id=HOSPITAL,
    authentication=Authentication.INDIRECTE,
)

AUTHORISED = Statement(DOSSIER, authorised=True)
MEDECIN_TRAITANT_OF = Statement(DOSSIER, medecin_traitant=True)
EVERY_SWITCH = Switches(True, True, True)

NOEUD = Requester(
    id_nat="",
    name="CN=nœud",
    profession="",
    profession_system="",
    specialty="",
    structure_id="",
    sector="",
    authentication=Authentication.NOEUD_IHE,
)

_ACTORS = {
    NOEUD_IHE: NOEUD,
    PATIENT: replace(NOEUD, id_nat="279035121518989", name="ESSAI ANNE", authentication=Authentication.PATIENT),
    REPRESENTANT_LEGAL: replace(NOEUD, id_nat="rep-1", name="ESSAI JEAN", authentication=Authentication.REPRESENTANT),
    AUDITEUR: replace(NOEUD, id_nat="audit", name="audit", authentication=Authentication.AUDITEUR),
    UTILISATEUR_XUA: replace(NOEUD, id_nat="user", name="user", authentication=Authentication.XUA),
    PS_NON_MEDECIN: INFIRMIER,
    MEDECIN_NON_MT: MEDECIN,
    MEDECIN_TRAITANT: MEDECIN,
    MEDECIN_DU_TRAVAIL: MEDECIN_DU_TRAVAIL_SM25,
    CPE_NON_PS: SECRETAIRE,
    PE_NON_PS: SECRETAIRE,
    ES_INDIRECT: ETABLISSEMENT,
}


def in_column(sheet: str, heading: str) -> tuple[Requester, Statement]:
    """Someone whom the column `heading` of `sheet` judges, before a dossier that opposes nothing to him."""
    actor, _, mode = heading.partition(":")
    requester = _ACTORS[actor]
    if sheet == "AIR":
        requester = replace(requester, authentication=Authentication.INDIRECTE_RENFORCEE)
    if mode != SANS_OBJET:
        requester = replace(requester, mode_acces=ModeAcces(mode))
    treating = actor == MEDECIN_TRAITANT
    represents = actor == REPRESENTANT_LEGAL
    return requester, Statement(
        DOSSIER, authorised=True, medecin_traitant=treating, representing=represents, switches=EVERY_SWITCH
    )


def entry(
    type_code: str = "11502-2",
    *,
    marks: tuple[tuple[str, str], ...] = (),
    status: AvailabilityStatus = AvailabilityStatus.APPROVED,
) -> DocumentEntry:
    """An entry of that type, with those confidentiality codes beside N."""
    code = Code("x", "1.2.3")
    return DocumentEntry(
        entry_uuid="urn:uuid:00000000-0000-4000-8000-000000000001",
        unique_id="1.2.250.1.999.1.1",
        patient_id="279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH",
        mime_type="text/xml",
        class_code=code,
        type_code=Code(type_code, oids.LOINC),
        format_code=code,
        healthcare_facility_type_code=code,
        practice_setting_code=code,
        confidentiality_codes=(Code("N", oids.HL7_CONFIDENTIALITY), *(Code(*mark) for mark in marks)),
        creation_time="20260301",
        language_code="fr-FR",
        source_patient_id="1^^^&1.2.3&ISO",
        availability_status=status,
    )


PLAIN = entry()
MASKED = entry(marks=(MASQUE_PS,))
INVISIBLE = entry(marks=(INVISIBLE_PATIENT,))
INVISIBLE_REPRESENTATIVES = entry(marks=(INVISIBLE_REPRESENTANTS_LEGAUX,))
CRH = entry("34112-3")

OTHERS = Custody(frozenset({"899999999999"}), frozenset({"1999999999"}))


def by(requester: Requester) -> Custody:
    """The custody of what `requester` wrote, on his own account."""
    return Custody(frozenset({requester.id_nat}))


def by_structure(structure: str) -> Custody:
    """The custody of what somebody of that structure wrote."""
    return Custody(frozenset({"899999999999"}), frozenset({structure}))
