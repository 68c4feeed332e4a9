"""A browser without scripts: HTTPS with a card or without, cookies, forms; and what a page says, without its markup."""

from __future__ import annotations

import http.client
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

from server.settings import Address
from tests.village import Village

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Page:
    """An answer."""

    status: int
    headers: http.client.HTTPMessage
    content: bytes

    @property
    def source(self) -> str:
        return self.content.decode()

    @property
    def text(self) -> str:
        """What people read, in one line."""
        return " ".join(" ".join(_read(self.source).texts).split())

    @property
    def title(self) -> str:
        return _read(self.source).title

    @property
    def addresses(self) -> list[str]:
        """Where links, buttons and forms lead."""
        return _read(self.source).addresses

    def form(self, beginning: str = "") -> tuple[str, dict[str, str]]:
        """The first form whose address begins so: that address, and its hidden fields."""
        return next(form for form in _read(self.source).forms if form[0].startswith(beginning))

    def leading(self, beginning: str) -> str:
        """The first address that begins so."""
        return next(each for each in self.addresses if each.startswith(beginning))


@dataclass
class Browser:
    """Asks one server, with the certificate of a folder of the demo's PKI, or without one."""

    address: Address
    ca: Path | None
    keys: Path | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, village: Village, name: str | None = None) -> Browser:
        """The browser of one of the village's people, or of nobody in particular."""
        assert village.settings.https is not None
        keys = village.folder / "pki" / name if name else None
        return cls(village.settings.https, village.folder / "ca.pem", keys)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return self.ask("GET", path, None, dict(headers or {}))

    def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Page:
        return self.ask("POST", path, urlencode(fields).encode(), {"Content-Type": FORM, **(headers or {})})

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Page:
        """Any request; cookies are kept and sent."""
        sent = dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = self._connection()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            page = Page(response.status, response.headers, response.read())
        finally:
            connection.close()
        for cookie in page.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return page

    def _connection(self) -> http.client.HTTPConnection:
        if self.ca is None:
            return http.client.HTTPConnection(self.address.host, self.address.port, timeout=60)
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.keys:
            context.load_cert_chain(self.keys / "auth.pem", self.keys / "auth.key")
        return http.client.HTTPSConnection(self.address.host, self.address.port, timeout=60, context=context)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.title, self.texts, self.addresses = "", list[str](), list[str]()
        self.forms = list[tuple[str, dict[str, str]]]()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._inside = tag
        self.addresses += [said[name] for name in ("href", "action", "formaction") if name in said]
        if tag == "form":
            self.forms.append((said.get("action", ""), {}))
        if tag == "input" and said.get("type") == "hidden":
            self.forms[-1][1][said["name"]] = said.get("value", "")

    def handle_data(self, data: str) -> None:
        if self._inside == "title" and not self.title:
            self.title = re.sub(r"\s+", " ", data).strip()
        else:
            self.texts.append(data)


def _read(source: str) -> _Reader:
    reader = _Reader()
    reader.feed(source)
    return reader
