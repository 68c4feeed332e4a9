"""What the practice software does to a DMP as a whole: TD0.2, TD0.5, TD1.1 to TD1.4.

Source: GIE SESAM-Vitale, DMP-Compatibilité.
"""

from __future__ import annotations

from lxml import etree

from conformance.lps import LpsNotFoundError
from conformance.lps.candidates import Candidate, Criteria, read_candidates, write_candidates
from conformance.lps.connection import PATIENTS, Connection
from conformance.lps.dossier import (
    ADD,
    CNSLT_DATA,
    CONSENTEMENT_OUVERTURE_DMP,
    CONSENTEMENT_REACTIVATION_DMP,
    CREA_RD,
    FERM,
    FERMETURE_DEMANDE_PATIENT,
    MODIF_DATA,
    REAC,
    REVISE,
    TEST_EXST,
    Administrative,
    Existence,
    Oppositions,
    Registration,
    read_administrative,
    read_existence,
    read_registration,
    write_query,
    write_registration,
)
from conformance.lps.hl7v3 import HL7, Interaction
from conformance.lps.people import Patient
from conformance.lps.traits import Name, Traits
from conformance.lps.vihf import Access
from schemas.xml import local_name

_NOBODY = Traits(Name())


class Dossiers(Connection):
    """Every method raises LpsError when the server refuses. The DMP's status is active or terminated."""

    def existence(self, patient: Patient, *, access: Access | None = None) -> Existence:
        """Whether there is a DMP, open or closed, and what the sender is to it (TD0.2)."""
        message = write_query(TEST_EXST, patient, self._sender, self._clock())
        return read_existence(self._interact(message, patient, access), message)

    def candidates(self, criteria: Criteria, *, access: Access | None = None) -> list[Candidate]:
        """The patients that the criteria fit (TD0.5). The VIHF names no patient."""
        message = write_candidates(criteria, self._sender, self._clock())
        return read_candidates(self._interact(message, None, access), message)

    def create(
        self,
        patient: Patient,
        traits: Traits,
        *,
        consent: bool = True,
        oppositions: Oppositions | None = None,
        access: Access | None = None,
    ) -> str:
        """Creates a DMP (TD1.1) and gives its status; `consent` is what the patient said when asked for it."""
        given = (CONSENTEMENT_OUVERTURE_DMP, consent)
        asked = Registration(ADD, CREA_RD, consent=given, oppositions=oppositions or Oppositions())
        return self._register(asked, patient, traits, access)

    def reactivate(
        self, patient: Patient, traits: Traits = _NOBODY, *, consent: bool = True, access: Access | None = None
    ) -> str:
        """Opens a closed DMP again (TD1.2) and gives its status."""
        asked = Registration(REVISE, REAC, consent=(CONSENTEMENT_REACTIVATION_DMP, consent))
        return self._register(asked, patient, traits, access)

    def administrative(self, patient: Patient, *, access: Access | None = None) -> Administrative:
        """The administrative data of a DMP (TD1.3a). Raises LpsNotFoundError when there is none."""
        message = write_query(CNSLT_DATA, patient, self._sender, self._clock())
        found = read_administrative(self._interact(message, patient, access), message)
        if found is None:
            raise LpsNotFoundError(f"no DMP for {patient.ins}")
        return found

    def amend(
        self, patient: Patient, traits: Traits, oppositions: Oppositions | None = None, *, access: Access | None = None
    ) -> str:
        """Replaces the administrative data of a DMP (TD1.3b) and gives its status."""
        return self._register(Registration(REVISE, MODIF_DATA, oppositions=oppositions), patient, traits, access)

    def close_dossier(
        self,
        patient: Patient,
        traits: Traits = _NOBODY,
        *,
        reason: str = FERMETURE_DEMANDE_PATIENT,
        text: str = "",
        access: Access | None = None,
    ) -> str:
        """Closes a DMP (TD1.4) and gives its status; `reason` is a code, `text` says it in words."""
        asked = Registration(REVISE, FERM, status="terminated", closing=(reason, text or reason))
        return self._register(asked, patient, traits, access)

    def _register(self, asked: Registration, patient: Patient, traits: Traits, access: Access | None) -> str:
        message = write_registration(asked, patient, traits, self._sender, self._clock())
        return read_registration(self._interact(message, patient, access), message)

    def _interact(self, message: Interaction, patient: Patient | None, access: Access | None) -> etree._Element:
        action = f"{HL7}:{local_name(message.root.tag)}"
        return self.ask(self.message(PATIENTS, action, message.content(), patient, access=access))
