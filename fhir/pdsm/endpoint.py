"""The addresses of the FHIR door, below /fhir: AuditEvents read by auditors (ITI-81), and fed by nodes (ITI-20).

Source: HL7 FHIR R4, http.html; ITI TF-2 3.20 and 3.81 (RESTful ATNA); RFC 9110.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    RequestTimeout,
    UnsupportedMediaType,
)

from audit.event import Call
from audit.message_reading import MAX_BYTES
from audit.received import Received
from audit.selection import Selection
from dmp.audit_query import Question
from identities.requester import Requester
from pdsm.bearer import challenge
from pdsm.cursor import read_cursor, write_cursor
from pdsm.door import Door
from pdsm.errors import ParameterError, TokenError, UnknownNodeError
from pdsm.iti20 import MAX_BUNDLE_BYTES, VERSION, Arrival, read_batch, read_event, write_batch
from pdsm.iti81 import CURSOR, read_search, write_bundle
from pdsm.outcome import Issue, operation_outcome, told

BASE = "/fhir"
AUDIT_EVENT = f"{BASE}/AuditEvent"
FHIR_JSON = "application/fhir+json"
JSON_TYPES = frozenset({FHIR_JSON, "application/json"})
FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS, MAX_FORM_BYTES = 100, 64 * 1024
REQUEST_ID = "dmp.request_id"  # environ key under which the server numbers requests, in its logs too
ITI_20, ITI_81 = "ITI-20", "ITI-81"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

_log = logging.getLogger("dmp.fhir")


def blueprint(door: Door) -> Blueprint:
    """The routes, bound to the ports of `door`."""
    routes, audit = Blueprint("fhir", __name__), _AuditEvents(door)

    def nowhere(path: str = "") -> Response:
        allowed = _ALLOWED.get(path.strip("/").partition("/")[0])
        raise MethodNotAllowed(allowed) if allowed else NotFound

    routes.before_request(_check_acceptable)
    routes.add_url_rule(AUDIT_EVENT, "search", audit.search, methods=["GET"])
    routes.add_url_rule(f"{AUDIT_EVENT}/_search", "search_by_post", audit.search_by_post, methods=["POST"])
    routes.add_url_rule(f"{AUDIT_EVENT}/<event_id>", "read", audit.read, methods=["GET"])
    routes.add_url_rule(AUDIT_EVENT, "create", audit.create, methods=["POST"])
    routes.add_url_rule(BASE, "batch", audit.batch, methods=["POST"], strict_slashes=False)
    routes.add_url_rule(f"{BASE}/", "batch_below", audit.batch, methods=["POST"])
    routes.add_url_rule(f"{BASE}/<path:path>", "nowhere", nowhere, methods=METHODS)
    routes.register_error_handler(Exception, _failed)
    return routes


_ALLOWED = {"AuditEvent": ["GET", "POST"], "": ["POST"]}


class _AuditEvents:
    """AuditEvent, read and created."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def search(self) -> Response:
        """A search by GET."""
        return self._search(request.query_string, _url().encode())

    def search_by_post(self) -> Response:
        """The same with its parameters in a form."""
        form = _body({FORM}, MAX_FORM_BYTES)
        query = request.query_string
        return self._search(b"&".join(filter(None, (query, form))), _url().encode() + b"\n" + form)

    def _search(self, query: bytes, raw: bytes) -> Response:
        requester, call = self._auditor()
        strict = "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()
        key = self._door.key
        with self._recorded(call, requester):
            asked = read_search(_parameters(query), raw, strict=strict)
            after = read_cursor(CURSOR, asked.cursor, asked.used, key) if asked.cursor else None
        found = self._door.search(requester, call, replace(asked.question, after=after))
        cursor = write_cursor(found.following, asked.used, key) if found.following else ""
        return _answer(write_bundle(found, asked, request.host_url.rstrip("/") + AUDIT_EVENT, cursor))

    def read(self, event_id: str) -> Response:
        """One AuditEvent by its identifier."""
        requester, call = self._auditor()
        one = Question(Selection(ids=frozenset({event_id})), _url().encode(), count=1)
        found = self._door.search(requester, call, one)
        if not found.events:
            raise NotFound
        return _answer(found.events[0], ETag=f'W/"{VERSION}"')

    def create(self) -> Response:
        """One AuditEvent of another node."""
        arrival, keep = self._sender()
        received = read_event(_body(JSON_TYPES, MAX_BYTES), arrival)
        (made,) = keep([received])
        response = Response(status=201)
        del response.headers["Content-Type"]
        response.headers["Location"] = f"{request.host_url.rstrip('/')}{AUDIT_EVENT}/{made}/_history/{VERSION}"
        response.headers["ETag"] = f'W/"{VERSION}"'
        response.headers["Last-Modified"] = format_datetime(arrival.recorded, usegmt=True)
        return response

    def batch(self) -> Response:
        """AuditEvents of another node, in a Bundle: those that are sound are kept, all in one transaction."""
        arrival, keep = self._sender()
        answers = read_batch(_body(JSON_TYPES, MAX_BUNDLE_BYTES), arrival)
        keep([each for each in answers if isinstance(each, Received)])
        return _answer(write_batch(answers, request.host_url.rstrip("/") + AUDIT_EVENT))

    def _auditor(self) -> tuple[Requester, Call]:
        call = _call(ITI_81)
        with self._recorded(call):
            requester = self._door.auditor(request.environ)
        return requester, replace(call, client_certificate="" if requester.client_id else requester.id_nat)

    def _sender(self) -> tuple[Arrival, Callable[..., tuple[str, ...]]]:
        if self._door.keep is None:
            raise NotFound
        with self._recorded(_call(ITI_20)):
            origin = self._door.sender(request.environ)
        return Arrival(origin, self._door.now()), self._door.keep

    @contextmanager
    def _recorded(self, call: Call, requester: Requester | None = None) -> Iterator[None]:
        """What is done on a request before the hall is asked: whatever that raises is recorded, and raised again."""
        try:
            yield
        except UnknownNodeError as error:
            self._door.refused(replace(call, client_certificate=error.subject), str(error), None)
            raise
        except ParameterError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise
        except Exception as failure:
            self._door.failed(call, type(failure).__name__, requester)
            raise


