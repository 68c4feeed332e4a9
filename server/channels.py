"""The channels by which people are told something: an SMTP server, and a gateway for SMS.

Both are the operator's choice: where one is not configured, nothing of its kind is taken. Over TLS they prove who they
are to this machine's own trust store: they are the operator's providers, not nodes of the health domain.

Source: RFC 5321; RFC 3207 (STARTTLS); RFC 8314 §3 (TLS from the start); RFC 6750 §2.1 (bearer token).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from identities.contact import ContactError, check_mail_address
from ihe.reply import Address as Url
from ihe.reply import AddressError, read_address

T = TypeVar("T")

SMTP_KEYS = frozenset({"smtp", "smtp_security", "smtp_user", "smtp_password_file", "mail_from"})
SMS_KEYS = frozenset({"sms_gateway", "sms_token_file"})


class Security(StrEnum):
    """How a connection to the SMTP server is encrypted: after the greeting, from the start, or, on loopback, not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Smtp:
    """The server that mail leaves by. `mail_from` is the sender of all of it, and gets what comes back."""

    host: str
    port: int
    security: Security
    mail_from: str
    user: str = ""  # empty: the server asks for none
    password_file: Path | None = None

    @property
    def base(self) -> str:
        """The server, as a log names it."""
        return f"smtp://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """Where texts are posted to."""

    url: Url
    token_file: Path | None = None


class SecretError(ValueError):
    """A file without a usable password or token; says what was expected, never what it holds."""


def read_secret(path: Path) -> str:
    """The password or token that a file holds in its one line. Raises SecretError.

    It is read each time that it is needed: a new one counts at once.
    """
    try:
        text = path.read_bytes().rstrip(b"\r\n").decode("ascii")
    except UnicodeDecodeError:
        text = ""
    except OSError as error:
        raise SecretError(f"expected a file to read, got: {error.strerror}") from None
    if not text or not text.isprintable():
        raise SecretError("expected one line of visible ASCII characters, got something else")
    return text


def read_smtp(given: Mapping[str, object], home: Path, problems: list[str]) -> Smtp | None:
    """The SMTP server that the settings `given` name, if any. What is wrong or missing is added to `problems`."""
    if not given.keys() & SMTP_KEYS:
        return None
    needed = ["smtp", "mail_from"]
    if given.keys() & {"smtp_user", "smtp_password_file"}:
        needed += ["smtp_user", "smtp_password_file"]
    wrong = _missing(given, needed, SMTP_KEYS)
    server = _read(given, "smtp", _host_and_port, wrong)
    security = _read({"smtp_security": Security.STARTTLS, **given}, "smtp_security", _security, wrong)
    sender = _read(given, "mail_from", _sender, wrong)
    user = _read(given, "smtp_user", _user, wrong)
    if server and security is Security.NONE and not server.loopback:
        wrong.append("smtp_security: expected starttls or tls for a server on another machine, got none")
    problems += wrong
    if wrong or server is None or security is None or sender is None:
        return None
    return Smtp(server.host, server.port, security, sender, user or "", _path(given, "smtp_password_file", home))


def read_sms_gateway(given: Mapping[str, object], home: Path, problems: list[str]) -> SmsGateway | None:
    """The gateway that the settings `given` name, if any. What is wrong or missing is added to `problems`."""
    if not given.keys() & SMS_KEYS:
        return None
    problems += _missing(given, ["sms_gateway"], SMS_KEYS)
    url = _read(given, "sms_gateway", receiver_url, problems)
    return None if url is None else SmsGateway(url, _path(given, "sms_token_file", home))


def secret_problems(smtp: Smtp | None, gateway: SmsGateway | None) -> list[str]:
    """A sentence for each secret that was named and cannot be used."""
    named = {
        "smtp_password_file": smtp.password_file if smtp else None,
        "sms_token_file": gateway.token_file if gateway else None,
    }
    problems = []
    for name, path in named.items():
        try:
            if path is not None:
                read_secret(path)
        except SecretError as error:
            problems.append(f"{name}: {path}: {error}")
    return problems


def receiver_url(text: str) -> Url:
    """The URL of a receiver: https without query, or http of this machine. Raises ValueError with what was expected."""
    try:
        url = read_address(text)
    except AddressError as error:
        raise ValueError(f"URLs of receivers; of {text}: {error}") from None
    if url.query or (url.scheme == "http" and not url.loopback):
        raise ValueError(f"https URLs without query, or http ones of this machine ({text} is neither)")
    return url


def _missing(given: Mapping[str, object], needed: list[str], together: frozenset[str]) -> list[str]:
    beside = ", ".join(sorted(given.keys() & together))
    return [f"{name}: expected beside {beside}, got nothing" for name in needed if name not in given]


def _read(given: Mapping[str, object], name: str, convert: Callable[[str], T], problems: list[str]) -> T | None:
    if name not in given:
        return None
    try:
        return convert(str(given[name]))
    except ValueError as error:
        problems.append(f"{name}: expected {error}, got {given[name]}")
    return None


def _path(given: Mapping[str, object], name: str, home: Path) -> Path | None:
    return home / Path(str(given[name])).expanduser() if name in given else None


def _host_and_port(text: str) -> Url:
    """A host and a port are the authority of a URL: they are read as one."""
    try:
        url = read_address(f"https://{text}")
    except AddressError:
        url = None
    if url is None or "/" in text or url.query or not text.endswith(f":{url.port}"):
        raise ValueError("HOST:PORT")
    return url


def _security(text: str) -> Security:
    try:
        return Security(text.lower())
    except ValueError:
        raise ValueError("starttls, tls or none") from None


def _user(text: str) -> str:
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("a name in visible ASCII characters")
    return text


def _sender(text: str) -> str:
    try:
        check_mail_address(text)
    except ContactError as error:
        raise ValueError(error.expected) from None
    return text
