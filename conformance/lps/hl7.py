"""HL7 v2 messages sent over MLLP and TLS, one after another on one connection, and files that wait in a folder.

Source: HL7, Transport Specification: MLLP, Release 1; HL7 v2.5 2.9 (a message is sent until it is acknowledged).
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from conformance.lps.soap import LpsError

SB, END = b"\x0b", b"\x1c\r"
ACCEPTED = frozenset({"AA", "CA"})  # HL7 table 0008
PASSING = frozenset({"AR", "CR"})  # to be sent again
PROCESSED, REJECTED = "processed", "rejected"
ENDINGS = frozenset({".hl7", ".er7"})
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a receiver said: MSA-1 and MSA-2, each ERR as a line for people, and the whole message."""

    code: str
    control_id: str
    errors: tuple[str, ...]
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the message was carried out."""
        return self.code in ACCEPTED


class Mllp:
    """One connection, made when it is first needed and again when it broke."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, timeout: float = 120.0) -> None:
        self._address, self._context, self._timeout = (host, port), context, timeout
        self._socket: ssl.SSLSocket | None = None
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._read = None, b""

    def send(self, message: bytes, progress: Callable[[int], None] = lambda _bytes: None) -> Acknowledgement:
        """Sends a message and waits for its acknowledgement. Raises LpsError `Transport` when none comes."""
        try:
            connection = self._connection()
            frame = SB + message + END
            for start in range(0, len(frame), _PIECE):
                connection.sendall(frame[start : start + _PIECE])
                progress(len(frame[start : start + _PIECE]))
            return read_acknowledgement(self._answer(connection))
        except OSError as error:
            self.close()
            host, port = self._address
            raise LpsError("Transport", f"{type(error).__name__}: {error}", f"{host}:{port}") from None

    def _connection(self) -> ssl.SSLSocket:
        if self._socket is None:
            plain = socket.create_connection(self._address, timeout=self._timeout)
            self._socket = self._context.wrap_socket(plain, server_hostname=self._address[0])
        return self._socket

    def _answer(self, connection: ssl.SSLSocket) -> bytes:
        while END not in self._read:
            data = connection.recv(_PIECE)
            if not data:
                raise ConnectionError("expected an acknowledgement, got the end of the connection")
            self._read += data
        answer, _, self._read = self._read.partition(END)
        return answer.removeprefix(SB)


def read_acknowledgement(data: bytes) -> Acknowledgement:
    """What an acknowledgement says. Raises LpsError for a message without MSA."""
    text = data.decode("utf-8", "replace")
    lines = [line.split(text[3:4] or "|") for line in text.split("\r") if line]
    msa = next((line for line in lines if line[0] == "MSA"), None)
    if msa is None or len(msa) < 2:
        raise LpsError("Transport", "expected an acknowledgement with MSA, got another message", "MSA")
    errors = tuple(" | ".join(filter(None, line[1:])) for line in lines if line[0] == "ERR")
    return Acknowledgement(msa[1], msa[2] if len(msa) > 2 else "", errors, text)


def read_message(file: Path) -> bytes:
    """The message in a file, its segments ended as on the wire, whatever ends its lines."""
    return re.sub(rb"\r?\n", b"\r", file.read_bytes()).strip(b"\r\x0b\x1c ") + b"\r"


def waiting(folder: Path) -> list[Path]:
    """The messages that wait in a folder, the oldest first."""
    files = [file for file in folder.iterdir() if file.suffix.lower() in ENDINGS and file.is_file()]
    return sorted(files, key=lambda file: (file.stat().st_mtime, file.name))


def deliver(folder: Path, connection: Mllp) -> Iterator[tuple[Path, Acknowledgement]]:
    """Sends what waits in `folder`, and puts each away: in `processed`, or in `rejected` with its reason beside.

    What may be sent again later stays. Raises LpsError when nothing can be sent now.
    """
    for file in waiting(folder):
        answer = connection.send(read_message(file))
        if answer.code not in PASSING:
            place = folder / (PROCESSED if answer.accepted else REJECTED)
            place.mkdir(exist_ok=True)
            if not answer.accepted:
                reason = "\n".join((f"{answer.code} {answer.control_id}", *answer.errors)) + "\n"
                (place / f"{file.name}.reason.txt").write_text(reason, "utf-8")
            file.replace(place / file.name)
        yield file, answer
