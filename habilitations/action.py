"""What can be asked of a DMP: one enum, each member a row of the functional-rights tables.

The sheets of the DMP have most rows TD. This house's own are those for the life of a dossier (TD1.1 to TD1.5, which
the sheets no longer have), for what a patient decides (VD) or reads (HA), and for what an IHE domain asks beyond (ITI).

Source: GIE SESAM-Vitale, PDT-INF-526 v1.8 (CPS, CPE, structure certificate) and PDT-INF-606 v1.3 (AIR); ITI TF-1.
"""

from __future__ import annotations

from enum import Enum


class Demand(Enum):
    """What an action asks of the dossier and of the patient, beside the functional right.

    Source: CSP L.1111-14 to L.1111-19, R.1111-46; PDT-INF-526 v1.8.
    """

    NOTHING = "rien"  # concerns no dossier, or only whether there is one
    FEEDING = "alimentation"  # the patient is not opposed; a blocked professional may still deposit
    KNOWN = "dossier connu"  # a dossier, open or closed, whose patient did not block the requester
    DOSSIER = "dossier"  # an open dossier
    UNBLOCKED = "sans blocage"  # an open dossier whose patient did not block the requester
    MANAGED = "gestion"  # besides, a dossier that is not attached to Mon espace santé, where the patient manages it
    AUTHORISATION = "autorisation"  # besides, an authorisation in force, or an emergency the patient did not oppose


class Action(Enum):
    """A DMP action. The value is the transaction, and after a slash the variant where a transaction has several."""

    TD0_1 = "TD0.1"  # authentification
    TD0_2 = "TD0.2"  # test d'existence et statut d'autorisation
    TD0_3_AJOUT = "TD0.3/ajout"  # se déclarer autorisé
    TD0_3_SUPPRESSION = "TD0.3/suppression"  # supprimer son autorisation
    TD0_3_FIN_MT = "TD0.3/fin-medecin-traitant"  # se supprimer médecin traitant
    TD0_4 = "TD0.4"  # liste des DMP autorisés
    TD0_5 = "TD0.5"  # recherche de patient sans INS
    TD0_9 = "TD0.9"  # accès web PS contextuel (TD0.10 en AIR)
    TD1_3A = "TD1.3a"  # consulter les données administratives
    TD1_6 = "TD1.6"  # liste des PS autorisés ou bloqués
    TD2_1 = "TD2.1"  # alimenter
    TD2_2 = "TD2.2"  # alimenter par CPE (secrétariat médical libéral)
    TD3_1 = "TD3.1"  # rechercher les métadonnées
    TD3_1_REFERENCE = "TD3.1/reference"  # rechercher la référence d'un document
    TD3_2 = "TD3.2"  # consulter un document non masqué
    TD3_2_MASQUE = "TD3.2/masque"  # consulter un document masqué aux PS
    TD3_2_INVISIBLE = "TD3.2/invisible"  # consulter un document non visible du patient ou de ses représentants
    TD3_2_ARCHIVE = "TD3.2/archive"
    TD3_2_OBSOLETE = "TD3.2/obsolete"
    TD3_2_SUPPRIME = "TD3.2/supprime"
    TD3_3A_MASQUER = "TD3.3a/masquer"
    TD3_3A_DEMASQUER = "TD3.3a/demasquer"
    TD3_3B = "TD3.3b"  # rendre visible au patient
    TD3_3C = "TD3.3c"  # supprimer
    TD3_3D_ARCHIVER = "TD3.3d/archiver"
    TD3_3D_DESARCHIVER = "TD3.3d/desarchiver"
    TD1_1 = "TD1.1"  # créer un DMP
    TD1_2 = "TD1.2"  # réactiver un DMP fermé
    TD1_3B = "TD1.3b"  # modifier les données administratives
    TD1_4 = "TD1.4"  # fermer
    TD1_5A = "TD1.5a"  # créer l'accès internet du patient
    TD1_5B = "TD1.5b"  # ses canaux de réception du code à usage unique
    TD1_5D = "TD1.5d"  # renouveler ses identifiants
    VD_AUTORISER = "VD/autoriser"  # autoriser un professionnel ou une structure, ou retirer son autorisation
    VD_BLOQUER = "VD/bloquer"  # bloquer ou débloquer un professionnel
    VD_MEDECIN_TRAITANT = "VD/medecin-traitant"  # donner ou retirer le statut de médecin traitant DMP
    VD_URGENCE = "VD/urgence"  # régler les accès en urgence
    VD_OPPOSITION = "VD/opposition"  # s'opposer à l'alimentation, ou y consentir de nouveau
    VD_RECUEIL = "VD/recueil"  # recueillir au guichet opposition à l'alimentation et consentement à la consultation
    VD_ALERTES = "VD/alertes"  # régler ses alertes
    VD_RECTIFICATION = "VD/rectification"  # demander à l'auteur de rectifier un document ; l'auteur lit ce qui l'est
    VD_COPIE = "VD/copie"  # recevoir une copie du DMP
    VD_DESTRUCTION = "VD/destruction"  # demander la destruction d'un DMP fermé
    HA = "HA"  # consulter l'historique des accès
    ITI_42 = "ITI-42"  # register documents of another repository
    ITI_44 = "ITI-44"  # feed and merge patient identities
    ITI_45 = "ITI-45"  # the identifiers of a patient
    ITI_47 = "ITI-47"  # patients by their traits
    ITI_51 = "ITI-51"  # search several patients at once
    ITI_57 = "ITI-57"  # update metadata
    ITI_61 = "ITI-61"  # register an on-demand entry
    ITI_62 = "ITI-62"  # remove metadata
    ITI_81 = "ITI-81"  # read the audit log
    ITI_82 = "ITI-82"  # read it as syslog messages
    ITI_86 = "ITI-86"  # remove documents
    ITI_92 = "ITI-92"  # update metadata, restricted

    @property
    def official(self) -> bool:
        """Whether the sheets of the DMP have a row for it."""
        return self.value.startswith("TD") and not self.managing

    @property
    def managing(self) -> bool:
        """Whether it is part of the life of a dossier that the sheets of the DMP no longer have."""
        return self.transaction in ("TD1.1", "TD1.2", "TD1.3b", "TD1.4", "TD1.5a", "TD1.5b", "TD1.5d")

    @property
    def foreign(self) -> bool:
        """Whether it is what an IHE affinity domain asks beyond the DMP."""
        return self.value.startswith("ITI-")

    @property
    def finds(self) -> bool:
        """Whether it reads, or acts on, documents that are there: its decision then comes with a Scope."""
        if self in (Action.ITI_81, Action.ITI_82):
            return False
        return self.foreign or self.value.startswith("TD3.") or self in _READING

    @property
    def transaction(self) -> str:
        """The transaction as printed: `TD3.2`."""
        return self.value.partition("/")[0]

    @property
    def demand(self) -> Demand:
        """What the action asks of the dossier and of the patient; by default an authorisation."""
        return _DEMANDS.get(self, Demand.AUTHORISATION)


