"""Writing CDA R2 documents as the CI-SIS structures them: the header from plain values, around a body.

Source: CI-SIS, volet Structuration minimale de documents de santé (elements in the order of the schema).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from lxml import etree
from lxml.builder import ElementMaker

from cda.document import HL7_V3
from cda.errors import CdaError
from cda.header import Header
from identities.dossier import Traits
from identities.requester import PatientId
from registry.metadata import Code
from schemas import oids

XSI = "http://www.w3.org/2001/XMLSchema-instance"
LAB = "urn:oid:1.3.6.1.4.1.19376.1.3.2"  # IHE PaLM TF-3, the extension lab:statusCode
E = ElementMaker(namespace=HL7_V3, nsmap={None: HL7_V3, "xsi": XSI})

_GENDERS = {"M": "Masculin", "F": "Féminin", "U": "Inconnu"}


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address in France. Without a `number`, `street` is a line as somebody wrote it."""

    number: str
    street: str
    postal_code: str
    city: str


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient of a document: INS, traits, and the number (IPP) of the structure that writes."""

    identifier: PatientId
    traits: Traits
    address: Address | None
    ipp: str = ""
    ipp_authority: str = ""  # OID of the structure
    givens: str = ""  # every given name of the birth act, when there are several


@dataclass(frozen=True, slots=True)
class Author:
    """A professional. `specialty` is a code of JDV_J01 (`G15_10/SM26`); `civility` and `title` as M and DR."""

    id_nat: str
    family: str
    given: str
    specialty: Code
    civility: str = "M"
    title: str = "DR"
    function: Code | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """A system that writes a document by itself. `identifier` is a PS_IdNat of the structure's own."""

    identifier: str
    model: str
    software: str


@dataclass(frozen=True, slots=True)
class Structure:
    """Where the author works. `facility` is a code of JDV_J02 (SAxx), `setting` one of JDV_J04."""

    structure_id: str
    name: str
    facility: Code
    setting: Code
    address: Address | None
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Identification:
    """What names a version of a document. `replaces` is the version before, '' for the first.

    `set_oid` and `replaces` are an OID or a UUID, or such a root and an extension: `root^extension`.
    """

    oid: str
    set_oid: str
    created: datetime
    version: int = 1
    replaces: str = ""

    @classmethod
    def after(cls, header: Header, oid: str, created: datetime) -> Identification:
        """The version that takes the place of that document. Raises CdaError where it does not say which one it is."""
        if header.set_id is None or header.version_number is None:
            raise CdaError("setId and versionNumber", "none", "the document to be replaced")
        names = (f"{found.root}^{found.extension}".rstrip("^") for found in (header.set_id, header.id))
        return cls(oid, next(names), created, header.version_number + 1, next(names))


