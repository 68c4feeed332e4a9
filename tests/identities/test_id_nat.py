"""Shapes of national identifiers of professionals and structures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.id_nat import IdNatError, check_ps_id_nat, check_struct_id_nat, luhn_holds


@pytest.mark.parametrize(
    "value",
    [
        "899900063480",  # 8 + RPPS, of the public test cards
        "00B1022322",  # 0 + ADELI, test
        "10B0011797/00B1022322",  # 1 + cabinet/internal
        "3990000018/jdupont",  # 3 + FINESS/internal
        "4552100554/12",  # 4 + SIREN/internal
        "555210055400013/12",  # 5 + SIRET/internal
        "69990006348001/12",  # 6 + RPPS cabinet/internal
    ],
)
def test_ps_id_nat(value: str) -> None:
    check_ps_id_nat(value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "8",
        "89990006348",
        "8999000634801",
        "2552100554",
        "799900063480",
        "3990000018",
        "8999000634 0",
        "3990000018/a b",
    ],
)
def test_what_is_no_ps_id_nat(value: str) -> None:
    with pytest.raises(IdNatError, match="PS_IdNat: expected"):
        check_ps_id_nat(value)


@pytest.mark.parametrize(
    "value",
    [
        "00B1022322",  # 0 + ADELI cabinet
        "10B0011797",  # 1 + FINESS, of the public test cards
        "12A0000014",  # 1 + FINESS, Corsica
        "2552100554",  # 2 + SIREN
        "355210055400013",  # 3 + SIRET
        "49990006348001",  # 4 + RPPS and rank
        "499900063480001",
    ],
)
def test_struct_id_nat(value: str) -> None:
    check_struct_id_nat(value)


@pytest.mark.parametrize("value", ["", "1", "199000001", "19900000188", "5552100554", "899900063480", "2A5210055"])
def test_what_is_no_struct_id_nat(value: str) -> None:
    with pytest.raises(IdNatError, match="Struct_IdNat: expected"):
        check_struct_id_nat(value)


def test_keys_are_controlled_when_asked_for() -> None:
    check_struct_id_nat("2552100554", luhn=True)  # a SIREN with its key
    check_struct_id_nat("355210055400013", luhn=True)
    with pytest.raises(IdNatError, match="the key of the SIREN"):
        check_struct_id_nat("2552100555", luhn=True)
    check_ps_id_nat("899900063480", luhn=luhn_holds("99900063480"))
    check_ps_id_nat("00B1022322", luhn=True)  # an ADELI number has no such key


@given(st.from_regex(r"\A[0-9]{10}\Z"))
def test_one_rpps_in_ten_has_its_key(digits: str) -> None:
    keys = [key for key in "0123456789" if luhn_holds(digits + key)]
    assert len(keys) == 1
    check_ps_id_nat(f"8{digits}{keys[0]}", luhn=True)
    wrong = str((int(keys[0]) + 1) % 10)
    with pytest.raises(IdNatError, match="the key of the RPPS"):
        check_ps_id_nat(f"8{digits}{wrong}", luhn=True)
