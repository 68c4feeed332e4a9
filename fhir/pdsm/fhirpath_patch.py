"""FHIRPath Patch: operations in a Parameters resource, done as those of JSON Patch are.

Paths are those that lead to elements of one DocumentReference: names, indexes, and extensions by their address.

Source: HL7 FHIR R4, fhirpatch.html; MHD 4.2, IHE.MHD.Patch.Parameters; ANS, PDSm 3.1.1, Flux 03.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pdsm.errors import ContentError
from pdsm.json_patch import MAX_OPERATIONS, add_at, check_changeable, remove_at, value_at
from pdsm.original import Element

_ROOT = "DocumentReference"
_STEP = re.compile(
    r"\.(?:where\(\s*url\s*=\s*'(?P<where>[^']+)'\s*\)|extension\(\s*'(?P<extension>[^']+)'\s*\)"
    r"|(?P<first>first\(\))|(?P<name>[a-zA-Z]+))|\[(?P<index>\d{1,6})\]",
    re.ASCII,
)


def patched(resource: Element, patch: Element, changeable: Collection[str]) -> Element:
    """The resource after the operations of `patch`, which touch no element of it but those. Raises ContentError."""
    listed = patch.get("parameter", ())
    if not 0 < len(listed) <= MAX_OPERATIONS or any(each.get("name") != "operation" for each in listed):
        raise ContentError(f"Parameters with 1 to {MAX_OPERATIONS} parameters named operation", "something else")
    result = copy.deepcopy(resource)
    for each in listed:
        parts = {part.get("name"): part for part in each.get("part", ())}
        done = _OPERATIONS.get(str(_said(parts, "type")))
        if done is None or len(parts) != len(each.get("part", ())):
            raise ContentError(f"type: one of {', '.join(_OPERATIONS)}", "something else")
        check_changeable(_element(parts), changeable)
        done(result, parts)
    return result


Parts = Mapping[str, Element]


def _add(resource: Element, parts: Parts) -> None:
    path, name = _path(resource, parts), str(_said(parts, "name"))
    holder = value_at(resource, path)
    if not isinstance(holder, dict):
        raise _nowhere()
    if name in _LISTS:
        holder.setdefault(name, []).append(_value(parts))
    elif name in holder:
        raise ContentError(f"add: no {name} yet", "one", status=422)
    else:
        holder[_plain(name, parts)] = _value(parts)


def _insert(resource: Element, parts: Parts) -> None:
    path = _path(resource, parts, single=False)
    add_at(resource, [*path, _number(parts, "index")], _value(parts))


def _delete(resource: Element, parts: Parts) -> None:
    path = _path(resource, parts)
    remove_at(resource, path)


def _replace(resource: Element, parts: Parts) -> None:
    path = _path(resource, parts)
    holder = value_at(resource, path[:-1])
    holder[path[-1]] = _value(parts)


def _move(resource: Element, parts: Parts) -> None:
    path = _path(resource, parts, single=False)
    source = [*path, _number(parts, "source")]
    value = value_at(resource, source)
    remove_at(resource, source)
    add_at(resource, [*path, _number(parts, "destination")], value)


_OPERATIONS: dict[str, Callable[[Element, Parts], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}
_LISTS = frozenset(("securityLabel", "extension", "coding"))


def _said(parts: Parts, name: str) -> Any:
    """The value of a part, of whatever type. Raises ContentError."""
    found = [value for key, value in parts.get(name, {}).items() if key.startswith("value")]
    if len(found) != 1:
        raise ContentError(f"operation: one value of {name}", "none, or several")
    return found[0]


def _number(parts: Parts, name: str) -> int:
    found = _said(parts, name)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise ContentError(f"{name}: a whole number", "something else")
    return found


def _value(parts: Parts) -> Any:
    """The value of an operation; one whose type has no value[x] is told element by element, as parts."""
    part = parts.get("value", {})
    inside = part.get("part")
    if not inside:
        return copy.deepcopy(_said(parts, "value"))
    told: Element = {}
    for each in inside:
        name = str(each.get("name"))
        value = _value({"value": each})
        typed = next((key for key in each if key.startswith("value")), name)
        told[typed if name in ("value", "value[x]") else name] = value
    return told


def _plain(name: str, parts: Parts) -> str:
    """The JSON name of an element that is added: a value has its type in it."""
    typed = next((key for key in parts.get("value", {}) if key.startswith("value")), name)
    return typed if name in ("value", "value[x]") else name


def _path(resource: Element, parts: Parts, *, single: bool = True) -> list[str | int]:
    """The place that a path leads to; `single`: of a list, its one element. Raises ContentError."""
    rest = _below(parts)
    path: list[str | int] = []
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise ContentError("path: names, indexes, extensions by their address", "something else", status=422)
        rest = rest[step.end() :]
        _walk(resource, path, step)
    if single and path and isinstance(value_at(resource, path), list):
        path.append(_only(value_at(resource, path)))
    return path


def _walk(resource: Element, path: list[str | int], step: re.Match[str]) -> None:
    here = value_at(resource, path)
    if step["index"] or step["first"]:
        path.append(int(step["index"] or 0))
    elif url := step["where"] or step["extension"]:
        if step["extension"]:
            path.append("extension")
            here = value_at(resource, path)
        if not isinstance(here, list):
            raise _nowhere()
        found = [place for place, each in enumerate(here) if isinstance(each, dict) and each.get("url") == url]
        if len(found) != 1:
            raise _nowhere()
        path.append(found[0])
    else:
        if isinstance(here, list):
            path.append(_only(here))
            here = here[0]
        if not isinstance(here, dict):
            raise _nowhere()
        name = step["name"]
        path.append(next((key for key in here if key.startswith("value")), name) if name == "value" else name)
    value_at(resource, path)


def _only(listed: list[Any]) -> int:
    if len(listed) != 1:
        raise _nowhere()
    return 0


def _nowhere() -> ContentError:
    return ContentError("path: one element that is there", "none, or several", status=422)


def _element(parts: Parts) -> str:
    """The element of the resource that an operation touches: of what is added to the resource itself, its name."""
    step = _STEP.match(_below(parts))
    if step is None:
        return str(_said(parts, "name")) if _said(parts, "type") == "add" else ""
    return step["name"] or ("extension" if step["extension"] else "")


def _below(parts: Parts) -> str:
    """The path of an operation, without the resource that it begins at. Raises ContentError."""
    text = _said(parts, "path")
    if not isinstance(text, str) or not text.startswith(_ROOT):
        raise ContentError("path: a path from DocumentReference", "something else")
    return text.removeprefix(_ROOT)