@dataclass(frozen=True, slots=True)
class Context:
    """All that a builder needs to know: who, about whom, where, when, under what identifier.

    `author` is responsible for the document; a `device` wrote it where one is named. `authenticators` answer for parts
    of it. `act_id` is the act's own number and `orders` are what it was asked for by, each `root^extension`.
    """

    patient: Patient
    author: Author
    structure: Structure
    identification: Identification
    start: datetime
    stop: datetime | None = None
    inpatient: bool = False
    medecin_traitant: Author | None = None
    device: Device | None = None
    authenticators: tuple[Author, ...] = ()
    act_id: str = ""
    orders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a document is: its type, title, templates with their version, and the act it documents.

    `act_system` is the name of the act's code system, where a model wants it said. `act_status` is how far a laboratory
    has come with it.
    """

    type: Code
    title: str
    act: Code
    templates: tuple[tuple[str, str], ...] = ((oids.TEMPLATE_XDS_SD, ""),)
    act_system: str = ""
    act_status: str = ""


def clinical_document(context: Context, kind: Kind, body: etree._Element) -> bytes:
    """The bytes of a document: its header, and `body` (nonXMLBody or structuredBody) in its component."""
    identification = context.identification
    related = [_replaced(identification)] if identification.replaces else []
    templates = [(oids.TEMPLATE_HL7_FRANCE, ""), (oids.TEMPLATE_CISIS, ""), *kind.templates]
    root = E.ClinicalDocument(
        E.realmCode(code="FR"),
        E.typeId(root=oids.CDA_TYPE_ID, extension="POCD_HD000040"),
        *(E.templateId(root=root, **({"extension": version} if version else {})) for root, version in templates),
        E.id(root=identification.oid),
        coded("code", kind.type),
        E.title(kind.title),
        E.effectiveTime(value=timestamp(identification.created)),
        coded("confidentialityCode", Code("N", oids.HL7_CONFIDENTIALITY, "Normal")),
        E.languageCode(code="fr-FR"),
        _instance("setId", identification.set_oid),
        E.versionNumber(value=str(identification.version)),
        _record_target(context.patient),
        _author(context),
        _custodian(context.structure),
        _legal_authenticator(context),
        *map(partial(_authenticator, context), context.authenticators),
        *([_medecin_traitant(context.medecin_traitant)] if context.medecin_traitant else []),
        *(E.inFulfillmentOf(E.order(_instance("id", each))) for each in context.orders),
        _documentation(context, kind),
        *related,
        _encounter(context),
        E.component(body),
    )
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def non_xml_body(content: bytes, media_type: str) -> etree._Element:
    """A body in another format, in base64. Source: IHE ITI XDS-SD; CI-SIS, Structuration minimale (CDA niveau 1)."""
    return E.nonXMLBody(E.text(base64.b64encode(content).decode(), mediaType=media_type, representation="B64"))


def coded(name: str, code: Code, *children: etree._Element) -> etree._Element:
    """An element that is a code."""
    return E(name, *children, code=code.code, codeSystem=code.scheme, displayName=code.display)


def timestamp(instant: datetime) -> str:
    """An aware instant to the second, with its offset."""
    return f"{instant:%Y%m%d%H%M%S%z}"


def assigned(name: str, context: Context, *, setting: bool = False) -> etree._Element:
    """The author as an assigned entity, with the structure; `setting` adds its practice setting."""
    author, structure = context.author, context.structure
    return E(
        name,
        E.id(root=oids.PS_ID_NAT, extension=author.id_nat),
        coded("code", author.specialty),
        _address(structure.address),
        _phone(structure),
        E.assignedPerson(_person_name(author)),
        _organization("representedOrganization", structure, setting=setting),
    )


def _person_name(author: Author) -> etree._Element:
    said = (E.prefix(author.civility), E.given(author.given), E.family(author.family), E.suffix(author.title))
    return E.name(*(each for each in said if each.text))


def _organization(name: str, structure: Structure, *, setting: bool = False) -> etree._Element:
    return E(
        name,
        E.id(root=oids.STRUCT_ID_NAT, extension=structure.structure_id),
        E.name(structure.name),
        _phone(structure),
        _address(structure.address),
        *([coded("standardIndustryClassCode", structure.setting)] if setting else []),
    )


def _address(address: Address | None, unknown: str = "NAV") -> etree._Element:
    if address is None:
        return E.addr(nullFlavor=unknown)
    if not address.number:
        lines = (address.street, f"{address.postal_code} {address.city}".strip())
        return E.addr(*(E.streetAddressLine(line) for line in lines if line))
    return E.addr(
        E.houseNumber(address.number),
        E.streetName(address.street),
        E.postalCode(address.postal_code),
        E.city(address.city),
    )


def _phone(structure: Structure) -> etree._Element:
    return E.telecom(value=f"tel:{structure.phone}", use="WP") if structure.phone else E.telecom(nullFlavor="NAV")


def _record_target(patient: Patient) -> etree._Element:
    traits = patient.traits
    birthplace = E.birthplace(E.place(E.addr(E.county(traits.birth_place)))) if traits.birth_place else None
    ipp = [E.id(root=patient.ipp_authority, extension=patient.ipp)] if patient.ipp else []
    return E.recordTarget(
        E.patientRole(
            E.id(root=patient.identifier.authority, extension=patient.identifier.value),
            *ipp,
            _address(patient.address, "UNK"),
            E.telecom(nullFlavor="UNK"),
            E.patient(
                E.name(
                    E.family(traits.birth_family, qualifier="BR"),
                    E.given(patient.givens or traits.birth_given),
                    E.given(traits.birth_given, qualifier="BR"),
                    E.family(traits.used_family or traits.birth_family, qualifier="CL"),
                    E.given(traits.used_given or traits.birth_given, qualifier="CL"),
                ),
                coded("administrativeGenderCode", Code(traits.sex, oids.HL7_GENDER, _GENDERS[traits.sex])),
                E.birthTime(value=f"{traits.born:%Y%m%d}"),
                *([birthplace] if birthplace is not None else []),
                classCode="PSN",
            ),
        )
    )


def _author(context: Context) -> etree._Element:
    function = [coded("functionCode", context.author.function)] if context.author.function else []
    time = E.time(value=timestamp(context.identification.created))
    written_by = _device(context.device, context.structure) if context.device else assigned("assignedAuthor", context)
    return E.author(*function, time, written_by)


def _device(device: Device, structure: Structure) -> etree._Element:
    return E.assignedAuthor(
        E.id(root=oids.PS_ID_NAT, extension=device.identifier),
        E.addr(nullFlavor="NAV"),
        E.telecom(nullFlavor="NAV"),
        E.assignedAuthoringDevice(E.manufacturerModelName(device.model), E.softwareName(device.software)),
        _organization("representedOrganization", structure),
    )


def _custodian(structure: Structure) -> etree._Element:
    return E.custodian(E.assignedCustodian(_organization("representedCustodianOrganization", structure)))


def _legal_authenticator(context: Context) -> etree._Element:
    time = E.time(value=timestamp(context.identification.created))
    return E.legalAuthenticator(time, E.signatureCode(code="S"), assigned("assignedEntity", context))


def _authenticator(context: Context, author: Author) -> etree._Element:
    """Who validated results. Source: IHE PaLM TF-3, Laboratory Results Validator."""
    return E.authenticator(
        E.templateId(root=oids.TEMPLATE_LAB_VALIDATOR),
        E.time(value=timestamp(context.identification.created)),
        E.signatureCode(code="S"),
        assigned("assignedEntity", replace(context, author=author)),
    )


def _medecin_traitant(doctor: Author) -> etree._Element:
    """The patient's own doctor, to be informed. Source: CI-SIS, Structuration minimale (participant INF, PCP)."""
    return E.participant(
        coded("functionCode", Code("PCP", oids.HL7_PARTICIPATION_FUNCTION, "Médecin Traitant")),
        E.time(nullFlavor="NA"),
        E.associatedEntity(
            E.id(root=oids.PS_ID_NAT, extension=doctor.id_nat),
            coded("code", doctor.specialty),
            E.addr(nullFlavor="NAV"),
            E.telecom(nullFlavor="NAV"),
            E.associatedPerson(_person_name(doctor)),
            classCode="PROV",
        ),
        typeCode="INF",
    )


