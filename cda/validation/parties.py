"""Where people, organisations, addresses and identifiers stand in a header, as paths from ClinicalDocument.

Source: CI-SIS, volet Structuration minimale de documents de santé v1.16, each participant; HL7 V3 data types §2.14.
"""

from __future__ import annotations

from schemas import oids

_PROFESSIONAL = f"c:assignedEntity[c:id[@root = '{oids.PS_ID_NAT}']]"
ENCOUNTER = "c:componentOf[not(@nullFlavor)]/c:encompassingEncounter[not(@nullFlavor)][c:location]"
PATIENT = "c:recordTarget[not(@nullFlavor)]/c:patientRole[c:patient]"
PARTIES = (
    PATIENT,
    f"{PATIENT}/c:patient[not(@nullFlavor)]/c:guardian",
    "c:author/c:assignedAuthor[not(@nullFlavor)]",
    "c:informant/c:assignedEntity",
    "c:informant/c:relatedEntity[@classCode][c:relatedPerson]",
    "c:informationRecipient/c:intendedRecipient",
    "c:legalAuthenticator[c:signatureCode[@code = 'S']]/c:assignedEntity",
    f"c:authenticator[c:signatureCode[@code = 'S']]/{_PROFESSIONAL}",
    "c:participant[@typeCode]/c:associatedEntity[@classCode]",
    "c:documentationOf[not(@nullFlavor)]/c:serviceEvent[not(@nullFlavor)]/c:performer[@typeCode = 'PRF']"
    "/c:assignedEntity[c:representedOrganization]",
    f"{ENCOUNTER}/c:responsibleParty/{_PROFESSIONAL}",
    f"{ENCOUNTER}/c:encounterParticipant[@typeCode]/{_PROFESSIONAL}",
)
_ORGANIZATIONS = ("c:representedOrganization", "c:receivedOrganization", "c:scopingOrganization")
CUSTODIAN = "c:custodian[not(@nullFlavor)]/c:assignedCustodian/c:representedCustodianOrganization"
_PERSONS = ("c:assignedPerson", "c:associatedPerson", "c:relatedPerson", "c:informationRecipient")
CARE = f"{ENCOUNTER}/c:location/c:healthCareFacility[not(@nullFlavor)]"
FACILITY = f"{CARE}/c:location/c:addr"
OID, UUID = r"^[0-2](\.(0|[1-9][0-9]*))*$", "^[A-Fa-f0-9]{8}(-[A-Fa-f0-9]{4}){3}-[A-Fa-f0-9]{12}$"
BIRTHPLACE = f"{PATIENT}/c:patient[not(@nullFlavor)]/c:birthplace/c:place/c:addr"
ADDRESS_PARTS = (
    *("country", "state", "city", "postalCode", "county", "houseNumber", "houseNumberNumeric", "streetName"),
    *("streetNameType", "additionalLocator", "unitID", "postBox", "precinct"),
)


def of_persons(inside: str) -> str:
    """Of each person of a party."""
    return " | ".join(f"{party}/{person}{inside}" for party in PARTIES for person in _PERSONS)


def of_organizations(inside: str) -> str:
    """Of each organisation that a party stands for."""
    found = [f"{party}/{organization}" for party in PARTIES for organization in _ORGANIZATIONS]
    return " | ".join(f"{each}{inside}" for each in found)


def of_all(inside: str) -> str:
    """Of each party, and of its organisation."""
    found = [f"{party}{inside}" for party in (*PARTIES, CUSTODIAN)]
    return f"{' | '.join(found)} | {of_organizations(inside)}"
