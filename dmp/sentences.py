"""What each event of a DMP is called in its history: of which kind it is, and in French what somebody did.

A sentence goes on after a name: « Claire MARCHAND a consulté un document ». It names no document and tells of none that
it is hidden: whoever may see the document is shown it beside.

Source: public guides of the DMP (historique des accès); GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from audit.transactions import (
    ALERTE,
    APPLICATION_START,
    APPLICATION_STOP,
    CONNEXION,
    DECONNEXION,
    SECRETS,
    TAMPERED,
)
from dmp.alertes import DOCUMENT, URGENCE
from habilitations.action import Action


class Kind(Enum):
    """What a history is filtered by."""

    CONSULTATION = "consultation"
    ALIMENTATION = "alimentation"
    DOCUMENTS = "documents"  # masked, shown, archived, removed
    ACCES = "acces"  # who came in, or tried to
    DROITS = "droits"  # who may come in
    GESTION = "gestion"  # the life of the dossier
    ALERTES = "alertes"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One row. `on_documents`: an act that means nothing without the documents it was about."""

    kind: Kind
    text: str
    on_documents: bool = False


def _on_documents(text: str) -> Sentence:
    return Sentence(Kind.DOCUMENTS, text, on_documents=True)


ENTERED = Sentence(Kind.ACCES, "a accédé au DMP")  # and of an act of which nothing more may be told

_ADDED = Sentence(Kind.ALIMENTATION, "a ajouté un document", on_documents=True)
_SEARCHED = Sentence(Kind.CONSULTATION, "a recherché des documents")
_OPENED = Sentence(Kind.CONSULTATION, "a consulté un document", on_documents=True)
_UPDATED = _on_documents("a modifié les propriétés d'un document")
_REMOVED = _on_documents("a supprimé un document")
_IDENTITY_FED = Sentence(Kind.GESTION, "a mis à jour l'identité du patient")
_IDENTITY_READ = Sentence(Kind.ACCES, "a demandé les identifiants du patient")
_PATIENTS_SEARCHED = Sentence(Kind.ACCES, "a recherché des patients")
_SERVICE = Sentence(Kind.GESTION, "a démarré ou arrêté le service")

