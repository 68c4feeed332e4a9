"""A client of document sharing by FHIR, on this machine."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pdsm.xml_reading import read_xml
from tests.connectathon import Node

FHIR_JSON, FHIR_XML = "application/fhir+json", "application/fhir+xml"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Any
    content: bytes

    @property
    def resource(self) -> dict[str, Any]:
        """What was told, in the form that it was told in."""
        if self.headers["Content-Type"].startswith(FHIR_XML):
            return read_xml(self.content, max_bytes=10**8)
        return dict(json.loads(self.content))

    @property
    def matches(self) -> list[dict[str, Any]]:
        return self._told("match")

    @property
    def included(self) -> list[dict[str, Any]]:
        return self._told("include")

    def _told(self, mode: str) -> list[dict[str, Any]]:
        entries = self.resource.get("entry", [])
        return [each["resource"] for each in entries if each.get("search", {}).get("mode") == mode]


def ask(node: Node, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
    """The reply to one request; `path` is below /fhir, or whole."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        whole = path if path.startswith("/fhir") or path.startswith("http") else f"/fhir/{path}"
        connection.request(method, whole, body=body, headers=named)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def find(node: Node, kind: str, *more: tuple[str, str], **given: str) -> Reply:
    """A search; `__` in a name is a dot."""
    pairs = [(name.replace("__", "."), value) for name, value in given.items()]
    return ask(node, f"{kind}?{urlencode([*pairs, *more])}")


def post(node: Node, path: str, resource: Any, **headers: str) -> Reply:
    """A resource posted."""
    return ask(node, path, "POST", json.dumps(resource).encode(), Content_Type=FHIR_JSON, **headers)


def patient_of(cx: str) -> str:
    """The token of a patient."""
    value, _, rest = cx.partition("^^^&")
    return f"urn:oid:{rest.partition('&')[0]}|{value}"
