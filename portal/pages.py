"""Pages: made of templates that escape whatever they are given, under headers that let nothing else in.

No script, no image, no font, nothing from elsewhere: a title that somebody wrote into a document stays text.
Source: W3C Content Security Policy 3; WCAG 2.1; RGAA 4.
"""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException

from audit.errors import AuditError
from dmp.errors import AccessRefused, ServiceUnavailable
from portal import french
from portal.errors import Notice, UnknownRequesterError, UnreadableError, notice, of_finding
from registry.errors import RegistryError
from repository.errors import RepositoryUnavailable

SITE = "portal"  # the blueprint of what all pages share: the style sheet
MAX_FORM_BYTES = 256 * 1024
REQUEST_ID = "dmp.request_id"  # environ key under which the server numbers requests, in its logs too
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
}

_log = logging.getLogger("dmp.portal")


def site() -> Blueprint:
    """What all pages share: the style sheet."""
    shared = Blueprint(SITE, __name__, static_folder="static", static_url_path="/portal/static")
    shared.record(lambda state: setattr(state.app.jinja_env, "undefined", StrictUndefined))
    return shared


def new_blueprint(name: str, *, max_body_bytes: int = MAX_FORM_BYTES) -> Blueprint:
    """A blueprint of pages: bodies are limited, headers set, and whatever is raised becomes a French page."""
    pages = Blueprint(name, __name__, template_folder="templates")

    def limit() -> None:
        request.max_content_length = max_body_bytes

    for name in ("address", "day", "ins", "instant", "profession", "relationship", "specialty", "telecom"):
        pages.add_app_template_filter(getattr(french, name), name)
    pages.before_request(limit)
    pages.after_request(_secured)
    pages.register_error_handler(Exception, _told)
    return pages


def page(template: str, status: int = 200, **shown: Any) -> Response:
    """The page of a template."""
    return make_response(render_template(template, **shown), status)


def error_page(told: Notice) -> Response:
    """The page of an error."""
    return page("error.html", told.status, told=told, request_id=request.environ.get(REQUEST_ID, ""))


def _secured(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _told(error: Exception) -> Response:
    match error:
        case UnknownRequesterError():
            return error_page(notice(401, error.sentence))
        case UnreadableError():
            return error_page(notice(error.status, error.sentence))
        case AccessRefused():
            return error_page(of_finding(error.finding))
        case RegistryError():
            return error_page(of_finding(error.findings[0]))
        case AuditError() | ServiceUnavailable() | RepositoryUnavailable():
            _note(error)
            return error_page(notice(503))
        case HTTPException():
            return error_page(notice(error.code or 500))
        case _:
            _note(error)
            return error_page(notice(500))


def _note(error: Exception) -> None:
    """Where an unexpected error happened, and nothing of what it was about."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    number = request.environ.get(REQUEST_ID, "")
    _log.error("request %s failed: %s at %s", number, type(error).__name__, " < ".join(reversed(frames)))
