"""The addresses of the portal: /AccesDirect, the contextual web access of professionals (TD0.9, TD0.10).

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import BadRequest, Forbidden
from werkzeug.wrappers import Response as Redirection

from audit.event import Call
from portal import csrf
from portal.door import Door
from portal.errors import notice
from portal.history import FORMS
from portal.pages import REQUEST_ID, error_page, new_blueprint, site
from portal.professional import (
    ABOUT_NOBODY,
    ABOUT_SOMEBODY,
    AUTHORISATION,
    CREATION,
    DOCUMENTS,
    HISTORY,
    HOME,
    READING,
    Pages,
)
from portal.visit import ACCES_DIRECT, VIHF, Asked, arrive

METHODS = ["GET", "POST"]


def blueprints(door: Door) -> tuple[Blueprint, ...]:
    """Every page of the portal, bound to the ports of `door`."""
    return (site(), acces_direct(door))


def acces_direct(door: Door) -> Blueprint:
    """The pages of professionals: by GET with a card (TD0.9), by POST with a VIHF (TD0.10)."""
    pages, routes = Pages(door), new_blueprint("acces_direct")

    def show(page: str, ins: str = "", form: str = "") -> Response:
        token = csrf.token_for(request.cookies)
        return pages.show(page, arrive(door, _asked(ins)), request.values, token, form)

    def declare(ins: str) -> Redirection:
        asked = _asked(ins)
        call = replace(asked.call, transaction="TD0.3")
        visit = arrive(door, replace(asked, call=call, posted=VIHF in asked.given))
        if not visit.vihf and not csrf.genuine(request.cookies, asked.given):
            door.refused(visit.call, "form: expected the token of its page, got another or none", visit.requester)
            raise BadRequest
        return pages.declare(visit, asked.given)

    def document(ins: str, unique_id: str) -> Response:
        return pages.document(arrive(door, _asked(ins)), unique_id)

    def reading(ins: str, unique_id: str) -> Response:
        return pages.document(arrive(door, _asked(ins)), unique_id, read=True)

    def home() -> Redirection:
        return redirect(f"{ACCES_DIRECT}/{HOME}")

    def nowhere(_path: str) -> Response:
        return error_page(notice(404))

    alone, about = (f"<any({', '.join(names)}):page>" for names in (ABOUT_NOBODY, (*ABOUT_SOMEBODY, CREATION)))
    routes.before_request(_only_documents)
    routes.add_url_rule(ACCES_DIRECT, "home", home)
    routes.add_url_rule(f"{ACCES_DIRECT}/{alone}", "alone", show, methods=METHODS)
    routes.add_url_rule(f"{ACCES_DIRECT}/{about}/<ins>", "about", show, methods=METHODS)
    taken = f"<any({HISTORY}):page>/<ins>/<any({', '.join(FORMS)}):form>"
    routes.add_url_rule(f"{ACCES_DIRECT}/{taken}", "taken", show, methods=METHODS)
    routes.add_url_rule(f"{ACCES_DIRECT}/{DOCUMENTS}/<ins>/<path:unique_id>", "document", document, methods=METHODS)
    routes.add_url_rule(f"{ACCES_DIRECT}/{READING}/<ins>/<path:unique_id>", "reading", reading, methods=METHODS)
    routes.add_url_rule(f"{ACCES_DIRECT}/{AUTHORISATION}/<ins>", "declare", declare, methods=["POST"])
    routes.add_url_rule(f"{ACCES_DIRECT}/<path:_path>", "nowhere", nowhere, methods=METHODS)
    return routes


def _only_documents() -> None:
    """A page that is asked for as a part of another one, by some other site, opens nothing and leaves no trace.

    A browser shows the card to whoever makes it ask. Source: W3C Fetch Metadata Request Headers.
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        raise Forbidden


def _asked(ins: str) -> Asked:
    posted = request.method == "POST"
    call = Call(
        transaction="TD0.10" if posted else "TD0.9",
        request_id=request.environ.get(REQUEST_ID, ""),
        endpoint=request.base_url,
        client_address=request.remote_addr or "",
    )
    return Asked(request.environ, call, posted, request.values, ins or request.values.get("ins", ""))
