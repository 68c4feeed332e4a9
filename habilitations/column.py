"""Which column of the functional-rights tables judges a requester.

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 (sheet CPS_CPE_ES) and PDT-INF-606 v1.3 (sheet AIR), column headings. Two
sheets are this house's own, for those whom the sheets of the DMP do not know: PATIENT (the patient, legal
representatives, auditors) and IHE (nodes and users of an IHE affinity domain).
"""

from __future__ import annotations

from dataclasses import dataclass

from habilitations.statement import Statement
from identities.requester import Authentication, ModeAcces, Requester
from schemas import oids
from schemas.value_sets import ValueSets

CPS_CPE_ES = "CPS_CPE_ES"
AIR = "AIR"
IHE = "IHE"
PATIENTS = "PATIENT"
GESTION = "GESTION"  # no sheet: the version of this house's own rows in the columns of the DMP
SHEETS = (CPS_CPE_ES, AIR)  # of the DMP

PS_NON_MEDECIN = "PS_non_medecin"
MEDECIN_NON_MT = "medecin_non_MT"
MEDECIN_DU_TRAVAIL = "medecin_du_travail"
MEDECIN_TRAITANT = "medecin_traitant_DMP"
CPE_NON_PS = "CPE_non_PS"  # holder of a CPE
PE_NON_PS = "PE_non_PS"  # staff of an establishment, AIR
ES_INDIRECT = "ES_indirect"  # certificate of a structure
NOEUD_IHE = "noeud_ihe"  # a system known by its TLS certificate alone
UTILISATEUR_XUA = "utilisateur_xua"  # a user whom an IHE assertion names
PATIENT = "patient"
REPRESENTANT_LEGAL = "representant_legal"
AUDITEUR = "auditeur"
SANS_OBJET = "sans_objet"

MEDECIN = "10"  # TRE_G15
MEDECINE_DU_TRAVAIL = frozenset({"SM25", "SCH35", "C41", "CAPA11"})  # TRE_R38, JDV_J65: every "médecine du travail"

_NORMAL, _CENTRE_15, _BRIS_DE_GLACE = (
    mode.value for mode in (ModeAcces.NORMAL, ModeAcces.CENTRE_15, ModeAcces.BRIS_DE_GLACE)
)
_HEADINGS = {
    CPS_CPE_ES: {
        PS_NON_MEDECIN: (_NORMAL, _CENTRE_15, _BRIS_DE_GLACE),
        MEDECIN_NON_MT: (_NORMAL, _CENTRE_15, _BRIS_DE_GLACE),
        MEDECIN_DU_TRAVAIL: (SANS_OBJET,),
        MEDECIN_TRAITANT: (_NORMAL, _BRIS_DE_GLACE),
        CPE_NON_PS: (_NORMAL,),
        ES_INDIRECT: (_NORMAL, _CENTRE_15),
    },
    AIR: {
        PS_NON_MEDECIN: (_NORMAL, _CENTRE_15, _BRIS_DE_GLACE),
        MEDECIN_NON_MT: (_NORMAL, _CENTRE_15, _BRIS_DE_GLACE),
        MEDECIN_TRAITANT: (_NORMAL, _BRIS_DE_GLACE),
        PE_NON_PS: (_NORMAL,),
    },
    IHE: {
        NOEUD_IHE: (_NORMAL,),
        UTILISATEUR_XUA: (_NORMAL,),
    },
    PATIENTS: {
        PATIENT: (_NORMAL,),
        REPRESENTANT_LEGAL: (_NORMAL,),
        AUDITEUR: (_NORMAL,),
    },
}
_OWN_ACTORS = {
    Authentication.NOEUD_IHE: (IHE, NOEUD_IHE),
    Authentication.XUA: (IHE, UTILISATEUR_XUA),
    Authentication.PATIENT: (PATIENTS, PATIENT),
    Authentication.REPRESENTANT: (PATIENTS, REPRESENTANT_LEGAL),
    Authentication.AUDITEUR: (PATIENTS, AUDITEUR),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column heading: the sheet, the actor and the access mode. `str()` is as in the CSV file."""

    sheet: str
    actor: str
    mode: str

    @property
    def heading(self) -> str:
        """The heading as printed on its sheet: `PS_non_medecin:normal`."""
        return f"{self.actor}:{self.mode}"

    def __str__(self) -> str:
        return f"{self.sheet}/{self.heading}"


COLUMNS = {
    (sheet, actor, mode): Column(sheet, actor, mode)
    for sheet, actors in _HEADINGS.items()
    for actor, modes in actors.items()
    for mode in modes
}


def is_health_professional(requester: Requester) -> bool:
    """Whether the requester's profession is one of the health professions of the DMP. Source: JDV_J65."""
    return requester.profession_system == oids.PROFESSION and _known(requester)


def is_medecin(requester: Requester) -> bool:
    """Whether the requester is a physician, whatever the specialty. Source: TRE_G15, code 10."""
    return requester.profession_system == oids.PROFESSION and requester.profession == MEDECIN


def column_of(requester: Requester, statement: Statement | None) -> Column | None:
    """The column that judges `requester` before the dossier of `statement`; None when the tables have none for him.

    The tables have no médecin traitant in centre_15 (regulation does not act as médecin traitant: judged as any other
    médecin), no occupational physician in AIR, and no role without a health profession outside normal mode. A médecin
    who does not name his specialty has no column: he cannot be told from an occupational physician.
    """
    mode = requester.mode_acces
    if own := _OWN_ACTORS.get(requester.authentication):
        return COLUMNS.get((*own, mode.value))
    if requester.authentication is Authentication.INDIRECTE:
        return COLUMNS.get((CPS_CPE_ES, ES_INDIRECT, mode.value))
    sheet = CPS_CPE_ES if requester.authentication is Authentication.DIRECTE else AIR
    if requester.profession_system == oids.ROLE_NON_PS and _known(requester):
        return COLUMNS.get((sheet, CPE_NON_PS if sheet == CPS_CPE_ES else PE_NON_PS, mode.value))
    if not is_health_professional(requester):
        return None
    if not is_medecin(requester):
        return COLUMNS.get((sheet, PS_NON_MEDECIN, mode.value))
    if not requester.specialty:
        return None
    if requester.specialty in MEDECINE_DU_TRAVAIL:
        return COLUMNS.get((sheet, MEDECIN_DU_TRAVAIL, SANS_OBJET))
    if statement is not None and statement.medecin_traitant and mode is not ModeAcces.CENTRE_15:
        return COLUMNS.get((sheet, MEDECIN_TRAITANT, mode.value))
    return COLUMNS.get((sheet, MEDECIN_NON_MT, mode.value))


def _known(requester: Requester) -> bool:
    return ValueSets.load().contains("subject_role", requester.profession, requester.profession_system)
