"""The structure of messages by the tables of hl7apy, held to what hl7apy itself says of small ones.

Source: HL7 v2.5 3.3 (ADT), 7.3 (ORU), v2.6 9.6 (MDM).
"""

from __future__ import annotations

import time

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.exceptions import HL7apyException
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from hl7v2.adt import STRUCTURES
from hl7v2.er7 import read_er7
from hl7v2.errors import Hl7Error
from hl7v2.message import VERSIONS, check_structure, structure_of

MSH = "MSH|^~\\&|A|B|C|D|20260301||ADT^A01^ADT_A01|1|P|2.5"
EVN, PID, PV1 = "EVN||20260301", "PID|||1^^^A||N^P", "PV1||I"


def faults(lines: list[str], structure: str, version: str = "2.5") -> list[tuple[str, str]]:
    """Codes and places."""
    try:
        check_structure(read_er7("\r".join(lines).encode()), structure, version)
    except Hl7Error as error:
        return [(each.condition.code, each.location.erl[0] if each.location else "") for each in error.faults]
    return []


def agrees(lines: list[str], structure: str) -> bool:
    """Whether hl7apy finds the structure in order."""
    try:
        parsed = parse_message("\r".join(lines), validation_level=VALIDATION_LEVEL.TOLERANT)
        return bool(parsed.name == structure and parsed.validate())
    except HL7apyException:
        return False


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([MSH, EVN, PID, PV1], []),
        ([MSH, EVN, PID, PV1, "ZFA|ACTIF", "OBX|1|ST|X||y||||||F"], []),
        ([MSH, "ZZZ|1", EVN, PID, "ZBE|1", PV1], []),
        ([MSH, PID, PV1], [("100", "PID")]),
        ([MSH, EVN, PV1], [("100", "PV1")]),
        ([MSH, EVN, PID], [("100", "PV1")]),
        ([MSH, EVN, PID, PID, PV1], [("100", "PID")]),
        ([MSH, EVN, PID, PV1, PV1], [("198", "PV1")]),
        ([MSH, EVN, PID, PV1, "NTE|1"], [("100", "NTE")]),
        ([MSH, EVN, "PID|||1^^^A", PV1], [("101", "PID")]),
        ([MSH, EVN, "PID|||1^^^A||N^P||hier", PV1], [("102", "PID")]),
        ([MSH, EVN, "PID|||1^^^A||N^P|||F~M", PV1], [("198", "PID")]),
        ([MSH, EVN, PID, PV1, "PRT||UC"], [("100", "PRT")]),
    ],
)
def test_a_message_is_held_to_its_structure(lines: list[str], expected: list[tuple[str, str]]) -> None:
    assert faults(lines, "ADT_A01") == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([EVN, PID, "PD1||", PV1, "PV2|", "AL1|1||X^Y", "DG1|1|||||A", "GT1|1|1|N"]), max_size=7)
)
def test_the_order_of_segments_is_judged_as_hl7apy_judges_it(segments: list[str]) -> None:
    lines = [MSH, *segments]
    ours = [code for code, _ in faults(lines, "ADT_A01") if code in ("100", "198")]
    in_order = [line[:3] for line in segments] == sorted(
        (line[:3] for line in segments), key=["EVN", "PID", "PD1", "PV1", "PV2", "AL1", "DG1", "GT1"].index
    )
    if not ours:
        assert in_order
        assert agrees(lines, "ADT_A01")
    elif in_order:
        assert not agrees(lines, "ADT_A01")


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_every_version_has_the_structures_that_are_served(version: str) -> None:
    for structure in ("ADT_A01", "ORU_R01", "ACK"):
        assert structure_of(structure, version) is not None or version == "2.3.1"
    for structure in set(STRUCTURES.values()):
        assert structure_of(structure, version) is not None


def test_groups_repeat_and_nest() -> None:
    msh = MSH.replace("ADT^A01^ADT_A01", "ORU^R01^ORU_R01")
    obx = "OBX|1|NM|2345-7^Glucose^LN||5||||||F"
    order = ["ORC|NW", "OBR|1|||X^Y", obx, "NTE|1", obx, "PRT||UC", "PRT||UC", obx]
    assert faults([msh, PID, PV1, *order, *order[1:], PID, *order], "ORU_R01") == []
    assert faults([msh, PID, "ORC|NW", "OBX|1"], "ORU_R01")[0] == ("100", "OBX")


def test_ten_thousand_results_take_no_time_to_speak_of() -> None:
    msh = MSH.replace("ADT^A01^ADT_A01", "ORU^R01^ORU_R01")

    def processor_time(count: int) -> float:
        lines = [msh, PID, "OBR|1|||X^Y", *["OBX|1|NM|2345-7^Glucose^LN||5||||||F"] * count]
        message = read_er7("\r".join(lines).encode())
        began = time.process_time()
        check_structure(message, "ORU_R01", "2.5")
        return time.process_time() - began

    assert processor_time(10_000) < 40 * processor_time(1000)  # not the square
