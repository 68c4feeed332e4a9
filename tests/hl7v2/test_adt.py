"""What identity sources say. Source: ITI TF-2 3.8 and 3.30; IHE France, PAM national extension 2.11."""

from __future__ import annotations

from datetime import date

import pytest

from hl7v2.adt import read_feed, read_merge
from hl7v2.er7 import read_er7
from hl7v2.errors import Hl7Error
from hl7v2.header import read_header
from identities.requester import PatientId
from schemas import oids
from tests.mllp import adt

IPP = "0001^^^CHU&1.2.250.1.999.1&ISO^PI"
INS = f"279035121518989^^^INS&{oids.INS_NIR_TEST}&ISO^INS"
LOCAL = "77^^^CHU^AN"


def test_a_patient_is_fed_with_traits_and_identifiers() -> None:
    message = read_er7(adt("A28", [LOCAL, IPP, INS], control_id="7"))
    said = read_feed(message, read_header(message.msh), {})
    assert said.identifiers == (PatientId("0001", "1.2.250.1.999.1"), PatientId("279035121518989", oids.INS_NIR_TEST))
    traits = said.traits
    assert (traits.birth_family, traits.birth_given, traits.birth_date) == ("ZIMMER", "MAJA", date(1979, 3, 28))
    assert (traits.sex, traits.birth_place, said.message_id) == ("F", "59350", "7")


@pytest.mark.parametrize("reliability", ["PROV", "VIDE", "DOUT", "", "PROV~FICT"])
def test_an_ins_that_is_not_qualified_does_not_count(reliability: str) -> None:
    message = read_er7(adt("A31", [IPP, INS], reliability=reliability))
    assert read_feed(message, read_header(message.msh), {}).identifiers == (PatientId("0001", "1.2.250.1.999.1"),)
    message = read_er7(adt("A31", [INS], reliability=reliability))
    with pytest.raises(Hl7Error) as caught:
        read_feed(message, read_header(message.msh), {})
    assert [each.condition.code for each in caught.value.faults] == ["204"]


def test_a_merge_names_who_stays_and_who_goes() -> None:
    gone = "0002^^^CHU&1.2.250.1.999.1&ISO^PI"
    message = read_er7(adt("A40", [INS, gone, IPP], gone=gone, structure="ADT_A39"))
    said, subsumed = read_merge(message, read_header(message.msh), {})
    assert subsumed == PatientId("0002", "1.2.250.1.999.1")
    assert said.identifiers[0] == PatientId("0001", "1.2.250.1.999.1")
    assert subsumed not in said.identifiers


@pytest.mark.parametrize("born", ["20260230", "99999999"])
def test_a_day_that_is_none_is_told(born: str) -> None:
    message = read_er7(adt("A28", [IPP]).replace(b"19790328", born.encode()))
    with pytest.raises(Hl7Error):
        read_feed(message, read_header(message.msh), {})


@pytest.mark.parametrize(
    ("cx", "code"),
    [
        (f"{'7' * 257}^^^&1.2.3&ISO", "102"),
        ("7^^^&1.02.3&ISO", "102"),
        ("7^^^&1.2.x&ISO", "102"),
        ("~".join(f"{number}^^^&1.2.3&ISO" for number in range(1001)), "198"),
        ("7^^^NOWHERE", "101"),
    ],
)
def test_identifiers_that_are_none_are_told(cx: str, code: str) -> None:
    message = read_er7(adt("A28", [cx]))
    with pytest.raises(Hl7Error) as caught:
        read_feed(message, read_header(message.msh), {})
    assert [each.condition.code for each in caught.value.faults] == [code]


@pytest.mark.parametrize("charset", ["", "ASCII", "8859/1", "8859/15", "UNICODE UTF-8"])
def test_names_are_of_the_character_set_that_msh_18_says(charset: str) -> None:
    codec, name = {"8859/1": ("latin-1", "LEFÈVRE"), "8859/15": ("iso8859-15", "CŒUR")}.get(
        charset, ("utf-8", "ÉLODIE")
    )
    data = adt("A28", [IPP], family=name).decode().replace("UNICODE UTF-8", charset).encode(codec)
    if charset in ("", "ASCII"):
        with pytest.raises(Hl7Error):
            read_er7(data)
        return
    message = read_er7(data)
    assert read_feed(message, read_header(message.msh), {}).traits.birth_family == name
