"""What each event of a DMP is called in its history: of which kind it is, and in French what somebody did.

A sentence goes on after a name: « Claire MARCHAND a consulté un document », or « a tenté de consulter un document ». It
names no document and tells of none that it is hidden: whoever may see the document is shown it beside.

Source: public guides of the DMP (historique des accès); GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from audit.event import Outcome
from audit.transactions import (
    ALERTE,
    APPLICATION_START,
    APPLICATION_STOP,
    CONFIGURATION,
    CONNEXION,
    DECONNEXION,
    MIGRATION,
    RESEAU,
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

    @property
    def label(self) -> str:
        """What people read."""
        return _LABELS[self]


_LABELS = {
    Kind.CONSULTATION: "Consultations",
    Kind.ALIMENTATION: "Ajouts de documents",
    Kind.DOCUMENTS: "Modifications de documents",
    Kind.ACCES: "Accès et connexions",
    Kind.DROITS: "Autorisations",
    Kind.GESTION: "Gestion du DMP",
    Kind.ALERTES: "Alertes",
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One row: what was done, and what it is called when it was tried and did not come about.

    `on_documents`: an act that means nothing without the documents it was about.
    """

    kind: Kind
    text: str
    tried: str
    on_documents: bool = False

    def told(self, outcome: Outcome) -> str:
        """What is said of an event with that outcome."""
        return self.text if outcome is Outcome.SUCCESS else self.tried


def _did(kind: Kind, done: str, to_do: str, what: str = "", *, on_documents: bool = False) -> Sentence:
    """The sentence of a verb, as participle and as infinitive, and of what follows it."""
    of = "d'" if to_do[0] in "aeéio" else "de "
    text, tried = (" ".join(filter(None, (verb, what))) for verb in (f"a {done}", f"a tenté {of}{to_do}"))
    return Sentence(kind, text, tried, on_documents)


def _on_documents(done: str, to_do: str, what: str) -> Sentence:
    return _did(Kind.DOCUMENTS, done, to_do, what, on_documents=True)


def _warned(what: str = "", *, on_documents: bool = False) -> Sentence:
    text, tried = (f"{verb} averti(e) {what}".strip() for verb in ("a été", "n'a pas pu être"))
    return Sentence(Kind.ALERTES, text, tried, on_documents)


ENTERED = _did(Kind.ACCES, "accédé", "accéder", "au DMP")  # and of an act of which nothing more may be told

_ADDED = _did(Kind.ALIMENTATION, "ajouté", "ajouter", "un document", on_documents=True)
_SEARCHED = _did(Kind.CONSULTATION, "recherché", "rechercher", "des documents")
_OPENED = _did(Kind.CONSULTATION, "consulté", "consulter", "un document", on_documents=True)
_UPDATED = _on_documents("modifié", "modifier", "les propriétés d'un document")
_REMOVED = _on_documents("supprimé", "supprimer", "un document")
_IDENTITY_FED = _did(Kind.GESTION, "mis à jour", "mettre à jour", "l'identité du patient")
_IDENTITY_READ = _did(Kind.ACCES, "demandé", "demander", "les identifiants du patient")
_PATIENTS_SEARCHED = _did(Kind.ACCES, "recherché", "rechercher", "des patients")
_SERVICE = _did(Kind.GESTION, "démarré ou arrêté", "démarrer ou arrêter", "le service")
_CONFIGURED = _did(Kind.GESTION, "changé", "changer", "la configuration du service")

