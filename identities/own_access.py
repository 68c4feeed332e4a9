"""The patient, and who represents them, as they ask: requesters that no VIHF names.

Whoever makes one has authenticated the person it is about; whether a representative is in office is decided anew at
each request.

Source: CSP R.1111-26 to R.1111-40 (the patient's own access); public guide of the DMP (access by a representative).
"""

from __future__ import annotations

from identities.dossier import Dossier
from identities.representation import Representative
from identities.requester import Authentication, PatientId, Requester


def patient_requester(dossier: Dossier) -> Requester:
    """The patient of `dossier`, by their own access."""
    traits = dossier.traits
    name = f"{traits.used_family or traits.birth_family} {traits.birth_given}".strip()
    return _requester(dossier.ins.value, name, Authentication.PATIENT, dossier.ins)


def representative_requester(representative: Representative, dossier: Dossier) -> Requester:
    """A legal representative of the patient of `dossier`, by an access of their own."""
    name = f"{representative.family} {representative.given}"
    return _requester(representative.id, name, Authentication.REPRESENTANT, dossier.ins)


def _requester(id_nat: str, name: str, authentication: Authentication, patient: PatientId) -> Requester:
    return Requester(
        id_nat=id_nat,
        name=name,
        profession="",
        profession_system="",
        specialty="",
        structure_id="",
        sector="",
        authentication=authentication,
        patient=patient,
    )
