"""Forms that change something come from a page of this site: a cookie and a hidden field hold one secret.

Another site can make the browser post, and so show the card, but reads neither and sets no cookie of this host.
Source: OWASP Cross-Site Request Forgery Prevention (double submit); RFC 6265bis 4.1.3.2 (`__Host-`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from hmac import compare_digest

from flask import Response

COOKIE = "__Host-acces"
FIELD = "jeton"
_TOKEN = re.compile(r"[0-9A-Za-z_-]{43}")  # 32 random bytes


def token_for(cookies: Mapping[str, str]) -> str:
    """The secret that the browser has, else a new one."""
    held = cookies.get(COOKIE, "")
    return held if _TOKEN.fullmatch(held) else secrets.token_urlsafe(32)


def keep(response: Response, token: str) -> Response:
    """`response` with the cookie of a page whose form holds `token`."""
    response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="Strict")
    return response


def genuine(cookies: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Whether a form was filled in on a page that this browser got from here."""
    held = cookies.get(COOKIE, "")
    return _TOKEN.fullmatch(held) is not None and compare_digest(held.encode(), given.get(FIELD, "").encode())
