"""INS: key, forms, CX and INS-C; the published vectors first."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identities.ins import InsError, check_ins, ins_c, ins_c_of, key_of, read_cx, read_ins, write_cx
from identities.requester import PatientId
from schemas import oids

numbers = st.builds(
    lambda sex, birth, department, rest: sex + birth + department + rest,
    st.sampled_from("123478"),
    st.from_regex(r"\A[0-9]{4}\Z"),
    st.from_regex(r"\A([0-9]{2}|2A|2B)\Z"),
    st.from_regex(r"\A[0-9]{6}\Z"),
)


# Public sample INS of the hl7v2 examples; the first is a test NIR.
@pytest.mark.parametrize("ins", ["279035121518989", "274075176079430", "277076322082910"])
def test_keys_of_public_samples(ins: str) -> None:
    assert key_of(ins[:13]) == ins[13:]


@pytest.mark.parametrize(
    ("number", "same_as", "key"),
    [
        ("185052A588157", "1850519588157", "59"),
        ("185052B588157", "1850518588157", "86"),
    ],
)
def test_corsica_counts_as_19_and_18(number: str, same_as: str, key: str) -> None:
    assert key_of(number) == key_of(same_as) == key
    assert key == f"{97 - int(same_as) % 97:02d}"


def test_the_number_printed_in_a_public_guide_has_a_wrong_key() -> None:
    assert key_of("1850549588157") == "25"
    illustrative = PatientId("185054958815780", oids.INS_NIR)
    check_ins(illustrative, strict=False)
    with pytest.raises(InsError, match="another key"):
        check_ins(illustrative, strict=True)


# ASIP Santé INS-C vectors: first given name, birth date, NIR -> INS-C.
@pytest.mark.parametrize(
    ("given_name", "birth", "number", "expected"),
    [
        ("LAURENCE", date(2007, 5, 25), "2070585756270", "1197854176879056415520"),
        ("IRENE", date(1957, 6, 28), "1570693296428", "1418878867934420256667"),
        ("Irène", date(1957, 6, 28), "1570693296428", "1418878867934420256667"),
    ],
)
def test_ins_c_vectors(given_name: str, birth: date, number: str, expected: str) -> None:
    assert ins_c(given_name, birth, number) == expected


PATIENT_OF_THE_KIT = PatientId("207058575627097", oids.INS_NIR_TEST)


def test_the_ins_c_of_a_patient_is_made_of_the_first_given_name() -> None:
    expected = PatientId("1197854176879056415520", oids.INS_C)
    for given_names in ("LAURENCE", "Laurence Marie"):
        assert ins_c_of(PATIENT_OF_THE_KIT, given_names, date(1907, 5, 25)) == expected


@pytest.mark.parametrize(
    ("patient", "given_names", "birth"),
    [
        (PatientId(PATIENT_OF_THE_KIT.value, oids.INS_NIA), "LAURENCE", date(1907, 5, 25)),
        (PatientId(PATIENT_OF_THE_KIT.value, "1.2.3"), "LAURENCE", date(1907, 5, 25)),
        (PATIENT_OF_THE_KIT, " ", date(1907, 5, 25)),
        (PATIENT_OF_THE_KIT, "LAURENCE", None),
    ],
)
def test_no_ins_c_of_what_is_not_known(patient: PatientId, given_names: str, birth: date | None) -> None:
    assert ins_c_of(patient, given_names, birth) is None


@given(st.text(max_size=30), st.dates(min_value=date(1900, 1, 1)), numbers)
def test_an_ins_c_has_22_digits_and_its_key(given_name: str, birth: date, number: str) -> None:
    value = ins_c(given_name, birth, number)
    assert len(value) == 22
    assert (int(value[:20]) + int(value[20:])) % 97 == 0


@pytest.mark.parametrize("text", ["2 79 03 51 215 189 89", "279035121518989", " 279035121518989\n"])
def test_an_ins_may_be_written_with_spaces(text: str) -> None:
    assert read_ins(text) == read_ins("2790351215189", "89") == "279035121518989"
    assert read_ins("1 85 05 2a 588 157 77") == "185052A58815777"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2790351215189",
        "27903512151898",
        "2790351215189899",
        "979035121518989",
        "2790351215A8989",
        "٢79035121518989",
    ],
)
def test_what_is_no_ins_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(InsError) as caught:
        read_ins(text)
    assert not text or text not in str(caught.value)
    assert str(len(text)) in caught.value.got or caught.value.got == "nothing"


@pytest.mark.parametrize("authority", [oids.INS_NIR, oids.INS_NIA, oids.INS_NIR_TEST, oids.INS_NIR_DEMO])
def test_check_ins(authority: str) -> None:
    check_ins(PatientId("279035121518989", authority), strict=True)
    for value in ("2 79 03 51 215 189 89", "279035121518900"):
        with pytest.raises(InsError):
            check_ins(PatientId(value, authority), strict=True)


def test_another_authority_is_no_ins() -> None:
    with pytest.raises(InsError, match="an authority among"):
        check_ins(PatientId("279035121518989", oids.INS_C), strict=False)


@given(numbers)
def test_a_number_with_its_key_is_an_ins_and_one_wrong_digit_is_found(number: str) -> None:
    value = number + key_of(number)
    check_ins(PatientId(value, oids.INS_NIR), strict=True)
    changed = number[:12] + str((int(number[12]) + 1) % 10) + value[13:]
    with pytest.raises(InsError):
        check_ins(PatientId(changed, oids.INS_NIR), strict=True)


@pytest.mark.parametrize("number", ["", "279035121518", "27903512151898", "279035121518X", "0790351215189"])
def test_only_13_characters_have_a_key(number: str) -> None:
    with pytest.raises(InsError, match="13 characters"):
        key_of(number)
    with pytest.raises(InsError, match="13 characters"):
        ins_c("IRENE", date(1957, 6, 28), number)


@pytest.mark.parametrize(
    "text",
    [
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO",
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH",
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH^^20100907",
    ],
)
def test_read_cx(text: str) -> None:
    assert read_cx(text) == PatientId("279035121518989", oids.INS_NIR_TEST)


def test_write_cx() -> None:
    patient = PatientId("279035121518989", oids.INS_NIR_TEST)
    assert write_cx(patient) == "279035121518989^^^&1.2.250.1.213.1.4.10&ISO"
    assert write_cx(patient, "NH") == "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "279035121518989",
        "^^^&1.2.250.1.213.1.4.10&ISO",
        "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO",
        "279035121518989^^^&1.2.250.1.213.1.4.10&UUID",
        "279035121518989^^^&INS&ISO",
        "279035121518989^^&1.2.250.1.213.1.4.10&ISO",
        "279035121518989^^^&1.2.250.1.213.1.4.10&ISO\n",
        "2790351215~18989^^^&1.2.250.1.213.1.4.10&ISO",
    ],
)
def test_what_is_no_cx_is_refused_without_being_told(text: str) -> None:
    with pytest.raises(InsError) as caught:
        read_cx(text)
    assert "27903" not in str(caught.value)
    assert "&OID&ISO" in caught.value.expected


@given(
    st.text(st.characters(blacklist_characters="^&~|", blacklist_categories=["Cs"]), min_size=1),
    st.sampled_from([oids.INS_NIR, oids.INS_C, "2.25.12345", "1.3.6.1.4.1.21367.13.20.1000"]),
    st.sampled_from(["", "NH", "PI"]),
)
def test_cx_round_trip(value: str, authority: str, identifier_type: str) -> None:
    patient = PatientId(value, authority)
    assert read_cx(write_cx(patient, identifier_type)) == patient
