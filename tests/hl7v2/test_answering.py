"""A message's way through the door, with a hall that notes what it is asked: answers, receipts, damaged messages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.event import Call
from dmp.patient_search import Aliases, Match, Matches
from dmp.requests import Lot
from hl7v2.answering import answer
from hl7v2.door import Door, Receipt
from hl7v2.mllp import Frames
from hl7v2.sender import Known
from hl7v2.services import kind_of
from identities.professional import Professional
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError
from repository.files import LocalFiles
from schemas import oids
from server.demo.people import HOPITAL, PATIENTS
from tests.hl7_damage import framed, mutated
from tests.hl7_queries import pdq, pix
from tests.mllp import adt, message, new_oid, read_ack, written

SEED, SMALL, LARGE = 20261129, 1500, 100_000
KNOWN = Known(HOPITAL, "CN=Hôpital")
CALL = Call("", "1")
AUTHORITY = "1.3.6.1.4.1.21367.2005.13.20.1000"


@dataclass
class Hall:
    """What it was asked to provide, refuses what `error` says, and keeps receipts as the server does."""

    files: LocalFiles
    lots: list[tuple[Requester, Call, Lot]] = field(default_factory=list)
    receipts: dict[tuple[str, str], Receipt] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    error: Exception | None = None

    def provide(self, receipt: Receipt, requester: Requester, call: Call, lot: Lot) -> tuple[Finding, ...]:
        if self.error is not None:
            raise self.error
        self.receipts[receipt.sender, receipt.control_id] = receipt
        self.lots.append((requester, call, lot))
        return ()

    def collect(self, *_: Any) -> None:
        return None

    def find(self, *given: Any, **_: Any) -> Matches:
        match = Match((PatientId("1", AUTHORITY),), PATIENTS[0].traits, active=True, degree=100)
        return Matches((match,), 2, 1, given[-1].raw)

    def done(self, *_: Any, **__: Any) -> tuple[Finding, ...]:
        return ()

    def never(self, *_: Any, **__: Any) -> tuple[Finding, ...]:
        raise RegistryError([Finding(ErrorCode.UnresolvedReferenceException, "no such document")])

    @property
    def door(self) -> Door:
        def professional(_: str) -> Professional | None:
            return None

        return Door(
            known=lambda _: KNOWN,
            professional=professional,
            receipt=lambda sender, number: self.receipts.get((sender, number)),
            provide=self.provide,
            replace=self.never,
            delete=self.never,
            feed=self.done,
            merge=self.done,
            collect=self.collect,
            identifiers_of=lambda *_: Aliases((PatientId("1", AUTHORITY),), PATIENTS[0].traits),
            find=self.find,
            proceed=self.never,
            cancel=self.never,
            namespaces={},
            stage=self.files.stage,
            refused=lambda _call, reason, _requester: self.refusals.append(reason),
            failed=lambda _call, reason, _requester: self.refusals.append(f"ours: {reason}"),
            now=lambda: datetime(2026, 11, 29, 8, 0, tzinfo=UTC),
        )

    def send(self, data: bytes) -> bytes:
        return answer(self.door, KNOWN, CALL, data)


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    yield Hall(LocalFiles(tmp_path / "documents"))


def test_a_document_reaches_the_hall_with_who_sends_it(hall: Hall) -> None:
    ack = read_ack(hall.send(message([written()], control_id="1")).strip(b"\x0b\x1c\r") + b"\r")
    assert (ack.code, ack.control_id) == ("AA", "1")
    ((requester, call, lot),) = hall.lots
    assert (requester.structure_id, requester.name, call.transaction) == (HOPITAL, "BENALI Nadia", "ITI-41")
    (entry,) = lot.submission.entries
    assert entry.type_code.code == "11490-0"
    (author,) = lot.submission.submission_set.authors
    assert author.person.startswith(f"{requester.id_nat}^BENALI^Nadia")
    assert hall.refusals == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (message([written()]), "ORU^R01"),
        (b"MSH$*~\\&$A$B$C$D$1$$ADT*A28*ADT_A05$1$P$2.5\r", "ADT^A28"),
        (b"MSH|^~\\&|A|B|C|D|1||SIU^S12|1|P|2.5\r", ""),
        (b"MSH|^~\\&|A", ""),
        (b"none", ""),
    ],
)
def test_messages_are_counted_by_kinds_that_are_served(data: bytes, kind: str) -> None:
    assert kind_of(data) == kind


def test_what_the_hall_cannot_do_now_may_come_again(hall: Hall) -> None:
    hall.error = RegistryError([Finding(ErrorCode.XDSRegistryBusy, "busy")])
    sent = message([written()], control_id="2")
    assert b"MSA|AR|2" in hall.send(sent)
    assert b"|206^" in hall.send(sent)
    hall.error = None
    assert b"MSA|AA|2" in hall.send(sent)
    hall.error = RegistryError([Finding(ErrorCode.XDSRegistryBusy, "busy")])
    assert b"MSA|AA|2" in hall.send(sent)


def test_no_staged_document_stays_behind(hall: Hall) -> None:
    hall.error = ValueError("unexpected")
    for sent in (message([written(), written()]), message([written(), b"<x/>"])):
        assert b"MSA|A" in hall.send(sent)
    assert list((hall.files.root / "incoming").iterdir()) == []


def test_no_answer_and_no_record_says_who_the_patient_is(hall: Hall) -> None:
    patient = PATIENTS[0]
    wrong = [
        message([written(patient=PATIENTS[1])]),
        message([written()], order="CA"),
        message([written()]).replace(patient.ins.encode(), b"A" * 15),
    ]
    told = b"".join(map(hall.send, wrong)) + "".join(hall.refusals).encode()
    for secret in (patient.ins, patient.traits.birth_family, patient.traits.birth_given):
        assert secret.encode() not in told


def test_old_versions_have_their_errors_where_they_look(hall: Hall) -> None:
    told = hall.send(message([written()], msh={12: "2.3.1", 9: "SIU^S12"})).decode()
    assert "MSA|AE|" in told
    assert "ERR|MSH^1^9^200&Unsupported message type&HL70357\r" in told


def check_damaged(hall: Hall, count: int) -> None:
    """Every damaged message has one answer, or the sender is cut off, and nothing unforeseen happens."""
    chance = random.Random(SEED)
    goods = [
        message([written()]),
        message([written()], kind="MDM", document_id=new_oid()),
        adt("A28", [f"1^^^&{AUTHORITY}&ISO"], structure="ADT_A05"),
        adt("A40", [f"1^^^&{AUTHORITY}&ISO"], structure="ADT_A39", gone=f"2^^^&{AUTHORITY}&ISO"),
        adt("A01", [f"279035121518989^^^&{oids.INS_NIR_TEST}&ISO^INS"])
        + b"ZFA|ACTIF|20260301|||||||IO|20260301|IC|2026\r",
        pix(f"1^^^&{AUTHORITY}&ISO", f"^^^&{AUTHORITY}.1&ISO"),
        pdq("@PID.5.1.1^DURAND~@PID.7^1979~@PID.11.3^LILLE", f"^^^&{AUTHORITY}&ISO", "RCP|I|2^RD"),
    ]
    for number in range(count):
        good = goods[number % len(goods)]
        whole, _ = Frames(10**6).feed(framed(chance, mutated(chance, good.replace(b"HOPITAL", b"H%d" % number))))
        for data in whole:
            told = hall.send(data)
            assert told.startswith(b"\x0bMSH") or b"|AL" in data or b"|NE" in data
            assert told.count(b"\rMSA|") == 1
        hall.lots.clear()
        hall.receipts.clear()
    assert [reason for reason in hall.refusals if reason.startswith("ours")] == []


def test_damaged_messages_have_an_answer(hall: Hall) -> None:
    check_damaged(hall, SMALL)


@pytest.mark.long
def test_a_hundred_thousand_damaged_messages_have_an_answer(hall: Hall) -> None:
    check_damaged(hall, LARGE)
