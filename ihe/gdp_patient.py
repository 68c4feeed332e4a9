"""What the DMP tells of a patient and of a dossier in the messages that manage it. Pure.

Source: GIE SESAM-Vitale, DMP message examples v02.05, TD0.2, TD0.5, TD1.1 to TD1.4; HL7 V3 Data Types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC

from dmp.acces import Candidate
from dmp.administration import AdministrativeData
from habilitations.wishes import OPPOSITION_BRIS_DE_GLACE, OPPOSITION_CENTRE_15
from identities.demographics import FAMILY, GIVEN, Part, PersonName
from identities.dossier import Dossier, DossierStatus, Traits
from identities.representation import Representative
from identities.requester import PatientId
from ihe.hl7v3_person import GENDERS, UNDIFFERENTIATED, write_addresses, write_names, write_telecoms
from ihe.iti45 import write_patient_ids
from ihe.markup import attribute, text
from schemas import oids

_CITY_PARTS = frozenset({"city", "postalCode"})  # all that TD0.5 tells of an address


def write_existing(dossier: Dossier, *, internet_account: bool, let_in: bool) -> str:
    """The patient of TD0.2; how to reach them only to whom they `let_in`."""
    observations = [
        _observed("COMPTE_INTERNET_OUVERT", oids.COMPTE_INTERNET, _boolean(internet_account)),
        _observed("RATTACHEMENT_ENS", oids.CONSENTEMENT, _boolean(dossier.attached_to_mes)),
        *_closing(dossier),
    ]
    return _patient(dossier, _identity(dossier.traits if let_in else _unreached(dossier.traits)), observations)


def write_administrative_data(found: AdministrativeData) -> str:
    """The patient of TD1.3a."""
    dossier, switches = found.dossier, found.switches
    traits = dossier.traits
    birth_place = (
        f'<hl7:birthPlace classCode="BIRTHPL"><hl7:addr><hl7:county>{text(traits.birth_place)}</hl7:county></hl7:addr>'
        "</hl7:birthPlace>"
        if traits.birth_place
        else ""
    )
    person = (
        f'{_identity(traits)}<hl7:deceasedInd value="{str(dossier.deceased).lower()}"/>'
        f"{write_addresses(traits.demographics.addresses)}"
        f"{''.join(map(_representative, found.representatives))}{birth_place}"
    )
    observations = (
        _observed(OPPOSITION_BRIS_DE_GLACE, oids.CONSENTEMENT, _boolean(not switches.bris_de_glace)),
        _observed(OPPOSITION_CENTRE_15, oids.CONSENTEMENT, _boolean(not switches.centre_15)),
    )
    return _patient(dossier, person, observations)


def write_registered_patient(dossier: Dossier) -> str:
    """The patient of an answer to TD1.1, TD1.2, TD1.3b and TD1.4."""
    return (
        f'<hl7:patient classCode="PAT"><hl7:statusCode code="{dossier.status.value}"/>'
        f'<hl7:patientPerson classCode="PSN" determinerCode="INSTANCE">{write_names((dossier.traits.dmp_name,))}'
        "</hl7:patientPerson></hl7:patient>"
    )


def write_candidate(found: Candidate) -> str:
    """One patient of TD0.5."""
    cities = (
        replace(address, parts=tuple(part for part in address.parts if part.kind in _CITY_PARTS))
        for address in found.traits.demographics.addresses
    )
    person = _identity(_unreached(found.traits))
    opposed = _observation(OPPOSITION_CENTRE_15, oids.CONSENTEMENT, _boolean(found.opposed_to_centre_15))
    return (
        f'<hl7:patient classCode="PAT">{write_patient_ids((found.identifiers[0], *_ins_c(found.identifiers)))}'
        '<hl7:statusCode code="active"/>'
        '<hl7:patientPerson classCode="PSN" determinerCode="INSTANCE">'
        f"{person}{write_addresses(each for each in cities if each.parts)}</hl7:patientPerson>"
        '<hl7:subjectOf1 typeCode="SBJ"><hl7:queryMatchObservation classCode="COND" moodCode="EVN">'
        f'<hl7:code code="POURCENTAGE"/><hl7:value xsi:type="hl7:INT" value="{found.degree}"/>'
        f'</hl7:queryMatchObservation></hl7:subjectOf1><hl7:subjectOf2 typeCode="SBJ">{opposed}</hl7:subjectOf2>'
        "</hl7:patient>"
    )


def _unreached(traits: Traits) -> Traits:
    """The same person, without telecoms."""
    return replace(traits, demographics=replace(traits.demographics, telecoms=()))


def _identity(traits: Traits) -> str:
    """Name, telecoms, gender and birth date."""
    gender = GENDERS.get(traits.sex, UNDIFFERENTIATED)
    born = f'<hl7:birthTime value="{traits.birth_text}"/>' if traits.birth_text else ""
    return (
        f"{write_names((traits.dmp_name,))}{write_telecoms(traits.demographics.telecoms)}"
        f'<hl7:administrativeGenderCode code="{gender}"/>{born}'
    )


def _patient(dossier: Dossier, person: str, observations: Iterable[str]) -> str:
    """The INS-C first, where it is known, then the INS."""
    return (
        f'<hl7:patient classCode="PAT">{write_patient_ids((*_ins_c(dossier.identifiers), dossier.ins))}'
        f'<hl7:statusCode code="{dossier.status.value}"/><hl7:patientPerson classCode="PSN" '
        f'determinerCode="INSTANCE">{person}</hl7:patientPerson>{"".join(observations)}</hl7:patient>'
    )


def _ins_c(identifiers: Sequence[PatientId]) -> Sequence[PatientId]:
    return [each for each in identifiers if each.authority == oids.INS_C][:1]


def _closing(dossier: Dossier) -> Iterable[str]:
    if dossier.status is not DossierStatus.CLOSED or dossier.closed is None:
        return
    instant = f"{dossier.closed.astimezone(UTC):%Y%m%d%H%M%S}+0000"
    yield _observed("DATE_FERMETURE", oids.CONSENTEMENT, f'<hl7:value xsi:type="hl7:TS" value="{instant}"/>')
    if dossier.closing_code:
        coded = f'code="{attribute(dossier.closing_code)}" codeSystem="{oids.MOTIF_FERMETURE}"'
        yield _observed("MOTIF_FERMETURE", oids.CONSENTEMENT, f'<hl7:value xsi:type="hl7:CV" {coded}/>')
    if dossier.closing_reason:
        value = f'<hl7:value xsi:type="hl7:ST">{text(dossier.closing_reason)}</hl7:value>'
        yield _observed("RAISON_FERMETURE", oids.CONSENTEMENT, value)


def _observed(code: str, system: str, value: str) -> str:
    return f'<hl7:subjectOf typeCode="SBJ">{_observation(code, system, value)}</hl7:subjectOf>'


def _observation(code: str, system: str, value: str) -> str:
    return (
        f'<hl7:administrativeObservation classCode="OBS" moodCode="EVN"><hl7:code code="{code}" '
        f'codeSystem="{system}"/>{value}</hl7:administrativeObservation>'
    )


def _boolean(value: bool) -> str:
    return f'<hl7:value xsi:type="hl7:BL" value="{str(value).lower()}"/>'


def _representative(representative: Representative) -> str:
    name = PersonName((Part(GIVEN, representative.given), Part(FAMILY, representative.family)))
    return (
        f'<hl7:personalRelationship classCode="PRS"><hl7:code code="{attribute(representative.relationship)}" '
        f'codeSystem="{oids.HL7_PERSONAL_RELATIONSHIP}"/>{write_addresses(representative.addresses)}'
        f"{write_telecoms(representative.telecoms)}"
        '<hl7:relationshipHolder1 classCode="PSN" determinerCode="INSTANCE">'
        f"{write_names((name,))}</hl7:relationshipHolder1></hl7:personalRelationship>"
    )
