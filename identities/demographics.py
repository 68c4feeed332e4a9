"""Names, addresses and telecommunications of a patient, as an identity source says them, and the terms they match by.

A term is text without case, accents or punctuation: two spellings of one name are one term.

Source: HL7 V3 Data Types, PN, AD and TEL; ITI TF-2 Table 3.44.4.1.2.2-1 and 3.47.4.1.3.2 (matching is the supplier's).
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

FAMILY, GIVEN, PREFIX = "family", "given", "prefix"
BIRTH_QUALIFIER = "BR"  # EntityNamePartQualifier, birth
SPOUSE_QUALIFIER = "SP"  # the same, spouse: the DMP has it on every used name
LEGAL_USE = "L"  # EntityNameUse, legal
STREET = "streetAddressLine"
_STREET_PARTS = frozenset({STREET, "streetName", "streetNameBase", "houseNumber", "direction", "streetNameType"})
_WITHOUT_DECOMPOSITION = str.maketrans(
    {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)
MAX_TERM = 200  # characters: an index keeps it
_NOT_WORD = re.compile(r"[\W_]+")


class Part(NamedTuple):
    """One part of a name or address: its kind is the element's name ('' for text of no kind)."""

    kind: str
    text: str
    qualifier: str = ""


@dataclass(frozen=True, slots=True)
class PersonName:
    """A PN: its parts in the order they came; `use` holds codes separated by spaces."""

    parts: tuple[Part, ...]
    use: str = ""

    def texts(self, kind: str) -> tuple[str, ...]:
        """The parts of one kind."""
        return tuple(part.text for part in self.parts if part.kind == kind)

    @property
    def legal(self) -> bool:
        return LEGAL_USE in self.use.split()

    @property
    def birth_family(self) -> str:
        """The family name that is said to be the one of birth."""
        return next((p.text for p in self.parts if p.kind == FAMILY and BIRTH_QUALIFIER in p.qualifier.split()), "")

    @property
    def used_family(self) -> str:
        """The family name that is not said to be the one of birth."""
        return next((p.text for p in self.parts if p.kind == FAMILY and BIRTH_QUALIFIER not in p.qualifier.split()), "")


@dataclass(frozen=True, slots=True)
class Address:
    """An AD: its parts in the order they came."""

    parts: tuple[Part, ...]
    use: str = ""


@dataclass(frozen=True, slots=True)
class Telecom:
    """A TEL: `value` is a URL, tel: or mailto: for the most part."""

    value: str
    use: str = ""


@dataclass(frozen=True, slots=True)
class Demographics:
    """What a source said beyond the traits of the INS; `names` has the legal one first."""

    names: tuple[PersonName, ...] = ()
    addresses: tuple[Address, ...] = ()
    telecoms: tuple[Telecom, ...] = ()
    mothers_maiden_name: PersonName | None = None


NOTHING_SAID = Demographics()


class Term(NamedTuple):
    """What a patient is found by. Terms of one `kind` and `ordinal` come from one name, address or telecom."""

    kind: str
    ordinal: int
    part: str
    text: str


NAME, MOTHER, ADDRESS, TELECOM = "name", "mother", "address", "telecom"


def term(text: str) -> str:
    """`text` without case, accents and punctuation, its words one space apart."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_WITHOUT_DECOMPOSITION))
    plain = "".join(character for character in folded if not unicodedata.combining(character))
    return _NOT_WORD.sub(" ", plain).strip()[:MAX_TERM]


def address_part(kind: str) -> str:
    """The part an address is matched by: however a street is divided, it is one line."""
    return STREET if kind in _STREET_PARTS else kind


def telecom_term(value: str) -> str:
    """A telecom without its scheme; of a number only the digits."""
    scheme, colon, rest = value.partition(":")
    bare = rest if colon else scheme
    plain = bare.strip() if "@" in bare else re.sub(r"[^\w+]", "", bare)
    return plain.casefold()[:MAX_TERM]


def terms(demographics: Demographics) -> Iterator[Term]:
    """Every term that leads to what was said, each once."""
    found: dict[Term, None] = {}
    for kind, names in (
        (NAME, demographics.names),
        (MOTHER, filter(None, (demographics.mothers_maiden_name,))),
    ):
        for ordinal, name in enumerate(names):
            for part in name.parts:
                found[Term(kind, ordinal, part.kind, term(part.text))] = None
    for ordinal, address in enumerate(demographics.addresses):
        for part in address.parts:
            found[Term(ADDRESS, ordinal, address_part(part.kind), term(part.text))] = None
        line = term(" ".join(part.text for part in address.parts if part.kind in _STREET_PARTS))
        found[Term(ADDRESS, ordinal, STREET, line)] = None
    for ordinal, telecom in enumerate(demographics.telecoms):
        found[Term(TELECOM, ordinal, "", telecom_term(telecom.value))] = None
    yield from (each for each in found if each.text)


# --- As JSON ----------------------------------------------------------------------------------------------------------


def to_json(demographics: Demographics) -> str:
    """Compact JSON; '' when nothing was said."""
    mother = demographics.mothers_maiden_name
    said = {
        "names": [[each.use, each.parts] for each in demographics.names],
        "addresses": [[each.use, each.parts] for each in demographics.addresses],
        "telecoms": [[each.use, each.value] for each in demographics.telecoms],
        "mother": [mother.use, mother.parts] if mother else None,
    }
    said = {name: value for name, value in said.items() if value}
    return json.dumps(said, separators=(",", ":")) if said else ""


def from_json(text: str) -> Demographics:
    """What `to_json` wrote."""
    if not text:
        return Demographics()
    said: dict[str, Any] = json.loads(text)
    mother = said.get("mother")
    return Demographics(
        names=tuple(PersonName(_parts(parts), use) for use, parts in said.get("names", ())),
        addresses=tuple(Address(_parts(parts), use) for use, parts in said.get("addresses", ())),
        telecoms=tuple(Telecom(value, use) for use, value in said.get("telecoms", ())),
        mothers_maiden_name=PersonName(_parts(mother[1]), mother[0]) if mother else None,
    )


def _parts(parts: list[list[str]]) -> tuple[Part, ...]:
    return tuple(Part(*part) for part in parts)
