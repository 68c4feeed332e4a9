"""What the directory says of a requester: what he claims of himself and his structure holds only as far as it says so.

Source: GIE SESAM-Vitale, DMP-Compatibilité (« Structure introuvable ou Inactive », « PS et Structure non liés »,
approval of AIR by establishment).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dmp.ports import Identities
from identities.requester import Authentication, Requester
from schemas import oids

STRUCTURE_UNKNOWN = "Structure introuvable ou Inactive"  # as the DMP says it
NOT_LINKED = "PS et Structure non liés"


class NotListedError(Exception):
    """The directory does not let this requester in; the message is a French sentence, without health data."""


def attested(directory: Identities, requester: Requester) -> Requester:
    """`requester` with what the directory vouches for. Raises NotListedError.

    A card proves its holder and no structure: the structure must be one where the holder is active still, and is
    dropped for a holder whom the directory does not know. A certificate proves its structure, and the directory says
    for which indirect modes it was approved, and that a professional it speaks for is not somebody else's. A structure
    that the directory knows as inactive lets nobody in. A professional whom it knows exercises no other profession, and
    of several savoir-faire the one he names counts. Of IHE nodes and their users the directory knows nothing.
    """
    if not requester.authentication.french:
        return requester
    structure = directory.structure(requester.structure_id)
    direct = requester.authentication is Authentication.DIRECTE
    if (structure is None and not direct) or (structure is not None and not structure.active):
        raise NotListedError(STRUCTURE_UNKNOWN)
    professional = directory.professional(requester.id_nat)
    if professional is not None:
        if not professional.active:
            raise NotListedError("Professionnel inactif dans l'annuaire")
        if requester.structure_id and requester.structure_id not in professional.structures:
            raise NotListedError(NOT_LINKED)
        if not professional.exercises(requester.profession, requester.profession_system, requester.specialty):
            raise NotListedError("Profession ou spécialité non conforme à l'annuaire")
    if structure is not None and not direct and requester.authentication not in structure.modes:
        raise NotListedError(f"Structure non approuvée pour le mode {requester.authentication.value}")
    return requester if professional is not None or not direct else replace(requester, structure_id="")


@dataclass(frozen=True, slots=True)
class Situation:
    """One way in which the holder of a card exercises: a profession, one specialty, one structure; '' for none."""

    profession: str
    profession_system: str
    specialty: str
    structure_id: str
    structure_name: str
    sector: str

    @property
    def key(self) -> str:
        """What tells it from the holder's other situations."""
        return f"{self.structure_id}/{self.specialty}" if self.specialty else self.structure_id

    def held_by(self, id_nat: str, family: str, given: str, subject: str) -> Requester:
        """Whoever holds a card in this situation, seen by it; `subject` is that of its certificate."""
        return Requester(
            id_nat=id_nat,
            name=f"{family} {given}".strip(),
            profession=self.profession,
            profession_system=self.profession_system,
            specialty=self.specialty,
            structure_id=self.structure_id,
            sector=self.sector,
            authentication=Authentication.DIRECTE,
            certificate_subject=subject,
        )


def situations(
    directory: Identities, id_nat: str, profession: str, specialties: Sequence[str]
) -> tuple[Situation, ...]:
    """The situations of whoever holds a card, at least one: what the card says, and the directory where it is silent.

    A card names its holder's profession and specialties; that of an employee (CPE) neither. No card names structures.
    Source: GIE SESAM-Vitale, PDT-INF-527 v1.7, 2.7.
    """
    known, system = directory.professional(id_nat), oids.PROFESSION
    if known is not None and not profession:
        profession, system = known.profession, known.profession_system
    if known is not None and not specialties and profession == known.profession:
        exercised = {each.savoir_faire for each in known.exercices if each.profession == profession}
        specialties = sorted(filter(None, exercised)) or [known.specialty]
    structures = [(each, directory.structure(each)) for each in sorted(known.structures)] if known else []
    there = [(each, found) for each, found in structures if found is None or found.active]
    return tuple(
        Situation(
            profession=profession,
            profession_system=system,
            specialty=specialty,
            structure_id=structure_id,
            structure_name=structure.name if structure else "",
            sector=structure.sector if structure else "",
        )
        for structure_id, structure in there or [("", None)]
        for specialty in specialties or [""]
    )
