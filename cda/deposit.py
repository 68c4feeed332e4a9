"""Writing what a patient deposits: any file of a known format, as the body of a CDA document of level 1.

The patient is author, legal authenticator and performer: nobody else answers for it. What it says depends on its
arguments alone.

Source: CI-SIS, volet Structuration minimale de documents de santé (documents de niveau 1, expression personnelle du
patient); IHE ITI XDS-SD.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree
from lxml.builder import ElementMaker

from cda.document import HL7_V3
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids

LANGUAGE = "fr-FR"
EXP_PATIENT = Code("EXP_PATIENT", oids.ROLE_NON_PS, "Expression personnelle du patient")  # ANS, TRE_A00
NORMAL = Code("N", oids.HL7_CONFIDENTIALITY, "Normal")
CUSTODIAN = "Dossier médical partagé"

_OURS = re.compile(rf"({re.escape(oids.UUID_ARC)}\.[0-9]{{1,39}})\.([1-9][0-9]{{0,5}})")  # ITU-T X.667: 128 bits
_E = ElementMaker(namespace=HL7_V3, nsmap={None: HL7_V3})
_SEX = {"M": "Masculin", "F": "Féminin", "U": "Inconnu"}  # HL7 AdministrativeGender
_AMBULATORY = Code("AMB", oids.HL7_ACT_CODE, "Ambulatoire")


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of which document: `set_id` is an OID, and so is each version's own."""

    set_id: str
    number: int = 1

    @property
    def unique_id(self) -> str:
        """The OID of this version."""
        return f"{self.set_id}.{self.number}"

    @classmethod
    def after(cls, unique_id: str) -> Version | None:
        """The version that takes the place of that one; None for a document that was not written here."""
        found = _OURS.fullmatch(unique_id)
        return cls(found[1], int(found[2]) + 1) if found else None


@dataclass(frozen=True, slots=True)
class Deposit:
    """A file and what its depositor says of it. `made` is an aware instant, `day` the date of what it is about.

    `replaces` is the uniqueId of the document whose place it takes, '' for none.
    """

    version: Version
    type_code: Code
    title: str
    made: datetime
    day: date
    patient: PatientId
    traits: Traits
    media_type: str
    content: bytes
    replaces: str = ""


def write_deposit(deposit: Deposit) -> bytes:
    """The document, UTF-8: its header, and the file in base64."""
    body = _E.text(base64.b64encode(deposit.content).decode(), mediaType=deposit.media_type, representation="B64")
    root = _E.ClinicalDocument(
        _E.realmCode(code="FR"),
        _E.typeId(root=oids.CDA_TYPE_ID, extension="POCD_HD000040"),
        *(_E.templateId(root=root) for root in (oids.TEMPLATE_HL7_FRANCE, oids.TEMPLATE_CISIS, oids.TEMPLATE_XDS_SD)),
        _E.id(root=deposit.version.unique_id),
        _coded("code", deposit.type_code),
        _E.title(deposit.title),
        _E.effectiveTime(value=_timestamp(deposit.made)),
        _coded("confidentialityCode", NORMAL),
        _E.languageCode(code=LANGUAGE),
        _E.setId(root=deposit.version.set_id),
        _E.versionNumber(value=str(deposit.version.number)),
        _record_target(deposit),
        _E.author(_E.time(value=_timestamp(deposit.made)), _patient("assignedAuthor", deposit)),
        _custodian(),
        _E.legalAuthenticator(
            _E.time(value=_timestamp(deposit.made)), _E.signatureCode(code="S"), _patient("assignedEntity", deposit)
        ),
        _documentation(deposit),
        *_replaced(deposit.replaces),
        _encounter(deposit),
        _E.component(_E.nonXMLBody(body)),
    )
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _record_target(deposit: Deposit) -> etree._Element:
    traits = deposit.traits
    place = [_E.birthplace(_E.place(_E.addr(_E.county(traits.birth_place))))] if traits.birth_place else []
    birth = {"value": f"{traits.birth_date:%Y%m%d}"} if traits.birth_date else {"nullFlavor": "UNK"}
    return _E.recordTarget(
        _E.patientRole(
            _identifier(deposit),
            _E.addr(nullFlavor="UNK"),
            _E.telecom(nullFlavor="UNK"),
            _E.patient(
                _E.name(
                    _E.family(traits.birth_family, qualifier="BR"),
                    _E.given(traits.birth_given),
                    _E.given(traits.birth_given, qualifier="BR"),
                    _E.family(traits.used_family or traits.birth_family, qualifier="CL"),
                    _E.given(traits.used_given or traits.birth_given, qualifier="CL"),
                ),
                _coded("administrativeGenderCode", Code(traits.sex, oids.HL7_GENDER, _SEX[traits.sex])),
                _E.birthTime(**birth),
                *place,
                classCode="PSN",
            ),
        )
    )


def _patient(name: str, deposit: Deposit, *organization: etree._Element) -> etree._Element:
    """The patient in one of the roles that they have."""
    traits = deposit.traits
    family, given = traits.used_family or traits.birth_family, traits.used_given or traits.birth_given
    return _E(
        name,
        _identifier(deposit),
        _coded("code", EXP_PATIENT),
        _E.addr(nullFlavor="UNK"),
        _E.telecom(nullFlavor="UNK"),
        _E.assignedPerson(_E.name(_E.family(family), _E.given(given))),
        *organization,
    )


def _custodian() -> etree._Element:
    organization = _E.representedCustodianOrganization(_E.id(root=oids.DMP_CUSTODIAN), _E.name(CUSTODIAN))
    return _E.custodian(_E.assignedCustodian(organization))


def _documentation(deposit: Deposit) -> etree._Element:
    setting = _E.representedOrganization(_coded("standardIndustryClassCode", EXP_PATIENT))
    return _E.documentationOf(
        _E.serviceEvent(
            _coded("code", deposit.type_code),
            _interval(deposit),
            _E.performer(_patient("assignedEntity", deposit, setting), typeCode="PRF"),
        )
    )


def _encounter(deposit: Deposit) -> etree._Element:
    facility = _E.healthCareFacility(_coded("code", EXP_PATIENT))
    return _E.componentOf(
        _E.encompassingEncounter(_coded("code", _AMBULATORY), _interval(deposit), _E.location(facility))
    )


def _replaced(unique_id: str) -> list[etree._Element]:
    if not unique_id:
        return []
    root, _, extension = unique_id.partition("^")
    local = {"extension": extension} if extension else {}
    return [_E.relatedDocument(_E.parentDocument(_E.id(root=root, **local)), typeCode="RPLC")]


def _interval(deposit: Deposit) -> etree._Element:
    return _E.effectiveTime(_E.low(value=f"{deposit.day:%Y%m%d}"))


def _identifier(deposit: Deposit) -> etree._Element:
    return _E.id(root=deposit.patient.authority, extension=deposit.patient.value)


def _coded(name: str, code: Code) -> etree._Element:
    return _E(name, code=code.code, codeSystem=code.scheme, displayName=code.display)


def _timestamp(instant: datetime) -> str:
    """To the second, with its offset."""
    return f"{instant:%Y%m%d%H%M%S%z}"
