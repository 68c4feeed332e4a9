"""Registry objects as compact JSON, and back without loss: the form in which the store keeps them whole.

Attributes that have their default are left out. A field is coded by its name, which means the same in every object.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, TypeVar

from registry.metadata import (
    Association,
    AssociationType,
    Author,
    AvailabilityStatus,
    Code,
    DocumentEntry,
    Folder,
    ObjectType,
    RegistryObject,
    Slots,
    SubmissionSet,
)

Json = Any
Object = TypeVar("Object", DocumentEntry, SubmissionSet, Folder, Association)
_Codec = tuple[Callable[[Any], Json], Callable[[Json], Any]]


def to_json(item: RegistryObject) -> str:
    """`item` as JSON text of ASCII characters only."""
    return json.dumps(_written(item), separators=(",", ":"))


def from_json(kind: type[Object], text: str, current: Mapping[str, Any] | None = None) -> Object:
    """The object of that kind that `text` holds; `current` has the fields that changed since it was written."""
    values = _read(json.loads(text))
    values.update(current or {})
    return kind(**values)


def _written(item: RegistryObject | Author) -> dict[str, Json]:
    written: dict[str, Json] = {}
    for name, default, write in _WRITERS[type(item)]:
        value = getattr(item, name)
        if value != default:
            written[name] = value if write is None else write(value)
    return written


def _read(values: dict[str, Json]) -> dict[str, Any]:
    for name, value in values.items():
        read = _READERS.get(name)
        if read is not None:
            values[name] = read(value)
    return values


def _write_code(code: Code) -> Json:
    return [code.code, code.scheme, code.display]


def _read_code(value: Json) -> Code:
    return Code(*value)


def _read_slots(value: Json) -> Slots:
    return tuple((name, tuple(values)) for name, values in value)


def _enum(kind: type[Enum]) -> _Codec:
    by_name = {item.name: item for item in kind}
    return (lambda item: item.name), by_name.__getitem__


_CODE: _Codec = (_write_code, _read_code)
_CODES: _Codec = (lambda codes: [_write_code(code) for code in codes], lambda value: tuple(map(_read_code, value)))
_TEXTS: _Codec = (list, tuple)
_CODECS: dict[str, _Codec] = {
    "class_code": _CODE,
    "type_code": _CODE,
    "format_code": _CODE,
    "healthcare_facility_type_code": _CODE,
    "practice_setting_code": _CODE,
    "content_type_code": _CODE,
    "documentation": _CODE,
    "confidentiality_codes": _CODES,
    "event_codes": _CODES,
    "codes": _CODES,
    "authors": (lambda authors: [_written(each) for each in authors], lambda v: tuple(Author(**_read(e)) for e in v)),
    "institutions": _TEXTS,
    "roles": _TEXTS,
    "specialties": _TEXTS,
    "telecommunications": _TEXTS,
    "reference_ids": _TEXTS,
    "source_patient_info": _TEXTS,
    "intended_recipients": _TEXTS,
    "extra_slots": (lambda slots: [[name, list(values)] for name, values in slots], _read_slots),
    "object_type": _enum(ObjectType),
    "availability_status": _enum(AvailabilityStatus),
    "type": _enum(AssociationType),
}
_READERS = {name: read for name, (_, read) in _CODECS.items()}
_WRITERS: dict[type, tuple[tuple[str, Any, Callable[[Any], Json] | None], ...]] = {
    kind: tuple(
        (field.name, None if field.default is MISSING else field.default, _CODECS.get(field.name, (None,))[0])
        for field in fields(kind)
    )
    for kind in (DocumentEntry, SubmissionSet, Folder, Association, Author)
}
