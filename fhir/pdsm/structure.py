"""Whether what came is FHIR R4: each resource held to its model, and nothing empty.

Source: HL7 FHIR R4, json.html 2.6.2 (never empty) and the definition of each resource.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from pdsm.errors import ContentError
from pdsm.original import Element

MAX_FAULTS = 20  # told of one resource
MODELS = (
    "Binary",
    "Bundle",
    "Device",
    "DocumentReference",
    "List",
    "Organization",
    "Parameters",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Subscription",
)
# Elements of these resources, and of Extension, that are numbers or booleans.
_NO_TEXTS = frozenset(
    {
        "active",
        "allDay",
        "altitude",
        "deceasedBoolean",
        "deleted",
        "latitude",
        "longitude",
        "multipleBirthBoolean",
        "multipleBirthInteger",
        "preferred",
        "rank",
        "size",
        "userSelected",
        "value",
        "valueBoolean",
        "valueDecimal",
        "valueInteger",
        "valuePositiveInt",
        "valueUnsignedInt",
    }
)
# What the models let through of shapes that they did not foresee.
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def check(resource: Any, place: str = "") -> Element:
    """`resource`, one of FHIR R4, which came at `place`. Raises ContentError, which quotes nothing of it."""
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind not in MODELS:
        raise ContentError(f"{place}: a resource of the transaction", "another, or none", status=422)
    _check_filled(resource)
    from fhir.resources.R4B import get_fhir_model_class  # a second to load, and who only reads needs none of it

    try:
        get_fhir_model_class(kind).model_validate(resource)
    except ValidationError as error:
        listed = error.errors(include_url=False, include_context=False, include_input=False)
        faults = tuple((place + _path(kind, each["loc"]), str(each["type"])) for each in listed[:MAX_FAULTS])
        raise ContentError(f"a {kind} of FHIR R4", "another shape", faults) from None
    except _UNFORESEEN:
        raise ContentError(f"a {kind} of FHIR R4", "another shape") from None
    _check_contained(resource)
    return dict(resource)


def _check_contained(resource: Element) -> None:
    """The models take any contained resource; what is read of one is checked as its own."""
    for each in resource.get("contained", ()):
        if each.get("resourceType") in MODELS:
            check(each, "contained: ")


def _check_filled(resource: Any) -> None:
    """Nothing is empty, and a number or a boolean stands where one is meant: the models take both for texts."""
    left: list[tuple[str, Any]] = [("", resource)]
    while left:
        name, found = left.pop()
        if found is None or found in ({}, [], ""):
            raise ContentError("elements with a value", "an empty one")
        if isinstance(found, bool | int | float) and name not in _NO_TEXTS:
            raise ContentError("a text, or elements", "a number or a boolean")
        if isinstance(found, dict):
            left += found.items()
        elif isinstance(found, list):
            left += [(name, each) for each in found]


def _path(kind: str, location: tuple[int | str, ...]) -> str:
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return kind + "".join(steps)
