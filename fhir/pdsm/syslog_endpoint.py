"""The address of ITI-82: the audit log read by auditors as syslog messages.

Source: RESTful ATNA 3.82.4; RFC 9110 §12.5.1 (Accept); RFC 8288 (the link to the next page).
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.exceptions import NotAcceptable

from pdsm.auditing import auditor, recorded
from pdsm.cursor import read_cursor, write_cursor
from pdsm.door import Door
from pdsm.http import BASE, parameters_of, url
from pdsm.iti82 import CURSOR, FORMATS, JSON, Asked, read_search, write_messages

SYSLOG_SEARCH = f"{BASE}/syslogsearch"
ITI_82 = "ITI-82"


class SyslogEvents:
    """Syslog messages, read."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def search(self) -> Response:
        """A search: an array, and a link where there is more."""
        requester, call = auditor(self._door, ITI_82)
        key = self._door.key
        with recorded(self._door, call, requester):
            asked = read_search(parameters_of(request.query_string), url().encode())
            after = read_cursor(CURSOR, asked.cursor, asked.used, key) if asked.cursor else None
        media_type = _media_type(asked)
        found = self._door.search_syslog(requester, call, replace(asked.question, after=after))
        answer = Response(write_messages(found.events, media_type), content_type=f"{media_type}; charset=utf-8")
        if found.following:
            following = [*asked.used, (CURSOR, write_cursor(found.following, asked.used, key))]
            address = request.host_url.rstrip("/") + SYSLOG_SEARCH
            answer.headers["Link"] = f'<{address}?{urlencode(following)}>; rel="next"'
        return answer


def _media_type(asked: Asked) -> str:
    """What `_format` asks for, else what is accepted first of what can be written."""
    accepted = request.accept_mimetypes
    if asked.media_type or not accepted:
        return asked.media_type or JSON
    best = accepted.best_match([each for each in FORMATS if "/" in each])
    if best is None:
        raise NotAcceptable
    return FORMATS[best]
