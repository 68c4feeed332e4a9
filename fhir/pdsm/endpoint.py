"""The addresses of the FHIR door, below /fhir: AuditEvents read by auditors (ITI-81, ITI-82), fed by nodes (ITI-20).

Source: HL7 FHIR R4, http.html; ITI TF-2 3.20 and 3.81 (RESTful ATNA); RFC 9110.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
)

from audit.message_reading import MAX_BYTES
from audit.received import Received
from audit.selection import Selection
from dmp.audit_query import Question
from pdsm.auditing import auditor, recorded
from pdsm.bearer import challenge
from pdsm.cursor import read_cursor, write_cursor
from pdsm.door import Door
from pdsm.errors import ContentError, TokenError
from pdsm.http import (
    BASE,
    FORM,
    JSON_TYPES,
    MAX_FORM_BYTES,
    REQUEST_ID,
    body,
    call_of,
    negotiated,
    parameters_of,
    url,
    written,
)
from pdsm.iti20 import MAX_BUNDLE_BYTES, VERSION, Arrival, read_batch, read_event, write_batch
from pdsm.iti81 import CURSOR, read_search, write_bundle
from pdsm.outcome import Issue, operation_outcome, told
from pdsm.patching_endpoint import Patching
from pdsm.patient_endpoint import add_patient_routes
from pdsm.providing_endpoint import Providing
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import add_routes
from pdsm.subscription_endpoint import METHODS as METHODS_OF_SUBSCRIPTIONS
from pdsm.subscription_endpoint import add_subscriptions
from pdsm.syslog_endpoint import SYSLOG_SEARCH, SyslogEvents

AUDIT_EVENT = f"{BASE}/AuditEvent"
ITI_20, ITI_81 = "ITI-20", "ITI-81"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_log = logging.getLogger("dmp.fhir")


def blueprint(door: Door, sharing: Sharing) -> Blueprint:
    """The routes, bound to the ports of `door`."""
    routes, audit = Blueprint("fhir", __name__), _AuditEvents(door)

    allowed_at = {**_ALLOWED, **({"Subscription": METHODS_OF_SUBSCRIPTIONS} if sharing.subscriptions else {})}

    def nowhere(path: str = "") -> Response:
        allowed = allowed_at.get(path.strip("/").partition("/")[0])
        raise MethodNotAllowed(allowed) if allowed else NotFound

    routes.before_request(_check_acceptable)
    routes.add_url_rule(AUDIT_EVENT, "search", audit.search, methods=["GET"])
    routes.add_url_rule(f"{AUDIT_EVENT}/_search", "search_by_post", audit.search_by_post, methods=["POST"])
    routes.add_url_rule(f"{AUDIT_EVENT}/<event_id>", "read", audit.read, methods=["GET"])
    routes.add_url_rule(AUDIT_EVENT, "create", audit.create, methods=["POST"])
    routes.add_url_rule(SYSLOG_SEARCH, "syslog_search", SyslogEvents(door).search, methods=["GET"])
    providing = Providing(sharing, audit.batch)
    routes.add_url_rule(BASE, "bundle", providing.bundle, methods=["POST"], strict_slashes=False)
    routes.add_url_rule(f"{BASE}/", "bundle_below", providing.bundle, methods=["POST"])
    routes.add_url_rule(f"{BASE}/DocumentReference", "publish", providing.publish, methods=["POST"])
    generate = f"{BASE}/DocumentReference/$generate-metadata"
    routes.add_url_rule(generate, "generate", providing.generate, methods=["POST"])
    patching = Patching(sharing)
    one = f"{BASE}/DocumentReference"
    routes.add_url_rule(f"{one}/<resource_id>", "patch", patching.by_id, methods=["PATCH"])
    routes.add_url_rule(one, "patch_by_search", patching.by_search, methods=["PATCH"])
    add_routes(routes, sharing)
    if sharing.subscriptions is not None:
        add_subscriptions(routes, sharing, sharing.subscriptions)
    add_patient_routes(routes, sharing)
    others = [each for each in METHODS if each != "POST"]
    routes.add_url_rule(BASE, "base", nowhere, methods=others, strict_slashes=False)
    routes.add_url_rule(f"{BASE}/", "base_below", nowhere, methods=others)
    routes.add_url_rule(f"{BASE}/<path:path>", "nowhere", nowhere, methods=METHODS)
    routes.register_error_handler(Exception, _failed)
    return routes


_ALLOWED = {
    "AuditEvent": ["GET", "POST"],
    "": ["POST"],
    "Binary": ["GET"],
    "DocumentReference": ["GET", "PATCH", "POST"],
    "List": ["GET"],
    "Patient": ["GET", "POST"],
    "metadata": ["GET"],
    "syslogsearch": ["GET"],
}


class _AuditEvents:
    """AuditEvent, read and created."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def search(self) -> Response:
        """A search by GET."""
        return self._search(request.query_string, url().encode())

    def search_by_post(self) -> Response:
        """The same with its parameters in a form."""
        form = body({FORM}, MAX_FORM_BYTES)
        query = request.query_string
        return self._search(b"&".join(filter(None, (query, form))), url().encode() + b"\n" + form)

    def _search(self, query: bytes, raw: bytes) -> Response:
        requester, call = auditor(self._door, ITI_81)
        strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()
        key = self._door.key
        with recorded(self._door, call, requester):
            asked = read_search(parameters_of(query), raw, strict=strict)
            after = read_cursor(CURSOR, asked.cursor, asked.used, key) if asked.cursor else None
        found = self._door.search(requester, call, replace(asked.question, after=after))
        cursor = write_cursor(found.following, asked.used, key) if found.following else ""
        return _answer(write_bundle(found, asked, request.host_url.rstrip("/") + AUDIT_EVENT, cursor))

    def read(self, event_id: str) -> Response:
        """One AuditEvent by its identifier."""
        requester, call = auditor(self._door, ITI_81)
        one = Question(Selection(ids=frozenset({event_id})), url().encode(), count=1)
        found = self._door.search(requester, call, one)
        if not found.events:
            raise NotFound
        return _answer(found.events[0], ETag=f'W/"{VERSION}"')

    def create(self) -> Response:
        """One AuditEvent of another node."""
        arrival, keep = self._sender()
        received = read_event(body(JSON_TYPES, MAX_BYTES), arrival)
        (made,) = keep([received])
        response = Response(status=201)
        del response.headers["Content-Type"]
        response.headers["Location"] = f"{request.host_url.rstrip('/')}{AUDIT_EVENT}/{made}/_history/{VERSION}"
        response.headers["ETag"] = f'W/"{VERSION}"'
        response.headers["Last-Modified"] = format_datetime(arrival.recorded, usegmt=True)
        return response

    def batch(self, content: bytes | None = None) -> Response:
        """AuditEvents of another node, in a Bundle: those that are sound are kept, all in one transaction."""
        arrival, keep = self._sender()
        answers = read_batch(body(JSON_TYPES, MAX_BUNDLE_BYTES) if content is None else content, arrival)
        keep([each for each in answers if isinstance(each, Received)])
        return _answer(write_batch(answers, request.host_url.rstrip("/") + AUDIT_EVENT))

    def _sender(self) -> tuple[Arrival, Callable[..., tuple[str, ...]]]:
        if self._door.keep is None:
            raise NotFound
        with recorded(self._door, call_of(ITI_20)):
            origin = self._door.sender(request.environ)
        return Arrival(origin, self._door.now()), self._door.keep


