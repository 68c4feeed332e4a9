"""What the directory says of a requester: what he claims of himself and his structure holds only as far as it says so.

Source: GIE SESAM-Vitale, DMP-Compatibilité (« Structure introuvable ou Inactive », « PS et Structure non liés »,
approval of AIR by establishment).
"""

from __future__ import annotations

from dataclasses import replace

from dmp.ports import Identities
from identities.requester import Authentication, Requester


class NotListedError(Exception):
    """The directory does not let this requester in; the message is a French sentence, without health data."""


def attested(directory: Identities, requester: Requester) -> Requester:
    """`requester` with what the directory vouches for. Raises NotListedError.

    A card proves its holder and no structure: the structure must be one of the holder's, and is dropped for a holder
    whom the directory does not know. A certificate proves its structure, and the directory says whether that is active,
    for which indirect modes it was approved, and that a professional it speaks for is not somebody else's. Of IHE nodes
    and their users the directory knows nothing.
    """
    if not requester.authentication.french:
        return requester
    professional = directory.professional(requester.id_nat)
    if professional is not None:
        if not professional.active:
            raise NotListedError("Professionnel inactif dans l'annuaire.")
        if requester.structure_id and requester.structure_id not in professional.structures:
            raise NotListedError("PS et structure non liés.")
    if requester.authentication is Authentication.DIRECTE:
        return requester if professional is not None else replace(requester, structure_id="")
    structure = directory.structure(requester.structure_id)
    if structure is None or not structure.active:
        raise NotListedError("Structure introuvable ou inactive.")
    if requester.authentication not in structure.modes:
        raise NotListedError(f"Structure non approuvée pour le mode {requester.authentication.value}.")
    return requester