_BY_ACTION = {
    Action.TD0_1: Sentence(Kind.ACCES, "a prouvé son identité"),
    Action.TD0_2: Sentence(Kind.ACCES, "a vérifié l'existence du DMP et son autorisation"),
    Action.TD0_3_AJOUT: Sentence(Kind.DROITS, "a déclaré son autorisation d'accès"),
    Action.TD0_3_SUPPRESSION: Sentence(Kind.DROITS, "a supprimé son autorisation d'accès"),
    Action.TD0_3_FIN_MT: Sentence(Kind.DROITS, "a rendu son statut de médecin traitant DMP"),
    Action.TD0_4: Sentence(Kind.ACCES, "a consulté la liste de ses patients"),
    Action.TD0_5: _PATIENTS_SEARCHED,
    Action.TD0_9: ENTERED,
    Action.TD1_3A: Sentence(Kind.CONSULTATION, "a consulté les données administratives"),
    Action.TD1_6: Sentence(Kind.CONSULTATION, "a consulté la liste des professionnels autorisés ou bloqués"),
    Action.TD2_1: _ADDED,
    Action.TD2_2: _ADDED,
    Action.TD3_1: _SEARCHED,
    Action.TD3_1_REFERENCE: _SEARCHED,
    Action.TD3_2: _OPENED,
    Action.TD3_2_MASQUE: _OPENED,
    Action.TD3_2_INVISIBLE: _OPENED,
    Action.TD3_2_ARCHIVE: _OPENED,
    Action.TD3_2_OBSOLETE: _OPENED,
    Action.TD3_2_SUPPRIME: _OPENED,
    Action.TD3_3A_MASQUER: _on_documents("a masqué un document aux professionnels"),
    Action.TD3_3A_DEMASQUER: _on_documents("a démasqué un document aux professionnels"),
    Action.TD3_3B: _on_documents("a modifié la visibilité d'un document"),
    Action.TD3_3C: _REMOVED,
    Action.TD3_3D_ARCHIVER: _on_documents("a archivé un document"),
    Action.TD3_3D_DESARCHIVER: _on_documents("a désarchivé un document"),
    Action.TD1_1: Sentence(Kind.GESTION, "a créé le DMP"),
    Action.TD1_2: Sentence(Kind.GESTION, "a rouvert le DMP"),
    Action.TD1_3B: Sentence(Kind.GESTION, "a modifié les données administratives"),
    Action.TD1_4: Sentence(Kind.GESTION, "a fermé le DMP"),
    Action.TD1_5A: Sentence(Kind.GESTION, "a créé l'accès internet du patient"),
    Action.TD1_5B: Sentence(Kind.GESTION, "a modifié les canaux de l'accès internet du patient"),
    Action.TD1_5D: Sentence(Kind.GESTION, "a renouvelé les identifiants de l'accès internet du patient"),
    Action.VD_AUTORISER: Sentence(Kind.DROITS, "a donné ou retiré une autorisation d'accès"),
    Action.VD_BLOQUER: Sentence(Kind.DROITS, "a bloqué ou débloqué un professionnel ou une structure"),
    Action.VD_MEDECIN_TRAITANT: Sentence(Kind.DROITS, "a donné ou retiré le statut de médecin traitant DMP"),
    Action.VD_URGENCE: Sentence(Kind.DROITS, "a réglé les accès en urgence"),
    Action.VD_OPPOSITION: Sentence(Kind.DROITS, "a réglé l'opposition à l'alimentation du DMP"),
    Action.VD_ALERTES: Sentence(Kind.ALERTES, "a consulté ou réglé ses alertes"),
    Action.VD_RECTIFICATION: Sentence(Kind.DOCUMENTS, "a demandé ou suivi la rectification d'un document"),
    Action.VD_COPIE: Sentence(Kind.CONSULTATION, "a reçu une copie du DMP"),
    Action.VD_DESTRUCTION: Sentence(Kind.GESTION, "a demandé la destruction du DMP"),
    Action.HA: Sentence(Kind.CONSULTATION, "a consulté l'historique des accès"),
    Action.ITI_42: _ADDED,
    Action.ITI_44: _IDENTITY_FED,
    Action.ITI_45: _IDENTITY_READ,
    Action.ITI_47: _PATIENTS_SEARCHED,
    Action.ITI_51: _SEARCHED,
    Action.ITI_57: _UPDATED,
    Action.ITI_61: _ADDED,
    Action.ITI_62: _REMOVED,
    Action.ITI_81: Sentence(Kind.CONSULTATION, "a recherché dans les traces des accès"),
    Action.ITI_86: _REMOVED,
    Action.ITI_92: _UPDATED,
}
# Event.action beside the actions of the DMP, and Call.transaction where a request was not understood as far as that.
_OTHERS = {
    DOCUMENT: Sentence(Kind.ALERTES, "a été averti(e) de l'ajout d'un document", on_documents=True),
    URGENCE: Sentence(Kind.ALERTES, "a été averti(e) d'un accès en urgence"),
    ALERTE: Sentence(Kind.ALERTES, "a été averti(e)"),
    "INS": Sentence(Kind.GESTION, "a changé l'INS du DMP"),
    "representation": Sentence(Kind.GESTION, "a enregistré qui représente le patient"),
    "situation": Sentence(Kind.GESTION, "a mis à jour la situation du patient"),
    "avis-majorite": Sentence(Kind.ALERTES, "a averti un représentant légal de la fin de ses accès"),
    "echeances": Sentence(Kind.CONSULTATION, "a relevé les échéances du DMP"),
    "destruction": Sentence(Kind.GESTION, "a détruit le DMP"),
    "fusion": Sentence(Kind.GESTION, "a fusionné deux DMP du patient"),
    "xdm.export": Sentence(Kind.CONSULTATION, "a copié le DMP sur un support"),
    "audit": Sentence(Kind.CONSULTATION, "a consulté les traces du DMP"),
    "audit/archivage": Sentence(Kind.GESTION, "a archivé des traces anciennes"),
    "audit/reprise": Sentence(Kind.GESTION, "a repris le scellement des traces"),
    TAMPERED: Sentence(Kind.GESTION, "a constaté une atteinte à l'intégrité des traces"),
    "habilitations": Sentence(Kind.CONSULTATION, "a vérifié des droits d'accès au DMP"),
    "connexion/mot-de-passe": Sentence(Kind.ACCES, "a saisi son mot de passe"),
    "connexion/code": Sentence(Kind.ACCES, "s'est connecté(e) au DMP"),
    "connexion/code-de-creation": Sentence(Kind.GESTION, "a créé son accès internet avec un code de création"),
    "mot-de-passe": Sentence(Kind.GESTION, "a changé son mot de passe"),
    CONNEXION: Sentence(Kind.ACCES, "a tenté de se connecter au DMP"),
    DECONNEXION: Sentence(Kind.ACCES, "s'est déconnecté(e) du DMP"),
    SECRETS: Sentence(Kind.GESTION, "a changé ses identifiants de connexion"),
    "TD0.3": Sentence(Kind.DROITS, "a modifié son autorisation d'accès"),
    "TD0.10": ENTERED,
    "TD3.3": _UPDATED,
    "ITI-18": _SEARCHED,
    "ITI-41": _ADDED,
    "ITI-43": _OPENED,
    "ITI-46": Sentence(Kind.GESTION, "a transmis les identifiants du patient à un système abonné"),
    "ITI-32/export": Sentence(Kind.CONSULTATION, "a copié des documents sur un support"),
    "ITI-32/import": _ADDED,
    APPLICATION_START: _SERVICE,
    APPLICATION_STOP: _SERVICE,
}
# What an operator does under the name of what others do otherwise.
_OF_OPERATOR = {"TD1.6": Sentence(Kind.DROITS, "a enregistré les volontés du patient sur les accès")}

SENTENCES: Mapping[str, Sentence] = {**{action.value: said for action, said in _BY_ACTION.items()}, **_OTHERS}


def sentence_of(action: str, transaction: str, *, by_operator: bool) -> Sentence:
    """The sentence of an event; of one that the tables do not have, that somebody came."""
    if by_operator and action in _OF_OPERATOR:
        return _OF_OPERATOR[action]
    return SENTENCES.get(action) or SENTENCES.get(transaction) or ENTERED
