"""What the directory says of a requester: structures that are unknown, closed or not approved do not enter.

Source: GIE SESAM-Vitale, DMP-Compatibilité (« Structure introuvable ou Inactive », approval of AIR by establishment).
"""

from __future__ import annotations

from dmp.ports import Identities
from identities.requester import Authentication, Requester


def obstacle(directory: Identities, requester: Requester) -> str | None:
    """Why the directory does not let `requester` in, as a French sentence; None when it does.

    A card proves its holder; the directory can only say that the holder stopped practising. A structure's certificate
    proves the structure, and the directory says whether it is active and for which indirect modes it was approved.
    """
    if requester.authentication is Authentication.DIRECTE:
        professional = directory.professional(requester.id_nat)
        if professional is not None and not professional.active:
            return "Professionnel inactif dans l'annuaire."
        return None
    structure = directory.structure(requester.structure_id)
    if structure is None or not structure.active:
        return "Structure introuvable ou inactive."
    if requester.authentication not in structure.modes:
        return f"Structure non approuvée pour le mode {requester.authentication.value}."
    return None
