"""The addresses where metadata change by FHIR: PATCH of a DocumentReference, by its id or by what it is searched by.

Source: HL7 FHIR R4, http.html 3.1.0.7 (patch, conditional patch); ANS, PDSm 3.1.1, Flux 03 and 04; RFC 5789.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import Any

from flask import Response, request
from werkzeug.exceptions import NotFound, UnsupportedMediaType

from audit.event import Call
from identities.requester import Requester
from pdsm.asked import read_asked
from pdsm.errors import ContentError, ParameterError
from pdsm.http import JSON_TYPES, body, parameters_of, preferred, url
from pdsm.iti67 import DOCUMENT_REFERENCE
from pdsm.json_patch import MAX_BYTES
from pdsm.outcome import DONE, operation_outcome
from pdsm.patching import Found, Patched, as_reader, of_id, of_search, patch
from pdsm.sharing import Request, read, search
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import address, answer, known
from schemas import strict_json
from schemas.strict_json import JsonError

ITI_57 = "ITI-57"  # what it is by SOAP; no transaction of FHIR has a number for it
JSON_PATCH = "application/json-patch+json"


class Patching:
    """Metadata changed, by the use case of ITI-57."""

    def __init__(self, door: Sharing) -> None:
        self._door = door

    def by_id(self, resource_id: str) -> Response:
        """PATCH of one document."""
        door = self._door

        def find(asking: Request) -> Found:
            return of_id(door, asking, resource_id)

        return self._patch(find, lambda asking: read(door, asking, DOCUMENT_REFERENCE.name, resource_id))

    def by_search(self) -> Response:
        """Conditional PATCH: of the one document that a search finds, every parameter of which is understood."""
        door = self._door

        def asked() -> Any:
            return read_asked(DOCUMENT_REFERENCE, parameters_of(request.query_string), strict=True)

        return self._patch(
            lambda asking: of_search(door, asking, asked()), lambda asking: search(door, asking, asked())
        )

    def _patch(self, find: Callable[[Request], Found], look: Callable[[Request], object]) -> Response:
        """Where nothing is found to be changed, it is looked for as by any reader: so the log has who asked."""
        requester, call = known(self._door, ITI_57)
        request_ = Request(requester, call, address(), url().encode())
        with self._recorded(call, requester):
            content = _content()
            asking, found = find(request_)
            if len(found) > 1:
                raise ContentError("a search that finds one document", f"{len(found)}", status=412)
            if found:
                return _answer(patch(self._door, asking, found[0], request.headers.get("If-Match", ""), content))
            look(as_reader(request_))
        raise NotFound

    @contextmanager
    def _recorded(self, call: Call, requester: Requester) -> Iterator[None]:
        """What is refused before the hall is asked is recorded here."""
        try:
            yield
        except (ContentError, JsonError, ParameterError) as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise


def _content() -> Any:
    """The patch: operations of JSON Patch, or a Parameters resource."""
    found = strict_json.read(body({JSON_PATCH, *JSON_TYPES}, MAX_BYTES), max_bytes=MAX_BYTES)
    by_resource = isinstance(found, dict) and found.get("resourceType") == "Parameters"
    if request.mimetype != JSON_PATCH and not by_resource:
        raise UnsupportedMediaType
    if request.mimetype == JSON_PATCH and not isinstance(found, list):
        raise ContentError("a list of operations of JSON Patch", "something else")
    return found


def _answer(patched: Patched) -> Response:
    """The document as it stands now, for who may be told of it."""
    resource = patched.resource
    version, where = resource["meta"]["versionId"], f"{address()}/{DOCUMENT_REFERENCE.name}/{resource['id']}"
    headers = {"ETag": f'W/"{version}"', "Content-Location": f"{where}/_history/{version}"}
    if updated := resource["meta"].get("lastUpdated"):
        headers["Last-Modified"] = format_datetime(datetime.fromisoformat(updated), usegmt=True)
    if preferred() == "minimal":
        return Response(status=200, headers=headers)
    if preferred() == "operationoutcome" or not patched.told:
        return answer(operation_outcome([DONE]), headers=headers)
    return answer(resource, headers=headers)
