"""Values of OBX: numbers, words, codes and times of HL7 v2 as what a laboratory found.

What has no exact equal is refused with its place. Times without an offset are those of Paris.

Source: HL7 v2.5 7.4.2 (OBX), 2.A (data types), 2.7 (escape sequences and formatting commands), HL7 tables 0125 and
0396; HL7 V3 data types.
"""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from cda import ucum
from cda.builders.result_values import Coding, Concept, Interval, Moment, Number, Ratio, Text, Unit, Value
from hl7v2.er7 import NULL, Segment
from hl7v2.errors import Condition, Hl7Error, Location
from schemas import oids

TYPES = ("NM", "SN", "ST", "TX", "FT", "CE", "CWE", "DT", "TM", "TS", "DTM")
PARIS = ZoneInfo("Europe/Paris")
# Names of code systems. Source: HL7 table 0396.
_SYSTEMS = {
    "LN": oids.LOINC,
    "LOINC": oids.LOINC,
    "SCT": oids.SNOMED_CT,
    "I10": oids.CIM_10,
    "HL70487": oids.HL7_SPECIMEN_TYPE,
}
_UCUM = ("UCUM", "2.16.840.1.113883.6.8")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_LOINC = re.compile(r"([0-9]{1,7})-([0-9])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_TIME = re.compile(r"([0-9]{4})([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?(\.[0-9]{1,4})?([+-][0-9]{4})?")
_OF_DAY = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])?([0-5][0-9])?(?:\.[0-9]{1,4})?")
_COMPARED = {">": (True, False), ">=": (True, True), "<": (False, False), "<=": (False, True)}  # is low, is closed
_BREAKS = re.compile(r"\\\.(?:br|sp[+]?[0-9]*|ce)\\")
_LAYOUT = re.compile(r"\\\.(?:fi|nf|(?:in|ti)[+-]?[0-9]+|sk[+]?[0-9]+)\\")
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# OBX-7: two bounds, or one and how it is compared.
_BETWEEN = re.compile(rf"\(?\s*({_NUMBER.pattern})\s*-\s*({_NUMBER.pattern})\s*\)?")
_BEYOND = re.compile(rf"\(?\s*(>=|<=|≥|≤|>|<)\s*({_NUMBER.pattern})\s*\)?")
_SIGNS = {"≥": ">=", "≤": "<="}


def read_value(segment: Segment, kind: str, said: str, number: int, unit: Unit | None) -> Value:
    """One repetition of OBX-5, of type `kind`. Raises Hl7Error for what has no equal in HL7 V3."""
    where = segment.at(5, repetition=number)
    if kind in ("ST", "TX", "FT"):
        return Text(read_text(segment, said, where, formatted=kind == "FT"))
    if kind in ("CE", "CWE"):
        return read_concept(segment, said, where)
    if kind == "SN":
        return _structured([segment.part(said, each) for each in range(1, 5)], unit, where)
    if segment.syntax.component in said:
        raise Hl7Error.single(Condition.DATA_TYPE, f"one component of type {kind}", "more", where)
    text = segment.part(said)
    match kind:
        case "NM":
            return Number(_number(text, where), unit)
        case "TM":
            return Text(_time_of_day(text, where))
        case _:
            return _moment(text, where)


def read_text(segment: Segment, said: str, where: Location, *, formatted: bool = False) -> str:
    """Words, whatever delimiters of components they have. Raises Hl7Error for characters that nobody can read."""
    if formatted:
        escape = re.escape(segment.syntax.escape)
        said = re.sub(_BREAKS.pattern.replace(r"\\", escape), "\n", said)
        said = re.sub(_LAYOUT.pattern.replace(r"\\", escape), "", said)
    return readable(segment.syntax.unescaped(said), where)


def readable(text: str, where: Location) -> str:
    """The same, of a text without escape sequences."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _UNREADABLE.search(text):
        raise Hl7Error.single(Condition.DATA_TYPE, "characters that can be read", "others", where)
    return text


def read_concept(segment: Segment, said: str, where: Location) -> Concept:
    """A CE or CWE: its words and both its codes. Raises Hl7Error for one that says nothing, or no code."""
    part = [readable(segment.part(said, each), where) for each in range(1, 15)]
    codings = []
    for code, label, system, oid in ((*part[0:3], part[13]), (*part[3:6], "")):
        if not code:
            continue
        if re.search(r"\s", code):
            raise Hl7Error.single(Condition.DATA_TYPE, "a code without white space", "another", where)
        scheme = _SYSTEMS.get(system.upper(), next(filter(is_oid, (system, oid)), ""))
        if scheme == oids.LOINC and not _is_loinc(code):
            raise Hl7Error.single(Condition.TABLE_VALUE, "a LOINC code with its check digit", "another", where)
        codings.append(Coding(code, label, scheme, system))
    label = next(filter(None, (part[1], part[8], part[4], part[0], part[3])), "")
    if not label:
        raise Hl7Error.single(Condition.REQUIRED_FIELD, "a code or a text", "none", where)
    named = tuple(each if each.label else Coding(each.code, label, each.scheme, each.system) for each in codings)
    return Concept(label, named)


def read_unit(segment: Segment) -> Unit | None:
    """OBX-6: a UCUM code, or what is printed. Raises Hl7Error for a code of UCUM that is none."""
    said = next(iter(segment.repetitions(6)), "")
    where = segment.at(6)
    part = [readable(segment.part(said, each), where) for each in range(1, 7)]
    printed = next(filter(None, (part[1], part[0], part[4], part[3])), "")
    if not printed:
        return None
    for code, system in ((part[0], part[2]), (part[3], part[5])):
        if code and system.upper() in _UCUM:
            if not ucum.is_code(code):
                raise Hl7Error.single(Condition.TABLE_VALUE, "a code of UCUM", "another", where)
            return Unit(printed, code)
    return Unit(printed, next(filter(None, map(ucum.code_of, (part[0], part[1]))), ""))


def read_interval(text: str, unit: Unit | None) -> Interval | None:
    """OBX-7 as an interval; None where it is one of words. Source: HL7 v2.5 7.4.2.7."""
    if found := _BETWEEN.fullmatch(text.strip()):
        low, high = (each.lstrip("+") for each in found.groups())
        return Interval(low, high, unit=unit) if float(low) <= float(high) else None
    if found := _BEYOND.fullmatch(text.strip()):
        return _one_sided(_SIGNS.get(found[1], found[1]), found[2].lstrip("+"), unit)
    return None


def read_time(text: str, where: Location) -> str:
    """A TS or DTM as a TS of HL7 V3, of the same precision; '' for none. Raises Hl7Error for one that cannot be."""
    if not text or text == NULL:
        return ""
    found = _TIME.fullmatch(text)
    if found is None or (found[7] and not found[6]):
        raise Hl7Error.single(Condition.DATA_TYPE, "a time (YYYY[MM[DD[HH[MM[SS]]]]][+/-ZZZZ])", "another", where)
    numbers = [int(each) if each else least for each, least in zip(found.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)]
    try:
        instant = datetime(*numbers, tzinfo=PARIS)  # type: ignore[arg-type,misc] # six numbers
    except ValueError:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time", "another number", where) from None
    digits = "".join(each for each in found.groups()[:6] if each)
    if len(digits) < len("YYYYMMDDHH"):
        return digits
    return f"{digits}{found[7] or ''}{found[8] or f'{instant:%z}'}"


def read_instant(text: str, where: Location) -> datetime:
    """A TS or DTM to the minute. Raises Hl7Error for a day: nobody said when."""
    time = read_time(text, where)
    found = _TIME.fullmatch(time)
    if found is None or not found[5]:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time to the minute", "another", where)
    digits = f"{found[1]}{found[2]}{found[3]}{found[4]}{found[5]}{found[6] or '00'}{found[8]}"
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S%z")
    except ValueError:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time zone", "another", where) from None


def is_oid(text: str) -> bool:
    """Whether an authority or a code system is named by its OID."""
    return bool(_OID.fullmatch(text))


def _moment(text: str, where: Location) -> Moment:
    time = read_time(text, where)
    if not time:
        raise Hl7Error.single(Condition.REQUIRED_FIELD, "a time", "none", where)
    day = "/".join(part for part in (time[6:8], time[4:6], time[:4]) if part.isdecimal())
    hour = ":".join(part for part in (time[8:10], time[10:12], time[12:14]) if part.isdecimal())
    return Moment(time, f"{day} {hour}".strip())


def _time_of_day(text: str, where: Location) -> str:
    """HL7 V3 has no type for it: words."""
    found = _OF_DAY.fullmatch(text)
    if found is None:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time of day (HH[MM[SS]])", "another", where)
    return ":".join((found[1], found[2] or "00", *filter(None, (found[3],))))


def _structured(part: list[str], unit: Unit | None, where: Location) -> Value:
    """SN: how it is compared, a number, a separator, a number. Source: HL7 v2.5 2.A.72."""
    sign, first, between, second = part
    first = _number(first, where)
    if sign in ("", "=") and not between and not second:
        return Number(first, unit)
    if sign in _COMPARED and not between and not second:
        return _one_sided(sign, first, unit)
    if not sign and second:
        second = _number(second, where)
        if between == "-" and float(first) <= float(second):
            return Interval(first, second, unit=unit)
        if between in (":", "/") and unit is None:
            return Ratio(first, second, between)
    if not sign and between == "+" and not second and unit is None:
        return Text(f"{first}+")
    expected = "a number, a comparison, an interval, a ratio without unit, or a grade (2+)"
    raise Hl7Error.single(Condition.DATA_TYPE, expected, "another structured number", where)


def _one_sided(sign: str, bound: str, unit: Unit | None) -> Interval:
    low, closed = _COMPARED[sign]
    return (
        Interval(low=bound, low_closed=closed, unit=unit)
        if low
        else Interval(high=bound, high_closed=closed, unit=unit)
    )


def _number(text: str, where: Location) -> str:
    if not _NUMBER.fullmatch(text):
        raise Hl7Error.single(Condition.DATA_TYPE, "a number", "another value", where)
    return text.lstrip("+")


def _is_loinc(code: str) -> bool:
    """Whether the check digit (mod 10) holds. Source: LOINC Users' Guide, appendix C."""
    found = _LOINC.fullmatch(code)
    if found is None:
        return False
    digits = [int(each) for each in reversed(found[1])]
    total = sum(digit if place % 2 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(digits))
    return (10 - total % 10) % 10 == int(found[2])
