"""Messages and frames that were damaged, senders that misbehave, a server that is killed: always an answer or an end.

Source: HL7, Transport Specification: MLLP, Release 1; HL7 v2.5 2.9 (processing rules).
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from conformance.lps.query import Filters
from schemas import oids
from server.demo.people import PATIENTS
from tests.hl7_damage import framed, mutated
from tests.hl7_queries import pdq, pix
from tests.mllp import Sender, adt, message, new_oid, open_to_hl7, read_ack, sending, written
from tests.village import Village

SEED = 20261129
SMALL, LARGE = 80, 10_000  # tests/hl7v2/test_answering.py has more, without a server
PATIENT = PATIENTS[9]


# --- Damaged ----------------------------------------------------------------------------------------------------------


def storm(village: Village, count: int) -> int:
    """Sends `count` damaged messages; how many had an answer. Every other one ends its connection, at once."""
    chance, answered = random.Random(SEED), 0
    ins = f"{PATIENT.ins}^^^INS&{oids.INS_NIR_TEST}&ISO^INS"
    goods = [
        message([written(patient=PATIENT)], patient=PATIENT),
        adt("A01", [ins]) + b"ZFA|ACTIF|20260301|||||||NA||IC|20260301\r",
        pix(ins),
        pdq("@PID.5.1.1^DURAND"),
    ]
    sender: Sender | None = None
    address = village.settings.mllp
    assert address is not None
    for number in range(count):
        sender = sender or Sender(village.folder, address.port)
        sender.socket.settimeout(30)
        good = goods[number % len(goods)]
        data = framed(chance, mutated(chance, good.replace(b"HOPITAL", b"H%d" % number)))
        try:
            sender.write(data + b"\x0bMSH|^~\\&|probe\x1c\r")  # what answers the probe has done with what came before
            while (ack := read_ack(sender.frame() or b"MSA|none")).code != "none":
                answered += 1
                if (ack.control_id == "" and b"|probe|" in ack.raw) or answered > count * 4:
                    break
            else:
                sender.close()
                sender = None
        except TimeoutError:
            raise
        except OSError:
            sender.close()
            sender = None
    if sender is not None:
        sender.close()
    return answered


def inlet_memory(village: Village) -> int:
    """The resident memory of the largest process of the server's tree, in bytes."""
    children = Path(f"/proc/{village.pid}/task/{village.pid}/children").read_text("ascii").split()
    found = [Path(f"/proc/{child}/status").read_text("utf-8") for child in children]
    return max(int(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in found if "VmRSS:" in text)


def check_storm(village: Village, count: int) -> None:
    assert storm(village, count) > count // 4
    assert inlet_memory(village) < 500 * 1024 * 1024
    with sending(village) as sender:
        assert sender.send(message([written(patient=PATIENT)], patient=PATIENT)).accepted


def test_damaged_messages_are_answered_or_end_the_connection(hospital: Village) -> None:
    check_storm(hospital, SMALL)


@pytest.mark.long
def test_many_damaged_messages(hospital: Village) -> None:
    check_storm(hospital, LARGE)


# --- Slow and broken peers --------------------------------------------------------------------------------------------


def test_peers_that_stall_or_leave_keep_nobody_waiting(hospital: Village) -> None:
    address = hospital.settings.mllp
    assert address is not None
    whole = b"\x0b" + message([written(patient=PATIENT)], patient=PATIENT) + b"\x1c\r"
    stalled = [Sender(hospital.folder, address.port) for _ in range(5)]
    for number, each in enumerate(stalled):
        each.write(whole[: number * 1000])
    plain = [socket.create_connection(("127.0.0.1", address.port)) for _ in range(5)]
    gone = Sender(hospital.folder, address.port)
    gone.write(whole * 3)
    gone.close()
    with sending(hospital) as sender:
        assert sender.send(message([written(patient=PATIENT)], patient=PATIENT)).accepted
    for each in stalled:
        each.close()
    for each in plain:
        each.close()


def test_who_shows_no_certificate_is_not_let_in(hospital: Village) -> None:
    address = hospital.settings.mllp
    assert address is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(hospital.folder / "ca.pem")
    with socket.create_connection(("127.0.0.1", address.port), timeout=30) as plain:
        connection = context.wrap_socket(plain, server_hostname="localhost")
        with suppress(OSError), connection:  # TLS 1.3: the client learns of it when it first reads
            connection.sendall(b"\x0bMSH|^~\\&|\x1c\r")
            assert connection.recv(100) == b""


def test_a_large_document_comes_whole(hospital: Village, tmp_path: Path) -> None:
    oid = new_oid()
    document = written(oid=oid, patient=PATIENT)
    padding = b"<!--" + b"x" * 900_000 + b"-->"  # a parser holds a comment whole: less than its limit
    document = document.replace(b"</ClinicalDocument>", padding * 23 + b"</ClinicalDocument>")
    with sending(hospital) as sender:
        assert sender.send(message([document], patient=PATIENT)).accepted
    hospital.lps("medecin-traitant").open(oid, tmp_path / "opened", hospital.patient(PATIENT.ins))
    assert (tmp_path / "opened").read_bytes() == document


# --- Killed -----------------------------------------------------------------------------------------------------------


@dataclass
class Push:
    """Who sends a message until it is acknowledged, as HL7 has it."""

    acknowledged: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, village: Village, oid: str) -> None:
        sent = message([written(oid=oid, patient=PATIENT)], patient=PATIENT, control_id=oid[-20:])
        give_up = time.monotonic() + 600
        while time.monotonic() < give_up:
            with suppress(OSError, StopIteration), sending(village) as sender:
                ack = sender.send(sent)
                assert ack.accepted or ack.code == "AR", ack.raw
                if ack.accepted:
                    with self.lock:
                        self.acknowledged.add(oid)
                    return
            time.sleep(0.1)


def killed_under_load(village: Village, documents: int, kills: int) -> None:
    chance, push = random.Random(SEED), Push()
    oids = [new_oid() for _ in range(documents)]
    village.start()
    with ThreadPoolExecutor(4) as pool:
        sending_all = [pool.submit(push.one, village, oid) for oid in oids]
        for _ in range(kills):
            time.sleep(chance.uniform(0.3, 1.5))
            village.kill()
            village.start()
        for each in sending_all:
            each.result()
    assert push.acknowledged == set(oids)
    found = village.lps("medecin-traitant").find(village.patient(PATIENT.ins), Filters())
    stored = [entry.unique_id for entry in found if entry.unique_id in push.acknowledged]
    assert sorted(stored) == sorted(oids)
    village.stop()


def test_what_was_acknowledged_is_stored_once_though_the_server_is_killed(new_village: Callable[[], Village]) -> None:
    village = new_village()
    open_to_hl7(village)
    killed_under_load(village, 12, 1)


@pytest.mark.long
def test_killed_again_and_again_under_load(new_village: Callable[[], Village]) -> None:
    village = new_village()
    open_to_hl7(village)
    killed_under_load(village, 400, 12)
