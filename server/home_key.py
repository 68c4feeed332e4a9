"""The keys of a home, each a file of its own, for the server's account alone: a copy of the database has none.

Under the first, codes that were sent or handed out are kept, so that the database alone tells none. With another, the
heads of the audit log are signed; with a third, access tokens, where this server issues any. Servers that share a
database share these files.
"""

from __future__ import annotations

import os
import secrets
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from audit.notes import NoteError, Signer
from pdsm.issuing import SigningKey, SigningKeyError

FILE = "account.key"
BYTES = 32
AUDIT_FILE = "audit.key"
SIGNING_FILE = "token.key"


class KeyFileError(ValueError):
    """A file of a key that holds none."""


def home_key(home: Path) -> bytes:
    """The key of that home, made the first time."""
    return _kept(home, FILE, lambda: secrets.token_bytes(BYTES))


def audit_key(home: Path) -> Signer:
    """The key that signs the audit log of that home, made the first time, under the name of this machine.

    Raises KeyFileError.
    """
    written = _kept(home, AUDIT_FILE, _new_audit_key)
    try:
        return Signer.read(written.decode("ascii", "replace"))
    except NoteError as error:
        raise KeyFileError(f"{home / AUDIT_FILE}: {error}") from None


def token_key(home: Path) -> SigningKey:
    """The key that signs the access tokens of that home, made the first time. Raises KeyFileError."""
    written = _kept(home, SIGNING_FILE, _new_token_key)
    try:
        return SigningKey.read(written.decode("ascii", "replace"))
    except SigningKeyError as error:
        raise KeyFileError(f"{home / SIGNING_FILE}: {error}") from None


def _new_token_key() -> bytes:
    return SigningKey.make().written.encode()


def _new_audit_key() -> bytes:
    return Signer.make(f"{socket.gethostname()}/audit").written.encode()


def _kept(home: Path, name: str, make: Callable[[], bytes]) -> bytes:
    """What that file of a home holds. Of those who make it at once, one makes it for all."""
    file = home / name
    if not file.exists():
        descriptor, made = tempfile.mkstemp(prefix=f"{name}.", dir=home)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(make())
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileExistsError):
                os.link(made, file)
        finally:
            Path(made).unlink()
    return file.read_bytes()