def _call(transaction: str) -> Call:
    return Call(
        transaction=transaction,
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.base_url,
        client_address=request.remote_addr or "",
    )


def _url() -> str:
    query = request.query_string.decode("ascii", "replace")
    return f"{request.base_url}?{query}" if query else request.base_url


def _parameters(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        expected = f"at most {MAX_PARAMETERS} parameters, percent-encoded UTF-8"
        raise ParameterError("query", expected, "something else") from None


def _body(types: frozenset[str] | set[str], most: int) -> bytes:
    """The body, of one of these media types. Raises HTTPException."""
    if request.mimetype not in types or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    request.max_content_length = most
    try:
        return request.get_data(cache=False)
    except TimeoutError:
        raise RequestTimeout from None
    except (OSError, ParseException):  # the connection; gunicorn, of chunks that are none
        raise BadRequest from None


def _check_acceptable() -> None:
    """JSON is what this door writes."""
    accepted = request.accept_mimetypes
    if accepted and not any(accepted[kind] for kind in (*JSON_TYPES, "application/fhir+json; fhirVersion=4.0")):
        raise NotAcceptable


def _answer(resource: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    body = json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, content_type=f"{FHIR_JSON}; charset=utf-8")


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
    if isinstance(error, HTTPException):
        response.headers.update({key: value for key, value in error.get_headers() if key in ("Allow", "Retry-After")})
    if isinstance(error, TokenError):
        response.headers["WWW-Authenticate"] = challenge(error)
    return response
