"""Who asked for it is told by a message of its own what became of a document, at the address of the settings.

Source: CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2 2.1, ZAM^Z01; HL7 v2.5 2.9.2.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server.demo.people import PATIENTS
from tests.audit_peers import server_context
from tests.mllp import message, sending, written
from tests.village import Village

ASKED = "OBX|20|CE|ACK_RECEPTION^Accusé de réception^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F\r".encode()
SECONDS = 60


@contextmanager
def taking(village: Village, *codes: str) -> Iterator[queue.Queue[str]]:
    """The hospital's own inlet: what comes there. It answers by `codes`, then AA; "" is no answer."""
    (receiver,) = village.settings.hl7.acknowledged
    taken, answers = queue.Queue[str](), iter(codes)
    listener = socket.create_server(("127.0.0.1", receiver.port))

    def attend() -> None:
        while True:
            try:
                plain = listener.accept()[0]
            except OSError:
                return
            with server_context(village.folder).wrap_socket(plain, server_side=True) as connection:
                data = b""
                while b"\x1c\r" not in data and (read := connection.recv(65536)):
                    data += read
                said = data.strip(b"\x0b\x1c\r").decode()
                taken.put(said)
                code, number = next(answers, "AA"), said.split("|")[9]
                if code:
                    ack = f"MSH|^~\\&|DPI|HOPITAL|PFI|DMP|20260301||ACK^Z01^ACK|A{number}|P|2.6\rMSA|{code}|{number}\r"
                    connection.sendall(b"\x0b" + ack.encode() + b"\x1c\r")

    thread = threading.Thread(target=attend, daemon=True)
    thread.start()
    try:
        yield taken
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(SECONDS)


def result(said: str) -> list[str]:
    """OBX-4 and OBX-5 of a ZAM, and ERR-5."""
    lines = [line.split("|") for line in said.split("\r")]
    (obx,) = (line for line in lines if line[0] == "OBX")
    return [*obx[4:6], *(line[5] for line in lines if line[0] == "ERR")]


def test_it_is_sent_again_until_it_is_acknowledged(hospital: Village) -> None:
    with taking(hospital, "AR") as taken, sending(hospital) as sender:
        assert sender.send(message([written()], control_id="told-1") + ASKED).accepted
        first, second = taken.get(timeout=SECONDS), taken.get(timeout=SECONDS)
    assert first == second
    assert result(first) == ["told-1", "Y^^expandedYes-NoIndicator"]


def test_a_refusal_is_told_with_its_code(hospital: Village) -> None:
    closed = PATIENTS[3]
    with taking(hospital) as taken, sending(hospital) as sender:
        sent = message([written(patient=closed)], patient=closed, control_id="told-2")
        assert sender.send(sent + ASKED).applications == ("DMPClosed",)
        said = taken.get(timeout=SECONDS)
    assert result(said) == ["told-2", "N^^expandedYes-NoIndicator", "DMPClosed^DMP fermé^DMPERRORCODE"]