def _check_acceptable() -> None:
    """JSON and XML are what this door writes, but for documents and syslog messages."""
    form = negotiated()
    if form:
        g.form = form
    elif request.path != SYSLOG_SEARCH and not request.path.startswith(f"{BASE}/Binary/"):
        raise NotAcceptable


def _answer(resource: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    content, content_type = written(resource)
    return Response(content, status, {"Vary": "Accept", **headers}, content_type=content_type)


def _failed(error: Exception) -> Response:
    """An OperationOutcome; of what nobody foresaw, no more than the number under which the log has it."""
    failure = told(error)
    if failure is None:
        frames = [
            f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
        request_id = request.environ.get(REQUEST_ID, "")
        _log.error("request %s failed: %s at %s", request_id, type(error).__name__, " < ".join(reversed(frames)))
        failure = 500, (Issue("exception", f"request {request_id} failed"),)
    status, issues = failure
    response = _answer(operation_outcome(issues), status)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Mutual"
    if isinstance(error, HTTPException):
        response.headers.update({key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")})
    if isinstance(error, ContentError) and status == 405:  # of an element that no PATCH changes
        response.headers["Allow"] = ", ".join(_ALLOWED["DocumentReference"])
    if isinstance(error, TokenError):
        response.headers["WWW-Authenticate"] = challenge(error)
    return response
