"""Identifiers and people of a CDA header, written as the HL7 v2 fields that XDS metadata carry: CX, CXi, XCN, XON.

Source: ITI TF-3 Table 4.2.3.1.7-2 (data types); CI-SIS, volet Partage de documents de santé, PS_IdNat, Struct_IdNat
and INS in author, legalAuthenticator and patient attributes.
"""

from __future__ import annotations

import re

from cda.header import InstanceId, Name, Organization, Participant
from schemas import oids

INS_AUTHORITIES = frozenset({oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO})

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_ESCAPED = re.compile(r"\\([EFSTR])\\")
_NATIONAL_PREFIXES = ("0", "8")  # PS_IdNat: 0 + ADELI, 8 + RPPS; the others are internal to a structure


def escape(text: str) -> str:
    """`text` with the delimiters of HL7 v2 escaped, on one line. Source: HL7 v2.5 §2.7.1."""
    return " ".join(text.split()).translate(_ESCAPES)


def unescape(text: str) -> str:
    """`text` with what `escape` escaped as it was; other escapes stay. Source: HL7 v2.5 §2.7.1."""
    return _ESCAPED.sub(lambda found: {"E": "\\", "F": "|", "S": "^", "T": "&", "R": "~"}[found[1]], text)


def cx(value: str, authority: str, identifier_type: str) -> str:
    """A patient identifier: `INS^^^&OID&ISO^NH`, `IPP^^^&OID&ISO^PI`."""
    return f"{escape(value)}^^^&{authority}&ISO^{identifier_type}"


def cxi(found: InstanceId, identifier_type: str) -> str:
    """A reference to another object: `id^^^&OID&ISO^type`, or `OID^^^^type` for an identifier that is a root alone."""
    if not found.extension:
        return f"{oid_of(found.root)}^^^^{identifier_type}"
    return f"{escape(found.extension)}^^^&{oid_of(found.root)}&ISO^{identifier_type}"


def xcn(participant: Participant, *, system: bool = False) -> str:
    """The person or system: `PS_IdNat^Nom^Prénom^^^^^^&OID&ISO^D^^^IDNPS`, '' when there is neither.

    Name type and identifier type say what it is: D and IDNPS for a national identifier of a professional, D and EI for
    one that is internal to a structure, D and NH for the patient, U and RI for a system (`system`, or a device), whose
    name and model stand for family and given name.
    """
    found = _main_id(participant)
    name = participant.name or Name("")
    family, given = name.family, name.given
    if participant.device is not None:
        family, given = participant.device.software, participant.device.model
    if found is None:
        return f"^{escape(family)}^{escape(given)}" if family or given else ""
    kind = ("U", "RI") if system or participant.device is not None else ("D", _person_id_type(found))
    authority = oid_of(found.root)
    value = found.extension or authority
    return f"{escape(value)}^{escape(family)}^{escape(given)}^^^^^^&{authority}&ISO^{kind[0]}^^^{kind[1]}"


def xon(organization: Organization) -> str:
    """The structure: `Nom^^^^^&OID&ISO^IDNST^^^Struct_IdNat`, its name alone when it has no identifier.

    An organisation without a name is called by its identifier: XON.1 may not be empty.
    """
    national = [found for found in organization.ids if found.root == oids.STRUCT_ID_NAT and found.extension]
    others = [found for found in organization.ids if found.extension]
    found = next(iter(national + others), None)
    if found is None:
        return escape(organization.name)
    name = escape(organization.name or found.extension)
    identifier_type = "IDNST" if national else "EI"
    return f"{name}^^^^^&{oid_of(found.root)}&ISO^{identifier_type}^^^{escape(found.extension)}"


def oid_of(root: str) -> str:
    """`root` as an OID: a UUID becomes its arc under 2.25. Source: ITU-T X.667 §7; ITI TF-2 Appendix B."""
    compact = root.replace("-", "").lower()
    if "-" in root and len(compact) == 32 and all(digit in "0123456789abcdef" for digit in compact):
        return f"{oids.UUID_ARC}.{int(compact, 16)}"
    return root


def _main_id(participant: Participant) -> InstanceId | None:
    """The identifier to show: a PS_IdNat before an INS before any other."""
    ranks = {oids.PS_ID_NAT: 0, **dict.fromkeys(INS_AUTHORITIES, 1)}
    return min(participant.ids, key=lambda found: ranks.get(found.root, 2), default=None)


def _person_id_type(found: InstanceId) -> str:
    if found.root in INS_AUTHORITIES:
        return "NH"
    national = found.root == oids.PS_ID_NAT and found.extension.startswith(_NATIONAL_PREFIXES)
    return "IDNPS" if national and "/" not in found.extension else "EI"
