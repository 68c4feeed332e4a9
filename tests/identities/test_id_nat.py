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
        "175912415900/12",  # 1 + ADELI and rank/internal
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
        "075912415900",  # 0 + ADELI and rank
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


# Of public extractions (Annuaire Santé, FINESS) and of the public test cards (0B).
@pytest.mark.parametrize("value", ["0012600631", "0759124159", "00B1022322", "810001045367", "810000013994"])
def test_real_ps_id_nat_have_their_keys(value: str) -> None:
    check_ps_id_nat(value, luhn=True)
    with pytest.raises(IdNatError, match="the key of the"):
        check_ps_id_nat(value[:-1] + str((int(value[-1]) + 1) % 10), luhn=True)


@pytest.mark.parametrize(
    "value",
    [
        "1010000024",  # FINESS géographique
        "1010780054",  # FINESS juridique
        "10B0011797",  # FINESS, test card
        "2552100554",
        "355210055400013",
        "335600000000048",  # La Poste, head office
        "335600000012346",  # La Poste, an establishment: its digits add up to a multiple of 5
        "075912415900",
        "410001045367001",
    ],
)
def test_real_struct_id_nat_have_their_keys(value: str) -> None:
    check_struct_id_nat(value, luhn=True)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("2552100555", "SIREN"),
        ("1010000025", "FINESS"),
        ("355210055400014", "SIRET"),
        ("335600000012345", "SIRET"),
        ("075912415800", "ADELI cabinet"),
        ("410001045368001", "RPPS and rank"),
    ],
)
def test_a_wrong_key_is_told(value: str, label: str) -> None:
    check_struct_id_nat(value)
    with pytest.raises(IdNatError, match=f"the key of the {label}"):
        check_struct_id_nat(value, luhn=True)


@pytest.mark.parametrize(
    "value", ["00B1022323", "10B1022323/1", "3010000025/1", "4552100555/1", "555210055400014/1", "610001045368001/1"]
)
def test_the_number_before_an_internal_identifier_has_a_key_too(value: str) -> None:
    check_ps_id_nat(value)
    with pytest.raises(IdNatError, match="the key of the"):
        check_ps_id_nat(value, luhn=True)


@given(st.from_regex(r"\A[0-9][0-9AB][0-9]{6}\Z"), st.integers(0, 8))
def test_one_wrong_digit_of_a_finess_is_found(number: str, at: int) -> None:
    (key,) = [key for key in "0123456789" if luhn_holds(number + key)]
    value = number + key
    check_struct_id_nat(f"1{value}", luhn=True)
    if value[at].isdigit():
        changed = value[:at] + str((int(value[at]) + 1) % 10) + value[at + 1 :]
        with pytest.raises(IdNatError, match="the key of the FINESS"):
            check_struct_id_nat(f"1{changed}", luhn=True)


@given(st.from_regex(r"\A[0-9]{10}\Z"))
def test_one_rpps_in_ten_has_its_key(digits: str) -> None:
    keys = [key for key in "0123456789" if luhn_holds(digits + key)]
    assert len(keys) == 1
    check_ps_id_nat(f"8{digits}{keys[0]}", luhn=True)
    wrong = str((int(keys[0]) + 1) % 10)
    with pytest.raises(IdNatError, match="the key of the RPPS"):
        check_ps_id_nat(f"8{digits}{wrong}", luhn=True)