_BY_ACTION = {
    Action.TD0_1: _did(Kind.ACCES, "prouvé", "prouver", "son identité"),
    Action.TD0_2: _did(Kind.ACCES, "vérifié", "vérifier", "l'existence du DMP et son autorisation"),
    Action.TD0_3_AJOUT: _did(Kind.DROITS, "déclaré", "déclarer", "son autorisation d'accès"),
    Action.TD0_3_SUPPRESSION: _did(Kind.DROITS, "supprimé", "supprimer", "son autorisation d'accès"),
    Action.TD0_3_FIN_MT: _did(Kind.DROITS, "rendu", "rendre", "son statut de médecin traitant DMP"),
    Action.TD0_4: _did(Kind.ACCES, "consulté", "consulter", "la liste de ses patients"),
    Action.TD0_5: _PATIENTS_SEARCHED,
    Action.TD0_9: ENTERED,
    Action.TD1_3A: _did(Kind.CONSULTATION, "consulté", "consulter", "les données administratives"),
    Action.TD1_6: _did(Kind.CONSULTATION, "consulté", "consulter", "la liste des professionnels autorisés ou bloqués"),
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
    Action.TD3_3A_MASQUER: _on_documents("masqué", "masquer", "un document aux professionnels"),
    Action.TD3_3A_DEMASQUER: _on_documents("démasqué", "démasquer", "un document aux professionnels"),
    Action.TD3_3B: _on_documents("modifié", "modifier", "la visibilité d'un document"),
    Action.TD3_3C: _REMOVED,
    Action.TD3_3D_ARCHIVER: _on_documents("archivé", "archiver", "un document"),
    Action.TD3_3D_DESARCHIVER: _on_documents("désarchivé", "désarchiver", "un document"),
    Action.TD1_1: _did(Kind.GESTION, "créé", "créer", "le DMP"),
    Action.TD1_2: _did(Kind.GESTION, "rouvert", "rouvrir", "le DMP"),
    Action.TD1_3B: _did(Kind.GESTION, "modifié", "modifier", "les données administratives"),
    Action.TD1_4: _did(Kind.GESTION, "fermé", "fermer", "le DMP"),
    Action.TD1_5A: _did(Kind.GESTION, "créé", "créer", "l'accès internet du patient"),
    Action.TD1_5B: _did(Kind.GESTION, "modifié", "modifier", "les canaux de l'accès internet du patient"),
    Action.TD1_5D: _did(Kind.GESTION, "renouvelé", "renouveler", "les identifiants de l'accès internet du patient"),
    Action.VD_AUTORISER: _did(Kind.DROITS, "donné ou retiré", "donner ou retirer", "une autorisation d'accès"),
    Action.VD_BLOQUER: _did(
        Kind.DROITS, "bloqué ou débloqué", "bloquer ou débloquer", "un professionnel ou une structure"
    ),
    Action.VD_MEDECIN_TRAITANT: _did(
        Kind.DROITS, "donné ou retiré", "donner ou retirer", "le statut de médecin traitant DMP"
    ),
    Action.VD_URGENCE: _did(Kind.DROITS, "réglé", "régler", "les accès en urgence"),
    Action.VD_OPPOSITION: _did(Kind.DROITS, "réglé", "régler", "l'opposition à l'alimentation du DMP"),
    Action.VD_RECUEIL: _did(Kind.DROITS, "recueilli", "recueillir", "l'opposition ou le consentement du patient"),
    Action.VD_ALERTES: _did(Kind.ALERTES, "consulté ou réglé", "consulter ou régler", "ses alertes"),
    Action.VD_RECTIFICATION: _did(
        Kind.DOCUMENTS, "demandé ou suivi", "demander ou suivre", "la rectification d'un document"
    ),
    Action.VD_COPIE: _did(Kind.CONSULTATION, "reçu", "recevoir", "une copie du DMP"),
    Action.VD_DESTRUCTION: _did(Kind.GESTION, "demandé", "demander", "la destruction du DMP"),
    Action.HA: _did(Kind.CONSULTATION, "consulté", "consulter", "l'historique des accès"),
    Action.ITI_42: _ADDED,
    Action.ITI_44: _IDENTITY_FED,
    Action.ITI_45: _IDENTITY_READ,
    Action.ITI_47: _PATIENTS_SEARCHED,
    Action.ITI_51: _SEARCHED,
    Action.ITI_57: _UPDATED,
    Action.ITI_61: _ADDED,
    Action.ITI_62: _REMOVED,
    Action.ITI_81: _did(Kind.CONSULTATION, "recherché", "rechercher", "dans les traces des accès"),
    Action.ITI_82: _did(Kind.CONSULTATION, "recherché", "rechercher", "dans les traces des accès"),
    Action.ITI_86: _REMOVED,
    Action.ITI_92: _UPDATED,
}
_CONNECTING = "a tenté de se connecter au DMP"
# Event.action beside the actions of the DMP, and Call.transaction where a request was not understood as far as that.
_OTHERS = {
    DOCUMENT: _warned("de l'ajout d'un document", on_documents=True),
    URGENCE: _warned("d'un accès en urgence"),
    ALERTE: _warned(),
    "INS": _did(Kind.GESTION, "changé", "changer", "l'INS du DMP"),
    "representation": _did(Kind.GESTION, "enregistré", "enregistrer", "qui représente le patient"),
    "situation": _did(Kind.GESTION, "mis à jour", "mettre à jour", "la situation du patient"),
    "avis-majorite": _did(Kind.ALERTES, "averti", "avertir", "un représentant légal de la fin de ses accès"),
    "echeances": _did(Kind.CONSULTATION, "relevé", "relever", "les échéances du DMP"),
    "destruction": _did(Kind.GESTION, "détruit", "détruire", "le DMP"),
    "fusion": _did(Kind.GESTION, "fusionné", "fusionner", "deux DMP du patient"),
    "xdm.export": _did(Kind.CONSULTATION, "copié", "copier", "le DMP sur un support"),
    "audit": _did(Kind.CONSULTATION, "consulté", "consulter", "les traces du DMP"),
    "audit/archivage": _did(Kind.GESTION, "archivé", "archiver", "des traces anciennes"),
    "audit/reprise": _did(Kind.GESTION, "repris", "reprendre", "le scellement des traces"),
    TAMPERED: _did(Kind.GESTION, "constaté", "constater", "une atteinte à l'intégrité des traces"),
    "habilitations": _did(Kind.CONSULTATION, "vérifié", "vérifier", "des droits d'accès au DMP"),
    "connexion/mot-de-passe": _did(Kind.ACCES, "saisi", "saisir", "son mot de passe"),
    "connexion/code": Sentence(Kind.ACCES, "s'est connecté(e) au DMP", _CONNECTING),
    "connexion/code-de-creation": _did(Kind.GESTION, "créé", "créer", "son accès internet avec un code de création"),
    "mot-de-passe": _did(Kind.GESTION, "changé", "changer", "son mot de passe"),
    CONNEXION: Sentence(Kind.ACCES, _CONNECTING, _CONNECTING),
    DECONNEXION: Sentence(Kind.ACCES, "s'est déconnecté(e) du DMP", "a tenté de se déconnecter du DMP"),
    SECRETS: _did(Kind.GESTION, "changé", "changer", "ses identifiants de connexion"),
    "TD0.3": _did(Kind.DROITS, "modifié", "modifier", "son autorisation d'accès"),
    "TD0.10": ENTERED,
    "TD3.3": _UPDATED,
    "ITI-8": _IDENTITY_FED,
    "ITI-9": _IDENTITY_READ,
    "ITI-21": _PATIENTS_SEARCHED,
    "ITI-18": _SEARCHED,
    "ITI-41": _ADDED,
    "ITI-43": _OPENED,
    "ITI-46": _did(Kind.GESTION, "transmis", "transmettre", "les identifiants du patient à un système abonné"),
    "ITI-65": _ADDED,
    "ITI-66": _SEARCHED,
    "ITI-67": _SEARCHED,
    "ITI-68": _OPENED,
    "ITI-78": _PATIENTS_SEARCHED,
    "ITI-83": _IDENTITY_READ,
    "ITI-105": _ADDED,
    "ITI-106": _ADDED,
    "ITI-110": _did(Kind.ALERTES, "créé ou modifié", "créer ou modifier", "un abonnement aux documents du DMP"),
    "ITI-112": _warned("d'un document par son abonnement", on_documents=True),
    "ITI-113": _did(Kind.ALERTES, "consulté", "consulter", "ses abonnements"),
    "ITI-119": _PATIENTS_SEARCHED,
    "ITI-71": _did(Kind.ACCES, "obtenu", "obtenir", "un jeton d'accès"),
    "ITI-102": _did(Kind.ACCES, "vérifié", "vérifier", "un jeton d'accès"),
    "ITI-32/export": _did(Kind.CONSULTATION, "copié", "copier", "des documents sur un support"),
    "ITI-32/import": _ADDED,
    CONFIGURATION: _CONFIGURED,
    RESEAU: _CONFIGURED,
    MIGRATION: _did(Kind.GESTION, "mis à niveau", "mettre à niveau", "la base de données du service"),
    APPLICATION_START: _SERVICE,
    APPLICATION_STOP: _SERVICE,
}
# What an operator does under the name of what others do otherwise.
_OF_OPERATOR = {
    "TD1.6": _did(Kind.DROITS, "enregistré", "enregistrer", "les volontés du patient sur les accès"),
}

SENTENCES: Mapping[str, Sentence] = {**{action.value: said for action, said in _BY_ACTION.items()}, **_OTHERS}


def sentence_of(action: str, transaction: str, *, by_operator: bool) -> Sentence:
    """The sentence of an event; of one that the tables do not have, that somebody came."""
    if by_operator and action in _OF_OPERATOR:
        return _OF_OPERATOR[action]
    return SENTENCES.get(action) or SENTENCES.get(transaction) or ENTERED
