"""What every address of this door does with a request: its call, its parameters, its body, the form of its answer.

A resource that comes in XML is handed on in JSON: all behind this know one form.

Source: HL7 FHIR R4, http.html 3.1.0.1.11 (content types and encodings); RFC 9110 §12.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

import orjson
from flask import g, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, HTTPException, RequestTimeout, UnsupportedMediaType

from audit.event import Call
from pdsm import forms
from pdsm.errors import ParameterError
from pdsm.forms import FORMAT, Form
from pdsm.xml_reading import read_xml
from pdsm.xml_writing import write_xml

BASE = "/fhir"
FHIR_JSON = Form.JSON.value
JSON_TYPES = frozenset({FHIR_JSON, "application/json"})
XML_TYPES = frozenset({Form.XML.value, "application/xml", "text/xml"})
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
    """The parameters of a query or a form; its `_format` is that of the answer. Raises ParameterError."""
    try:
        found = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:
        expected = f"at most {MAX_PARAMETERS} parameters, percent-encoded UTF-8"
        raise ParameterError("query", expected, "something else") from None
    if form := forms.named(dict(found).get(FORMAT, "")):
        g.form = form
    return found


def body(types: frozenset[str] | set[str], most: int) -> bytes:
    """The body, of one of these media types; a resource in JSON, whatever its form.

    Raises HTTPException and, for a resource in XML that is none, XmlError or ContentError.
    """
    return b"".join(chunks(types, most))


def chunks(types: frozenset[str] | set[str], most: int) -> Iterator[bytes]:
    """The same as it comes; a resource in XML whole. Raises as `body`."""
    known = types | XML_TYPES if FHIR_JSON in types else types
    if request.mimetype not in known or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    if FHIR_JSON in types and not forms.is_served(request.mimetype_params):
        raise UnsupportedMediaType
    request.max_content_length = most
    if request.mimetype in XML_TYPES:
        yield _in_json(read_xml(b"".join(_coming()), max_bytes=most))
    else:
        yield from _coming()


def _coming() -> Iterator[bytes]:
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


# --- The form of an answer --------------------------------------------------------------------------------------------


def negotiated() -> Form | None:
    """The form that the client asks for, None for one that this door does not write; both alike: that of his body."""
    usual = Form.XML if request.mimetype in XML_TYPES else Form.JSON
    return forms.wanted(request.args.get(FORMAT, ""), request.accept_mimetypes, usual)


def asked_by_name() -> Form | None:
    """The form of FHIR that is asked for by its own name, where any other media type means something else."""
    if FORMAT in request.args:
        return negotiated()
    return forms.named_first(request.accept_mimetypes)


def written(resource: Mapping[str, Any]) -> tuple[bytes, str]:
    """A resource in the form that was asked for, and its content type. Raises FormError."""
    form = g.get("form", Form.JSON)
    content = write_xml(resource) if form is Form.XML else _in_json(resource)
    return content, f"{form.value}; charset=utf-8"


def _in_json(resource: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(resource)
    except orjson.JSONEncodeError:  # a number of more than 64 bits
        return json.dumps(resource, ensure_ascii=False, separators=(",", ":")).encode()
