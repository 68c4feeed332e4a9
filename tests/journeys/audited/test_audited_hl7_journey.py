"""Each message of HL7 v2 that a DMP takes, and the whole of what it leaves in the audit log."""

from __future__ import annotations

import pytest
from audited_hl7_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases

from dmp.volontes import Block
from server.demo.people import HOPITAL
from tests.mllp import Ack, adt, sending
from tests.somebody import Somebody

CASES = Cases()
NOBODY = "2510375056999" + "83"


def _told(audited: Audited, somebody: Somebody, zfa: str, ins: str = "") -> tuple[Ack, Names]:
    """An admission that says what was collected."""
    ins, authority = ins or somebody.patient.ins, somebody.patient.ins_oid
    audited.watch()
    with sending(audited.village) as sender:
        ack = sender.send(adt("A01", [f"{ins}^^^INS&{authority}&ISO^INS"]) + f"ZFA|ACTIF||||||||{zfa}\r".encode())
    address = audited.village.settings.mllp
    assert address is not None
    return ack, {
        "patient": f"{ins}^^^&{authority}&ISO",
        "message": ack.control_id,
        "endpoint": f"mllps://127.0.0.1:{address.port}",
        "certificate": audited.card("hopital"),
    }


@CASES("VD/recueil")
def _(audited: Audited) -> Names:
    return _told(audited, audited.somebody(), "INO||IC")[1]


@CASES("VD/recueil, opposed")
def _(audited: Audited) -> Names:
    return _told(audited, audited.somebody(), "IO||NA")[1]


@CASES("VD/recueil, blocked")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(Block(HOPITAL))
    return _told(audited, somebody, "||IC")[1]


@CASES("VD/recueil, no DMP")
def _(audited: Audited) -> Names:
    return _told(audited, audited.somebody(), "IO||IC", NOBODY)[1]


@CASES("VD/recueil, not understood")
def _(audited: Audited) -> Names:
    return _told(audited, audited.somebody(), "OUI")[1]


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_message_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()
