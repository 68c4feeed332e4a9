"""The addresses of the embedded authorisation server: tokens (ITI-71), introspection (ITI-102), metadata (ITI-103).

Source: ITI TF-2 3.71, 3.102 and 3.103; RFC 6749 §5; RFC 7662 §2; RFC 8414 §3; SMART App Launch 2.2, 6.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from audit.errors import AuditUnavailable
from audit.event import AuditObject, Call, ObjectKind
from dmp.errors import AuthenticationRefused, ServiceUnavailable
from identities.requester import Requester
from pdsm.authorization_code import ACCESS_DENIED, AUTHORIZATION_CODE, new_code, read_app
from pdsm.bearer import Token
from pdsm.errors import TokenError, UnauthorizedError
from pdsm.issuing import new_token
from pdsm.iti71 import read_form, read_token_request, subject_of, told, write_error, write_token
from pdsm.iti103 import AUTHORIZE, INTROSPECT, JWKS, METADATA, SMART, TOKEN, metadata, smart_configuration
from pdsm.oauth_door import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    UNAUTHORIZED,
    UNSUPPORTED_GRANT,
    Apps,
    Client,
    Form,
    OAuthDoor,
    OAuthError,
    check_speaks_for,
)
from registry.errors import RegistryError

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES, MAX_FIELDS = 64 * 1024, 30
REQUEST_ID = "dmp.request_id"
ITI_71, ITI_102 = "ITI-71", "ITI-102"

_log = logging.getLogger("dmp.oauth")


def oauth_blueprint(door: OAuthDoor) -> Blueprint:
    """The routes, bound to the ports of `door`."""
    routes, server = Blueprint("oauth", __name__), _Server(door)
    apps = door.apps is not None
    known = (
        (JWKS, door.key.published),
        (METADATA, metadata(door.issuer, apps=apps)),
        (SMART, smart_configuration(door.issuer, apps=apps)),
        (f"/fhir{SMART}", smart_configuration(door.issuer, apps=apps)),
    )
    for path, document in known:
        routes.add_url_rule(path, path.strip("/").replace("/", "_").replace(".", ""), _shown(document))
    routes.add_url_rule(TOKEN, "token", server.token, methods=["POST"])
    if door.apps is not None:
        routes.add_url_rule(AUTHORIZE, "authorize", _bound(server.authorize, door.apps), methods=["GET"])
    routes.add_url_rule(INTROSPECT, "introspect", server.introspect, methods=["POST"])
    routes.register_error_handler(OAuthError, _refused)
    routes.register_error_handler(TokenError, _no_grant)
    routes.register_error_handler(Exception, _failed)
    for trouble in (AuditUnavailable, ServiceUnavailable, RegistryError):
        routes.register_error_handler(trouble, _unavailable)
    return routes


def _bound(serve: Callable[[Apps], Response], apps: Apps) -> Callable[[], Response]:
    return lambda: serve(apps)


def _shown(document: Mapping[str, Any]) -> Any:
    return lambda: _answer(document)


class _Server:
    """What is asked, recorded once, and answered."""

    def __init__(self, door: OAuthDoor) -> None:
        self._door = door

    def authorize(self, apps: Apps) -> Response:
        """ITI-71 in a browser: whoever holds a card sends a code to an app that the operator knows."""
        door, call = self._door, _call(ITI_71)
        with self._recorded(call):
            form = _pairs(request.query_string)
            app = read_app(form, apps.known)
        try:
            with self._recorded(call):
                holder = apps.holder(request.environ)
                code = new_code(form, app, door.audience, holder, door.now())
            call = replace(call, client_certificate=holder.certificate_subject)
            door.record(call, holder, AuditObject(ObjectKind.QUERY, code.id, content=told(form)))
        except OAuthError as error:
            said = {"error": error.code, "error_description": error.diagnostics()}
            return _sent(app.answer(door.issuer, **said))
        except (UnauthorizedError, AuthenticationRefused):
            return _sent(app.answer(door.issuer, error=ACCESS_DENIED))
        return _sent(app.answer(door.issuer, code=apps.key.seal(code)))

    def token(self) -> Response:
        """ITI-71: of a client by itself, or of an app that brings a code."""
        call = _call(ITI_71)
        with self._recorded(call):
            form = _form()
        by_code = self._door.apps is not None and form.get("grant_type") == AUTHORIZATION_CODE
        return self._of_code(form, call, self._door.apps) if by_code else self._of_client(form, call)

    def _of_client(self, form: Form, call: Call) -> Response:
        door = self._door
        with self._recorded(call):
            client = door.client(request.environ, form)
        call = replace(call, client_certificate=client.subject)
        with self._recorded(call):
            asked = read_token_request(form, door.audience)
            token = self._token(client.id, client.extensions, asked.scopes, client.certificate)
            requester = door.requester(token)
            check_speaks_for(client, requester)
        return self._given(form, call, token, requester)

    def _of_code(self, form: Form, call: Call, apps: Apps | None) -> Response:
        door = self._door
        with self._recorded(call):
            if apps is None:
                raise OAuthError(UNSUPPORTED_GRANT, "a grant_type of this server", "another")
            code = apps.key.open(form, door.now())
            if not apps.first(code):
                raise OAuthError(INVALID_GRANT, "a new code", "one that was used")
            token = self._token(code.client, code.extensions, code.scopes, None)
            requester = door.requester(token)
        return self._given(form, call, token, requester)

    def _token(
        self, client: str, extensions: Mapping[str, Any], scopes: Sequence[str], certificate: bytes | None
    ) -> Token:
        return new_token(
            issuer=self._door.issuer,
            audience=self._door.audience,
            client=client,
            subject=subject_of(extensions, client),
            scopes=scopes,
            extensions=extensions,
            certificate=certificate,
            now=self._door.now(),
        )

    def _given(self, form: Form, call: Call, token: Token, requester: Requester) -> Response:
        """A token, once it is recorded."""
        try:
            self._door.record(call, requester, AuditObject(ObjectKind.QUERY, token.id, content=told(form)))
        except AuthenticationRefused:
            raise OAuthError(UNAUTHORIZED, "a user and a structure that the directory lets in", "others") from None
        return _answer(write_token(token, self._door.key.sign(token)))

    def introspect(self) -> Response:
        """ITI-102: of a token that is not of this server, or no longer holds, nothing is told but that."""
        door, call = self._door, _call(ITI_102)
        form, client = self._asked(call)
        call = replace(call, client_certificate=client.subject)
        try:
            with self._recorded(call):
                if "token" not in form:
                    raise OAuthError(INVALID_REQUEST, "a token", "none")
                token = door.verified(form["token"])
                requester = door.requester(token)
            door.record(call, requester, AuditObject(ObjectKind.QUERY, token.id))
        except (TokenError, AuthenticationRefused):
            return _answer({"active": False})
        return _answer({"active": True, **token.claims})

    def _asked(self, call: Call) -> tuple[Form, Client]:
        """The form, and who sends it."""
        with self._recorded(call):
            form = _form()
            return form, self._door.client(request.environ, form)

    @contextmanager
    def _recorded(self, call: Call) -> Iterator[None]:
        """What is done on a request before the hall is asked: whatever that raises is recorded, and raised again."""
        try:
            yield
        except OAuthError as error:
            self._door.refused(call, error.diagnostics(), None)
            raise
        except UnauthorizedError as error:
            self._door.refused(call, str(error), None)
            raise
        except Exception as failure:
            self._door.failed(call, type(failure).__name__, None)
            raise


def _form() -> Form:
    if request.mimetype != FORM:
        raise OAuthError(INVALID_REQUEST, FORM, "another media type")
    request.max_content_length = MAX_FORM_BYTES
    try:
        text = request.get_data(cache=False).decode("ascii")
        return _read(text)
    except (ValueError, OSError, ParseException, RequestEntityTooLarge):
        raise OAuthError(
            INVALID_REQUEST, f"a form in percent-encoded UTF-8, of at most {MAX_FORM_BYTES} bytes", "another"
        ) from None


def _pairs(query: bytes) -> Form:
    try:
        return _read(query.decode("ascii"))
    except ValueError:
        raise OAuthError(INVALID_REQUEST, "a query in percent-encoded UTF-8", "another") from None


def _read(text: str) -> Form:
    """Raises ValueError, OAuthError."""
    return read_form(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))


def _sent(address: str) -> Response:
    """A browser sent on."""
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})


def _call(transaction: str) -> Call:
    return Call(
        transaction=transaction,
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.base_url,
        client_address=request.remote_addr or "",
    )


def _answer(document: Mapping[str, Any], status: int = 200) -> Response:
    """Never kept by anybody: ITI TF-2 3.71.4.2.2."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(json.dumps(document), status, headers, content_type="application/json")


def _refused(error: OAuthError) -> Response:
    return _answer(write_error(error), 401 if error.code == INVALID_CLIENT else 400)


def _no_grant(_error: TokenError) -> Response:
    return _refused(OAuthError(INVALID_GRANT, "claims that a token may make", "others"))


def _unavailable(_error: Exception) -> Response:
    """Nothing is given that cannot be recorded."""
    return _answer({"error": "temporarily_unavailable"}, 503)


def _failed(error: Exception) -> Response:
    """What nobody foresaw: no more of it than the number under which the log has it."""
    request_id = request.environ.get(REQUEST_ID, "")
    _log.error("request %s failed: %s", request_id, type(error).__name__)
    return _answer({"error": "server_error", "request_id": request_id}, 500)
