"""The addresses of document sharing, below /fhir: ITI-66, ITI-67, ITI-68, reads by id, the CapabilityStatement.

Source: MHD 4.2, 2:3.66 to 2:3.68; HL7 FHIR R4, http.html; RFC 9110 (conditional requests, content negotiation).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import NotFound

from audit.event import Call
from dmp.requests import Opened
from identities.requester import Requester
from pdsm.asked import Kind, read_asked
from pdsm.capability import capability_statement
from pdsm.document_reference import IS_ARCHIVED
from pdsm.errors import ParameterError, UnauthorizedError
from pdsm.http import BASE, FORM, MAX_FORM_BYTES, asked_by_name, body, call_of, matches, parameters_of, url, written
from pdsm.iti66 import LIST
from pdsm.iti67 import DOCUMENT_REFERENCE
from pdsm.original import Element, extensions
from pdsm.sharing import Request, open_document, read, search, versions, write_history
from pdsm.sharing_door import Sharing
from schemas.base64_stream import encode, encoded_length

_KINDS = {kind.name: (kind, transaction) for kind, transaction in ((DOCUMENT_REFERENCE, "ITI-67"), (LIST, "ITI-66"))}
_SMALLEST_ZIPPED = 1024  # bytes
_PLACE = "AAAA"  # where a document goes, the last of its Binary


def add_routes(routes: Blueprint, door: Sharing) -> None:
    """The routes of document sharing, bound to the ports of `door`."""
    reading = _Reading(door)
    for name, (kind, transaction) in _KINDS.items():
        for path, methods in ((name, ["GET"]), (f"{name}/_search", ["POST"])):
            bound = _bound(reading.search, kind, transaction)
            routes.add_url_rule(f"{BASE}/{path}", f"search {path}", bound, methods=methods)
        bound_read = _bound(reading.read, name, transaction)
        routes.add_url_rule(f"{BASE}/{name}/<resource_id>", f"read {name}", bound_read, methods=["GET"])
    document = f"{BASE}/{DOCUMENT_REFERENCE.name}/<resource_id>/_history"
    routes.add_url_rule(document, "history", reading.history, methods=["GET"])
    routes.add_url_rule(f"{document}/<version>", "vread", reading.version, methods=["GET"])
    routes.add_url_rule(f"{BASE}/Binary/<resource_id>", "binary", reading.binary, methods=["GET"])
    routes.add_url_rule(f"{BASE}/metadata", "metadata", reading.metadata, methods=["GET"])


def _bound(serve: Callable[..., Response], *bound: Any) -> Callable[..., Response]:
    def view(**given: str) -> Response:
        return serve(*bound, **given)

    return view


def known(door: Sharing, transaction: str) -> tuple[Requester, Call]:
    """Who asks. Raises UnauthorizedError, which is recorded here."""
    call = call_of(transaction)
    try:
        requester = door.requester(request.environ, call)
    except UnauthorizedError as error:
        door.refused(call, str(error), None)
        raise
    except Exception as failure:
        door.failed(call, type(failure).__name__, None)
        raise
    return requester, replace(call, client_certificate=requester.certificate_subject)


class _Reading:
    """DocumentReference, List and Binary, read and searched."""

    def __init__(self, door: Sharing) -> None:
        self._door = door

    def search(self, kind: Kind, transaction: str) -> Response:
        """A search by GET, or by POST with its parameters in a form."""
        requester, call = known(self._door, transaction)
        form = body({FORM}, MAX_FORM_BYTES) if request.method == "POST" else b""
        raw = url().encode() + (b"\n" + form if form else b"")
        try:
            given = parameters_of(b"&".join(filter(None, (request.query_string, form))))
            asked = read_asked(kind, given, strict=strict())
            asking = Request(requester, call, address(), raw)
            return answer(search(self._door, asking, asked))
        except ParameterError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise

    def read(self, name: str, transaction: str, resource_id: str) -> Response:
        """One resource by its id; 304 for one that the client has."""
        requester, call = known(self._door, transaction)
        resource = read(self._door, Request(requester, call, address(), url().encode()), name, resource_id)
        if resource is None:
            raise NotFound
        tag = f'W/"{resource["meta"]["versionId"]}"'
        headers = {"ETag": tag}
        if resource["id"] != resource_id:
            headers["Content-Location"] = f"{address()}/{name}/{resource['id']}"
        if matches(request.headers.get("If-None-Match", ""), tag) and _as_registered(resource):
            return Response(status=304, headers=headers)
        return answer(resource, headers=headers)

    def history(self, resource_id: str) -> Response:
        """Every version of a document."""
        return answer(write_history(self._versions(resource_id), address(), resource_id))

    def version(self, resource_id: str, version: str) -> Response:
        """One version of a document."""
        found = [each for each in self._versions(resource_id) if each["meta"]["versionId"] == version]
        if not found:
            raise NotFound
        return answer(found[0], headers={"ETag": f'W/"{version}"'})

    def _versions(self, resource_id: str) -> list[Element]:
        requester, call = known(self._door, "ITI-67")
        found = versions(self._door, Request(requester, call, address(), url().encode()), resource_id)
        if not found:
            raise NotFound
        return found

    def binary(self, resource_id: str) -> Response:
        """ITI-68: the bytes of a document; as a Binary resource where FHIR is asked for by name."""
        requester, call = known(self._door, "ITI-68")
        opened = open_document(self._door, Request(requester, call, address(), b""), resource_id)
        if opened is None:
            raise NotFound
        if form := asked_by_name():
            g.form = form
            return _binary(resource_id, opened)
        response = Response(opened.chunks, content_type=opened.mime_type)
        response.headers["Content-Length"] = str(opened.size)
        response.headers["Content-Disposition"] = "attachment"  # no document acts in the name of this site
        return response

    def metadata(self) -> Response:
        """What this door does, told to anybody."""
        return answer(_capability(self._door))


def _capability(door: Sharing) -> dict[str, Any]:
    subscriptions = door.subscriptions is not None
    return capability_statement(address(), door.now(), tokens=door.tokens, subscriptions=subscriptions)


def _as_registered(resource: Element) -> bool:
    """Whether a resource has the status that its version began with: a version is no new one when that changes."""
    return resource["status"] == "current" and not extensions(resource, IS_ARCHIVED)


def _binary(resource_id: str, opened: Opened) -> Response:
    """A document as a Binary resource in the form that was asked for, encoded as it leaves."""
    resource = {"resourceType": "Binary", "id": resource_id, "contentType": opened.mime_type, "data": _PLACE}
    content, content_type = written(resource)
    head, _, tail = content.rpartition(_PLACE.encode())
    response = Response(chain([head], encode(opened.chunks), [tail]), content_type=content_type)
    response.headers["Content-Length"] = str(len(head) + encoded_length(opened.size) + len(tail))
    response.headers["Vary"] = "Accept, Accept-Encoding"
    return response


def address() -> str:
    """The address of this door, as it was asked."""
    return request.host_url.rstrip("/") + BASE


def strict() -> bool:
    """Whether the client wants to hear of what is not understood."""
    return "handling=strict" in request.headers.get("Prefer", "").replace(" ", "").lower()


def answer(resource: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A resource in the form that was asked for, compressed for who takes that."""
    content, content_type = written(resource)
    response = Response(content, status, dict(headers or {}), content_type=content_type)
    response.headers["Vary"] = "Accept, Accept-Encoding"
    if len(content) >= _SMALLEST_ZIPPED and request.accept_encodings["gzip"]:
        response.set_data(gzip.compress(content, compresslevel=5, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    return response
