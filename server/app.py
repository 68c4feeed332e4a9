"""The application that every HTTP server runs: the doors, health, metrics, and what holds for every answer."""

from __future__ import annotations

import ipaddress
import sys
import time
import uuid

import structlog
from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import Forbidden, HTTPException

from habilitations.decision import Tables
from ihe.endpoint import blueprint as ihe_blueprint
from pdsm.endpoint import blueprint as fhir_blueprint
from pdsm.oauth_endpoint import oauth_blueprint
from portal.endpoint import blueprints as portal_blueprints
from portal.patient_endpoint import patient_blueprints
from schemas.domain import Profile
from server import cda_endpoint, metrics
from server.fhir_wiring import fhir_door
from server.health import OK, Health
from server.house import House
from server.oauth_wiring import oauth_door
from server.patient_wiring import patient_door
from server.peer import mark, peer
from server.portal_wiring import portal_door
from server.settings import Exposure, Settings
from server.sharing_wiring import sharing
from server.wiring import ihe_door

log = structlog.get_logger("dmp.request")

# Answers carry health data: nobody keeps, frames, sniffs or renders them unless a door says otherwise.
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Those that read their own bodies, count them, and refuse in their own words.
STREAMING = frozenset({"ihe", cda_endpoint.NAME})
STRICT_TRANSPORT = "max-age=63072000"  # RFC 6797: two years, where TLS is what we speak


def create_app(settings: Settings, exposure: Exposure = Exposure.LOOPBACK, tables: Tables | None = None) -> Flask:
    """The application for requests that come by `exposure`, judged by `tables` read before. Raises SettingsError."""
    house = House.build(settings, tables=tables)
    app = Flask("dmp", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.register_blueprint(ihe_blueprint(ihe_door(house)))
    fhir = fhir_door(house)
    app.register_blueprint(fhir_blueprint(fhir, sharing(house, fhir.key)))
    if settings.oauth.server:
        app.register_blueprint(oauth_blueprint(oauth_door(house)))
    if house.domain.assertion.profile is Profile.VIHF:  # the DMP's professionals and patients
        for pages in (*portal_blueprints(portal_door(house)), *patient_blueprints(patient_door(house))):
            app.register_blueprint(pages)
    app.register_blueprint(cda_endpoint.validation(settings, peer))
    _operator_routes(app, Health(house))
    _every_request(app, exposure)
    app.wsgi_app = mark(app.wsgi_app, exposure)  # type: ignore[assignment,method-assign]
    return app


def _operator_routes(app: Flask, health: Health) -> None:
    @app.get("/healthz")
    def healthz() -> tuple[Response, int]:
        found = health()
        healthy = all(state == OK for state in found.values())
        return jsonify(status=OK if healthy else "failing", **found), 200 if healthy else 503

    @app.get("/metrics")
    def show_metrics() -> Response:
        if not _on_this_machine(request.remote_addr):
            raise Forbidden("metrics are for this machine only")
        return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)


def _on_this_machine(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _every_request(app: Flask, exposure: Exposure) -> None:
    @app.before_request
    def begin() -> None:
        g.request_id = request.environ["dmp.request_id"] = uuid.uuid4().hex
        g.begun = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        if request.blueprint in STREAMING:
            request.max_content_length = sys.maxsize

    @app.after_request
    def end(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if exposure is not Exposure.LOOPBACK:
            response.headers.setdefault("Strict-Transport-Security", STRICT_TRANSPORT)
        response.headers["X-Request-ID"] = g.request_id
        seconds = time.perf_counter() - g.begun
        route = request.url_rule.rule if request.url_rule else "unknown"
        metrics.observe(route, request.method, response.status_code, seconds)
        log.info("request", route=route, method=request.method, status=response.status_code, seconds=round(seconds, 4))
        return response

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[Response, int]:
        status = error.code or 500
        return jsonify(error=error.name, status=status, request_id=g.request_id), status

    @app.errorhandler(Exception)
    def failed(error: Exception) -> tuple[Response, int]:
        log.error("failed", exc_info=error)
        return jsonify(error="Internal Server Error", status=500, request_id=g.request_id), 500
