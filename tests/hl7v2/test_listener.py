"""Connections of senders who misbehave: those that never prove who they are, that drip, that pour, that are stopped.

Source: HL7, Transport Specification: MLLP, Release 1; ITI TF-2 3.19 (mutual authentication).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from conformance.pki import Pki, ec_key, reused
from hl7v2.listener import Limits, Listener
from hl7v2.mllp import write_frame
from server.hl7_inlet import HandshakeError, ObservedObject
from tests.mllp import Sender

NEVER = 600.0  # seconds: longer than any test
PATIENT_LIMITS = Limits(handshake=NEVER, message=NEVER, idle=NEVER, answer=NEVER)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's certificate, and that of a structure."""
    folder = tmp_path_factory.mktemp("pki")
    Pki.create(folder, key_maker=reused(ec_key)).structure("hopital", "1990000018", "Hôpital")
    return folder


def context_of(home: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.sslobject_class = ObservedObject
    made.load_cert_chain(home / "server.pem", home / "server.key")
    made.load_verify_locations(home / "ca.pem")
    made.verify_mode = ssl.CERT_REQUIRED
    return made


@contextmanager
def listening(
    home: Path, limits: Limits, answer: Callable[[bytes], bytes] = write_frame
) -> Iterator[tuple[int, Callable[[], None], list[ssl.SSLError]]]:
    """A listener in a thread of its own: its port, what stops it, and the handshakes that failed."""
    failed: list[ssl.SSLError] = []
    ready, made = threading.Event(), list[tuple[asyncio.AbstractEventLoop, Listener]]()
    with ThreadPoolExecutor(4) as pool, socket.create_server(("127.0.0.1", 0)) as bound:

        async def run() -> None:
            listener = Listener(
                lambda _: answer, lambda: context_of(home), lambda error, _: failed.append(error), pool, limits
            )
            made.append((asyncio.get_running_loop(), listener))
            ready.set()
            await listener.listen(bound)

        def stop() -> None:
            loop, listener = made[0]
            with suppress(RuntimeError):  # the loop has ended: it was stopped before
                loop.call_soon_threadsafe(listener.stop.set)

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        ready.wait()
        try:
            yield bound.getsockname()[1], stop, failed
        finally:
            stop()
            thread.join()


def test_who_never_proves_who_they_are_takes_no_place_of_a_sender(home: Path) -> None:
    limits = Limits(connections=2, handshake=NEVER)
    with ExitStack() as strangers, listening(home, limits) as (port, _, _):
        for number in range(20):
            stranger = strangers.enter_context(socket.create_connection(("127.0.0.1", port)))
            stranger.sendall(b"\x16\x03\x01"[: number % 4])
        for _ in range(3):
            with Sender(home, port) as sender:
                sender.write(write_frame(b"MSH"))
                assert sender.frame() == b"MSH"
        strangers.close()


def test_a_message_that_drips_comes_to_an_end_in_time_or_to_none(home: Path) -> None:
    with listening(home, Limits(message=0.5)) as (port, _, _), Sender(home, port) as sender:
        sender.write(b"\x0bMSH")
        sender.socket.settimeout(0.05)
        for _ in range(1000):
            try:
                sender.write(b"|")
                assert sender.socket.recv(1) == b"", "nothing is answered"
            except TimeoutError:
                continue
            except OSError:
                pass
            break
        else:
            raise AssertionError("it drips on")


def test_a_flood_of_tiny_messages_is_answered_in_order(home: Path) -> None:
    count = 3_000  # some 30 kB: they wait on their way while nobody reads
    with listening(home, PATIENT_LIMITS) as (port, _, _), Sender(home, port) as sender:
        sender.write(b"".join(write_frame(b"%d" % number) for number in range(count)))
        assert [sender.frame() for _ in range(count)] == [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("pieces", [[b"\x0bMS", b"H\x1c", b"\r"], [b"\r\n \x0b", b"MSH", b"\x1c\r\n"]])
def test_frames_come_in_any_pieces(home: Path, pieces: list[bytes]) -> None:
    with listening(home, PATIENT_LIMITS) as (port, _, _), Sender(home, port) as sender:
        for piece in pieces:
            sender.write(piece)
        assert sender.frame() == b"MSH"


def test_half_a_frame_and_an_end_leave_no_connection_behind(home: Path) -> None:
    limits = Limits(connections=1, message=NEVER)
    with listening(home, limits) as (port, _, _):
        for _ in range(5):
            with Sender(home, port) as sender:
                sender.write(b"\x0bMSH")
        with Sender(home, port) as sender:
            sender.write(write_frame(b"MSH"))
            assert sender.frame() == b"MSH"


def test_a_stop_comes_between_two_messages(home: Path) -> None:
    begun, go_on, seen = threading.Event(), threading.Event(), list[bytes]()

    def slow(data: bytes) -> bytes:
        seen.append(data)
        begun.set()
        go_on.wait()
        return write_frame(data)

    with listening(home, PATIENT_LIMITS, slow) as (port, stop, _), Sender(home, port) as sender:
        sender.write(write_frame(b"1") + write_frame(b"2") + write_frame(b"3"))
        begun.wait()
        stop()
        go_on.set()
        assert [sender.frame(), sender.frame()] == [b"1", b""]
    assert seen == [b"1"], "what was not begun is the sender's to send again"


def test_a_handshake_that_fails_is_told_with_the_certificate_that_was_shown(home: Path, tmp_path: Path) -> None:
    Pki.create(tmp_path, key_maker=reused(ec_key)).structure("hopital", "1990000018", "Hôpital")
    stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    stranger.load_verify_locations(home / "ca.pem")
    own = tmp_path / "pki" / "hopital"
    stranger.load_cert_chain(own / "auth.pem", own / "auth.key")
    with (
        listening(home, PATIENT_LIMITS) as (port, _, failed),
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        suppress(OSError),  # TLS 1.3: the client learns of it when it first reads, if at all
        stranger.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.recv(1)
    (error,) = failed
    assert isinstance(error, HandshakeError)
    assert isinstance(error.cause, ssl.SSLCertVerificationError)
