"""What the embedded authorisation server needs of the house, as ports, and how it refuses.

Source: ITI TF-2 3.71 (Authorization Server); RFC 6749 §5.2; RFC 6750 §3.1; RFC 8707 §2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit.event import AuditObject, Call
from dmp.ports import Clock
from identities.requester import Authentication, Requester
from pdsm.bearer import Token
from pdsm.issuing import SigningKey
from schemas.errors import UnexpectedError

if TYPE_CHECKING:
    from pdsm.authorization_code import Code, CodeKey

INVALID_CLIENT, INVALID_GRANT, INVALID_REQUEST = "invalid_client", "invalid_grant", "invalid_request"
INVALID_SCOPE, INVALID_TARGET = "invalid_scope", "invalid_target"
UNSUPPORTED_GRANT, UNAUTHORIZED = "unsupported_grant_type", "unauthorized_client"
Environ = dict[str, Any]
Form = Mapping[str, str]


class OAuthError(UnexpectedError):
    """A request that the authorisation server refuses. `code` is what the client is told."""

    def __init__(self, code: str, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.code = code


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks for a token, proven: `extensions` are what it says of its user, under its seal.

    `subject` is that of its certificate; `certificate` (DER) the one of its TLS connection, None without. A structure
    speaks for nobody else's users: its own identifier, '' in a domain that has none.
    """

    id: str
    subject: str
    structure_id: str
    extensions: Mapping[str, Any]
    certificate: bytes | None


@dataclass(frozen=True, slots=True)
class Apps:
    """Apps that ask in a browser for whoever holds a card. `known` are the addresses of each, by its client_id.

    `holder` is whose card the connection shows, or raises UnauthorizedError; `key` seals codes; `first` is whether a
    code has not served yet.
    """

    known: Mapping[str, frozenset[str]]
    holder: Callable[[Environ], Requester]
    key: CodeKey
    first: Callable[[Code], bool]


@dataclass(frozen=True, slots=True)
class OAuthDoor:
    """`issuer` is the name of this server in its tokens, and the base of its addresses.

    `client` says who asks, or raises OAuthError; `requester` whom a token stands for, or raises TokenError.
    `record` records a request that is granted, or raises AuthenticationRefused for whom the directory does not let in;
    `refused` one that is not; `failed` one that cannot be, by this server's own fault. `verified` reads a token of this
    server, or raises TokenError. `apps` is None where the operator knows none.
    """

    issuer: str
    audience: str
    key: SigningKey
    client: Callable[[Environ, Form], Client]
    requester: Callable[[Token], Requester]
    record: Callable[[Call, Requester, AuditObject], None]
    refused: Callable[[Call, str, Requester | None], None]
    failed: Callable[[Call, str, Requester | None], None]
    verified: Callable[[str], Token]
    now: Clock
    apps: Apps | None = None


def check_speaks_for(client: Client, requester: Requester) -> None:
    """Raises OAuthError when a structure asks for somebody who is not its user: no seal vouches for a card.

    Source: CI-SIS, volet Transport synchrone (authentification indirecte).
    """
    if not client.structure_id:
        return
    if requester.authentication is Authentication.DIRECTE or requester.structure_id != client.structure_id:
        raise OAuthError(INVALID_GRANT, "a user of this structure, in an indirect mode", "another")
