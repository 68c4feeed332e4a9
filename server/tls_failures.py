"""Connections that failed to prove who they are: who came, with which certificate, and why, in the audit log.

Whoever speaks TLS and is refused, or refuses us, leaves an event; who only connects and goes, or stalls, leaves none. A
flood does not fill the log: beyond a quota failures are counted, and the next event says how many there were.

Source: ITI TF-2 3.19 (Authenticate Node); DICOM PS3.15 A.5.3.11 (Security Alert, Node Authentication).
"""

from __future__ import annotations

import ssl
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from cryptography import x509

from audit.errors import AuditError
from audit.event import AuditObject, Call, Event, ObjectKind, Outcome
from server.database import TROUBLE
from server.settings import SettingsError

AUTHENTICATE_NODE = "ITI-19"  # Call.transaction
WINDOW = timedelta(minutes=1)
OF_ONE_ADDRESS, OF_ALL = 10, 100  # events recorded in a window
GONE = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # left, without a word about why

_log = structlog.get_logger("dmp.tls")


@dataclass(frozen=True, slots=True)
class Failure:
    """One handshake that failed. `endpoint` is our end of it; `certificate` what the other end showed (DER), b'' for
    none, whether or not it is genuine.
    """

    error: ssl.SSLError
    address: str
    endpoint: str
    certificate: bytes = b""

    @property
    def reason(self) -> str:
        """What was wrong, in OpenSSL's words."""
        if isinstance(self.error, ssl.SSLCertVerificationError):
            return f"client certificate: {self.error.verify_message}"
        return (getattr(self.error, "reason", None) or type(self.error).__name__).replace("_", " ").lower()


class Quota:
    """How many failures are recorded. Not to be shared between threads."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._recorded: Counter[str] = Counter()
        self._left_out = 0

    def admit(self, address: str, now: datetime) -> int | None:
        """How many were left out since one was recorded; None when this one is left out, too."""
        if self._began is None or not timedelta() <= now - self._began < WINDOW:
            self._began = now
            self._recorded.clear()
        if self._recorded[address] >= OF_ONE_ADDRESS or self._recorded.total() >= OF_ALL:
            self._left_out += 1
            return None
        self._recorded[address] += 1
        left_out, self._left_out = self._left_out, 0
        return left_out


class Failures:
    """Records failures. Safe to share between threads, each process has its own quota."""

    def __init__(self, record: Callable[[Event], None], clock: Callable[[], datetime]) -> None:
        self._record, self._clock = record, clock
        self._lock, self._quota = threading.Lock(), Quota()

    def note(self, failure: Failure) -> None:
        """Records `failure`, unless it says nothing or is one too many.

        Nothing was disclosed, so that a record that fails is only logged.
        """
        if isinstance(failure.error, GONE):
            return
        now = self._clock()
        with self._lock:
            left_out = self._quota.admit(failure.address, now)
        if left_out is None:
            return
        try:
            self._record(event_of(failure, now, left_out))
        except (*TROUBLE, AuditError, SettingsError) as error:
            _log.error("handshake not recorded", error=type(error).__name__)


def event_of(failure: Failure, now: datetime, left_out: int = 0) -> Event:
    """The audit event of `failure`; `left_out` others before it have none."""
    subject, described = _described(failure.certificate)
    details = (*described, ("Not recorded before", str(left_out or "")))
    return Event(
        id=str(uuid.uuid4()),
        instant=now,
        call=Call(
            transaction=AUTHENTICATE_NODE,
            request_id=uuid.uuid4().hex,
            endpoint=failure.endpoint,
            client_address=failure.address,
            client_certificate=subject,
        ),
        outcome=Outcome.SERIOUS_FAILURE,
        objects=(AuditObject(ObjectKind.NODE, subject or failure.address, details=details),),
        rule="tls",
        explanation=f"TLS: {failure.reason}",
    )


def _described(der: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The subject of a certificate (RFC 4514), and what else tells it from others."""
    if not der:
        return "", ()
    try:
        shown = x509.load_der_x509_certificate(der)
        subject, issuer = shown.subject.rfc4514_string(), shown.issuer.rfc4514_string()
        serial, until = f"{shown.serial_number:x}", shown.not_valid_after_utc.isoformat()
    except ValueError:
        return "", (("Certificate", "unreadable"),)
    named = subject or f"serial {serial}"
    return named, (
        ("Certificate Serial Number", serial),
        ("Certificate Issuer", issuer),
        ("Certificate Not After", until),
    )
