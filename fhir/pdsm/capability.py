"""The CapabilityStatement: what this door does, made of the tables that it is done by.

Source: HL7 FHIR R4, CapabilityStatement and restful-security-service; MHD 4.2, IHE.MHD.DocumentResponder; PDQm 3.2,
IHE.PDQm.PatientDemographicsSupplierMatch; PIXm 3.1, IHE.PIXm.Manager; ANS, PDSm 3.1.1,
PDSm-GestionnaireDePartageDeDocuments.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pdsm.asked import Kind
from pdsm.forms import FORMATS
from pdsm.iti66 import LIST
from pdsm.iti67 import DOCUMENT_REFERENCE
from pdsm.iti78 import PATIENT
from pdsm.iti110 import BACKPORT
from pdsm.iti113 import SUBSCRIPTION
from pdsm.matching import Type

FHIR_VERSION = "4.0.1"
OPERATIONS = {
    "match": "https://profiles.ihe.net/ITI/PDQm/OperationDefinition/PDQmMatch",
    "ihe-pix": "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
}
_TYPES = {
    Type.TOKEN: "token",
    Type.STRING: "string",
    Type.DATE: "date",
    Type.REFERENCE: "reference",
    Type.URI: "uri",
}


def capability_statement(base: str, now: datetime, *, tokens: bool, subscriptions: bool) -> dict[str, Any]:
    """What this door does at `base`; `tokens` says whether anybody's access tokens are believed there, `subscriptions`
    whether anybody can subscribe.
    """
    services = ("Certificates", "OAuth") if tokens else ("Certificates",)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": now.strftime("%Y-%m-%d"),
        "kind": "instance",
        "implementation": {"description": "open-dmp", "url": base},
        "fhirVersion": FHIR_VERSION,
        "format": [*FORMATS],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": False, "service": [{"coding": [_service(each)]} for each in services]},
                "resource": [
                    _searched(DOCUMENT_REFERENCE, "create"),
                    _searched(LIST),
                    {"type": "Binary", "interaction": [{"code": "read"}]},
                    *([_subscription()] if subscriptions else []),
                    _patient(),
                ],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _subscription() -> dict[str, Any]:
    """Source: IHE DSUBm 1.0, IHE.DSUBm.ResourceNotificationBroker."""
    operations = "http://hl7.org/fhir/uv/subscriptions-backport/OperationDefinition/backport-subscription-"
    return {
        "type": SUBSCRIPTION.name,
        "supportedProfile": [f"{BACKPORT}backport-subscription"],
        "interaction": [{"code": code} for code in ("read", "create", "update", "search-type")],
        "searchParam": [
            {"name": name, "type": _TYPES[each.type]} for name, each in sorted(SUBSCRIPTION.parameters.items())
        ],
        "operation": [{"name": name, "definition": f"{operations}{name}"} for name in ("status", "events")],
    }


def _service(code: str) -> dict[str, str]:
    return {"system": "http://terminology.hl7.org/CodeSystem/restful-security-service", "code": code}


def _patient() -> dict[str, Any]:
    """Patients have no versions, and two operations."""
    return {
        "type": PATIENT.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "no-version",
        "searchParam": _parameters(PATIENT),
        "operation": [{"name": name, "definition": definition} for name, definition in OPERATIONS.items()],
    }


def _parameters(kind: Kind, **more: str) -> list[dict[str, str]]:
    parameters = {name: _TYPES[each.type] for name, each in kind.parameters.items() if ":" not in name} | more
    return [{"name": name, "type": parameters[name]} for name in sorted(parameters)]


def _searched(kind: Kind, *more: str) -> dict[str, Any]:
    named = {"patient": "reference", "patient.identifier": "token", "subject": "reference"}
    found: dict[str, Any] = {
        "type": kind.name,
        "interaction": [{"code": code} for code in ("read", "search-type", *more)],
        "versioning": "versioned",
        "searchParam": _parameters(kind, **named),
    }
    return {**found, "searchInclude": sorted(kind.includes)} if kind.includes else found
