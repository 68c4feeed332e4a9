"""National identifiers of professionals (PS_IdNat) and of structures (Struct_IdNat): a type digit, then a number.

Source: CI-SIS, Annexe sources des données métier des personnes et structures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ADELI = r"[0-9][0-9AB][0-9]{7}"  # 9 characters, department first
_FINESS = r"[0-9][0-9AB][0-9]{7}"
_RPPS = r"[0-9]{11}"
_RPPS_CABINET = _RPPS + r"[0-9]{2,3}"  # RPPS and rank of the practice
_SIREN = r"[0-9]{9}"
_SIRET = r"[0-9]{14}"
_INTERNAL = r"/[^\s/^&~|]+"  # identifier inside the structure

_PS_ID_NAT = {
    "0": ("ADELI", _ADELI),
    "1": ("ADELI cabinet/internal", _ADELI + _INTERNAL),
    "3": ("FINESS/internal", _FINESS + _INTERNAL),
    "4": ("SIREN/internal", _SIREN + _INTERNAL),
    "5": ("SIRET/internal", _SIRET + _INTERNAL),
    "6": ("RPPS cabinet/internal", _RPPS_CABINET + _INTERNAL),
    "8": ("RPPS", _RPPS),
}
_STRUCT_ID_NAT = {
    "0": ("ADELI cabinet", _ADELI),
    "1": ("FINESS", _FINESS),
    "2": ("SIREN", _SIREN),
    "3": ("SIRET", _SIRET),
    "4": ("RPPS and rank", _RPPS_CABINET),
}
_LUHN_LENGTHS = {("PS_IdNat", "8"): 11, ("Struct_IdNat", "2"): 9, ("Struct_IdNat", "3"): 14, ("Struct_IdNat", "4"): 11}


class IdNatError(ValueError):
    """An identifier that is no PS_IdNat or Struct_IdNat."""

    def __init__(self, name: str, expected: str, got: str) -> None:
        super().__init__(f"{name}: expected {expected}, got {got or 'nothing'}")
        self.expected, self.got = expected, got


def check_ps_id_nat(value: str, *, luhn: bool = False) -> None:
    """Whether `value` has the shape of a PS_IdNat and, when `luhn`, whether an RPPS has its key. Raises IdNatError."""
    _check("PS_IdNat", _PS_ID_NAT, value, luhn)


def check_struct_id_nat(value: str, *, luhn: bool = False) -> None:
    """Whether `value` has the shape of a Struct_IdNat; with `luhn`, also the key of SIREN, SIRET or RPPS.

    Raises IdNatError.
    """
    _check("Struct_IdNat", _STRUCT_ID_NAT, value, luhn)


def luhn_holds(digits: str) -> bool:
    """Whether the last of `digits` is the key of the others. Source: ISO/IEC 7812-1 annex B."""
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _check(name: str, shapes: Mapping[str, tuple[str, str]], value: str, luhn: bool) -> None:
    kind, number = value[:1], value[1:]
    if kind not in shapes:
        raise IdNatError(name, f"a first digit among {', '.join(shapes)}", value[:64])
    label, pattern = shapes[kind]
    if not re.fullmatch(pattern, number):
        raise IdNatError(name, f"{kind} and {label}", value[:64])
    controlled = number[: _LUHN_LENGTHS.get((name, kind), 0)]
    if luhn and controlled and not luhn_holds(controlled):
        raise IdNatError(name, f"the key of the {label}", value[:64])
