"""A patient as a Patient: identifiers, names, telecoms and addresses as a source said them, and no more.

Of the DMP, what TD0.2 or TD0.5 tells whoever asks; what PDSm4DMP has no element for stands in extensions of this house.

Source: ITI PDQm 3.2, IHE.PDQm.Patient; HL7 FHIR R4, Patient, HumanName, Address, ContactPoint; ANS, PDSm4DMP, TD0.2
(dmp-fermeture, dmp-rattachement-mes, dmp-medecin-traitant); GIE SESAM-Vitale, TD0.2 and TD0.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC

from dmp.acces import Existence
from dmp.patient_resources import Person
from habilitations.patient_rules import Autorisation
from identities import ins
from identities.demographics import (
    BIRTH_QUALIFIER,
    FAMILY,
    GIVEN,
    LEGAL_USE,
    PREFIX,
    STREET,
    Address,
    Part,
    PersonName,
    Telecom,
    address_part,
)
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from pdsm.coding import OID_URI, put
from pdsm.identifiers import type_concept
from pdsm.original import Element, extension
from pdsm.times import written
from schemas import oids

DMP = "https://interop.esante.gouv.fr/ig/fhir/dmp/StructureDefinition/"
CLOSING, ATTACHED, MEDECIN_TRAITANT = f"{DMP}dmp-fermeture", f"{DMP}dmp-rattachement-mes", f"{DMP}dmp-medecin-traitant"
AUTORISATION, INTERNET_ACCOUNT = "urn:open-dmp:dmp:autorisation", "urn:open-dmp:dmp:compte-internet"
OPPOSITION = "urn:open-dmp:dmp:opposition-acces-urgence"
MOTHERS_MAIDEN_NAME = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"

GENDERS = {"M": "male", "F": "female", "U": "unknown"}  # traits of an identity: HL7 V3 UN is U
# EntityNameUse, AddressUse and TelecommunicationAddressUse of HL7 V3, those that FHIR has a word for.
_NAME_USES = {LEGAL_USE: "official", "P": "nickname", "ANON": "anonymous"}
_ADDRESS_USES = {"H": "home", "HP": "home", "HV": "home", "WP": "work", "TMP": "temp", "BAD": "old"}
_TELECOM_USES = {"MC": "mobile", "H": "home", "HP": "home", "HV": "home", "WP": "work", "TMP": "temp"}
_SCHEMES = {"tel": "phone", "mailto": "email", "fax": "fax", "sms": "sms"}
# Kinds of parts of an address, and the element of each; those of LINES are lines.
ELEMENTS = {"city": "city", "county": "district", "state": "state", "postalCode": "postalCode", "country": "country"}
LINES = ("", "careOf", "additionalLocator", "unitID", "unitType", "deliveryAddressLine", "postBox")
_CITY = frozenset({"city", "postalCode"})  # all that TD0.5 tells of an address
_INS_TYPES = {oids.INS_NIR: "INS-NIR", oids.INS_NIA: "INS-NIA"}  # FR core, fr-core-cs-v2-0203


def write_patient(person: Person, patient_id: str) -> Element:
    """The Patient of that id."""
    if person.existence is not None:
        return _existing(person.existence, person.dossier, patient_id)
    if person.opposed_to_centre_15 is not None:
        return _candidate(person.dossier, patient_id, opposed=person.opposed_to_centre_15)
    dossier = person.dossier
    said = dossier.traits.demographics
    names = [each for name in dossier.traits.names for each in _names(name)]
    patient = _begun(patient_id, _mother(said.mothers_maiden_name), dossier, dossier.identifiers, names)
    return _ended(patient, dossier.traits, said.telecoms, said.addresses)


def _existing(found: Existence, dossier: Dossier, patient_id: str) -> Element:
    """As TD0.2 tells it: how to reach them only to whom they let in."""
    extensions = [
        *_closing(dossier),
        extension(ATTACHED, valueBoolean=dossier.attached_to_mes),
        extension(MEDECIN_TRAITANT, valueBoolean=found.medecin_traitant),
        extension(AUTORISATION, valueCoding=_coding(oids.STATUT_AUTORISATION, found.autorisation.value)),
        extension(INTERNET_ACCOUNT, valueBoolean=found.internet_account),
    ]
    let_in = found.autorisation is Autorisation.VALIDE
    telecoms = dossier.traits.demographics.telecoms if let_in else ()
    return _ended(_of_the_dmp(patient_id, extensions, dossier), dossier.traits, telecoms, ())


def _candidate(dossier: Dossier, patient_id: str, *, opposed: bool) -> Element:
    """As TD0.5 tells it."""
    cities = (
        replace(each, parts=tuple(part for part in each.parts if part.kind in _CITY))
        for each in dossier.traits.demographics.addresses
    )
    patient = _of_the_dmp(patient_id, [extension(OPPOSITION, valueBoolean=opposed)], dossier)
    return _ended(patient, dossier.traits, (), cities)


def _of_the_dmp(patient_id: str, extensions: list[Element], dossier: Dossier) -> Element:
    """The current INS, and the INS-C where it is known; the names of the INS."""
    traits, ins_c = dossier.traits, [each for each in dossier.identifiers if each.authority == oids.INS_C][:1]
    prefixes = [part.text for part in traits.dmp_name.parts if part.kind == PREFIX]
    given = [traits.birth_given] if traits.birth_given else []
    names = [
        _name(use, family, given, prefixes)
        for use, family in (("usual", traits.used_family), ("official", traits.birth_family))
        if family or use == "official"
    ]
    return _begun(patient_id, extensions, dossier, (dossier.ins, *ins_c), names)


def _begun(
    patient_id: str,
    extensions: Sequence[Element],
    dossier: Dossier,
    identifiers: Iterable[PatientId],
    names: Iterable[Element],
) -> Element:
    patient: Element = {"resourceType": "Patient", "id": patient_id}
    put(patient, "extension", [*extensions])
    put(patient, "identifier", [_identifier(each, current=each == dossier.ins) for each in identifiers])
    patient["active"] = dossier.status is DossierStatus.OPEN
    put(patient, "name", [each for each in names if set(each) - {"use"}])
    return patient


def _ended(patient: Element, traits: Traits, telecoms: Iterable[Telecom], addresses: Iterable[Address]) -> Element:
    put(patient, "telecom", [_telecom(each) for each in telecoms])
    put(patient, "gender", GENDERS.get(traits.sex))
    put(patient, "birthDate", written(traits.birth_text[:8]))
    put(patient, "address", [address for each in addresses if (address := _address(each))])
    return patient


def limited(patient: Element, authorities: Iterable[str]) -> Element:
    """The Patient with identifiers of these authorities alone. Source: PDQm 3.2, 2:3.78.4.1.2.3."""
    systems = {f"{OID_URI}{each}" for each in authorities}
    if not systems:
        return patient
    kept = [each for each in patient["identifier"] if each["system"] in systems]
    others = {name: value for name, value in patient.items() if name != "identifier"}
    return {**patient, "identifier": kept} if kept else others


def write_identifier(patient: PatientId) -> Element:
    """An identifier of a patient."""
    identifier: Element = {}
    if patient.authority in _INS_TYPES:
        identifier["type"] = type_concept(_INS_TYPES[patient.authority])
    return {**identifier, "system": f"{OID_URI}{patient.authority}", "value": patient.value}


def _identifier(patient: PatientId, *, current: bool) -> Element:
    official = current and patient.authority in ins.AUTHORITIES
    return ({"use": "official"} if official else {}) | write_identifier(patient)


def _closing(dossier: Dossier) -> Iterator[Element]:
    if dossier.status is not DossierStatus.CLOSED or dossier.closed is None:
        return
    said = [extension("dateFermeture", valueDate=f"{dossier.closed.astimezone(UTC):%Y-%m-%d}")]
    if dossier.closing_code:
        concept = {"coding": [_coding(oids.MOTIF_FERMETURE, dossier.closing_code)]}
        said.append(extension("motifFermeture", valueCodeableConcept=concept))
    if dossier.closing_reason.strip():
        said.append(extension("raisonFermeture", valueString=dossier.closing_reason))
    yield {"url": CLOSING, "extension": said}


def _coding(system: str, code: str) -> Element:
    return {"system": f"{OID_URI}{system}", "code": code}


# --- Names, telecoms, addresses ---------------------------------------------------------------------------------------


def _names(name: PersonName) -> Iterator[Element]:
    """A PN: a HumanName; two where it has the family name of birth beside another."""
    families = [part for part in name.parts if part.kind == FAMILY]
    at_birth = [part.text for part in families if BIRTH_QUALIFIER in part.qualifier.split()]
    used = [part.text for part in families if BIRTH_QUALIFIER not in part.qualifier.split()]
    use = next((_NAME_USES[each] for each in name.use.split() if each in _NAME_USES), "")
    given, prefixes = name.texts(GIVEN), name.texts(PREFIX)
    written_name = _name(use, " ".join(used or at_birth), given, prefixes)
    put(written_name, "suffix", [*name.texts("suffix")])
    put(written_name, "text", " ".join(name.texts("")))
    yield written_name
    if used and at_birth:
        yield _name("maiden", " ".join(at_birth), given, ())


def _name(use: str, family: str, given: Sequence[str], prefixes: Sequence[str]) -> Element:
    name: Element = {}
    put(name, "use", use)
    put(name, "family", family.strip())
    put(name, "given", [*given])
    put(name, "prefix", [*prefixes])
    return name


def _mother(name: PersonName | None) -> list[Element]:
    """The mother's maiden name: a text, of the family name or of all there is."""
    if name is None:
        return []
    text = " ".join(name.texts(FAMILY) or name.texts("") or name.texts(GIVEN)).strip()
    return [extension(MOTHERS_MAIDEN_NAME, valueString=text)] if text else []


