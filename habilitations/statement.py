"""What the patient said, as far as it concerns one requester at one instant.

Source: CSP L.1111-14 to L.1111-19, R.1111-46; GIE SESAM-Vitale, DMP-Compatibilité, droits d'accès.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Switches:
    """The patient's three emergency switches. The third counts only while one of the first two is on."""

    centre_15: bool = True
    bris_de_glace: bool = True
    masques_en_urgence: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """What stands between one requester and one dossier. `dossier` is the dossier's internal key.

    `authorised` covers the professional and, for a health professional, the establishment (one care team);
    `expired` tells an authorisation that ran out from one that never was.
    """

    dossier: str
    open: bool = True
    authorised: bool = False
    expired: bool = False
    blocked: bool = False
    medecin_traitant: bool = False
    opposed_to_feeding: bool = False
    attached_to_mes: bool = False  # the patient manages the dossier in Mon espace santé
    representing: bool = False  # the requester is a legal representative in office
    switches: Switches = Switches()
