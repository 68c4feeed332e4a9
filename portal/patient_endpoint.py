"""The addresses of the patient's pages, below /patient.

Source: public guides of the DMP; CSP R.1111-26 to R.1111-40 (the patient's own access).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from audit.transactions import CONNEXION, DECONNEXION, SECRETS
from dmp.errors import AccessRefused
from portal.errors import notice, of_finding
from portal.history import FORMS
from portal.pages import error_page, new_blueprint
from portal.patient import GESTURES, DocumentPages
from portal.patient_access import AccessPages
from portal.patient_door import PatientDoor
from portal.patient_history import HistoryPages
from portal.patient_rights import RightsPages
from portal.patient_visit import ROOT, arrive, check_form

MAX_UPLOAD_BYTES = 32 * 1024 * 1024  # read of a form with a file: a file that is too large is told so, up to here
GET, POST, BOTH = ["GET"], ["POST"], ["GET", "POST"]
FIRST = "premiere-connexion"
_TRANSACTIONS = {"connexion": CONNEXION, "code": CONNEXION, "deconnexion": DECONNEXION, "documents": "TD3.1"}

View = Callable[..., Response]


def patient_blueprints(door: PatientDoor) -> tuple[Blueprint, ...]:
    """The patient's pages, bound to the ports of `door`: those that take files are a blueprint of their own."""
    return (_pages(door), _uploads(door))


def _pages(door: PatientDoor) -> Blueprint:
    access, documents, rights = AccessPages(door), DocumentPages(door), RightsPages(door)
    history, routes = HistoryPages(door), new_blueprint("patient")
    anybody: dict[str, tuple[View, list[str]]] = {
        "connexion": (access.connect, BOTH),
        "code": (access.confirm, POST),
        "creation": (access.create, BOTH),
    }
    connected: dict[str, tuple[View, list[str]]] = {
        "": (documents.home, GET),
        "deconnexion": (access.leave, POST),
        f"{FIRST}/coordonnees": (access.first_reach, BOTH),
        f"{FIRST}/urgence": (rights.first_emergencies, BOTH),
        "autorisations": (rights.people, BOTH),
        "urgence": (rights.emergencies, BOTH),
        "etat": (rights.state, BOTH),
        "historique": (history.history, GET),
        f"historique/<any({', '.join(FORMS)}):form>": (history.history, GET),
        "alertes": (history.alerts, BOTH),
        "telechargement": (history.copy, BOTH),
        "informations": (access.account, BOTH),
        "informations/mot-de-passe": (access.password, BOTH),
        "synthese": (documents.synthesis, GET),
        "documents": (documents.list, GET),
        "documents/<unique_id>": (documents.one, GET),
        "documents/<unique_id>/fichier": (documents.file, GET),
        "documents/<unique_id>/lecture": (documents.read, GET),
        "documents/<unique_id>/cda": (documents.stored, GET),
        "documents/<unique_id>/suppression": (documents.delete, BOTH),
        "documents/<unique_id>/rectification": (documents.rectify, BOTH),
        f"documents/<unique_id>/<any({', '.join(GESTURES)}):name>": (documents.gesture, POST),
    }
    for path, (view, methods) in anybody.items():
        _route(routes, path, _open(door, path, view), methods)
    _route(routes, FIRST, _inside(door, FIRST, access.first, provisional=True), BOTH)
    for path, (view, methods) in connected.items():
        _route(routes, path, _inside(door, path, view), methods)
    _route(routes, "<path:_path>", lambda _path: error_page(notice(404)), BOTH)
    return routes


def _uploads(door: PatientDoor) -> Blueprint:
    documents = DocumentPages(door)
    routes = new_blueprint("patient_uploads", max_body_bytes=MAX_UPLOAD_BYTES)
    for path in ("documents/ajout", "documents/<unique_id>/remplacement"):
        _route(routes, path, _inside(door, path, documents.add), BOTH)
    return routes


def _route(routes: Blueprint, path: str, view: View, methods: list[str]) -> None:
    endpoint = re.sub(r"\W+", "_", path) or "home"
    routes.add_url_rule(f"{ROOT}/{path}", endpoint, view, methods=methods, strict_slashes=False)


def _open(door: PatientDoor, path: str, view: View) -> View:
    """A page for anybody; who is connected goes on."""

    def show() -> Response:
        visit = arrive(door, _transaction(path))
        if visit.connected:
            return visit.go()
        check_form(door, visit)
        return view(visit)

    return show


def _inside(door: PatientDoor, path: str, view: View, *, provisional: bool = False) -> View:
    """A page for who is connected; with a first password, only one that is `provisional`."""

    def show(**parts: str) -> Response:
        visit = arrive(door, _transaction(path))
        if visit.connected is None:
            return visit.go("connexion")
        if visit.connected.provisional and not provisional and path != "deconnexion":
            return visit.go(FIRST)
        check_form(door, visit)
        if any("\0" in part for part in parts.values()):
            raise NotFound
        try:
            return view(visit, **parts)
        except AccessRefused as refused:
            told = of_finding(refused.finding)
            return visit.show("refus.html", told.status, told=told)

    return show


def _transaction(path: str) -> str:
    return _TRANSACTIONS.get(path.partition("/")[0], SECRETS)
