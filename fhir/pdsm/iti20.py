"""ITI-20 by FHIR Feed: AuditEvents that another node posts, alone or in a Bundle, read and answered.

Source: ITI TF-2 3.20.4.2 and 3.20.4.3 (RESTful ATNA: Send Audit Resource, Send Audit Bundle); HL7 FHIR R4, http.html
3.1.0.8 (create) and 3.1.0.11 (batch).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from audit.audit_event import instant
from audit.received import Received, read_audit_event, read_received
from pdsm import spans
from pdsm.errors import ContentError
from pdsm.outcome import Issue, operation_outcome, told
from schemas import strict_json
from schemas.strict_json import JsonError

MAX_BUNDLE_BYTES = 16 * 1024 * 1024
MAX_ENTRIES = 1000
MAX_FAULTS = 20  # told of one resource
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)  # HL7 FHIR R4, instant
# What the models let through of shapes that they did not foresee: a contained resource of no type, a number too large.
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
VERSION = "1"  # nothing of the log changes

Answered = Received | tuple[int, tuple[Issue, ...]]
"""What one entry of a Bundle became: a message to keep, or status and issues."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when something arrives."""

    origin: str
    recorded: datetime


def read_event(body: bytes, arrival: Arrival) -> Received:
    """The AuditEvent of a body. Raises JsonError, ContentError."""
    _check(read_audit_event(body))
    return read_received(body, origin=arrival.origin, recorded=arrival.recorded)


def read_batch(body: bytes, arrival: Arrival) -> tuple[Answered, ...]:
    """What each entry of a Bundle holds, in its order. Raises JsonError, ContentError for what is no batch."""
    bundle = strict_json.read(body, max_bytes=MAX_BUNDLE_BYTES)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "batch":
        raise ContentError("a Bundle of type batch", "something else")
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise ContentError("a list of entries", "something else")
    if len(entries) > MAX_ENTRIES:
        raise ContentError(f"at most {MAX_ENTRIES} entries", str(len(entries)))
    return tuple(_entry(entry, raw, arrival) for entry, raw in zip(entries, _resources(body), strict=True))


def _resources(body: bytes) -> Iterator[bytes]:
    """The resource of each entry, exactly as it came; nothing where an entry has none."""
    text = body.decode()
    listed = spans.member(text, 0, "entry")
    for start, _ in spans.items(text, listed[0]) if listed else ():
        found = spans.member(text, start, "resource")
        yield text[slice(*found)].encode() if found else b""


def _entry(entry: dict[str, Any], raw: bytes, arrival: Arrival) -> Answered:
    try:
        request = entry.get("request")
        if not isinstance(request, dict) or (request.get("method"), request.get("url")) != ("POST", "AuditEvent"):
            raise ContentError("entries that POST an AuditEvent", "another")
        return read_event(raw, arrival)
    except (ContentError, JsonError) as error:
        failure = told(error)
        if failure is None:
            raise
        return failure


def write_batch(answers: Sequence[Answered], address: str) -> dict[str, Any]:
    """The answer, entry by entry."""
    entries = []
    for each in answers:
        if isinstance(each, Received):
            response = {
                "status": "201 Created",
                "location": f"{address}/{each.id}/_history/{VERSION}",
                "etag": f'W/"{VERSION}"',
                "lastModified": instant(each.recorded),
            }
        else:
            status, issues = each
            response = {"status": str(status), "outcome": operation_outcome(issues)}  # type: ignore[dict-item]
        entries.append({"response": response})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "batch-response"}
    return {**bundle, "entry": entries} if entries else bundle


def _check(resource: dict[str, Any]) -> None:
    """Holds an AuditEvent to FHIR R4. Raises ContentError, which quotes nothing of it."""
    _check_filled(resource)
    from fhir.resources.R4B.auditevent import AuditEvent  # a second to load, and most servers take no feed

    try:
        AuditEvent.model_validate(resource)
    except ValidationError as error:
        listed = error.errors(include_url=False, include_context=False, include_input=False)
        faults = tuple((_path(each["loc"]), str(each["type"])) for each in listed[:MAX_FAULTS])
        raise ContentError("an AuditEvent of FHIR R4", "another shape", faults) from None
    except _UNFORESEEN:
        raise ContentError("an AuditEvent of FHIR R4", "another shape") from None
    if not _INSTANT.fullmatch(str(resource.get("recorded", ""))):  # the models take a number, too
        raise ContentError("AuditEvent.recorded: an instant", "something else")


def _check_filled(resource: dict[str, Any]) -> None:
    """Nothing in FHIR is empty, which the models do not mind. Source: HL7 FHIR R4, json.html 2.6.2 (never empty)."""
    left: list[Any] = [resource]
    while left:
        found = left.pop()
        if found in ({}, [], ""):
            raise ContentError("elements with a value", "an empty one")
        if isinstance(found, dict | list):
            left += found if isinstance(found, list) else found.values()


def _path(location: tuple[int | str, ...]) -> str:
    """The path of an element. Source: HL7 FHIR R4, OperationOutcome.issue.expression (FHIRPath)."""
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return "AuditEvent" + "".join(steps)
