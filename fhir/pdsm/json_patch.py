"""JSON Patch: operations done one after the other on a copy, all of them or none.

Beside pointers, an extension may be named by its address, as ANS writes it: `/extension[url:'...']/valueBoolean`. One
that is not there is made.

Source: RFC 6902 (JSON Patch); RFC 6901 (JSON Pointer); HL7 FHIR R4, http.html 3.1.0.7 (patch); ANS, PDSm 3.1.1, Flux
03, and PDSm4DMP, TD3.3.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pdsm.errors import ContentError

MAX_OPERATIONS = 50
MAX_BYTES = 1024 * 1024  # of what operations make: copies of copies grow
_OPERATIONS = ("add", "copy", "move", "remove", "replace", "test")
_INDEX = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)
_QUOTES = "'\"‘’“”"
_NAMED = re.compile(rf"/(\w+)\[url[:=][{_QUOTES}]([^{_QUOTES}]+)[{_QUOTES}]\]")
_ESCAPES = re.compile(r"~(?![01])")

Path = Sequence[str | int]
"""Where a value stands: names of elements, and indexes; '-' is behind the last one."""


def patched(resource: Any, patch: Any, changeable: Collection[str], aliases: Mapping[str, str]) -> Any:
    """The resource after `patch`, which touches no element of it but those. Raises ContentError.

    `aliases` are other addresses of extensions.
    """
    if not isinstance(patch, list) or not 0 < len(patch) <= MAX_OPERATIONS:
        raise ContentError(f"a list of 1 to {MAX_OPERATIONS} operations of JSON Patch", "something else")
    result = copy.deepcopy(resource)
    for operation in patch:
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise ContentError(f"op: one of {', '.join(_OPERATIONS)}", "something else")
        _do(result, operation, changeable, aliases)
    return result


def check_changeable(element: str, changeable: Collection[str]) -> None:
    """Raises ContentError for an element that may not be touched. Source: ANS, PDSm 3.1.1, Flux 04 (405)."""
    if element not in changeable:
        raise ContentError(f"a change of {', '.join(sorted(changeable))} alone", "one of something else", status=405)


def _do(resource: Any, operation: dict[str, Any], changeable: Collection[str], aliases: Mapping[str, str]) -> None:
    kind = operation["op"]
    pointer = operation.get("path")
    if kind != "test":
        for each in (pointer, operation.get("from")) if kind == "move" else (pointer,):
            check_changeable(_element(each), changeable)
    path = _path(resource, pointer, aliases, made=kind in ("add", "replace"))
    if kind == "test":
        if not same(value_at(resource, path), _value(operation)):
            raise ContentError("test: the value that is there", "another", status=422)
    elif kind in ("move", "copy"):
        source = _path(resource, operation.get("from"), aliases)
        if kind == "move" and list(path[: len(source)]) == list(source) and len(path) > len(source):
            raise ContentError("from: another place than the one that contains it", "that one", status=422)
        value = copy.deepcopy(value_at(resource, source))
        if kind == "move":
            remove_at(resource, source)
        add_at(resource, path, value)
    elif kind == "remove":
        remove_at(resource, path)
    elif kind == "replace":
        replace_at(resource, path, copy.deepcopy(_value(operation)))
    else:
        add_at(resource, path, copy.deepcopy(_value(operation)))
    if len(json.dumps(resource)) > MAX_BYTES:
        raise ContentError(f"a resource of at most {MAX_BYTES} bytes", "more", status=413)


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise ContentError("value: one, of add, replace and test", "none")
    return operation["value"]


def _element(pointer: Any) -> str:
    """The element of the resource that a pointer leads into. Raises ContentError."""
    if not isinstance(pointer, str) or _ESCAPES.search(pointer) or (pointer and not pointer.startswith("/")):
        raise ContentError("path: a JSON Pointer", "something else")
    named = _NAMED.match(pointer)
    return named[1] if named else pointer[1:].partition("/")[0]


def _path(resource: Any, pointer: Any, aliases: Mapping[str, str], *, made: bool = False) -> list[str | int]:
    """A pointer as a path. `made`: an extension that it names, and that is not there, is made."""
    _element(pointer)
    named = _NAMED.match(pointer)
    path: list[str | int] = []
    if named:
        url = aliases.get(named[2], named[2])
        path += [named[1], _extension(resource, named[1], url, made=made)]
        pointer = pointer[named.end() :]
    if pointer and not pointer.startswith("/"):
        raise ContentError("path: a JSON Pointer", "something else")
    return [*path, *(each.replace("~1", "/").replace("~0", "~") for each in pointer.split("/")[1:])]


def _extension(resource: Any, name: str, url: str, *, made: bool) -> int:
    listed = resource.setdefault(name, []) if made else resource.get(name, [])
    if not isinstance(listed, list):
        raise ContentError(f"path: {name} with extensions", "something else", status=422)
    for place, each in enumerate(listed):
        if isinstance(each, dict) and each.get("url") == url:
            return place
    if made:
        listed.append({"url": url, "valueBoolean": None})  # what is to be there says the operation
    return len(listed) - 1 if made else len(listed)


# --- A value at a path ------------------------------------------------------------------------------------------------


def value_at(holder: Any, path: Path) -> Any:
    """The value there. Raises ContentError."""
    for step in path:
        holder = holder[_step(holder, step)]
    return holder


def add_at(resource: Any, path: Path, value: Any) -> None:
    """Puts a value there: before what stands at an index, in the place of what has a name. Raises ContentError."""
    holder, last = _holder(resource, path)
    if isinstance(holder, dict):
        holder[str(last)] = value
    elif isinstance(holder, list):
        holder.insert(len(holder) if last == "-" else _index(last, len(holder)), value)
    else:
        raise _nowhere()


def replace_at(resource: Any, path: Path, value: Any) -> None:
    """Puts a value in the place of the one that is there. Raises ContentError."""
    holder, last = _holder(resource, path)
    holder[_step(holder, last)] = value


def remove_at(resource: Any, path: Path) -> None:
    """Takes the value away that is there. Raises ContentError."""
    holder, last = _holder(resource, path)
    del holder[_step(holder, last)]


def _holder(resource: Any, path: Path) -> tuple[Any, str | int]:
    if not path:
        raise ContentError("path: an element of the resource", "the whole of it", status=405)
    return value_at(resource, path[:-1]), path[-1]


def _step(holder: Any, step: str | int) -> Any:
    if isinstance(holder, dict) and step in holder:
        return step
    if isinstance(holder, list):
        return _index(step, len(holder) - 1)
    raise _nowhere()


def _index(step: str | int, last: int) -> int:
    if isinstance(step, str):
        if not _INDEX.fullmatch(step):
            raise _nowhere()
        step = int(step)
    if step > last:
        raise _nowhere()
    return step


def _nowhere() -> ContentError:
    return ContentError("path: a place that is there", "another", status=422)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal: a number is no boolean. Source: RFC 6902 §4.6."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
