"""What the settings say of the audit log: where its events go (ITI-20), and where those of other nodes come in.

Source: ITI TF-2 3.20; RFC 5425, RFC 5426 (syslog over TLS, over UDP).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeVar

from cryptography.x509 import Name

from ihe.reply import Address as Url
from ihe.reply import read_address
from server.address import Address, read_listening
from server.channels import receiver_url

T = TypeVar("T")

PREFIX = "audit_"
PORTS = {"tls": 6514, "udp": 514}  # RFC 5425 §4.1, RFC 5426 §3.3
MEBIBYTE = 1024 * 1024
_SYSLOG = re.compile(r"(?P<way>tls|udp)://(?P<authority>[^/?#]+)/?")


class Way(StrEnum):
    """How events leave for a repository."""

    TLS = "tls"
    UDP = "udp"  # nobody says whether anything arrives: for a laboratory
    FHIR = "fhir"  # ATX: FHIR Feed


@dataclass(frozen=True, slots=True)
class Repository:
    """An audit record repository that every event is sent to. `url` is its host and port, of FHIR its base."""

    way: Way
    url: Url

    def __str__(self) -> str:
        if self.way is Way.FHIR:
            return f"{self.url.base}{self.url.path.rstrip('/')}"
        return f"{self.way.value}://{self.url.base.partition('://')[2]}"


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """Each field is the setting of its name, after `audit_`. Sizes in bytes.

    `syslog_newline`: whether a sender may end its messages with a newline instead of counting them. `syslog_bytes` is
    the largest message taken, `udp_bytes` the largest datagram sent. `syslog_connections` come at once at most.
    `auditors` may read the log by FHIR; `feed`: whether nodes may post their events by FHIR, and `senders` which ones,
    any that shows a certificate of the anchors when none is named. Both name certificates: by subject, or fingerprint.
    """

    repositories: tuple[Repository, ...] = ()
    udp_bytes: int = 65507
    syslog_tls: Address | None = None
    syslog_udp: Address | None = None
    syslog_newline: bool = False
    syslog_bytes: int = MEBIBYTE
    syslog_connections: int = 64
    auditors: tuple[str, ...] = ()
    feed: bool = False
    senders: tuple[str, ...] = ()

    @property
    def takes_syslog(self) -> bool:
        """Whether other nodes may send their events by syslog."""
        return self.syslog_tls is not None or self.syslog_udp is not None

    @property
    def uses_tls(self) -> bool:
        """Whether events leave or come by connections on which this server shows its certificate."""
        sent = any(each.way is not Way.UDP and each.url.scheme == "https" for each in self.repositories)
        return sent or self.syslog_tls is not None


AUDIT_KEYS = frozenset(f"{PREFIX}{each.name}" for each in fields(AuditSettings))


def read_audit(given: Mapping[str, object], problems: list[str]) -> AuditSettings:
    """The audit settings among those `given`. What is wrong is added to `problems`."""
    found: dict[str, Any] = {}
    for name, convert in _READERS.items():
        if PREFIX + name not in given:
            continue
        value = given[PREFIX + name]
        try:
            found[name] = convert(value)
        except ValueError as error:
            problems.append(f"{PREFIX}{name}: expected {error}, got {value}")
    return AuditSettings(**found)


def listed(convert: Callable[[str], T]) -> Callable[[object], tuple[T, ...]]:
    """A reader of a list, or as a variable of texts separated by commas; what is named twice counts once."""

    def read(value: object) -> tuple[T, ...]:
        texts = value if isinstance(value, list | tuple) else str(value).split(",")
        return tuple(dict.fromkeys(convert(str(each).strip()) for each in texts if str(each).strip()))

    return read


def between(least: int, most: int) -> Callable[[object], int]:
    """A reader of a whole number within these bounds."""

    def read(value: object) -> int:
        text = str(value)
        if not text.isdecimal() or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def yes_or_no(value: object) -> bool:
    """A reader of true or false."""
    text = str(value).lower()
    if text not in {"true", "false"}:
        raise ValueError("true or false")
    return text == "true"


def certificates(value: object) -> tuple[str, ...]:
    """A list, or as a variable texts separated by semicolons: each a SHA-256 fingerprint or a subject (RFC 4514)."""
    texts = value if isinstance(value, list | tuple) else str(value).split(";")
    return tuple(_certificate(str(each).strip()) for each in texts if str(each).strip())


def _certificate(text: str) -> str:
    """As `server.peer` names certificates: 64 digits in lower case, or the subject as this software writes it."""
    fingerprint = text.replace(":", "").lower()
    if re.fullmatch(r"[0-9a-f]{64}", fingerprint):
        return fingerprint
    try:
        subject = Name.from_rfc4514_string(text).rfc4514_string()
    except ValueError:
        subject = ""
    if not subject:
        raise ValueError(f"SHA-256 fingerprints and subjects CN=...,O=... of certificates ({text} is neither)")
    return subject


def _repository(text: str) -> Repository:
    """`tls://HOST:PORT`, `udp://HOST:PORT`, or the base URL of a FHIR server."""
    syslog = _SYSLOG.fullmatch(text)
    if syslog is None:
        return Repository(Way.FHIR, receiver_url(text))
    way, authority = Way(syslog["way"]), syslog["authority"]
    if re.search(r":[0-9]+$", authority) is None:
        authority += f":{PORTS[way.value]}"
    try:
        return Repository(way, read_address(f"https://{authority}"))
    except ValueError:
        raise ValueError(f"tls://HOST:PORT, udp://HOST:PORT or an https URL ({text} is none)") from None


_READERS: dict[str, Callable[[object], object]] = {
    "repositories": listed(_repository),
    "udp_bytes": between(480, 65507),  # RFC 5424 §6.1: what every receiver takes; RFC 768: what a datagram holds
    "syslog_tls": read_listening,
    "syslog_udp": read_listening,
    "syslog_newline": yes_or_no,
    "syslog_bytes": between(32 * 1024, 64 * MEBIBYTE),  # ITI TF-2 3.20.4.1.2.1: 32 KiB must be taken
    "syslog_connections": between(1, 1000),
    "auditors": certificates,
    "feed": yes_or_no,
    "senders": certificates,
}