def _telecom(telecom: Telecom) -> Element:
    scheme, colon, rest = telecom.value.partition(":")
    system = _SCHEMES.get(scheme.lower(), "") if colon and rest else ""
    point: Element = {"system": system, "value": rest} if system else {"system": "other", "value": telecom.value}
    if scheme.lower() in ("http", "https"):
        point["system"] = "url"
    put(point, "use", _use(telecom.use, _TELECOM_USES))
    return point


def _address(address: Address) -> Element:
    written_address: Element = {}
    put(written_address, "use", _use(address.use, _ADDRESS_USES))
    put(written_address, "line", [*_lines(address.parts)])
    for kind, name in ELEMENTS.items():
        put(written_address, name, " ".join(part.text for part in address.parts if part.kind == kind))
    return written_address if set(written_address) - {"use"} else {}


def _lines(parts: Sequence[Part]) -> Iterator[str]:
    """A street that is divided is one line; whatever else is a line by itself stands in its place."""
    street = " ".join(part.text for part in parts if address_part(part.kind) == STREET and part.kind != STREET)
    for part in parts:
        if part.kind == STREET or part.kind in LINES:
            yield part.text
        elif street and address_part(part.kind) == STREET:
            yield street
            street = ""


def _use(use: str, uses: dict[str, str]) -> str:
    return next((uses[each] for each in uses if each in use.split()), "")
