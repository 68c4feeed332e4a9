"""Passwords as they are kept: Argon2id hashes. The one home of argon2.

A verification takes 19 MiB and some 50 ms: only a few run at a time in one process, and only a few wait for their turn.

Source: RFC 9106; OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane); NIST SP 800-63B 3.1.1.2 (NFKC).
"""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from identities.account import PASSWORD_LENGTHS

AT_ONCE, WAITING = 2, 2
# In the place of the hash that a login does not have: nobody has its password, and it costs as much.
STAND_IN = "$argon2id$v=19$m=19456,t=2,p=1$ZC5e5rlNLzNileJCwIfZaQ$yCUQIHbM3sK8AaUi+/2S/+rMzfLyYbNOCnEZ5yIC9t0"

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)  # KiB
_turns = threading.BoundedSemaphore(AT_ONCE)
_room = threading.BoundedSemaphore(AT_ONCE + WAITING)


class PasswordsBusyError(Exception):
    """So many passwords are being verified that this one is not: whoever asked may ask again in a moment."""


def hash_password(password: str) -> str:
    """The hash of a password, with its salt and parameters."""
    with _turns:
        return _HASHER.hash(_normal(password))


def verify_password(encoded: str, password: str) -> bool:
    """Whether `password` is the one of that hash. Raises PasswordsBusyError: whoever asks, it has a limit."""
    if not _room.acquire(blocking=False):
        raise PasswordsBusyError
    try:
        with _turns:
            return _HASHER.verify(encoded, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _room.release()


def _normal(password: str) -> str:
    """The same whatever the keyboard composed; what is longer than any password is cut, so that it costs no more."""
    return unicodedata.normalize("NFKC", password[: PASSWORD_LENGTHS.stop])
