"""The SOAP endpoints of the IHE door, each with ?wsdl; which there are, and who answers, depends on the domain.

Source: ITI TF-2 Appendix V.3; SOAP 1.2 Part 2 §7 (HTTP binding); GIE SESAM-Vitale, DMP WSDL v2.01.04.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException

from audit.event import Call
from ihe.door import Door
from ihe.errors import OURS, TOLD, fault_of, internal_fault
from ihe.exchange import Exchange
from ihe.mime import CHUNK_BYTES, Outgoing, PackageError, Readable
from ihe.soap import SOAP_CONTENT_TYPE, EndpointReference, write_fault
from ihe.transactions import Actor
from ihe.wsdl import write_wsdl

REGISTRY_PATH = "/ihe/registry"
REPOSITORY_PATH = "/ihe/repository"
PATIENTS_PATH = "/ihe/patients"
HABILITATIONS_PATH = "/ihe/habilitations"
REQUEST_ID = "dmp.request_id"  # environ key under which the server numbers requests, in its logs too
MAX_DRAINED_BYTES = 4 * 1024 * 1024  # of a refused request, so that its sender gets to read the fault
PATIENCE_SECONDS = 2.0  # with a sender who may have stopped to read it
_DOCUMENTS = {REGISTRY_PATH: Actor.DOCUMENT_REGISTRY, REPOSITORY_PATH: Actor.DOCUMENT_REPOSITORY}
IHE_ACTORS = {**_DOCUMENTS, PATIENTS_PATH: Actor.PIX_MANAGER}  # of an IHE affinity domain
DMP_ACTORS = {  # of the DMP
    **_DOCUMENTS,
    PATIENTS_PATH: Actor.DMP_PATIENTS,
    HABILITATIONS_PATH: Actor.DMP_HABILITATIONS,
}

_log = logging.getLogger("dmp.ihe")


class _Body:
    """A request body; a client that goes away ends it early, which the readers find out by themselves."""

    def __init__(self, stream: Readable) -> None:
        self._stream, self._broken = stream, False

    def read(self, size: int, /) -> bytes:
        """The next bytes. Raises PackageError when the transfer coding, or the connection, breaks."""
        if self._broken:
            return b""
        try:
            return self._stream.read(size)
        except ClientDisconnected:
            return b""
        except TimeoutError:
            self._broken = True
            raise PackageError("the whole body in time", "a sender who stopped", 408) from None
        except (OSError, ParseException):  # the connection; gunicorn, of chunks that are none
            self._broken = True
            raise PackageError("a body in the transfer coding of HTTP/1.1", "a broken one") from None

    def drain(self, connection: Any = None) -> None:
        """Reads and forgets the rest, within limits, as far as it can be read: an answer may be lost with unread bytes.

        Who waits for that answer sends no more: `connection` is the socket below, where the server tells it.
        """
        if connection is not None:
            connection.settimeout(PATIENCE_SECONDS)
        left = MAX_DRAINED_BYTES
        with suppress(PackageError):
            while left > 0 and (chunk := self.read(CHUNK_BYTES)):
                left -= len(chunk)


def blueprint(door: Door) -> Blueprint:
    """The endpoints, bound to the ports of `door`."""
    routes = Blueprint("ihe", __name__)
    for path, actor in door.actors.items():
        name = actor.name.lower()
        routes.add_url_rule(path, f"{name}_wsdl", _wsdl(actor), methods=["GET"])
        routes.add_url_rule(path, name, _endpoint(door, actor), methods=["POST"])
    routes.register_error_handler(Exception, _unexpected)
    return routes


def _wsdl(actor: Actor) -> Callable[[], Response]:
    def answer() -> Response:
        if "wsdl" not in {name.lower() for name in request.args}:
            return Response("expected POST, or GET with ?wsdl\n", 405, {"Allow": "POST"}, content_type="text/plain")
        return Response(write_wsdl(actor, request.base_url), content_type="text/xml; charset=UTF-8")

    return answer


def _endpoint(door: Door, actor: Actor) -> Callable[[], Response]:
    def answer() -> Response:
        environ = request.environ
        g.ihe_request_id = environ.get(REQUEST_ID) or str(uuid.uuid4())
        exchange = Exchange(
            door=door,
            actor=actor,
            content_type=request.headers.get("Content-Type", ""),
            content_encoding=request.headers.get("Content-Encoding", ""),
            boundary=f"uuid-{uuid.uuid4()}",
            answer_id=f"urn:uuid:{uuid.uuid4()}",
            peer=lambda: door.peer(environ),
            call=Call(
                transaction="",
                request_id=g.ihe_request_id,
                endpoint=request.base_url,
                client_address=request.remote_addr or "",
            ),
        )
        body = _Body(request.stream)
        try:
            with exchange:
                answered = exchange.answer(body, request.content_length)
        except TOLD as error:
            if isinstance(error, OURS):
                _log.error("request %s: %s", g.ihe_request_id, error.diagnostics())
            body.drain(environ.get("gunicorn.socket"))
            return _failed(exchange, error)
        return _sent(exchange, exchange.routes.reply, answered)

    return answer


def _unexpected(error: Exception) -> Response | HTTPException:
    """Says nothing of what happened but the number under which the log has it; the log has no content either."""
    if isinstance(error, HTTPException):
        return error
    request_id = g.get("ihe_request_id", "")
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    _log.error("request %s failed: %s at %s", request_id, type(error).__name__, " < ".join(reversed(frames)))
    told = internal_fault(request_id)
    return Response(write_fault(told), told.status, content_type=SOAP_CONTENT_TYPE)


def _failed(exchange: Exchange, error: Exception) -> Response:
    failure = exchange.failure(error)
    if failure is not None:
        return _sent(exchange, exchange.routes.reply, failure)
    told = fault_of(error) or internal_fault(g.ihe_request_id)
    return _sent(exchange, exchange.routes.fault, exchange.fault(told), told.status)


def _sent(exchange: Exchange, endpoint: EndpointReference, outgoing: Outgoing, status: int = 200) -> Response:
    """The response with `outgoing`, or an empty one when that goes elsewhere. Source: RFC 9110 §15.3.3 (202)."""
    back = exchange.send(endpoint, outgoing)
    if back is None:
        accepted = Response(status=202)
        del accepted.headers["Content-Type"]
        return accepted
    response = Response(back.chunks, status, content_type=back.content_type, direct_passthrough=True)
    response.content_length = back.length
    return response
