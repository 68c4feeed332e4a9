"""INS: the national health identity, its key and its form on the wire.

A matricule INS is a NIR or NIA of 13 characters and a key of 2 digits: 15 characters, digits but for 2A and 2B
(Corsica) in the place of the department. Messages of errors describe a value without giving it: an INS is health data.

Source: Référentiel INS v2, annexe OID; ITI TF-3 Table 4.2.3.1.7-2 (CX); CI-SIS, INS-C.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import date

from identities.requester import PatientId
from schemas import oids

AUTHORITIES = frozenset({oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO})
_OF_A_NIR = AUTHORITIES - {oids.INS_NIA}
NATIONAL_HEALTH_IDENTIFIER = "NH"  # HL7 table 0203, type of an INS in a CX

_NUMBER = re.compile(r"[1-478]\d{4}(?:\d{2}|2[AB])\d{6}\Z", re.ASCII)  # sex, year, month, department, commune, order
_KEY = re.compile(r"\d{2}\Z", re.ASCII)
_CX = re.compile(r"(?P<value>[^\^&~|]+)\^\^\^&(?P<authority>[0-2](?:\.\d+)+)&ISO(?:\^[^&~|]*)?\Z", re.ASCII)
_CORSICA = {"2A": "19", "2B": "18"}
_DEPARTMENT = slice(5, 7)
_KEY_MODULUS = 97
_INS_C_GIVEN = 10  # characters of the given name
_INS_C_DIGITS = 20


class InsError(ValueError):
    """A patient identifier that is none. `got` describes what came without giving it."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"INS: expected {expected}, got {got}")
        self.expected, self.got = expected, got


def key_of(number: str) -> str:
    """The 2-digit key of a NIR or NIA of 13 characters: 97 less the remainder of the number by 97. Raises InsError.

    Source: Référentiel INS v2; INSEE, NIR: 2A counts as 19 and 2B as 18.
    """
    if not _NUMBER.match(number):
        raise InsError("13 characters: a NIR or NIA without key", _shape(number))
    department = number[_DEPARTMENT]
    counted = number[:5] + _CORSICA.get(department, department) + number[7:]
    return f"{_KEY_MODULUS - int(counted) % _KEY_MODULUS:02d}"


def read_ins(text: str, key: str = "") -> str:
    """The 15 characters of an INS written in one piece, with spaces, or as number and `key`. Raises InsError.

    The key is required and not controlled here: `check_ins` does, where it is to be controlled.
    """
    value = "".join((text + key).split()).upper()
    if not (_NUMBER.match(value[:13]) and _KEY.match(value[13:])):
        raise InsError("15 characters: a NIR or NIA and its key", _shape(value))
    return value


def check_ins(patient_id: PatientId, strict: bool) -> None:
    """Whether `patient_id` is an INS: its authority, its 15 characters and, when `strict`, its key. Raises InsError.

    Test and demonstration numbers may have any key; the affinity domain says for which authorities it is controlled.
    """
    if patient_id.authority not in AUTHORITIES:
        raise InsError(f"an authority among {', '.join(sorted(AUTHORITIES))}", patient_id.authority)
    value = read_ins(patient_id.value)
    if value != patient_id.value:
        raise InsError("15 characters without spaces, in capitals", _shape(patient_id.value))
    if strict and value[13:] != key_of(value[:13]):
        raise InsError("the key of the number", "another key")


def read_cx(text: str) -> PatientId:
    """The identifier of a CX `value^^^&OID&ISO`, whatever its authority; components after it are not kept.

    Raises InsError. Source: ITI TF-3 Table 4.2.3.1.7-2 (CX).
    """
    match = _CX.match(text)
    if match is None:
        raise InsError("a CX value^^^&OID&ISO", _shape(text))
    return PatientId(match["value"], match["authority"])


def write_cx(patient_id: PatientId, identifier_type: str = "") -> str:
    """The CX of an identifier; with `identifier_type` (NH for an INS) as its fifth component.

    Source: ITI TF-3 Table 4.2.3.1.7-2 (CX); CI-SIS, volet Partage de documents de santé (patientId).
    """
    return f"{patient_id}^{identifier_type}" if identifier_type else str(patient_id)


def ins_c(given: str, birth_date: date, number: str) -> str:
    """The INS-C of a person, 22 digits: of the first given name, the birth date and the NIR of 13 characters.

    Source: ASIP Santé, INS-C: first 8 bytes of the SHA-256 of the seed as a decimal number, and its key by 97.
    """
    if not _NUMBER.match(number):
        raise InsError("13 characters: a NIR without key", _shape(number))
    plain = "".join(letter for letter in unicodedata.normalize("NFD", given) if not unicodedata.combining(letter))
    seed = f"{plain.upper():<{_INS_C_GIVEN}.{_INS_C_GIVEN}}{birth_date:%y%m%d}{number}"
    counted = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    return f"{counted:0{_INS_C_DIGITS}d}{_KEY_MODULUS - counted % _KEY_MODULUS:02d}"


def ins_c_of(patient: PatientId, given: str, birth_date: date | None) -> PatientId | None:
    """The INS-C of whoever has this INS; None where it cannot be known: it is made of a NIR, no other number.

    `given` are the given names of the birth act, the first one first.
    """
    first = given.split()[:1]
    if patient.authority not in _OF_A_NIR or not first or birth_date is None:
        return None
    return PatientId(ins_c(first[0], birth_date, patient.value[:13]), oids.INS_C)


def _shape(value: str) -> str:
    kinds = "digits only" if re.fullmatch(r"\d+", value, re.ASCII) else "not only digits"
    return f"{len(value)} characters, {kinds}" if value else "nothing"
