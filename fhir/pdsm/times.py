"""Times: DTM of HL7 v2, which XDS has, as dateTime of FHIR, and back.

A DTM of XDS is UTC and may stop at any unit; a dateTime stops at the day, or goes on to the second and says its zone.

Source: ITI TF-3 Table 4.2.3.1.7-2 (DTM); HL7 FHIR R4, datatypes.html (dateTime, instant).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pdsm.errors import ContentError
from pdsm.original import Element, extended, original, text
from registry.hl7_types import dtm_fault
from registry.metadata import dtm_floor

_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)
_WHOLE = 14  # digits of a DTM to the second


def put_time(element: Element, name: str, dtm: str) -> None:
    """Gives `element` a dateTime; nothing for ''."""
    if not dtm:
        return
    value = written(dtm)
    if value:
        element[name] = value
    if read(value) != dtm:
        element[f"_{name}"] = extended({}, dtm)


def take_time(element: Element, name: str) -> str:
    """The DTM of a dateTime, '' where there is none. Raises ContentError."""
    kept = original(element.get(f"_{name}", {}), text)
    if kept is not None:
        return str(kept)
    value = element.get(name, "")
    dtm = read(value)
    if value and not dtm:
        raise ContentError(f"{name}: a date, or a time with its zone", "something else")
    return dtm


def written(dtm: str) -> str:
    """A DTM as dateTime, to the day or to the second; '' for what is no moment of the calendar."""
    if dtm_fault(dtm):
        return ""
    whole = dtm_floor(dtm)
    date = f"{whole[:4]}-{whole[4:6]}-{whole[6:8]}"
    if len(dtm) > 8:
        return f"{date}T{whole[8:10]}:{whole[10:12]}:{whole[12:]}Z"
    return date[: {4: 4, 6: 7}.get(len(dtm), 10)]


def instant(dtm: str) -> str:
    """A DTM to the second as an instant, '' for any other."""
    return written(dtm) if len(dtm) == _WHOLE else ""


def read(value: str) -> str:
    """A dateTime as DTM in UTC, '' for what is none; fractions of a second are not of XDS."""
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        return ""
    if match[7] is None:
        return "".join(filter(None, match.groups()))
    try:
        return re.sub(r"[-:T]", "", datetime.fromisoformat(value).astimezone(UTC).isoformat()[:19])
    except (ValueError, OverflowError):
        return ""
