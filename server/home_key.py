"""The key of a home: codes that were sent or handed out are kept under it, so that the database alone tells none.

It is a file of its own, for the server's account alone: a copy of the database has no key. Servers that share a
database share this file.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

FILE = "account.key"
BYTES = 32


def home_key(home: Path) -> bytes:
    """The key of that home, made the first time. Of those who make it at once, one makes it for all."""
    file = home / FILE
    if not file.exists():
        descriptor, made = tempfile.mkstemp(prefix=f"{FILE}.", dir=home)  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(secrets.token_bytes(BYTES))
                stream.flush()
                os.fsync(stream.fileno())
            with suppress(FileExistsError):
                os.link(made, file)
        finally:
            Path(made).unlink()
    return file.read_bytes()
