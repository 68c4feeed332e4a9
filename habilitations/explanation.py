"""Why: the French sentences of decisions. No name, INS, title or document type stands in them.

Source: CSP R.1111-46; GIE SESAM-Vitale, PDT-INF-526 v1.8 and PDT-INF-606 v1.3.
"""

from __future__ import annotations

from habilitations.action import Action
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
    Column,
)
from habilitations.matrices import DroitsFonctionnels
from identities.requester import ModeAcces, Requester

_ACTORS = {
    PS_NON_MEDECIN: "à un professionnel de santé non médecin",
    MEDECIN_NON_MT: "à un médecin qui n'est pas médecin traitant de ce DMP",
    MEDECIN_DU_TRAVAIL: "à un médecin du travail",
    MEDECIN_TRAITANT: "au médecin traitant de ce DMP",
    CPE_NON_PS: "à un porteur de CPE qui n'est pas professionnel de santé",
    PE_NON_PS: "à un personnel d'établissement qui n'est pas professionnel de santé",
    ES_INDIRECT: "à une structure en authentification indirecte",
    NOEUD_IHE: "à un nœud IHE",
    UTILISATEUR_XUA: "à un utilisateur d'un domaine IHE",
    PATIENT: "au patient",
    REPRESENTANT_LEGAL: "à un représentant légal",
    AUDITEUR: "à un auditeur",
}
_MODES = {
    ModeAcces.NORMAL.value: " en mode normal",
    ModeAcces.CENTRE_15.value: " en mode centre 15",
    ModeAcces.BRIS_DE_GLACE.value: " en bris de glace",
    SANS_OBJET: "",
}

_RULES = {
    "structure_absente": "L'action {action} s'exerce au nom d'une structure et le requérant n'en présente aucune.",
    "motif_absent": "Un accès en bris de glace doit être motivé et la demande ne donne aucun motif.",
    "dossier_inconnu": "Aucun DMP ne correspond au patient de la demande.",
    "dossier_ferme": "Ce DMP est fermé.",
    "opposition_alimentation": "Le patient s'est opposé à l'alimentation de son DMP.",
    "blocage": "Le patient a bloqué l'accès de ce requérant, ou de sa structure, à son DMP.",
    "opposition_centre_15": "Le patient s'est opposé à l'accès à son DMP par le centre 15.",
    "opposition_bris_de_glace": "Le patient s'est opposé à l'accès à son DMP en bris de glace.",
    "representation_terminee": "Le requérant n'est pas, ou n'est plus, représentant légal du patient.",
    "rattachement_mes": "Ce DMP est rattaché à Mon espace santé, où le patient en gère lui-même les données.",
    "autorisation_expiree": "L'autorisation d'accès donnée par le patient a expiré.",
    "autorisation_absente": "Le patient n'a autorisé à accéder à son DMP ni ce requérant, ni sa structure.",
}

ENTRY_RULES = {
    "matrice": "La matrice d'habilitation n'ouvre pas ce type de document à cette profession.",
    "document_d_autrui": "Ce droit ne porte que sur les documents du requérant ou de sa structure.",
    "document_masque": "Le document est masqué aux professionnels : il n'est visible que de son auteur, du médecin "
    "traitant du DMP et du patient.",
    "document_masque_en_urgence": "Le document est masqué aux professionnels et le patient n'a pas permis l'accès aux "
    "documents masqués en urgence.",
    "document_invisible": "Le document n'est pas visible du patient ou de ses représentants légaux, et le requérant "
    "n'a pas le droit de consulter de tels documents.",
    "statut_du_document": "Le requérant n'a pas le droit d'accéder à un document dans cet état (archivé, obsolète ou "
    "supprimé).",
}
"""Rule by which an entry stays hidden -> sentence."""


def no_column(requester: Requester) -> str:
    """Why no table judges `requester`."""
    profession = requester.profession or "absente"
    specialty = requester.specialty or "absente"
    return (
        "Les droits fonctionnels n'ont aucune colonne pour ce requérant (authentification "
        f"{requester.authentication.value}, profession {profession}, spécialité {specialty}, mode d'accès "
        f"{requester.mode_acces.value}) : refus par défaut."
    )


def functional_right(droits: DroitsFonctionnels, action: Action, column: Column, *, granted: bool) -> str:
    """What the cell of `action` and `column` says."""
    verb = "permet" if granted else "ne permet pas"
    version, who = droits.versions[droits.sheet(action, column)], f"{_ACTORS[column.actor]}{_MODES[column.mode]}"
    return f"La fiche {version} {verb} {who} l'action {action.transaction} « {droits.labels[action]} »."


def rule(name: str, action: Action) -> str:
    """Why a rule that is no cell of a table refuses `action`."""
    return _RULES[name].format(action=action.transaction)


def matrix_cell(version: str, profession: str, type_code: str, *, granted: bool) -> str:
    """What the matrix says of one type, for whoever asks about the table itself and not about a document."""
    verb = "ouvre" if granted else "n'ouvre pas"
    return f"La matrice d'habilitation {version} {verb} le type de document {type_code} à la profession {profession}."
