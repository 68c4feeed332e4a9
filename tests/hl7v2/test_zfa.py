"""What an establishment collected, as ZFA says it. Source: IHE France, PAM national extension 2.11.2, 6.14."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.recueil import Answer, Collected
from hl7v2.er7 import read_er7
from hl7v2.errors import Hl7Error
from hl7v2.header import read_header
from hl7v2.zfa import read_collected
from tests.mllp import adt

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
IN_MARCH = datetime(2024, 3, 6, 10, 11, 54, tzinfo=UTC)  # 11:11:54 in Paris
ANS = "fr/hl7v2/Vague_2/Consentement_DMP_PAMFR"


def read(data: bytes) -> Collected:
    message = read_er7(data)
    return read_collected(message, read_header(message.msh), NOW)


def zfa(*fields: str) -> Collected:
    """A message whose ZFA has these fields, from ZFA-9 on."""
    return read(adt("A01", [], control_id="7") + f"ZFA|ACTIF|20240306|||||||{'|'.join(fields)}\r".encode())


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "opposed", "consents"),
    [
        ("ConsentementConsultation_NonOppositionAlimentation", False, True),
        ("NonConsentementConsultation_NonOppositionAlimentation", False, False),
        ("NonConsentementConsultation_OppositionAlimentation", True, False),
        ("NonRecueillieConsentementConsultation_NonRecueillieOppositionAlimentation", None, None),
    ],
)
def test_the_examples_of_ans_say_what_their_names_say(
    reference: Path, name: str, opposed: bool | None, consents: bool | None
) -> None:
    said = read((reference / ANS / f"{name}.er7").read_bytes().replace(b"\n", b"\r"))
    assert (said.opposition and said.opposition.given, said.consentement and said.consentement.given) == (
        opposed,
        consents,
    )


def test_each_answer_has_its_time() -> None:
    said = zfa("IO", "20240306111154", "IC", "20240306111154+0200")
    assert said == Collected(Answer(True, IN_MARCH), Answer(True, IN_MARCH - timedelta(hours=1)), "7")
    assert zfa("INO", "20240306", "INC", "202403061111") == Collected(
        Answer(False, datetime(2024, 3, 5, 23, tzinfo=UTC)), Answer(False, IN_MARCH.replace(second=0)), "7"
    )


def test_a_time_that_nobody_said_or_that_is_to_come_is_the_present() -> None:
    assert zfa("IO", "", "IC", "21240306111154") == Collected(Answer(True, NOW), Answer(True, NOW), "7")


@pytest.mark.parametrize("fields", [(), ("NA", "", "NA", ""), ('""', "", '""', ""), ("NA", "hier", "NA", "hier")])
def test_what_was_not_collected_says_nothing(fields: tuple[str, ...]) -> None:
    assert zfa(*fields) == Collected(None, None, "7")


@pytest.mark.parametrize(
    ("fields", "code", "place"),
    [
        (("OUI",), "103", ("ZFA", "1", "9", "1", "1")),
        (("", "", "IO"), "103", ("ZFA", "1", "11", "1", "1")),
        (("IO", "2024"), "102", ("ZFA", "1", "10", "1")),
        (("IO", "20240231"), "102", ("ZFA", "1", "10", "1")),
        (("IO", "00010101"), "102", ("ZFA", "1", "10", "1")),
        (("", "", "IC", "20240306111154+9900"), "102", ("ZFA", "1", "12", "1")),
    ],
)
def test_what_no_table_has_is_refused_where_it_stands(
    fields: tuple[str, ...], code: str, place: tuple[str, ...]
) -> None:
    with pytest.raises(Hl7Error) as caught:
        zfa(*fields)
    (fault,) = caught.value.faults
    assert fault.location is not None
    assert (fault.condition.code, fault.location.erl) == (code, place)


@pytest.mark.parametrize("more", [b"ZFA|ACTIF\rZFA|ACTIF\r", b"ZFA|OUVERT\r"])
def test_one_status_that_the_table_has(more: bytes) -> None:
    with pytest.raises(Hl7Error):
        read(adt("A01", []) + more)


@given(st.text("0123456789+-.", max_size=24))
def test_no_time_is_later_than_now_and_none_fails_otherwise(text: str) -> None:
    try:
        said = zfa("IO", text)
    except Hl7Error:
        return
    assert said.opposition is not None
    assert said.opposition.instant <= NOW
    assert said.opposition.instant.astimezone(timezone(timedelta(hours=14))).year >= 1999
