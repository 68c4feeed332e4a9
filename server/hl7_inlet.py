"""The HL7 v2 inlet: one process that takes messages by MLLP over TLS, each with an answer.

Source: ITI TF-2 3.8 and 3.19; CI-SIS, volet Transmission d'un document CDA-R2 en HL7v2, security.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import ssl
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from audit.event import Call
from habilitations.decision import Tables
from hl7v2.answering import answer, known_sender
from hl7v2.door import Door
from hl7v2.listener import Answer, Limits, Listener, Open, Peer
from hl7v2.services import kind_of
from server import logging as technical
from server import metrics
from server.hl7_wiring import hl7_door
from server.house import House, now
from server.settings import Settings
from server.tls import Contexts, syslog_context
from server.tls_failures import Failure, Failures

_CODE = re.compile(rb"\rMSA[^0-9A-Za-z]([AC][AER])\b")  # MSA-1


def take_messages(settings: Settings, tables: Tables, listener: socket.socket) -> None:
    """Takes HL7 v2 messages at this bound socket until SIGTERM."""
    technical.configure(settings.log_level)
    house = House.build(settings, tables=tables)
    door = hl7_door(house)
    host, port, *_ = listener.getsockname()
    endpoint = f"mllps://{f'[{host}]' if ':' in host else host}:{port}"
    failures = Failures(house.append, now)

    def refused(error: ssl.SSLError, address: str) -> None:
        cause, shown = (error.cause, error.shown) if isinstance(error, HandshakeError) else (error, b"")
        failures.note(Failure(cause, address, endpoint, shown))

    with ThreadPoolExecutor(settings.threads) as pool:
        contexts = Contexts(settings, mllp_context)
        asyncio.run(_listen(listener, partial(opened, door, endpoint), contexts, refused, pool, settings.hl7.limits))
    house.database.dispose()


def opened(door: Door, endpoint: str, peer: Peer) -> Answer | None:
    """What answers the messages of a connection; None for a peer that is no sender."""
    call = Call("", uuid.uuid4().hex, endpoint, client_address=peer.address)
    known = known_sender(door, peer.certificate, call)
    if known is None:
        return None

    def answered(data: bytes) -> bytes:
        own = Call("", uuid.uuid4().hex, endpoint, client_address=peer.address, client_certificate=known.subject)
        begun = time.perf_counter()
        given = answer(door, known, own, data)
        found = _CODE.search(given)
        result = found[1].decode() if found else "NONE"
        metrics.observe_message(kind_of(data) or "OTHER", result, time.perf_counter() - begun)
        return given

    return answered


def mllp_context(settings: Settings) -> ssl.SSLContext:
    """A server context for MLLP: every client shows a certificate."""
    made = syslog_context(settings)
    made.sslobject_class = ObservedObject
    return made


class HandshakeError(ssl.SSLError):
    """A handshake that failed, by `cause`. `shown` is the certificate (DER) that the client sent, b"" for none."""

    def __init__(self, cause: ssl.SSLError, shown: bytes) -> None:
        super().__init__(*cause.args)
        self.cause, self.shown = cause, shown


class ObservedObject(ssl.SSLObject):
    """A server's end of TLS that remembers the certificate (DER) that was shown. Raises HandshakeError."""

    shown: bytes = b""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise HandshakeError(error, self.shown) from error


async def _listen(
    listener: socket.socket,
    open_: Open,
    contexts: Contexts,
    refused: Callable[[ssl.SSLError, str], None],
    pool: Executor,
    limits: Limits,
) -> None:
    inlet = Listener(open_, contexts, refused, pool, limits)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, inlet.stop.set)
    await inlet.listen(listener)
