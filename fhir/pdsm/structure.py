"""Whether what came is FHIR R4: each resource held to its model, and nothing empty.

Source: HL7 FHIR R4, json.html 2.6.2 (never empty; null in lists of primitives) and the definition of each resource.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from pdsm.elements import Content, Definitions, elements, resource_elements
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
    if wrong := tuple(_codes(resource, resource_elements(kind), place + kind)):
        raise ContentError(f"a {kind} of FHIR R4", "codes that it does not have", wrong[:MAX_FAULTS])
    _check_contained(resource)
    return dict(_without_nulls(resource))


def _codes(element: Element, definitions: Definitions, place: str) -> Iterator[tuple[str, str]]:
    """Where a code is none of those that its element is bound to."""
    for name, found in element.items():
        definition = definitions.get(name)
        for each in found if isinstance(found, list) else [found]:
            if definition and definition.codes and each is not None and each not in definition.codes:
                yield f"{place}.{name}", "code_invalid"
            elif definition and definition.content is Content.ELEMENTS:
                yield from _codes(each, elements(definition.type), f"{place}.{name}")


def _without_nulls(value: Any) -> Any:
    """The same without what only stands in a list so that another list has its place: nothing of that is kept."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items()}
    return [_without_nulls(each) for each in value if each is not None] if isinstance(value, list) else value


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
            left += [(key, each if _is_aligned(found, key) else None) for key, each in found.items()]
        elif isinstance(found, list):
            left += [(name, each) for each in found if each is not None]


def _is_aligned(element: Element, name: str) -> bool:
    """Whether each null of a list has its value or its extension in the list beside it."""
    listed = element[name]
    if not isinstance(listed, list) or None not in listed:
        return True
    beside = element.get(name[1:] if name.startswith("_") else f"_{name}")
    if not isinstance(beside, list) or len(beside) != len(listed):
        return False
    return not any(one is None and other is None for one, other in zip(listed, beside, strict=True))


def _path(kind: str, location: tuple[int | str, ...]) -> str:
    steps = (f"[{each}]" if isinstance(each, int) else f".{each}" for each in location)
    return kind + "".join(steps)
