"""Witnesses: whoever keeps the signed heads of the audit log elsewhere, so that nobody can cut or rewrite it unseen.

A witness is a file, best on another machine's disk and open for appending only, or an address that each head is posted
to as text. Each gets every head, in order; what it does not take is tried again until it does.

Source: RFC 9110 §9.3.3 (POST); C2SP tlog-checkpoint.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit.heads import TreeHead, read_head
from audit.notes import NoteError, Verifier, notes_in
from ihe.reply import Address
from server.durable import replace_file

TAIL_BYTES = 64 * 1024
TIMEOUT_SECONDS = 30.0
CONTENT_TYPE = "text/plain; charset=utf-8"


class WitnessError(Exception):
    """A witness that did not take a head; the text says why, without what it answered."""


class Witness(Protocol):
    """Somebody who keeps heads."""

    @property
    def name(self) -> str:
        """How the settings call it."""
        ...

    def last(self) -> TreeHead | None:
        """The last head that it shows to have, where it shows any. Raises WitnessError."""
        ...

    def position(self) -> int:
        """The number of the last head that it took. Raises WitnessError."""
        ...

    def give(self, heads: Sequence[tuple[int, str]]) -> None:
        """Hands over heads, each by number and note. Raises WitnessError."""
        ...


@dataclass(frozen=True, slots=True)
class FileWitness:
    """A file that notes are appended to, an empty line behind each. `verifier` tells ours from others'."""

    path: Path
    verifier: Verifier

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    def last(self) -> TreeHead | None:
        """The last head of ours in the file."""
        if not self.path.exists():
            return None
        try:
            with self.path.open("rb") as stream:
                stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES))
                tail = stream.read().decode("utf-8", "replace")
        except OSError as error:
            raise WitnessError(type(error).__name__) from error
        found = None
        for note in notes_in(tail):
            try:
                found = read_head(note, self.verifier)
            except NoteError:
                continue  # torn by a crash, or of another log
        return found

    def position(self) -> int:
        """The number of that head."""
        last = self.last()
        return last.number if last else 0

    def give(self, heads: Sequence[tuple[int, str]]) -> None:
        """Appends the notes, durably."""
        text = "".join(f"{note}\n" for _, note in heads)
        try:
            with self.path.open("ab+", buffering=0) as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - 2))
                torn = size > 0 and stream.read(2) != b"\n\n"
                stream.write((("\n\n" if torn else "") + text).encode())
                os.fsync(stream.fileno())
        except OSError as error:
            raise WitnessError(type(error).__name__) from error


@dataclass(frozen=True, slots=True)
class UrlWitness:
    """An address that each note is posted to; 2xx means taken. How far it got stands in a file of the home."""

    address: Address
    folder: Path

    @property
    def name(self) -> str:
        """The address, without what its query may hold."""
        return f"{self.address.base}{self.address.path}"

    @property
    def _file(self) -> Path:
        whole = f"{self.address.base}{self.address.target}"
        return self.folder / hashlib.sha256(whole.encode()).hexdigest()[:32]

    def last(self) -> TreeHead | None:
        """Nothing: it is not asked for what it keeps."""
        return None

    def position(self) -> int:
        """The number of the last head that it took."""
        try:
            return int(self._file.read_text("ascii")) if self._file.exists() else 0
        except (OSError, ValueError) as error:
            raise WitnessError(type(error).__name__) from error

    def give(self, heads: Sequence[tuple[int, str]]) -> None:
        """Posts each note, one after another."""
        for number, note in heads:
            try:
                status = self._post(note.encode())
                if not 200 <= status < 300:
                    raise WitnessError(str(status))
                self.folder.mkdir(mode=0o700, exist_ok=True)
                replace_file(self._file, f"{number}\n")
            except (OSError, http.client.HTTPException) as error:
                raise WitnessError(type(error).__name__) from error

    def _post(self, body: bytes) -> int:
        host, port = self.address.host, self.address.port
        if self.address.scheme == "http":
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        else:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)
        try:
            connection.request("POST", self.address.target, body=body, headers={"Content-Type": CONTENT_TYPE})
            return connection.getresponse().status
        finally:
            connection.close()
