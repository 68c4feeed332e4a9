"""Messages of the DMP's document-literal services: a sequence of texts in, a status with its context out.

Every element is of its service's namespace. An empty one is as good as absent; one that the schema has not, or not
there, is a fault that names what was expected and what came.

Source: GIE SESAM-Vitale, DMP WSDL v2.01.04 (schemas/dmp); XML Schema 1.0 Part 1 §3.8 (sequence).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import TypeVar

from lxml import etree

from ihe.markup import text
from ihe.soap import SoapError
from registry.errors import Finding
from schemas.xml import local_name

OK = "DMPOk"  # status of what was carried out

_Member = TypeVar("_Member", bound=Enum)
_TIME = "%Y%m%d%H%M%S"
_DIGITS = re.compile(r"[0-9]{14}", re.ASCII)
_CODE = re.compile(r"\w{1,32}", re.ASCII)


def read_texts(body: etree._Element, element: str, names: Sequence[str]) -> dict[str, str]:
    """The texts in `element` ({namespace}name) that are not empty: each of `names` at most once, in this order.

    Raises SoapError.
    """
    request, namespace = local_name(element), etree.QName(element).namespace
    if body.tag != element:
        raise SoapError(f"an element {element}", etree.QName(body).text[:200])
    found: dict[str, str] = {}
    left = list(names)
    for child in body.iterchildren("*"):
        name = local_name(child.tag)
        if child.tag != f"{{{namespace}}}{name}" or name not in left:
            raise SoapError(f"{', '.join(left) or 'nothing'} in what is left of {request}", name[:64])
        if len(child):
            raise SoapError(f"text in {name}", "more than text")
        del left[: left.index(name) + 1]
        found[name] = (child.text or "").strip()
    return {name: value for name, value in found.items() if value}


def raw_request(body: etree._Element) -> bytes:
    """The element of the body as it came, UTF-8: for the audit log."""
    return etree.tostring(body, encoding="UTF-8", with_tail=False, xml_declaration=False)


def needed(texts: Mapping[str, str], name: str) -> str:
    """The text of that name. Raises SoapError when there is none."""
    if name not in texts:
        raise SoapError(f"an element {name}", "none, or an empty one")
    return texts[name]


def member(texts: Mapping[str, str], name: str, kind: type[_Member]) -> _Member:
    """The member of `kind` that the text of that name is the value of. Raises SoapError."""
    value, members = texts.get(name, "none"), {each.value: each for each in kind}
    if value not in members:
        raise SoapError(f"{name} {' or '.join(members)}", value if _CODE.fullmatch(value) else "another value")
    return members[value]


def optional(texts: Mapping[str, str], name: str, kind: type[_Member]) -> _Member | None:
    """The same; None without one."""
    return member(texts, name, kind) if name in texts else None


def read_time(texts: Mapping[str, str], name: str) -> datetime | None:
    """The instant that is written there, in UTC; None without one. Raises SoapError."""
    value = texts.get(name)
    if value is None:
        return None
    try:
        read = datetime.strptime(value, _TIME) if _DIGITS.fullmatch(value) else None
    except ValueError:
        read = None
    if read is None:
        raise SoapError(f"{name} as YYYYMMDDhhmmss", "another form, or no such time")
    return read.replace(tzinfo=UTC)


def write_time(instant: datetime | None) -> str:
    """The same, written; '' for None."""
    return instant.astimezone(UTC).strftime(_TIME) if instant else ""


def write_texts(*texts: tuple[str, str]) -> str:
    """An element for each name and text, but for empty texts."""
    return "".join(f"<{name}>{text(value)}</{name}>" for name, value in texts if value)


def write_response(element: str, content: str = "", *, status: str = OK, context: str = "") -> bytes:
    """The response to the request `element` ({namespace}name): data (serialised), then status and context."""
    response, namespace = f"{local_name(element)}Response", etree.QName(element).namespace
    told = write_texts(("status", status), ("context", context))
    return f'<{response} xmlns="{namespace}"><output>{content}{told}</output></{response}>'.encode()


def write_failure(element: str, findings: Sequence[Finding]) -> bytes:
    """Why nothing was done: the code of the first finding as status, what is said of all as context; no data."""
    return write_response(
        element, status=findings[0].code.value, context="; ".join(found.context for found in findings)
    )
