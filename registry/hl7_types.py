"""The HL7 v2 data types of XDS attributes, as far as IHE requires something of them.

IHE leaves components of its types empty that others fill: CX of the DMP carries a type (`^NH`) and sometimes a date.
Where a domain accepts them (`extra`), they are the sender's business. Trailing delimiters never count. `*_fault`
functions say what was expected, or None for a value in order.

Source: ITI TF-3 Table 4.2.3.1.7-2 (data types); HL7 v2.5 chapter 2.A.
"""

from __future__ import annotations

import re
from datetime import datetime

from registry.metadata import DtmError, dtm_floor

MAX_OID = 64  # ITI TF-3 Table 4.2.3.1.7-2 (OID)
MAX_VALUE = 256  # a slot's Value, an ExternalIdentifier's value. Source: ebRIM 3.0 §2.8 (LongName)

_OID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+\Z")
_OID_WITH_ZEROS = re.compile(r"[0-9]+(\.[0-9]+)+\Z")
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")

_CX = (1, 4)  # components that IHE knows, from 1
_CXI = (1, 4, 5, 6)  # CXi.6: homeCommunityId (CP-ITI-1292)
_XON = (1, 6, 10)


def is_oid(text: str, *, zeros: bool = True) -> bool:
    """Whether `text` is an OID in dotted form, of at most 64 characters; `zeros` lets an arc begin with 0."""
    return len(text) <= MAX_OID and (_OID_WITH_ZEROS if zeros else _OID).match(text) is not None


def oid_fault(text: str, *, zeros: bool = False) -> str | None:
    return None if is_oid(text, zeros=zeros) else f"an OID of at most {MAX_OID} characters"


def identifier_fault(text: str) -> str | None:
    """An Identifier is opaque, but no longer than what holds it. Source: ITI TF-3 4.2.3.2.26."""
    return None if 0 < len(text) <= MAX_VALUE else f"an identifier of at most {MAX_VALUE} characters"


def dtm_fault(text: str) -> str | None:
    """A DTM that names a moment of the calendar."""
    try:
        datetime.strptime(dtm_floor(text), "%Y%m%d%H%M%S")
    except (DtmError, ValueError):
        return "a UTC time YYYY[MM[DD[hh[mm[ss]]]]]"
    return None


def cx_key(text: str) -> tuple[str, str]:
    """CX.1 and CX.4.2: the identifier and the OID of its issuing authority ('' for what is not there)."""
    parts = text.split("^")
    authority = parts[3].split("&") if len(parts) > 3 else []
    return parts[0], authority[1] if len(authority) > 1 else ""


def cx_fault(text: str, *, extra: bool = True) -> str | None:
    """`id^^^&OID&ISO`."""
    parts = text.split("^")
    sound = len(parts) > 3 and parts[0] and not parts[1] and not parts[2] and _is_authority(parts[3])
    return None if sound and (extra or _only(parts, _CX)) else "a CX id^^^&OID&ISO"


def cxi_fault(text: str) -> str | None:
    """`id^^^[authority]^type`, where the authority is `name`, or `&OID&ISO`."""
    parts = [*text.split("^"), "", "", "", ""]
    named = "&" not in parts[3] or _is_authority(parts[3])
    if parts[0] and parts[4] and named and _only(parts, _CXI):
        return None
    return "a CXi id^^^&OID&ISO^type"


def xcn_fault(text: str) -> str | None:
    """An identifier or a family name at least, and a well-formed assigning authority where there is one."""
    parts = text.split("^")
    named = bool(parts[0] or (len(parts) > 1 and parts[1]))
    authority = parts[8] if len(parts) > 8 else ""
    if named and (not authority or _is_authority(authority)):
        return None
    return "an XCN with an identifier or a family name, and &OID&ISO as XCN.9 if there is one"


def xon_fault(text: str, *, extra: bool = True) -> str | None:
    """A name; and an identifier that is an OID, or that XON.6 gives an authority."""
    parts = text.split("^")
    authority = parts[5] if len(parts) > 5 else ""
    identifier = parts[9] if len(parts) > 9 else ""
    sound = not authority or _is_authority(authority)
    if parts[0] and sound and (not identifier or authority or is_oid(identifier)) and (extra or _only(parts, _XON)):
        return None
    return "an XON with a name, and &OID&ISO as XON.6 for an identifier in XON.10"


def recipient_fault(text: str, *, extra: bool = True) -> str | None:
    """`XON|XCN|XTN`, one of them at least. Source: ITI TF-3 4.2.3.3.7."""
    parts = text.split("|")
    faults = [xon_fault(parts[0], extra=extra) if parts[0] else None]
    faults += [xcn_fault(person) for person in parts[1:2] if person]
    if len(parts) <= 3 and any(parts) and not any(faults):
        return None
    return "XON|XCN|XTN, one of them at least"


def _is_authority(text: str) -> bool:
    """`&OID&ISO`."""
    parts = text.split("&")
    return len(parts) == 3 and not parts[0] and is_oid(parts[1]) and parts[2] == "ISO"


def _only(parts: list[str], known: tuple[int, ...]) -> bool:
    """Whether no other component than those `known` has a value."""
    return not any(part for number, part in enumerate(parts, start=1) if number not in known)


def shape(text: str) -> str:
    """`text` with its letters as A and its digits as 9: what it looks like, without who it names."""
    return _DIGIT.sub("9", _LETTER.sub("A", text))[:80] or "nothing"
