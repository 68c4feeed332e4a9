"""What the settings say of access tokens: whose are believed, for whom, and who reads the audit log by one.

Source: RFC 7517 (JWK Set), RFC 7519 §4.1 (iss, aud); ITI TF-2 3.71 and 3.72.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ihe.reply import Address as Url
from server.audit_settings import listed
from server.channels import receiver_url

PREFIX = "oauth_"
_SUBJECT = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody else's authorisation server, by the name in its tokens, and where its keys are published."""

    name: str
    jwks: Url


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """Each field is the setting of its name, after `oauth_`.

    `audiences` are the names that tokens of `issuers` may call this server by: one of them is in `aud`. `auditors` are
    an issuer and a subject each: they read the audit log by a token, and nothing else. `apps` are a client_id and a
    redirect_uri each: this server gives them codes in a browser for whoever holds a card. `server` is the base address
    of this server, as its clients know it, where it issues tokens itself; '' where it does not.
    """

    issuers: tuple[Issuer, ...] = ()
    audiences: tuple[str, ...] = ()
    auditors: tuple[tuple[str, str], ...] = ()
    apps: tuple[tuple[str, str], ...] = ()
    server: str = ""

    @property
    def names(self) -> frozenset[str]:
        """Whose tokens are believed."""
        return frozenset(filter(None, (self.server, *(each.name for each in self.issuers))))

    @property
    def own_audience(self) -> str:
        """What tokens of this server are for: its FHIR door."""
        return f"{self.server}/fhir"


OAUTH_KEYS = frozenset(f"{PREFIX}{each.name}" for each in fields(OAuthSettings))


def read_oauth(given: Mapping[str, object], problems: list[str]) -> OAuthSettings:
    """The settings of access tokens among those `given`. What is wrong or missing is added to `problems`."""
    found: dict[str, Any] = {}
    for name, convert in _READERS.items():
        if PREFIX + name in given:
            value = given[PREFIX + name]
            try:
                found[name] = convert(value)
            except ValueError as error:
                problems.append(f"{PREFIX}{name}: expected {error}, got {value}")
    settings = OAuthSettings(**found)
    if settings.issuers and not settings.audiences and "oauth_audiences" not in given:
        problems.append("oauth_audiences: expected beside oauth_issuers, got nothing")
    names = [settings.server, *(each.name for each in settings.issuers)]
    if len(set(names)) < len(names):
        problems.append("oauth_issuers: expected each issuer once, and not this server, got one twice")
    if settings.apps and not settings.server:
        problems.append("oauth_apps: expected beside oauth_server, got nothing")
    strangers = sorted({issuer for issuer, _ in settings.auditors} - settings.names)
    if strangers:
        problems.append(f"oauth_auditors: expected issuers of oauth_issuers, got {', '.join(strangers)}")
    return settings


def _issuer(text: str) -> Issuer:
    """`ISSUER JWKS`, both URLs. An issuer is compared letter by letter (RFC 8414 §3.3)."""
    words = text.split()
    if len(words) != 2:
        raise ValueError(f"an issuer and the URL of its keys ({text} is something else)")
    receiver_url(words[0])
    return Issuer(words[0], receiver_url(words[1]))


def _audience(text: str) -> str:
    if not _SUBJECT.fullmatch(text):
        raise ValueError(f"names without spaces ({text} is none)")
    return text


def _auditor(text: str) -> tuple[str, str]:
    words = text.split()
    if len(words) != 2:
        raise ValueError(f"an issuer and a subject of it ({text} is something else)")
    receiver_url(words[0])
    return words[0], _audience(words[1])


def _app(text: str) -> tuple[str, str]:
    """`CLIENT_ID REDIRECT_URI`. A redirect_uri is compared letter by letter (RFC 9700 §2.1)."""
    words = text.split()
    if len(words) != 2:
        raise ValueError(f"a client_id and a redirect_uri ({text} is something else)")
    receiver_url(words[1])
    return _audience(words[0]), words[1]


def _server(value: object) -> str:
    text = str(value).strip().rstrip("/")
    if text and receiver_url(text).target != "/":
        raise ValueError(f"the address of a server, without a path ({text} has one)")
    return text


_READERS: Mapping[str, Callable[[object], object]] = {
    "issuers": listed(_issuer),
    "audiences": listed(_audience),
    "auditors": listed(_auditor),
    "apps": listed(_app),
    "server": _server,
}
