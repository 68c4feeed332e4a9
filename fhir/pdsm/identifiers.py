"""Identifiers: uniqueId, CX and CXi of XDS as Identifier of FHIR, and back.

Source: ITI TF-3 Table 4.2.3.1.7-2 (CX, CXi, OID) and 4.2.3.2.26 (uniqueId); MHD 4.2, IHE.MHD.UniqueIdIdentifier and
IHE.MHD.EntryUUID.Identifier; HL7 FHIR R4, datatypes.html (Identifier).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

from cda.hl7 import escape, unescape
from pdsm.coding import OID_URI
from pdsm.errors import ContentError
from pdsm.original import Element, faithful, original, text
from schemas import oids

URI_SYSTEM = "urn:ietf:rfc:3986"
UUID_URI = "urn:uuid:"
MHD_TYPE = "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType"
ENTRY_UUID, UNIQUE_ID = "entryUUID", "uniqueId"  # of MHD_TYPE
LOGICAL_ID = "urn:open-dmp:xds:logicalID"  # the code system of this house for the type that MHD does not have

_UNIQUE_ID_TYPE = "urn:ihe:iti:xds:2013:uniqueId"
_OID = re.compile(r"[0-9]+(\.[0-9]+)+", re.ASCII)
_UUID = re.compile(r"urn:uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


def write_unique_id(unique_id: str, use: str = "") -> Element:
    """A uniqueId: an OID as a URI, `root^extension` under its root, any other text as it is."""
    root, _, extension = unique_id.partition("^")
    identifier: Element = {"use": use} if use else {}
    identifier["type"] = _type(MHD_TYPE, UNIQUE_ID)
    if extension and _OID.fullmatch(root):
        identifier |= {"system": f"{OID_URI}{root}", "value": extension}
    elif _OID.fullmatch(unique_id):
        identifier |= {"system": URI_SYSTEM, "value": f"{OID_URI}{unique_id}"}
    else:
        identifier |= {"system": URI_SYSTEM, "value": unique_id}
    return faithful(identifier, unique_id, _unique_id)


def read_unique_id(identifier: Element) -> str:
    """The uniqueId that an Identifier stands for; a UUID is the OID below 2.25. Raises ContentError."""
    kept = original(identifier, text)
    return str(kept) if kept is not None else _unique_id(identifier)


def _unique_id(identifier: Element) -> str:
    system, value = identifier.get("system", ""), identifier.get("value", "")
    if _UUID.fullmatch(value):
        return f"{oids.UUID_ARC}.{uuid.UUID(value).int}"
    if system.startswith(OID_URI):
        return f"{system.removeprefix(OID_URI)}^{value}"
    return str(value.removeprefix(OID_URI))


def write_entry_uuid(entry_uuid: str) -> Element:
    """An entryUUID."""
    return {"use": "official", "type": _type(MHD_TYPE, ENTRY_UUID), "system": URI_SYSTEM, "value": entry_uuid}


def write_logical_id(logical_id: str) -> Element:
    """A logicalID, which is no type of MHD."""
    return {"type": _type(LOGICAL_ID, "logicalID"), "system": URI_SYSTEM, "value": logical_id}


def _type(system: str, code: str) -> Element:
    return {"coding": [{"system": system, "code": code}]}


def typed(identifiers: Iterable[Element], system: str, code: str) -> Element | None:
    """The first Identifier of that type."""
    for each in identifiers:
        for coding in each.get("type", {}).get("coding", ()):
            if (coding.get("system"), coding.get("code")) == (system, code):
                return each
    return None


def write_cx(cx: str) -> Element:
    """A CX, or a CXi with its type."""
    parts = [*cx.split("^"), *[""] * 5]
    identifier: Element = {}
    if parts[4]:
        identifier["type"] = {"coding": [_type_coding(parts[4])]}
    authority = parts[3].split("&")
    if len(authority) == 3 and _OID.fullmatch(authority[1]):
        identifier["system"] = f"{OID_URI}{authority[1]}"
    elif _OID.fullmatch(parts[0]) and not parts[3]:
        return faithful(identifier | {"system": URI_SYSTEM, "value": f"{OID_URI}{parts[0]}"}, cx, _cx)
    elif parts[0].startswith("urn:") and not parts[3]:
        identifier["system"] = URI_SYSTEM
    if value := unescape(parts[0]).strip():
        identifier["value"] = value
    return faithful(identifier, cx, _cx)


def read_cx(identifier: Element) -> str:
    """The CX or CXi that an Identifier stands for. Raises ContentError for a system that is no OID."""
    kept = original(identifier, text)
    if kept is not None:
        return str(kept)
    system = identifier.get("system", "")
    if not (system.startswith(OID_URI) or system == URI_SYSTEM):
        raise ContentError("Identifier.system: urn:oid:..., the authority of a patient identifier", "another or none")
    return _cx(identifier)


def read_reference_id(identifier: Element) -> str:
    """The CXi that an Identifier stands for, of any system; a URI of no type is a uniqueId. Raises ContentError.

    Source: ITI TF-3 4.2.3.2.28 (referenceIdList).
    """
    kept = original(identifier, text)
    whole = str(kept) if kept is not None else _cx(identifier)
    return f"{whole}^{_UNIQUE_ID_TYPE}" if kept is None and whole.endswith("^^^") else whole


def _cx(identifier: Element) -> str:
    system, value = identifier.get("system", ""), identifier.get("value", "")
    kind = next((_type_text(each) for each in identifier.get("type", {}).get("coding", ())), "")
    if system.startswith(OID_URI):
        whole = f"{escape(value)}^^^&{system.removeprefix(OID_URI)}&ISO"
    else:
        whole = f"{escape(value.removeprefix(OID_URI))}^^^"
    return f"{whole}^{kind}" if kind else whole


# Types of identifiers of HL7 v2, of the French core, and those of references, which are addresses.
_V2, _FRENCH = (
    "http://terminology.hl7.org/CodeSystem/v2-0203",
    "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203",
)
_FRENCH_TYPES = frozenset({"IDNPS", "IDNST", "RPPS", "ADELI", "FINEG", "FINEJ", "SIREN", "SIRET", "INS-NIR", "INS-NIA"})


def _type_coding(kind: str) -> Element:
    if kind.startswith("urn:"):
        return {"system": URI_SYSTEM, "code": kind}
    return {"system": _FRENCH if kind in _FRENCH_TYPES else _V2, "code": kind}


def type_concept(kind: str) -> Element:
    """The type of an identifier, by its code of HL7 v2."""
    return {"coding": [_type_coding(kind)]}


def type_code(identifier: Element) -> str:
    """The code of an identifier's type, '' where it has none."""
    return next((_type_text(each) for each in identifier.get("type", {}).get("coding", ())), "")


def _type_text(coding: Element) -> str:
    return str(coding.get("code", ""))


def fhir_id(entry_uuid: str) -> str:
    """The id of a resource: the UUID of its logicalID, or of a set's entryUUID, without the scheme."""
    return entry_uuid.removeprefix(UUID_URI)


def urn(resource_id: str) -> str:
    """The UUID that the id of a resource stands for."""
    return f"{UUID_URI}{resource_id.lower()}"
