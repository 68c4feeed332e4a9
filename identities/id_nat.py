"""National identifiers of professionals (PS_IdNat) and of structures (Struct_IdNat): a type digit, then a number.

Source: CI-SIS, Annexe sources des données métier des personnes et structures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ADELI = r"[0-9][0-9AB][0-9]{7}"  # 9 characters, department first
_ADELI_CABINET = _ADELI + r"(?:[0-9]{2})?"  # ADELI and rank of the practice, which test cards leave out
_FINESS = r"[0-9][0-9AB][0-9]{7}"
_RPPS = r"[0-9]{11}"
_RPPS_CABINET = _RPPS + r"[0-9]{2,3}"  # RPPS and rank of the practice
_SIREN = r"[0-9]{9}"
_SIRET = r"[0-9]{14}"
_INTERNAL = r"/[^\s/^&~|]+"  # identifier inside the structure

_PS_ID_NAT = {
    "0": ("ADELI", _ADELI),
    "1": ("ADELI cabinet/internal", _ADELI_CABINET + _INTERNAL),
    "3": ("FINESS/internal", _FINESS + _INTERNAL),
    "4": ("SIREN/internal", _SIREN + _INTERNAL),
    "5": ("SIRET/internal", _SIRET + _INTERNAL),
    "6": ("RPPS cabinet/internal", _RPPS_CABINET + _INTERNAL),
    "8": ("RPPS", _RPPS),
}
_STRUCT_ID_NAT = {
    "0": ("ADELI cabinet", _ADELI_CABINET),
    "1": ("FINESS", _FINESS),
    "2": ("SIREN", _SIREN),
    "3": ("SIRET", _SIRET),
    "4": ("RPPS and rank", _RPPS_CABINET),
}
_INSIDE = {"0": "1", "1": "3", "2": "4", "3": "5", "4": "6"}  # type of Struct_IdNat -> of PS_IdNat inside it
_CONTROLLED = {  # how many characters, the key last
    "PS_IdNat": {"0": 9, "1": 9, "3": 9, "4": 9, "5": 14, "6": 11, "8": 11},
    "Struct_IdNat": {"0": 9, "1": 9, "2": 9, "3": 14, "4": 11},
}
_LETTERS = str.maketrans("AB", "12")  # departments 2A, 2B and, of test cards, 0B
_LA_POSTE = "356000000"  # SIREN; its establishments' digits add up to a multiple of 5 instead of having a key


class IdNatError(ValueError):
    """An identifier that is no PS_IdNat or Struct_IdNat."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        super().__init__(f"{name}: expected {expected}, got {got or 'nothing'}")
        self.expected, self.got = expected, got


def check_ps_id_nat(value: str, *, luhn: bool = False) -> None:
    """Whether `value` has the shape of a PS_IdNat and, when `luhn`, the key of its number. Raises IdNatError.

    The number before an internal identifier is controlled as that of the structure.
    """
    _check("PS_IdNat", _PS_ID_NAT, value, luhn)


def check_struct_id_nat(value: str, *, luhn: bool = False) -> None:
    """Whether `value` has the shape of a Struct_IdNat and, when `luhn`, the key of its number. Raises IdNatError."""
    _check("Struct_IdNat", _STRUCT_ID_NAT, value, luhn)


def internal_id_nat(structure_id: str, internal: str) -> str:
    """The PS_IdNat of somebody, or of a system, whom only the structure of that Struct_IdNat knows."""
    return f"{_INSIDE[structure_id[:1]]}{structure_id[1:]}/{internal}"


def is_national(value: str) -> bool:
    """Whether `value` has the shape of a PS_IdNat or of a Struct_IdNat."""
    shapes = (_PS_ID_NAT.get(value[:1]), _STRUCT_ID_NAT.get(value[:1]))
    return any(shape is not None and re.fullmatch(shape[1], value[1:]) is not None for shape in shapes)


def luhn_holds(digits: str) -> bool:
    """Whether the last of `digits` is the key of the others; A and B, of departments, count as 1 and 2.

    Source: ISO/IEC 7812-1 annex B; FINESS and ADELI (a letter counts as its rank), as the public test cards have it.
    """
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits.translate(_LETTERS)))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _check(name: str, shapes: Mapping[str, tuple[str, str]], value: str, luhn: bool) -> None:
    kind, number = value[:1], value[1:]
    if kind not in shapes:
        raise IdNatError(name, f"a first digit among {', '.join(shapes)}", value[:64])
    label, pattern = shapes[kind]
    if not re.fullmatch(pattern, number):
        raise IdNatError(name, f"{kind} and {label}", value[:64])
    if luhn and not _key_holds(number[: _CONTROLLED[name][kind]]):
        raise IdNatError(name, f"the key of the {label}", value[:64])


def _key_holds(number: str) -> bool:
    """Source: INSEE, Sirene: of La Poste only the head office's SIRET has a key."""
    if luhn_holds(number):
        return True
    return len(number) == 14 and number.startswith(_LA_POSTE) and sum(map(int, number)) % 5 == 0