_READING = frozenset({Action.VD_COPIE, Action.VD_RECTIFICATION})
_DEMANDS = {
    Action.TD0_1: Demand.NOTHING,
    Action.TD0_2: Demand.NOTHING,
    Action.TD0_3_AJOUT: Demand.UNBLOCKED,
    Action.TD0_3_SUPPRESSION: Demand.DOSSIER,
    Action.TD0_3_FIN_MT: Demand.DOSSIER,
    Action.TD0_4: Demand.NOTHING,
    Action.TD0_5: Demand.NOTHING,
    Action.TD0_9: Demand.NOTHING,
    Action.TD1_1: Demand.NOTHING,
    Action.TD1_2: Demand.KNOWN,
    Action.TD1_3A: Demand.UNBLOCKED,
    Action.TD1_3B: Demand.MANAGED,
    Action.TD1_4: Demand.MANAGED,
    Action.TD1_5A: Demand.MANAGED,
    Action.TD1_5B: Demand.MANAGED,
    Action.TD1_5D: Demand.MANAGED,
    Action.VD_DESTRUCTION: Demand.KNOWN,
    Action.VD_RECUEIL: Demand.DOSSIER,  # what somebody who is blocked was told counts, too
    Action.VD_RECTIFICATION: Demand.DOSSIER,  # an author is asked to put his own document right, even when blocked
    Action.TD2_1: Demand.FEEDING,
    Action.TD2_2: Demand.FEEDING,
    Action.TD3_3C: Demand.UNBLOCKED,  # one's own documents: part of feeding, needs no authorisation
    Action.ITI_42: Demand.FEEDING,
    Action.ITI_44: Demand.NOTHING,
    Action.ITI_45: Demand.NOTHING,
    Action.ITI_47: Demand.NOTHING,
    Action.ITI_61: Demand.FEEDING,
    Action.ITI_81: Demand.NOTHING,
    Action.ITI_82: Demand.NOTHING,
}
