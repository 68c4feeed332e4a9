"""The addresses of the portal: /AccesDirect, the contextual web access of professionals (TD0.9, TD0.10).

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from audit.event import Call
from portal.door import Door
from portal.errors import UnknownRequesterError, notice
from portal.pages import REQUEST_ID, error_page, new_blueprint, site

ACCES_DIRECT = "/AccesDirect"


def blueprints(door: Door) -> tuple[Blueprint, ...]:
    """Every page of the portal, bound to the ports of `door`."""
    return (site(), acces_direct(door))


def acces_direct(door: Door) -> Blueprint:
    """The pages of professionals."""
    pages = new_blueprint("acces_direct")

    def anything(_path: str = "") -> Response:
        try:
            door.holder(request.environ)
        except UnknownRequesterError as error:
            door.refused(_call(), error.reason, None)
            raise
        return error_page(notice(404))

    pages.add_url_rule(ACCES_DIRECT, "root", anything)
    pages.add_url_rule(f"{ACCES_DIRECT}/<path:_path>", "anything", anything)
    return pages


def _call() -> Call:
    return Call(
        transaction="TD0.9",
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.path,
        client_address=request.remote_addr or "",
    )
