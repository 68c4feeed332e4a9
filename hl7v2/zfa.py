"""ZFA, the DMP status of a patient as an establishment knows it: what it collected at its counter (PAM.fr).

| field | what it says | here |
|---|---|---|
| ZFA-1 to ZFA-3 | whether there is a DMP, since when it is closed | held to the table: the DMP knows it better |
| ZFA-4 to ZFA-8 | obsolete since 2.10 | not read |
| ZFA-9, ZFA-10 | opposition to feeding, and when it was collected | `Collected.opposition` |
| ZFA-11, ZFA-12 | consent to consultation, and when it was collected | `Collected.consentement` |

NA, or nothing, is what nobody asked the patient. A time without an offset is that of Paris; one that is still to come,
or missing, is the present.

Source: IHE France, PAM national extension 2.11.2, 6.14 and tables IHE-FRANCE-ZFA-1, ZFA-9, ZFA-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dmp.recueil import Answer, Collected
from hl7v2.er7 import Message, Segment
from hl7v2.errors import Condition, Hl7Error
from hl7v2.header import Header

STATUSES = frozenset({"", "ACTIF", "FERME", "INEXISTANT"})
NOT_COLLECTED = frozenset({"", "NA"})
OPPOSITIONS = {"IO": True, "INO": False}  # informé et opposé, informé et non opposé
CONSENTS = {"IC": True, "INC": False}  # informé et consent, informé et ne consent pas
_STATUS, _OPPOSITION, _CONSENT = 1, 9, 11
_EARLIEST_YEAR = 2000  # nobody was asked before there was a DMP
_PARIS = ZoneInfo("Europe/Paris")
_INSTANT = re.compile(r"([0-9]{8})([0-9]{4})?([0-9]{2})?(?:\.[0-9]{1,4})?([+-][0-9]{4})?")


def read_collected(message: Message, header: Header, now: datetime) -> Collected:
    """What ZFA says. Raises Hl7Error."""
    found = message.all("ZFA")
    if len(found) != 1:
        raise Hl7Error.single(Condition.CARDINALITY, "one ZFA", str(len(found)), found[1].at() if found else None)
    zfa = found[0]
    if zfa.text(_STATUS).upper() not in STATUSES:
        expected = "ACTIF, FERME or INEXISTANT"
        raise Hl7Error.single(Condition.TABLE_VALUE, expected, "another", zfa.at(_STATUS))
    opposition, consent = _answer(zfa, _OPPOSITION, OPPOSITIONS, now), _answer(zfa, _CONSENT, CONSENTS, now)
    return Collected(opposition, consent, header.control_id)


def _answer(zfa: Segment, field: int, values: Mapping[str, bool], now: datetime) -> Answer | None:
    """What a field says, with the time of the field after it. Raises Hl7Error."""
    said = zfa.text(field).upper()
    if said in NOT_COLLECTED:
        return None
    if said not in values:
        expected = f"{', '.join(values)} or NA"
        raise Hl7Error.single(Condition.TABLE_VALUE, expected, "another", zfa.at(field, 1))
    return Answer(values[said], min(_instant(zfa, field + 1) or now, now))


def _instant(zfa: Segment, field: int) -> datetime | None:
    """A time as precise as a day at least; None where there is none. Raises Hl7Error."""
    text = zfa.text(field)
    if not text:
        return None
    found = _INSTANT.fullmatch(text)
    try:
        if found is None:
            raise ValueError(text)
        zone = datetime.strptime(found[4], "%z").tzinfo if found[4] else _PARIS
        instant = datetime.strptime(f"{found[1]}{found[2] or '0000'}{found[3] or '00'}", "%Y%m%d%H%M%S")
        if instant.year < _EARLIEST_YEAR:
            raise ValueError(text)
        return instant.replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        raise Hl7Error.single(Condition.DATA_TYPE, "a day and a time", "another value", zfa.at(field)) from None
