"""The forms that a resource has on the wire, and which of them a client asks for.

Source: HL7 FHIR R4, http.html 3.1.0.1.11 and 3.1.0.1.12 (`_format`, `Accept`, `fhirVersion`); RFC 9110 §12.5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

FORMAT = "_format"
_VERSIONS = frozenset({"4.0", "4.0.1"})


class Form(Enum):
    """A form of a resource, by its media type."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"


_NAMES = {
    "application/fhir+json": Form.JSON,
    "application/json": Form.JSON,
    "text/json": Form.JSON,
    "json": Form.JSON,
    "application/fhir+xml": Form.XML,
    "application/xml": Form.XML,
    "text/xml": Form.XML,
    "xml": Form.XML,
}
FORMATS = (Form.JSON.value, Form.XML.value, "json", "xml")  # CapabilityStatement.format

Accepted = Iterable[tuple[str, float]]
"""Media ranges, each with its quality."""


def named(text: str) -> Form | None:
    """The form of a media type, or of a short name; a `+` of an address may have become a blank."""
    kind, _, parameters = text.lower().partition(";")
    pairs = (each.partition("=")[::2] for each in parameters.split(";"))
    if not is_served({name.strip(): value.strip() for name, value in pairs}):
        return None
    return _NAMES.get(kind.strip().replace(" ", "+"))


def is_served(parameters: Mapping[str, str]) -> bool:
    """Whether a media type of these parameters is of the version of FHIR that this server has."""
    return parameters.get("fhirversion", "4.0").strip('"') in _VERSIONS


def wanted(format_: str, accepted: Accepted, usual: Form) -> Form | None:
    """The form to answer in: that of `_format`, else the one accepted most, `usual` of two alike; None for neither."""
    if format_:
        return named(format_)
    ranges = [*accepted]
    if not ranges:
        return usual
    qualities = {form: _quality(form, ranges) for form in Form}
    best = max(qualities.values())
    liked = [form for form, quality in qualities.items() if quality == best > 0]
    return usual if usual in liked else next(iter(liked), None)


def named_first(accepted: Accepted) -> Form | None:
    """The form whose own media type is accepted most of all."""
    best, quality = max(accepted, key=lambda each: each[1], default=("", 0.0))
    form = named(best)
    return form if quality and form and best.lower().partition(";")[0].strip() == form.value else None


def _quality(form: Form, ranges: Accepted) -> float:
    """How much a form is accepted: what is said of it by name goes before what is said of many."""
    found: dict[int, float] = {}
    for text, quality in ranges:
        kind = text.lower().partition(";")[0].strip()
        if named(text) is form and "/" in kind:
            specific = 2
        elif kind in ("application/*", "text/*"):
            specific = 1
        elif kind in ("*/*", "*"):
            specific = 0
        else:
            continue
        found[specific] = max(quality, found.get(specific, 0.0))
    return found[max(found)] if found else 0.0
