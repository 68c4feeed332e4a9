"""POST /cda/validate: a document judged for whoever is going to send it. It opens nothing and keeps nothing.

It is no door: what comes is told to whoever sent it, no dossier is looked at, and so there is nothing to decide or to
record. It works for this machine and for callers with a certificate of ours, since judging takes time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import Forbidden, NotFound, ServiceUnavailable

from cda.official.installing import installed
from cda.official.saxon import SaxonError
from cda.official.verdicts import Official
from cda.validation.check import Check, validate
from cda.validation.page import page
from cda.validation.report import json_value, svrl
from cda.whole import MAX_BYTES
from ihe.door import Peer
from server.settings import Settings

NAME = "cda"
PATH = "/cda/validate"
_CHUNK = 256 * 1024
_DOCUMENT = "document"
_HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


def validation(settings: Settings, peer: Callable[[dict[str, Any]], Peer]) -> Blueprint:
    """The address. With `?official` the installed package is asked, too; Accept chooses JSON, HTML or SVRL (XML)."""
    routes = Blueprint(NAME, __name__)
    package = _Package(settings)

    def answer() -> Response:
        caller = peer(request.environ)
        if not caller.local and caller.certificate is None:
            raise Forbidden("validation is for this machine, and for callers with a certificate")
        body = _chunks()
        if "official" in request.args:
            with package.lock:
                report = validate(body, more=package.checks())
        else:
            report = validate(body)
        for _ in body:  # what a document that is none has left
            pass
        form = request.accept_mimetypes.best_match(["application/json", "text/html", "application/xml"])
        if form == "text/html":
            text = page([(_DOCUMENT, report)])
            return Response(
                text, content_type="text/html; charset=UTF-8", headers=[("Content-Security-Policy", _HTML_POLICY)]
            )
        if form == "application/xml":
            return Response(svrl(_DOCUMENT, report), content_type="application/xml; charset=UTF-8")
        return jsonify(json_value(_DOCUMENT, report))

    routes.add_url_rule(PATH, "validate", answer, methods=["POST"])
    return routes


class _Package:
    """The installed package of this process, once somebody asked for it."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.Lock()
        self._folder = settings.home / "schemas"
        self._official: Official | None = None
        self._of: tuple[int, int] | None = None  # which folder it was made of

    def checks(self) -> dict[str, Check]:
        """The checks of the package, by name; of another one when it was replaced."""
        package = installed(self._folder)
        if package is None:
            raise NotFound("no official package is installed: dmp schemas install")
        found = package.folder.stat()
        if self._official is None or self._of != (found.st_ino, found.st_mtime_ns):
            if self._official is not None:
                self._official.close()
            try:
                self._official = Official(package, self._folder / "compiled")
                self._of = found.st_ino, found.st_mtime_ns
            except SaxonError as error:
                raise ServiceUnavailable(str(error)) from None
        return self._official.checks


def _chunks() -> Iterator[bytes]:
    read = 0
    while read <= MAX_BYTES and (chunk := request.stream.read(_CHUNK)):
        read += len(chunk)
        yield chunk
