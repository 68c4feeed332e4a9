"""Times of HL7 V3 as people read them in France: as written, as precise as written.

An offset is told only where it is not that of Paris at that time.

Source: HL7 V3 data types §2.25 (TS), §2.28 (IVL), §2.30 (PIVL), §2.31 (EIVL); HL7 TimingEvent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from lxml import etree

from cda.rendering.quantities import plural, quantity
from cda.rendering.reading import XSI_TYPE, attribute, child, children

_PARIS = ZoneInfo("Europe/Paris")
_TS = re.compile(r"([0-9]{4})([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?[0-9]*(?:\.[0-9]*)?([+-][0-9]{4})?")
_EVENTS = {  # HL7 TimingEvent
    "AC": "avant le repas",
    "ACD": "avant le déjeuner",
    "ACM": "avant le petit-déjeuner",
    "ACV": "avant le dîner",
    "C": "au repas",
    "CD": "au déjeuner",
    "CM": "au petit-déjeuner",
    "CV": "au dîner",
    "HS": "au coucher",
    "IC": "entre les repas",
    "ICD": "entre le déjeuner et le dîner",
    "ICM": "entre le petit-déjeuner et le déjeuner",
    "ICV": "entre le dîner et le coucher",
    "PC": "après le repas",
    "PCD": "après le déjeuner",
    "PCM": "après le petit-déjeuner",
    "PCV": "après le dîner",
    "WAKE": "au lever",
    "MORN": "le matin",
    "AFT": "l'après-midi",
    "EVE": "le soir",
    "NIGHT": "la nuit",
}


def timestamp(text: str) -> str:
    """28/03/1979, 03/12/2019 à 13:30, 12/2019 or 2019; what is no timestamp stays as it is."""
    found = _TS.fullmatch(text.strip())
    if found is None:
        return text.strip()
    year, month, day, hour, minute, _, offset = found.groups()
    date = "/".join(filter(None, (day, month, year)))
    if hour is None:
        return date
    return f"{date} à {hour}:{minute or '00'}{_offset(text.strip(), offset)}"


def instant(text: str) -> datetime | None:
    """The moment that a timestamp begins at, in UTC; without an offset, it is one of Paris. None for no timestamp."""
    found = _TS.fullmatch(text.strip())
    if found is None:
        return None
    *parts, offset = found.groups()
    numbers = [int(part) if part else default for part, default in zip(parts, (1, 1, 1, 0, 0, 0), strict=True)]
    try:
        local = datetime(*numbers)  # type: ignore[arg-type] # six numbers
        return local.replace(tzinfo=_zone(offset) or _PARIS).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def time_of(element: etree._Element | None) -> str:
    """TS, IVL_TS, PIVL_TS, EIVL_TS or SXPR_TS in words; '' where it says nothing."""
    if element is None:
        return ""
    kind = element.get(XSI_TYPE, "").rpartition(":")[2]
    if kind == "SXPR_TS" or children(element, "comp"):
        return ", ".join(filter(None, map(time_of, children(element, "comp"))))
    if kind == "PIVL_TS" or child(element, "period") is not None:
        return _periodic(element)
    if kind == "EIVL_TS" or child(element, "event") is not None:
        return _event(element)
    if value := element.get("value", "").strip():
        return timestamp(value)
    return interval(element)


def interval(element: etree._Element | None) -> str:
    """From low to high, with the words that a half-open interval needs."""
    low, high = (timestamp(attribute(element, "value", name)) for name in ("low", "high"))
    width = quantity(child(element, "width"))
    lasting = f"pendant {width}" if width else ""
    if low and high:
        said = _between(low, high)
    else:
        center = timestamp(attribute(element, "value", "center"))
        said = f"depuis le {low}" if low else f"jusqu'au {high}" if high else f"vers le {center}" if center else ""
    return ", ".join(filter(None, (said, lasting)))


def _between(low: str, high: str) -> str:
    """Two times, the day told once where it is the same."""
    day, _, begun = low.partition(" à ")
    same, _, ended = high.partition(" à ")
    if low == high:
        return f"le {low}"
    return f"le {day} de {begun} à {ended}" if day == same and begun and ended else f"du {low} au {high}"


def _periodic(element: etree._Element) -> str:
    period = child(element, "period")
    number, unit = attribute(period, "value"), attribute(period, "unit")
    every = f"{'toutes' if unit in ('h', 'min', 's', 'wk') else 'tous'} les {plural(number, unit)}" if number else ""
    phase = interval(child(element, "phase")) or timestamp(attribute(element, "value", "phase"))
    return ", ".join(filter(None, (every, phase)))


def _event(element: etree._Element) -> str:
    event = _EVENTS.get(attribute(element, "code", "event").upper(), attribute(element, "code", "event"))
    offset = child(element, "offset")
    shift = quantity(offset) or quantity(child(offset, "low")) or quantity(child(offset, "width"))
    return f"{event} ({shift})" if event and shift else event


def _offset(text: str, offset: str | None) -> str:
    """How far from UTC, where a reader in Paris would take it for another time."""
    zone = _zone(offset)
    moment = instant(text)
    if zone is None or moment is None or moment.astimezone(_PARIS).utcoffset() == zone.utcoffset(None):
        return ""
    return f" (UTC{offset[:3]}:{offset[3:]})" if offset and int(offset) else " (UTC)"


def _zone(offset: str | None) -> timezone | None:
    if not offset:
        return None
    shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    return timezone(-shift if offset[0] == "-" else shift) if shift < timedelta(days=1) else None
