"""What PRPA_IN201311UV02 and PRPA_IN201314UV02 say of a patient: traits, representatives, answers, a closing. Pure.

Source: GIE SESAM-Vitale, DMP message examples v02.05, TD1.1 to TD1.4; HL7 V3 Data Types.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from lxml import etree

from dmp.administration import Registration
from habilitations.wishes import COLLECTED
from identities.demographics import FAMILY, GIVEN, PersonName
from identities.dossier import Traits
from identities.representation import Representative
from identities.requester import PatientId
from ihe.hl7v3 import Message, child, children, missing, read_patient_id, said
from ihe.hl7v3_person import read_address, read_name, read_telecom, read_traits
from registry.errors import ErrorCode, Finding, RegistryError
from schemas import oids

ACTIVE, TERMINATED = "active", "terminated"
MAX_REASON = 1000  # characters of the reason for a closing
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_CODE = re.compile(r"[0-9A-Za-z_.-]{1,64}\Z", re.ASCII)
_RELATIONSHIP = re.compile(r"[0-9A-Za-z_]{1,16}\Z", re.ASCII)

_PATIENT = "subject/registrationRequest/subject1/patient"
_PERSON = f"{_PATIENT}/patientPerson"
_ISSUE = "reasonOf/detectedIssueEvent"


def read_registration(message: Message, *, creating: bool = False, closing: bool = False) -> Registration:
    """What a PRPA_IN201311UV02 or PRPA_IN201314UV02 says. Raises RegistryError with everything that is wrong with it.

    One that is `creating` needs every trait of the INS, one that is `closing` a reason.
    """
    patients = children(message.control_act, _PATIENT)
    if len(patients) != 1:
        got = "several" if patients else "none"
        raise RegistryError([missing("registrationRequest", "exactly one patient", _PATIENT, got)])
    findings: list[Finding] = []
    patient, person = patients[0], child(patients[0], "patientPerson")
    _check_status(patient, TERMINATED if closing else ACTIVE, findings)
    identifier = _read_identifier(patient, findings)
    traits, representatives, deceased = Traits("", "", None, ""), tuple[Representative, ...](), None
    if person is not None:
        traits = _read_traits(person, findings)
        representatives = tuple(_representatives(person, findings))
        deceased = _read_boolean(child(person, "deceasedInd"), f"{_PERSON}/deceasedInd", findings)
    if creating:
        findings += _missing_traits(traits)
    code, reason = _read_closing(message, findings) if closing else ("", "")
    answers = dict(_answers(patient, findings))
    if findings or identifier is None:
        raise RegistryError(findings)
    return Registration(identifier, message.id.text, traits, representatives, answers, deceased, code, reason)


def _check_status(patient: etree._Element, expected: str, findings: list[Finding]) -> None:
    status = child(patient, "statusCode")
    if status is not None and status.get("code", "") != expected:
        got = status.get("code", "")[:16] or "none"
        findings.append(missing("Patient.statusCode", expected, f"{_PATIENT}/statusCode", got))


def _read_identifier(patient: etree._Element, findings: list[Finding]) -> PatientId | None:
    """The one identifier of a patient, without regard to an INS-C beside it."""
    found = children(patient, "id")
    current = [each for each in found if each.get("root") != oids.INS_C] or found
    if len(current) != 1:
        findings.append(missing("Patient.id", "exactly one INS", f"{_PATIENT}/id", "several" if current else "none"))
        return None
    read = read_patient_id(current[0])
    if isinstance(read, PatientId):
        return read
    findings.append(missing("Patient.id", read, f"{_PATIENT}/id", "another one"))
    return None


def _read_traits(person: etree._Element, findings: list[Finding]) -> Traits:
    traits, of_traits = read_traits(person, _PERSON)
    findings += (replace(found, code=ErrorCode.XDSRegistryMetadataError) for found in of_traits)
    # In these messages a mother is a legal representative, and her name her own.
    demographics = replace(traits.demographics, mothers_maiden_name=None)
    birth_place = said(child(person, "birthPlace/addr/county"))
    return replace(traits, birth_place=birth_place, demographics=demographics)


def _missing_traits(traits: Traits) -> Iterable[Finding]:
    """Source: Référentiel INS v2 (traits of the INS)."""
    needed = {
        "name/family": traits.birth_family,
        "name/given": traits.birth_given,
        "administrativeGenderCode": traits.sex,
        "birthTime": traits.birth_date,
    }
    for name, value in needed.items():
        if not value:
            yield missing(name, "a trait of the INS (a birth date YYYYMMDD)", f"{_PERSON}/{name}")


def _representatives(person: etree._Element, findings: list[Finding]) -> Iterable[Representative]:
    for number, each in enumerate(children(person, "personalRelationship"), 1):
        where = f"{_PERSON}/personalRelationship[{number}]"
        code, holder = child(each, "code"), child(each, "relationshipHolder1/name")
        relationship = "" if code is None else code.get("code", "")
        name = (read_name(holder) if holder is not None else None) or PersonName(())
        family, given = " ".join(name.texts(FAMILY)), " ".join(name.texts(GIVEN))
        if not _RELATIONSHIP.match(relationship):
            findings.append(missing("personalRelationship", "a code such as FTH, MTH or RESPRSN", f"{where}/code"))
        elif not (family and given):
            expected = "a family name and a given name"
            findings.append(missing("personalRelationship", expected, f"{where}/relationshipHolder1/name"))
        else:
            yield Representative(
                id="",
                family=family,
                given=given,
                relationship=relationship,
                telecoms=tuple(filter(None, map(read_telecom, children(each, "telecom")))),
                addresses=tuple(filter(None, map(read_address, children(each, "addr")))),
            )


def _answers(patient: etree._Element, findings: list[Finding]) -> Iterable[tuple[str, bool]]:
    """What was collected of the patient, each answer once."""
    told = set[str]()
    for number, each in enumerate(children(patient, "subjectOf/administrativeObservation"), 1):
        where = f"{_PATIENT}/subjectOf[{number}]/administrativeObservation"
        coded = child(each, "code")
        code, system = (coded.get("code", ""), coded.get("codeSystem", "")) if coded is not None else ("", "")
        expected = f"one of {', '.join(COLLECTED)} (codeSystem {oids.CONSENTEMENT}), once"
        if code not in COLLECTED or system != oids.CONSENTEMENT or code in told:
            findings.append(missing("administrativeObservation", expected, where, f"{code[:32]} ({system[:32]})"))
            continue
        told.add(code)
        value = child(each, "value")
        answer = _read_boolean(value, f"{where}/value", findings)
        if answer is not None:
            yield code, answer
        elif value is None:
            findings.append(missing(code, "a value", f"{where}/value"))


def _read_boolean(element: etree._Element | None, where: str, findings: list[Finding]) -> bool | None:
    if element is None:
        return None
    value = _BOOLEANS.get(element.get("value", "").strip())
    if value is None:
        findings.append(missing(where.rpartition("/")[2], "true or false", where, "another value"))
    return value


def _read_closing(message: Message, findings: list[Finding]) -> tuple[str, str]:
    """Code and text of the reason for a closing."""
    coded = child(message.control_act, f"{_ISSUE}/code")
    code, system = (coded.get("code", ""), coded.get("codeSystem", "")) if coded is not None else ("", "")
    if not _CODE.match(code) or system != oids.MOTIF_FERMETURE:
        expected = f"a reason such as FERMETURE_DEMANDE_PATIENT (codeSystem {oids.MOTIF_FERMETURE})"
        got = "none" if coded is None else f"{code[:32]} ({system[:32]})"
        findings.append(missing("detectedIssueEvent", expected, f"{_ISSUE}/code", got))
    reason = said(child(message.control_act, f"{_ISSUE}/text"))
    if len(reason) > MAX_REASON:
        expected = f"at most {MAX_REASON} characters"
        findings.append(missing("detectedIssueEvent", expected, f"{_ISSUE}/text", str(len(reason))))
    return code, reason
