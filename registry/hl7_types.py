"""The HL7 v2 data types of XDS attributes, as far as IHE requires something of them.

Extra components are the sender's business: CX of the DMP carries a type (`^NH`) and sometimes a date that IHE does not
know. `*_fault` functions say what was expected, or None for a value in order.

Source: ITI TF-3 Table 4.2.3.1.7-2 (data types); HL7 v2.5 chapter 2.A.
"""

from __future__ import annotations

import re
from datetime import datetime

from registry.metadata import DtmError, dtm_floor

MAX_OID = 64  # ITI TF-3 Table 4.2.3.1.7-2 (OID)
MAX_VALUE = 256  # a slot's Value. Source: ebRIM 3.0 §2.8 (LongName)
MAX_UNIQUE_ID = 128  # ITI TF-3 4.2.3.2.26: OID of 64 characters, `^`, extension, 128 together

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+\Z")
_EXTENSION = re.compile(r"[\x21-\x5d\x5f-\x7e]+\Z")  # printable, without `^`
_LETTER = re.compile(r"[^\W\d_]")
_DIGIT = re.compile(r"\d")


def is_oid(text: str) -> bool:
    """Whether `text` is an OID in dotted form, of at most 64 characters."""
    return len(text) <= MAX_OID and _OID.match(text) is not None


def oid_fault(text: str) -> str | None:
    return None if is_oid(text) else f"an OID of at most {MAX_OID} characters"


def unique_id_fault(text: str, *, extension: bool) -> str | None:
    """`OID`, or `OID^extension` where `extension` allows it."""
    oid, caret, rest = text.partition("^")
    if not extension:
        return oid_fault(text)
    if is_oid(oid) and len(text) <= MAX_UNIQUE_ID and (not caret or _EXTENSION.match(rest)):
        return None
    return f"an OID, or OID^extension, of at most {MAX_UNIQUE_ID} characters"


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


def cx_fault(text: str) -> str | None:
    """`id^^^&OID&ISO`."""
    parts = text.split("^")
    if len(parts) > 3 and parts[0] and not parts[1] and not parts[2] and _hd_fault(parts[3]) is None:
        return None
    return "a CX id^^^&OID&ISO"


def xcn_fault(text: str) -> str | None:
    """An identifier or a family name at least, and a well-formed assigning authority where there is one."""
    parts = text.split("^")
    named = bool(parts[0] or (len(parts) > 1 and parts[1]))
    authority = parts[8] if len(parts) > 8 else ""
    if named and (not authority or _hd_fault(authority) is None):
        return None
    return "an XCN with an identifier or a family name, and &OID&ISO as XCN.9 if there is one"


def xon_fault(text: str) -> str | None:
    """A name; and an identifier that is an OID, or that XON.6 gives an authority."""
    parts = text.split("^")
    authority = parts[5] if len(parts) > 5 else ""
    identifier = parts[9] if len(parts) > 9 else ""
    sound = not authority or _hd_fault(authority) is None
    if parts[0] and sound and (not identifier or authority or is_oid(identifier)):
        return None
    return "an XON with a name, and &OID&ISO as XON.6 for an identifier in XON.10"


def _hd_fault(text: str) -> str | None:
    """`&OID&ISO`."""
    parts = text.split("&")
    return None if len(parts) == 3 and not parts[0] and is_oid(parts[1]) and parts[2] == "ISO" else "&OID&ISO"


def shape(text: str) -> str:
    """`text` with its letters as A and its digits as 9: what it looks like, without who it names."""
    return _DIGIT.sub("9", _LETTER.sub("A", text))[:80] or "nothing"
