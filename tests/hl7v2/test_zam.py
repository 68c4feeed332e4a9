"""Business acknowledgements: what they say, as the volet's example says it, and when there is one.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 2.1, ZAM^Z01.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.event import Call
from hl7v2.ack import Stamp
from hl7v2.answering import answer
from hl7v2.er7 import read_er7
from hl7v2.errors import faults_of
from hl7v2.header import read_header
from hl7v2.zam_z01 import write_zam
from registry.errors import ErrorCode, Finding, RegistryError
from repository.files import LocalFiles
from server.hl7_settings import read_hl7
from tests.hl7v2.test_answering import KNOWN, Hall
from tests.mllp import message, written

ASKED = "OBX|20|CE|ACK_RECEPTION^Accusé de réception^MetaDMPMSS||{}^^expandedYes-NoIndicator||||||F\r"
STAMP = Stamp("017", datetime(2021, 6, 6, 9, 33, tzinfo=UTC))
CLOSED = RegistryError([Finding(ErrorCode.DMPClosed, "DMP fermé")])
FIRST = b"MSH|^~\\&|SIL-Y|labo|PFI-X|Organisation-X|202106060931||ORU^R01^ORU_R01|015|P|2.5|||||FRA|UNICODE UTF-8\r"
EXAMPLE = "Volets/TRANS_DOC_CDA_HL7V2/V2.1/ORU/Transmission_initiale_ORU/Message_metier_reception_DMP"
# Of that example: what is another at another moment, by segment.
MOMENTS = {"MSH": (7,), "EVN": (2,)}


def zam(first: bytes, error: Exception | None) -> bytes:
    read = read_er7(first)
    return write_zam(read_header(read.msh), read.syntax, STAMP, faults_of(error) if error else ())


def test_it_names_the_message_and_says_what_came_of_it() -> None:
    lines = zam(FIRST, None).decode().split("\r")
    assert lines[0].startswith(
        "MSH|^~\\&|PFI-X|Organisation-X|SIL-Y|labo|20210606093300+0000||ZAM^Z01^ZAM_Z01|017|P|2.6|"
    )
    assert lines[1] == "EVN||20210606093300"
    assert lines[2].split("|")[3:6] == [
        "ACK_RECEPTION_DMP^Accusé de réception DMP^AckMetierZAM",
        "015",
        "Y^^expandedYes-NoIndicator",
    ]
    assert lines[3] == ""


@pytest.mark.reference
def test_it_is_the_example_of_the_volet(reference: Path) -> None:
    example = read_er7((reference / "fr" / "hl7v2" / EXAMPLE).read_bytes().replace(b"\n", b"\r"))
    ours = read_er7(zam(FIRST, CLOSED))
    assert [each.name for each in ours.segments] == [each.name for each in example.segments]
    for one, other in zip(ours.segments, example.segments, strict=True):
        for number in range(1, len(other.fields)):
            if number not in MOMENTS.get(one.name, ()):
                assert one.raw(number) == other.raw(number), (one.name, number)


def test_other_delimiters_are_those_of_the_volet_again() -> None:
    first = b"MSH$*!?%$SIL*1.2.3*ISO$L%B$PFI$D?F?MP$20210606$$ORU*R01*ORU_R01$015$P$2.5$$$$$$UNICODE UTF-8\r"
    msh = zam(first, None).split(b"\r")[0].split(b"|")
    assert msh[2:6] == [b"PFI", b"D$MP", b"SIL^1.2.3^ISO", b"L&B"]


@pytest.mark.parametrize(("wish", "count"), [("Y", 1), ("N", 0), ("", 0)])
def test_it_is_kept_with_the_receipt_when_it_is_wanted(tmp_path: Path, wish: str, count: int) -> None:
    hall = Hall(LocalFiles(tmp_path / "documents"))
    sent = message([written()], control_id="asked") + (ASKED.format(wish).encode() if wish else b"")
    assert b"MSA|AA|asked" in hall.send(sent)
    (receipt,) = hall.receipts.values()
    assert receipt.told.count(b"|asked|Y^") == count


@pytest.mark.parametrize(
    ("error", "told"), [(CLOSED, 1), (RegistryError([Finding(ErrorCode.XDSRegistryBusy, "busy")]), 0)]
)
def test_who_asked_is_told_of_a_refusal_unless_it_may_pass(tmp_path: Path, error: Exception, told: int) -> None:
    hall, heard = Hall(LocalFiles(tmp_path / "documents"), error=error), []
    door = replace(hall.door, tell=lambda sender, message: heard.append((sender, message)))
    answer(door, KNOWN, Call("", "1"), message([written()]) + ASKED.format("Y").encode())
    assert len(heard) == told
    for sender, said in heard:
        assert sender == f"{KNOWN.key}|DPI|HOPITAL"
        assert b"DMPClosed^DMP ferm\xc3\xa9^DMPERRORCODE" in said
        assert b"|N^^expandedYes-NoIndicator|" in said


def test_settings_say_who_is_told_and_what_a_sender_may_take() -> None:
    problems: list[str] = []
    said = {"hl7_acknowledged": "1590000001 mllps://SIL.labo.example:2576", "hl7_connections": "3"}
    read = read_hl7(said, problems)
    assert (problems, read.limits.connections) == ([], 3)
    (found,) = read.acknowledged
    assert (found.host, found.port, read.of("1590000001"), read.at(found.address)) == (
        "sil.labo.example",
        2576,
        found,
        found,
    )
    for wrong in ("1590000001 https://x.example:1", "X mllps://x.example:1", "1590000001 mllps://x.example", "x"):
        read_hl7({"hl7_acknowledged": [wrong], "hl7_idle_seconds": "0"}, problems)
    assert len(problems) == 8
