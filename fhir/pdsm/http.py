"""What every address of this door does with a request: its call, its parameters, its body.

Source: HL7 FHIR R4, http.html; RFC 9110.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from urllib.parse import parse_qsl

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout, UnsupportedMediaType

from audit.event import Call
from pdsm.errors import ParameterError

BASE = "/fhir"
FHIR_JSON = "application/fhir+json"
JSON_TYPES = frozenset({FHIR_JSON, "application/json"})
FORM = "application/x-www-form-urlencoded"
MAX_PARAMETERS, MAX_FORM_BYTES = 100, 64 * 1024
CHUNK_BYTES = 64 * 1024
MAX_DRAINED_CHUNKS = 64  # of a refused request, so that its sender gets to read the answer
REQUEST_ID = "dmp.request_id"  # environ key under which the server numbers requests, in its logs too


def call_of(transaction: str) -> Call:
    """The request as the audit log has it."""
    return Call(
        transaction=transaction,
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.base_url,
        client_address=request.remote_addr or "",
    )


def url() -> str:
    """The address that was asked, with its query."""
    query = request.query_string.decode("ascii", "replace")
    return f"{request.base_url}?{query}" if query else request.base_url


def parameters_of(query: bytes) -> list[tuple[str, str]]:
    """The parameters of a query or a form. Raises ParameterError."""
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        expected = f"at most {MAX_PARAMETERS} parameters, percent-encoded UTF-8"
        raise ParameterError("query", expected, "something else") from None


def body(types: frozenset[str] | set[str], most: int) -> bytes:
    """The body, of one of these media types. Raises HTTPException."""
    return b"".join(chunks(types, most))


def chunks(types: frozenset[str] | set[str], most: int) -> Iterator[bytes]:
    """The body of one of these media types, as it comes. Raises HTTPException."""
    if request.mimetype not in types or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    request.max_content_length = most
    try:
        while chunk := request.stream.read(CHUNK_BYTES):
            yield chunk
    except TimeoutError:
        raise RequestTimeout from None
    except (OSError, ParseException):  # the connection; gunicorn, of chunks that are none
        raise BadRequest from None


def preferred() -> str:
    """What Prefer asks to be returned, in small letters: minimal, representation, operationoutcome, or ''."""
    for each in request.headers.get("Prefer", "").replace(" ", "").lower().replace(";", ",").split(","):
        name, _, value = each.partition("=")
        if name == "return":
            return value.strip('"')
    return ""


def matches(header: str, tag: str) -> bool:
    """Whether a list of entity tags has this one: weak or strong, a version is a version."""
    listed = [each.strip() for each in header.split(",")]
    return "*" in listed or tag in listed or tag.removeprefix("W/") in listed


def drain(coming: Iterator[bytes]) -> None:
    """Reads and forgets the rest of a body, within limits."""
    with suppress(HTTPException):
        for _ in islice(coming, MAX_DRAINED_CHUNKS):
            pass
