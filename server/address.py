"""An address to listen on."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """An address to listen on: of TCP, or of UDP."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.host).is_loopback


def read_listening(value: object) -> Address:
    """The address that a setting names. Raises ValueError with what was expected."""
    host, colon, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError("ADDR:PORT with an IP address and a port from 1 to 65535")
    host = "127.0.0.1" if host == "localhost" else host
    try:
        return Address(str(ipaddress.ip_address(host)), int(port))
    except ValueError:
        raise ValueError("ADDR:PORT with an IP address and a port from 1 to 65535") from None
