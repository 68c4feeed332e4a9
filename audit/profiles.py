"""The profiles of BALP that an AuditEvent fulfils, found in the AuditEvent itself.

A disclosure is one to its source and to its recipient; who acts by a SAML assertion or a token is known by it. The
profiles of RESTful interactions are those of FHIR transactions, which say `rest` where a message of DICOM says what was
done; that of consent decisions admits nothing but a patient and a consent, and so cannot tell what was refused.

Source: IHE BALP 1.1, StructureDefinitions IHE.BasicAudit.*.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DISCLOSURE_SOURCE = BALP + "PrivacyDisclosure.Source"
DISCLOSURE_RECIPIENT = BALP + "PrivacyDisclosure.Recipient"
SAML_MINIMAL = BALP + "SAMLaccessTokenUse.Minimal"
SAML_COMPREHENSIVE = BALP + "SAMLaccessTokenUse.Comprehensive"
OAUTH_MINIMAL = BALP + "OAUTHaccessTokenUse.Minimal"

DISCLOSURE_SUBTYPE = {
    "system": "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
    "code": "disclose",
    "display": "Disclose Record Lifecycle Event",
}
IRCP = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
SAML_AGENT = {"system": "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes", "code": "UserSamlAgent"}
OAUTH_AGENT = {**SAML_AGENT, "code": "UserOauthAgent"}

_EXPORT, _IMPORT = "110106", "110107"  # DICOM PS3.16 CID 400
_DESTINATION, _SOURCE = "110152", "110153"  # CID 402
_DISCLOSURES = {(_EXPORT, "R"): DISCLOSURE_SOURCE, (_IMPORT, "C"): DISCLOSURE_RECIPIENT}


def discloses(event: Mapping[str, Any]) -> bool:
    """Whether data of one patient went from a source to a recipient, both known, by what `event` tells.

    What was refused or failed disclosed nothing.
    """
    patients = [each for each in event["entity"] if _codes(each, "type", "role") == ("1", "1")]
    return (
        (event["type"].get("code"), event["action"]) in _DISCLOSURES
        and event["outcome"] == "0"
        and len(patients) == 1
        and "what" in patients[0]
        and len(event["entity"]) > 1
        and all(_ends(event, role) == 1 for role in (_SOURCE, _DESTINATION))
    )


def claimed(event: Mapping[str, Any]) -> list[str]:
    """The profiles that `event` fulfils, by their canonical addresses."""
    profiles = []
    if DISCLOSURE_SUBTYPE in event.get("subtype", ()):
        profiles.append(_DISCLOSURES[event["type"]["code"], event["action"]])
    for agent in _of_type(event, SAML_AGENT["code"]):
        if agent["requestor"] and not {"altId", "network", "media"} & agent.keys():
            profiles.append(SAML_COMPREHENSIVE if "extension" in agent else SAML_MINIMAL)
    for agent in _of_type(event, OAUTH_AGENT["code"]):
        if agent["requestor"] and not {"network", "media"} & agent.keys():
            profiles.append(OAUTH_MINIMAL)
    return profiles


def _ends(event: Mapping[str, Any], role: str) -> int:
    """How many agents stand at that end, provided that each is known and somewhere; else none counts."""
    agents = list(_of_type(event, role))
    return len(agents) if all(agent.keys() >= {"who", "network"} for agent in agents) else 0


def _of_type(event: Mapping[str, Any], code: str) -> Iterator[Mapping[str, Any]]:
    for agent in event["agent"]:
        if any(coding.get("code") == code for coding in agent.get("type", {}).get("coding", ())):
            yield agent


def _codes(entity: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(entity.get(name, {}).get("code", "") for name in names)
