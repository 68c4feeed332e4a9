"""What the portal needs of the house, as ports. The server binds them to the hall.

What the hall raises, the hall has recorded; `refused` is for requests that never reached it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.event import Call
from identities.requester import Requester

Environ = dict[str, Any]  # of WSGI: the other end of the connection is known by it


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of a card, as its authentication certificate names them. `specialties` are codes of TRE_R38 or G04."""

    id_nat: str
    family: str
    given: str
    profession: str
    specialties: tuple[str, ...]
    certificate_subject: str  # RFC 4514


@dataclass(frozen=True, slots=True)
class Door:
    """The ports. `holder` raises UnknownRequesterError; those that ask the hall raise AccessRefused, RegistryError."""

    holder: Callable[[Environ], Holder]
    refused: Callable[[Call, str, Requester | None], None]
