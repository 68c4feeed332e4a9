"""TD0.3, TD0.4 and TD1.6: the requests read, the answers written.

Source: GIE SESAM-Vitale, DMP WSDL v2.01.04 (Habilitations, PatientsSpecific) and message examples v02.05.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from lxml import etree

from dmp.autorisations import Change, Holder, Mode
from dmp.dossiers_autorises import AuthorisedDossier, DateType, Since
from ihe.document_literal import member, optional, read_texts, read_time, write_response, write_texts, write_time
from ihe.identifiers import SI_DMP_HABILITATIONS, SI_DMP_PATIENTS
from ihe.soap import SoapError
from schemas import oids

SET_AUTHORIZATION = f"{{{SI_DMP_HABILITATIONS}}}setAuthorization"
LIST_AUTHORIZATION = f"{{{SI_DMP_HABILITATIONS}}}listAuthorizationByPatient"
PATIENT_LIST = f"{{{SI_DMP_PATIENTS}}}patientList"


class _Action(Enum):
    AJOUT = "AJOUT"
    SUPPRESSION = "SUPPRESSION"


class _Role(Enum):
    MEDECIN_TRAITANT = "MEDECIN_TRAITANT"


_CHANGES = {
    (_Action.AJOUT, None): Change.AUTORISATION,
    (_Action.AJOUT, _Role.MEDECIN_TRAITANT): Change.MEDECIN_TRAITANT,
    (_Action.SUPPRESSION, None): Change.SUPPRESSION,
    (_Action.SUPPRESSION, _Role.MEDECIN_TRAITANT): Change.FIN_MEDECIN_TRAITANT,
}


def read_change(body: etree._Element) -> Change:
    """What TD0.3 declares. Raises SoapError."""
    texts = read_texts(body, SET_AUTHORIZATION, ("action", "role"))
    return _CHANGES[member(texts, "action", _Action), optional(texts, "role", _Role)]


def read_mode(body: etree._Element) -> Mode:
    """Which of those let in and shut out TD1.6 asks for: all by default. Raises SoapError."""
    return optional(read_texts(body, LIST_AUTHORIZATION, ("mode",)), "mode", Mode) or Mode.TOUTE


def read_list(body: etree._Element) -> tuple[Since | None, str]:
    """What limits the list of TD0.4: a date, and whose it is ('' when unsaid). Raises SoapError."""
    texts = read_texts(body, PATIENT_LIST, ("startDate", "dateType", "psOwnerId"))
    start, kind = read_time(texts, "startDate"), optional(texts, "dateType", DateType)
    owner = texts.get("psOwnerId", "")
    if start is None and kind is None:
        return None, owner
    if start is None or kind is None:
        raise SoapError("startDate and dateType, or neither", "one of them")
    return Since(kind, start), owner


def write_holders(holders: Sequence[Holder]) -> bytes:
    """The answer to TD1.6."""
    return write_response(
        LIST_AUTHORIZATION,
        "".join(f"<listOfAuthorizationByPatient>{_holder(each)}</listOfAuthorizationByPatient>" for each in holders),
    )


def write_list(dossiers: Sequence[AuthorisedDossier]) -> bytes:
    """The answer to TD0.4."""
    listed = "".join(f"<patientlistData>{_dossier(each)}</patientlistData>" for each in dossiers)
    return write_response(PATIENT_LIST, listed)


def _holder(each: Holder) -> str:
    """A structure has its name for a last name."""
    return write_texts(
        ("nationalId", each.id),
        ("nationalIdType", oids.STRUCT_ID_NAT if each.structure else oids.PS_ID_NAT),
        ("firstName", each.given),
        ("lastName", each.family),
        *(("codeSpeciality", specialty.code) for specialty in each.specialties),
        *(("libSpeciality", specialty.label) for specialty in each.specialties),
        ("startOfAuthorization", write_time(each.start)),
        ("lastActionDate", write_time(each.last_action)),
        ("mode", each.mode.value),
        ("specificRight", _Role.MEDECIN_TRAITANT.value if each.medecin_traitant else ""),
    )


def _dossier(each: AuthorisedDossier) -> str:
    """No mailbox stands behind a dossier: there is never a message."""
    traits = each.traits
    last = traits.used_family or traits.birth_family
    identifiers = "".join(
        "<patientIdentifier>"
        + write_texts(("nationalId", identifier.value), ("nationalIdType", identifier.authority))
        + "</patientIdentifier>"
        for identifier in each.identifiers
    )
    return identifiers + write_texts(
        ("lastName", last),
        ("patronymicalName", traits.birth_family if traits.birth_family != last else ""),
        ("firstName", traits.used_given or traits.birth_given),
        ("dateOfBirth", traits.birth_text[:8]),
        ("MT", "true" if each.medecin_traitant else "false"),
        ("message", "false"),
        ("lastAccessDate", write_time(each.last_access)),
        ("lastUpdateDate", write_time(each.activity.changed)),
        ("lastAddDate", write_time(each.activity.added)),
    )
