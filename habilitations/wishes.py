"""What one patient said, whole: whom they let in and shut out, what they oppose, what they consented to.

Source: CSP L.1111-14 to L.1111-19, R.1111-46; GIE SESAM-Vitale, TD0.3, TD1.1, TD1.2 and TD1.6.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from habilitations.statement import Switches

Kind = Literal["person", "structure"]
PERSON: Kind = "person"
STRUCTURE: Kind = "structure"

# What is collected at the counter. Source: GIE SESAM-Vitale, TD1.1, TD1.2 and TD1.3.
CONSENTEMENT_OUVERTURE = "CONSENTEMENT_OUVERTURE_DMP"
CONSENTEMENT_REACTIVATION = "CONSENTEMENT_REACTIVATION_DMP"
OPPOSITION_BRIS_DE_GLACE = "OPPOSITION_BRIS_DE_GLACE"
OPPOSITION_CENTRE_15 = "OPPOSITION_ACCES_URGENCE"
OPPOSITION_ALIMENTATION = "OPPOSITION_ALIMENTATION"  # this house's own code
CONSENTEMENT_CONSULTATION = "CONSENTEMENT_CONSULTATION"  # the same, of one establishment: PAM.fr ZFA-11
COLLECTED = (CONSENTEMENT_OUVERTURE, CONSENTEMENT_REACTIVATION, OPPOSITION_BRIS_DE_GLACE, OPPOSITION_CENTRE_15)


@dataclass(frozen=True, slots=True)
class Authorisation:
    """One authorisation of one dossier, in force from `start` to before `end`.

    `secret` when it was given in a secret connection, of which legal representatives learn nothing.
    """

    kind: Kind
    holder: str
    start: datetime
    end: datetime
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """A dossier that is open to somebody, since `start`: None for a médecin traitant who has no other authorisation."""

    dossier: str
    start: datetime | None
    medecin_traitant: bool = False


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that one patient said, as it stands."""

    authorisations: tuple[Authorisation, ...]
    medecins_traitants: tuple[str, ...]
    blocked: tuple[str, ...]
    switches: Switches
    opposed_to_feeding: bool

    def for_representative(self) -> Wishes:
        """The same without whom a minor let in by a secret connection."""
        secret = {each.holder for each in self.authorisations if each.secret}
        return replace(
            self,
            authorisations=tuple(each for each in self.authorisations if each.holder not in secret),
            medecins_traitants=tuple(each for each in self.medecins_traitants if each not in secret),
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """An answer of the patient as it was collected, by whom, when. `code` is as printed: CONSENTEMENT_OUVERTURE_DMP."""

    code: str
    given: bool
    instant: datetime
    collector: str


@dataclass(frozen=True, slots=True)
class Rectification:
    """What the patient asks the authors of `document` (a uniqueId) to put right, in the patient's own words.

    `addressees` are PS_IdNat and Struct_IdNat values; `requester` is who asked, the patient or a representative.
    """

    id: str
    document: str
    reason: str
    addressees: tuple[str, ...]
    instant: datetime
    requester: str
