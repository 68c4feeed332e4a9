"""The elements of each type of FHIR R4 in the order of its definition: what the form in XML is read and written by.

And the codes that each may have, where FHIR itself says so.

The models of fhir.resources are the table. They load when somebody first asks for XML.

Source: HL7 FHIR R4, the definition of each type, and xml.html 2.6.1 (order, attributes).
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import Any, Union

from pdsm.errors import ContentError

_ABSTRACT = frozenset({"Resource", "DomainResource"})


class Content(Enum):
    """What an element holds."""

    TEXT = "a primitive that JSON has as a text"
    BOOLEAN = "a boolean"
    INTEGER = "an integer"
    DECIMAL = "a decimal"
    XHTML = "the div of a narrative"
    RESOURCE = "a whole resource"
    ELEMENTS = "elements"


_WRAPPERS = (list, Union, UnionType, typing.Annotated)
_NUMBERS = {bool: Content.BOOLEAN, int: Content.INTEGER, Decimal: Content.DECIMAL}


@dataclass(frozen=True, slots=True)
class Definition:
    """One element of a type: what it holds, of which type that is, whether it repeats or is an attribute in XML.

    `place` is that among the elements of its type. `codes` are those of a required binding to codes of FHIR itself,
    none where there is no such binding.
    """

    content: Content
    type: str = ""  # of Content.ELEMENTS
    many: bool = False
    attribute: bool = False
    place: int = 0
    codes: frozenset[str] = frozenset()


Definitions = Mapping[str, Definition]


@cache
def resource_elements(kind: str) -> Definitions:
    """The elements of a resource type. Raises ContentError for what is none."""
    from fhir.resources.R4B import get_fhir_model_class
    from fhir.resources.R4B.resource import Resource

    try:
        model = get_fhir_model_class(kind)
    except (AttributeError, LookupError, TypeError, ValueError):
        model = None
    if model is None or kind in _ABSTRACT or not issubclass(model, Resource):
        raise ContentError("a resource type of FHIR R4", "another name")
    return _elements(model, {})


@cache
def elements(kind: str) -> Definitions:
    """The elements of a data type, or of a part of a resource."""
    from fhir.resources.R4B import get_fhir_model_class

    attributes = {"id": True, "url": kind == "Extension"}
    found = _elements(get_fhir_model_class(kind), attributes)
    if kind == "Narrative":
        found["div"] = replace(found["div"], content=Content.XHTML)
    return found


def _elements(model: Any, attributes: Mapping[str, bool]) -> dict[str, Definition]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return {
        name: replace(_definition(fields[name]), attribute=attributes.get(name, False), place=place)
        for place, name in enumerate(model.elements_sequence())
    }


def _definition(field: Any) -> Definition:
    """What the annotation of a field says: an optional, perhaps a list, of a type."""
    many, annotation = False, field.annotation
    while (origin := typing.get_origin(annotation)) in _WRAPPERS:
        many = many or origin is list
        annotation = next(each for each in typing.get_args(annotation) if each is not type(None))
    model = str(getattr(annotation, "_model_klass", "")).rpartition(".")[2]
    if model in _ABSTRACT:
        return Definition(Content.RESOURCE, many=many)
    if model:
        return Definition(Content.ELEMENTS, model, many)
    codes = frozenset((field.json_schema_extra or {}).get("enum_values", ()))
    return Definition(_NUMBERS.get(annotation, Content.TEXT), many=many, codes=codes)