def _documentation(context: Context, kind: Kind) -> etree._Element:
    act = coded("code", kind.act)
    if kind.act_system:
        act.set("codeSystemName", kind.act_system)
    status = [etree.Element(f"{{{LAB}}}statusCode", code=kind.act_status)] if kind.act_status else []
    return E.documentationOf(
        E.serviceEvent(
            *([_instance("id", context.act_id)] if context.act_id else []),
            act,
            *status,
            _interval(context.start, context.stop),
            E.performer(
                E.time(E.high(value=timestamp(context.stop or context.start))),
                assigned("assignedEntity", context, setting=True),
                typeCode="PRF",
            ),
        )
    )


def _encounter(context: Context) -> etree._Element:
    structure = context.structure
    kind = (
        Code("IMP", oids.HL7_ACT_CODE, "Hospitalisation")
        if context.inpatient
        else Code("AMB", oids.HL7_ACT_CODE, "Ambulatoire")
    )
    return E.componentOf(
        E.encompassingEncounter(
            coded("code", kind),
            _interval(context.start, context.stop),
            E.responsibleParty(assigned("assignedEntity", context)),
            E.location(
                E.healthCareFacility(
                    E.id(root=oids.STRUCT_ID_NAT, extension=structure.structure_id),
                    coded("code", structure.facility),
                    E.location(E.name(structure.name), _address(structure.address)),
                )
            ),
        )
    )


def _interval(start: datetime, stop: datetime | None) -> etree._Element:
    high: Sequence[etree._Element] = [E.high(value=timestamp(stop))] if stop else []
    return E.effectiveTime(E.low(value=timestamp(start)), *high)


def _replaced(identification: Identification) -> etree._Element:
    return E.relatedDocument(E.parentDocument(_instance("id", identification.replaces)), typeCode="RPLC")


def _instance(name: str, identifier: str) -> etree._Element:
    root, _, extension = identifier.partition("^")
    return E(name, root=root, **({"extension": extension} if extension else {}))
