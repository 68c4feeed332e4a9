"""A visit of the patient's pages: one cookie, which stands for a session once somebody connected.

Whoever comes has a random token in a cookie of the session, not to be read by scripts nor sent from other sites. Forms
carry a key that is made of it: a form of another site has none. Who connects gets another token.

Source: OWASP ASVS 5.0, 3.3 (cookies), 3.5 (anti-forgery), 7.2 (sessions); RFC 6265bis 4.1.3 (__Host-).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from flask import Response, request

from audit.event import Call
from dmp.connexion import Connected
from identities.requester import Requester
from identities.session import new_token
from portal.errors import UnreadableError
from portal.pages import REQUEST_ID, page
from portal.patient_door import PatientDoor

ROOT = "/patient"
KEY = "cle"  # the field of a form
COOKIE, SECURE_COOKIE = "dmp", "__Host-dmp"
_STALE = "Cette page a trop attendu, ou vient d'un autre site : revenez en arrière, rechargez-la et recommencez."


@dataclass(frozen=True, slots=True)
class Visit:
    """One request. `connected` is None for somebody who is not."""

    token: str
    secure: bool
    call: Call
    connected: Connected | None

    @property
    def posted(self) -> bool:
        """Whether a form was sent: nothing else changes anything."""
        return request.method == "POST"

    @property
    def given(self) -> Mapping[str, str]:
        """The fields of the form that was sent, else those of the address. No database takes a NUL."""
        fields = request.form if self.posted else request.args
        return {name: value.replace("\0", "") for name, value in fields.items()}

    @property
    def key(self) -> str:
        """What a form of this visit carries."""
        return hashlib.sha256(f"form:{self.token}".encode()).hexdigest()

    @property
    def who(self) -> Connected:
        """Who is connected. Raises LookupError when nobody is."""
        if self.connected is None:
            raise LookupError("expected somebody who is connected, got nobody")
        return self.connected

    @property
    def requester(self) -> Requester:
        return self.who.requester

    def asks(self, transaction: str) -> Call:
        """The request, as what asks for one thing of the hall."""
        return replace(self.call, transaction=transaction)

    def show(self, template: str, status: int = 200, **shown: object) -> Response:
        """A page."""
        return self.kept(page(f"patient/{template}", status, visit=self, **shown))

    def go(self, *path: str) -> Response:
        """On to another page, which is asked for by GET."""
        return self.kept(Response(status=303, headers={"Location": "/".join((ROOT, *map(quote, path)))}))

    def kept(self, response: Response) -> Response:
        """`response`, with the cookie of this visit."""
        response.set_cookie(
            SECURE_COOKIE if self.secure else COOKIE,
            self.token,
            path="/" if self.secure else ROOT,
            secure=self.secure,
            httponly=True,
            samesite="Strict",
        )
        return response


def arrive(door: PatientDoor, transaction: str) -> Visit:
    """Who comes."""
    secure = door.secure(request.environ)
    shown = request.cookies.get(SECURE_COOKIE if secure else COOKIE, "")
    call = Call(
        transaction=transaction,
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.base_url,
        client_address=request.remote_addr or "",
    )
    return Visit(shown or new_token(), secure, call, door.connexion.resume(call, shown) if shown else None)


def check_form(door: PatientDoor, visit: Visit) -> None:
    """Raises UnreadableError, which is recorded, for a form that this house did not give to whoever sends it."""
    if not visit.posted or hmac.compare_digest(visit.key.encode(), request.form.get(KEY, "").encode()):
        return
    reason = "form: expected its key, got another or none"
    door.refused(visit.call, reason, visit.requester if visit.connected else None)
    raise UnreadableError(reason, _STALE, 403)
