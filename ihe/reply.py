"""Where an answer goes: back on the connection, nowhere, or to an address of the operator's list.

Source: Web Services Addressing 1.0, Core §3.4 (formulating a reply), SOAP Binding §5.1 and §6.4; ITI TF-2 V.5.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ihe.mime import Outgoing
from ihe.soap import ON_CONNECTION, EndpointReference, Header, SoapError

_PORTS = {"http": 80, "https": 443}  # RFC 9110 §4.2
_PARTS = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/?]+)(?P<path>/[^?]*)?(?P<query>\?.*)?")
_NAME = r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*"  # RFC 1035 §2.3.4: another name cannot be looked up
_AUTHORITY = re.compile(rf"(?P<host>\[[0-9A-Fa-f:.]+\]|{_NAME})(?::(?P<port>[0-9]{{1,5}}))?")
_VISIBLE = re.compile(r"[A-Za-z0-9%/?:@!$&'()*+,;=._~\[\]-]+")  # RFC 3986 §2, without what starts a fragment
_DISGUISE = re.compile(r"%(?:2[eEfF]|5[cC])|%(?![0-9A-Fa-f]{2})")  # an encoded dot or slash, an escape that is none


class AddressError(ValueError):
    """A text that is no address to send to; says what was expected."""


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https URL, normalised: two that are equal lead to the same place."""

    scheme: str
    host: str  # lower case; an IPv6 address without brackets
    port: int
    path: str  # '/' for none
    query: str = ""  # with its question mark

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def target(self) -> str:
        """What a request line asks for. Source: RFC 9112 §3.2.1."""
        return self.path + self.query

    @property
    def loopback(self) -> bool:
        """Whether it is this machine: by number, or by the one name that means it everywhere (RFC 6761 §6.3)."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def covers(self, other: Address) -> bool:
        """Whether `other` is this address or stands below it, segment by segment."""
        if (self.scheme, self.host, self.port) != (other.scheme, other.host, other.port):
            return False
        return other.path == self.path or other.path.startswith(f"{self.path.rstrip('/')}/")


def read_address(text: str) -> Address:
    """The address that a URL names. Raises AddressError for one that could be read in more than one way.

    Refused, not repaired: user names, fragments, dot segments, encoded dots and slashes. Source: RFC 3986 §3, §6, §7.
    """
    found = _PARTS.fullmatch(text) if len(text) <= 2000 and _VISIBLE.fullmatch(text) else None
    authority = _AUTHORITY.fullmatch(found["authority"]) if found else None
    if found is None or authority is None:
        raise AddressError("expected http(s)://host[:port][/path] in ASCII, without user name and fragment")
    scheme, path = found["scheme"].lower(), found["path"] or "/"
    if scheme not in _PORTS:
        raise AddressError("expected the scheme http or https")
    segments = {segment.partition(";")[0] for segment in path.split("/")}  # some servers cut `..;x` down to `..`
    if _DISGUISE.search(path) or segments & {".", ".."}:
        raise AddressError("expected a path without dot segments and without encoded dots or slashes")
    port = int(authority["port"] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise AddressError("expected a port from 1 to 65535")
    return Address(scheme, _host(authority["host"]), port, path, found["query"] or "")


def _host(text: str) -> str:
    if not text.startswith("["):
        return text.lower()
    try:
        return str(ipaddress.IPv6Address(text[1:-1]))
    except ValueError:
        raise AddressError("expected an IPv6 address in brackets") from None


def permitted(address: str, prefixes: Sequence[Address]) -> Address | None:
    """What `address` names, when one of the operator's `prefixes` covers it. No name is looked up for that."""
    try:
        found = read_address(address)
    except AddressError:
        return None
    return found if any(prefix.covers(found) for prefix in prefixes) else None


class Outbox(Protocol):
    """Takes answers that leave by another connection."""

    @property
    def empty_handed(self) -> bool:
        """Whether it delivers nowhere: no address is accepted."""

    def accepts(self, address: str) -> bool:
        """Whether the operator lets answers go there."""

    def seen(self, key: str) -> bool:
        """Whether something was posted under that key (see `exchange_key`) lately."""

    def post(self, address: str, outgoing: Outgoing, key: str) -> None:
        """Takes a message for `address`. When this returns, no crash loses it any more."""


class NoOutbox:
    """The outbox of a server that answers on the connection only."""

    @property
    def empty_handed(self) -> bool:
        return True

    def accepts(self, _address: str) -> bool:
        return False

    def seen(self, _key: str) -> bool:
        return False

    def post(self, _address: str, _outgoing: Outgoing, _key: str) -> None:
        raise LookupError("this server has no outbox")


@dataclass(frozen=True, slots=True)
class Routes:
    """Where the answer goes, and where a fault goes instead."""

    reply: EndpointReference = ON_CONNECTION
    fault: EndpointReference = ON_CONNECTION

    @property
    def elsewhere(self) -> bool:
        """Whether anything may have to go by another connection."""
        return self.reply.elsewhere or self.fault.elsewhere


def routes(header: Header, outbox: Outbox) -> Routes:
    """Where answers to the message of `header` go. Raises SoapError for an address that nothing is sent to.

    Without FaultTo, faults go where answers go. Source: WS-Addressing 1.0, Core §3.4; SOAP Binding §6.4.1, §6.4.2.
    """
    chosen = Routes(header.reply_to, header.fault_to or header.reply_to)
    for name, endpoint in (("ReplyTo", chosen.reply), ("FaultTo", chosen.fault)):
        if endpoint.elsewhere and not outbox.accepts(endpoint.address):
            subcode = "wsa:OnlyAnonymousAddressSupported" if outbox.empty_handed else "wsa:InvalidAddress"
            expected = f"the anonymous address in wsa:{name}"
            if not outbox.empty_handed:
                expected += ", or one that this server may send to"
            got = endpoint.address[:200]
            raise SoapError(expected, got, subcodes=("wsa:InvalidAddressingHeader", subcode))
    if chosen.elsewhere and not header.message_id:
        subcodes = ("wsa:MessageAddressingHeaderRequired",)
        raise SoapError("a wsa:MessageID that an answer elsewhere can relate to", "none", subcodes=subcodes)
    return chosen


def exchange_key(sender: str, message_id: str) -> str:
    """Names one message of one sender: nobody uses up the MessageIDs of others."""
    return hashlib.sha256(f"{len(sender)}:{sender}{message_id}".encode()).hexdigest()
