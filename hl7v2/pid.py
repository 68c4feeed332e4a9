"""PID: the traits of a patient, read and written.

| field | what it is |
|---|---|
| PID-5 | names: of type L the one of birth, of type D the one that is used |
| PID-6 | the mother's maiden name |
| PID-7, PID-8 | birth time of any precision, sex |
| PID-11 | addresses; of type BDL the place of birth, a COG code |
| PID-13 | telephone numbers and mail addresses |

Source: HL7 v2.5 3.4.2 (PID), 2.A.88 (XPN), 2.A.85 (XAD), 2.A.89 (XTN); ITI TF-2 3.30.5 (PAM), Table 3.21-8; IHE France,
Constraints on HL7 data types 1.8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from hl7v2.er7 import Segment, Syntax
from hl7v2.errors import Condition, Hl7Error
from identities.demographics import (
    BIRTH_QUALIFIER,
    FAMILY,
    GIVEN,
    LEGAL_USE,
    STREET,
    Address,
    Demographics,
    Part,
    PersonName,
    Telecom,
)
from identities.dossier import Traits

NAME, MOTHER, BIRTH, SEX, ADDRESS, TELECOM = 5, 6, 7, 8, 11, 13  # fields of PID
LEGAL, USED, BIRTH_PLACE = "L", "D", "BDL"  # HL7 tables 0200 and 0190
SEXES = frozenset("MFU")  # of HL7 table 0001; whatever else is unknown
ADDRESS_PARTS = {1: STREET, 2: "additionalLocator", 3: "city", 4: "state", 5: "postalCode", 6: "country"}  # XAD
TEL, MAIL = "tel:", "mailto:"
_TIME = re.compile(r"([0-9]{4}(?:[0-9]{2}){0,5})(?:\.[0-9]{1,4})?(?:[+-][0-9]{4})?")


def read_traits(pid: Segment) -> Traits:
    """What PID says of a patient. Raises Hl7Error for a birth time that is none."""
    names = pid.repetitions(NAME)
    birth = next((each for each in names if pid.part(each, 7) in (LEGAL, "")), names[0] if names else "")
    used = next((each for each in names if pid.part(each, 7) == USED), "")
    time = _birth_time(pid)
    places = (pid.part(each, 9) for each in pid.repetitions(ADDRESS) if pid.part(each, 7) == BIRTH_PLACE)
    return Traits(
        birth_family=pid.part(birth, 1),
        birth_given=pid.part(birth, 2),
        birth_date=date(int(time[:4]), int(time[4:6]), int(time[6:8])) if len(time) >= 8 else None,
        sex=read_sex(pid.text(SEX)) if pid.text(SEX) else "",
        birth_place=next(places, ""),
        used_family=pid.part(used, 1),
        used_given=pid.part(used, 2),
        birth_time="" if len(time) == 8 else time,
        demographics=Demographics(
            names=tuple(sorted(filter(_said, (_name(pid, each) for each in names)), key=lambda name: not name.legal)),
            addresses=tuple(filter(_said, _addresses(pid))),
            telecoms=tuple(_telecoms(pid)),
            mothers_maiden_name=next(filter(_said, (_name(pid, each) for each in pid.repetitions(MOTHER))), None),
        ),
    )


def read_time(text: str) -> str:
    """The digits of a TS, without fraction and offset; '' for what is no time of the calendar."""
    found = _TIME.fullmatch(text)
    if found is None:
        return ""
    time = found[1]
    hour, minute, second = (int(time[at : at + 2] or 0) for at in (8, 10, 12))
    try:
        date(int(time[:4]), int(time[4:6] or 1), int(time[6:8] or 1))
    except ValueError:
        return ""
    return time if hour < 24 and minute < 60 and second < 61 else ""


def read_sex(text: str) -> str:
    """M, F or U."""
    return text.upper() if text.upper() in SEXES else "U"


def write_pid(number: int, identifiers: str, traits: Traits, syntax: Syntax) -> list[str]:
    """A PID segment: `identifiers` is PID-3 as it stands there."""
    said = traits.demographics
    fields = {
        1: str(number),
        3: identifiers,
        NAME: syntax.repetition.join(_write_name(each, syntax) for each in traits.names),
        MOTHER: _write_name(said.mothers_maiden_name, syntax) if said.mothers_maiden_name else "",
        BIRTH: syntax.escaped(traits.birth_text),
        SEX: syntax.escaped(traits.sex),
        ADDRESS: syntax.repetition.join(_write_address(each, syntax) for each in said.addresses),
        TELECOM: syntax.repetition.join(_write_telecom(each.value, syntax) for each in said.telecoms),
    }
    return ["PID", *(fields.get(field, "") for field in range(1, TELECOM + 1))]


def _birth_time(pid: Segment) -> str:
    text = pid.text(BIRTH)
    time = read_time(text)
    if text and not time:
        raise Hl7Error.single(Condition.DATA_TYPE, "a time of the calendar", "another value", pid.at(BIRTH))
    return time


def _said(read: PersonName | Address) -> bool:
    return bool(read.parts)


def _name(pid: Segment, text: str) -> PersonName:
    """An XPN. Second and further given names may repeat the first: PAM.fr has all of them there."""
    legal = pid.part(text, 7) == LEGAL
    given = dict.fromkeys((pid.part(text, 2), pid.part(text, 3)))
    parts = (Part(FAMILY, pid.part(text, 1), BIRTH_QUALIFIER if legal else ""), *(Part(GIVEN, each) for each in given))
    return PersonName(tuple(each for each in parts if each.text), LEGAL_USE if legal else "")


def _addresses(pid: Segment) -> Iterator[Address]:
    for text in pid.repetitions(ADDRESS):
        if pid.part(text, 7) != BIRTH_PLACE:
            parts = (Part(kind, pid.part(text, component)) for component, kind in ADDRESS_PARTS.items())
            yield Address(tuple(each for each in parts if each.text))


def _telecoms(pid: Segment) -> Iterator[Telecom]:
    for text in pid.repetitions(TELECOM):
        if mail := pid.part(text, 4):
            yield Telecom(f"{MAIL}{mail}")
        if number := pid.part(text, 12) or pid.part(text, 1):
            yield Telecom(f"{TEL}{number}")


def _write_name(name: PersonName, syntax: Syntax) -> str:
    first, *more = name.texts(GIVEN) or ("",)
    components = (" ".join(name.texts(FAMILY)), first, " ".join(more), "", "", "", LEGAL if name.legal else USED)
    return syntax.component.join(map(syntax.escaped, components))


def _write_address(address: Address, syntax: Syntax) -> str:
    texts = {part.kind: part.text for part in reversed(address.parts)}
    written = (texts.get(ADDRESS_PARTS[component], "") for component in sorted(ADDRESS_PARTS))
    return syntax.component.join(map(syntax.escaped, written))


def _write_telecom(value: str, syntax: Syntax) -> str:
    if value.startswith(MAIL):
        components = ["", "NET", "Internet", value.removeprefix(MAIL)]
    else:
        number = value.removeprefix(TEL)
        components = [number, "PRN", "PH", *[""] * 8, number]
    return syntax.component.join(map(syntax.escaped, components))
