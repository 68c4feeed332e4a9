"""Machines that read or feed the audit log of a village by FHIR, each with a client certificate, or without."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cryptography import x509

from schemas import oids
from server.settings import load
from tests.browser import Browser
from tests.ports import free_port
from tests.village import Village

AUDITOR, SENDER, STRANGER = "auditeur", "noeud", "inconnu"
BY_TOKEN = "1990000018/automate"  # the hospital's machine, as it asks for a token by itself
AUDIT_EVENT, SYSLOG_SEARCH = "/fhir/AuditEvent", "/fhir/syslogsearch"
APP, CALLBACK = "an-app", "https://app.example/callback"  # that asks for tokens in a browser
FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True)
class Answer:
    """What the FHIR door answers."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def resource(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.content)
        return found

    @property
    def issues(self) -> list[tuple[str, str]]:
        """Code and diagnostics of each issue of an OperationOutcome."""
        assert self.resource["resourceType"] == "OperationOutcome"
        return [(issue["code"], issue["diagnostics"]) for issue in self.resource["issue"]]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The AuditEvents of a searchset."""
        assert (self.resource["resourceType"], self.resource["type"]) == ("Bundle", "searchset")
        return [each["resource"] for each in self.resource.get("entry", ()) if each["search"]["mode"] == "match"]

    def link(self, relation: str) -> str | None:
        """The path and query of a link of a Bundle."""
        links = [each["url"] for each in self.resource["link"] if each["relation"] == relation]
        return "/" + links[0].split("/", 3)[3] if links else None


def ask(
    village: Village,
    name: str | None,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Any request, with the certificate of `name`, or without one."""
    answer = Browser.of(village, name).ask(method, path, body, dict(headers or {}))
    return Answer(answer.status, dict(answer.headers.items()), answer.content)


def search(village: Village, name: str | None = AUDITOR, date: str = "ge2020", **parameters: str) -> Answer:
    """ITI-81."""
    query = urlencode([("date", date), *((key.replace("__", "."), each) for key, each in parameters.items())])
    return ask(village, name, f"{AUDIT_EVENT}?{query}")


def post(
    village: Village, body: bytes, *, path: str = AUDIT_EVENT, name: str | None = SENDER, kind: str = FHIR_JSON
) -> Answer:
    """ITI-20 by FHIR."""
    return ask(village, name, path, method="POST", body=body, headers={"Content-Type": kind})


def open_to_nodes(village: Village, *, feed: bool = True) -> None:
    """Has the settings of a village that is not started let an auditor and a sender in: one by name, one by print."""
    for name in (AUDITOR, SENDER, STRANGER):
        village.pki.structure(name, "10B9999999", f"Machine {name}")
    sender = (village.folder / "pki" / SENDER / "auth.pem").read_text("ascii").partition("-----END")[0]
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(f"{sender}-----END CERTIFICATE-----\n")).hexdigest()
    values = {
        "audit_auditors": [subject(village, AUDITOR)],
        "audit_senders": [fingerprint],
        "audit_feed": feed,
        "audit_syslog_tls": f"127.0.0.1:{free_port()}",
        "oauth_auditors": [f"https://{village.settings.https} {BY_TOKEN}"],
        "oauth_apps": [f"{APP} {CALLBACK}", f"{APP} {CALLBACK}/other", f"another-app {CALLBACK}/another"],
    }
    with (village.settings.home / "settings.toml").open("a", encoding="utf-8") as file:
        file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    village.settings = load({"home": village.settings.home}, {})


def subject(village: Village, name: str) -> str:
    """The subject of somebody's TLS certificate, as RFC 4514 writes it."""
    pem = (village.folder / "pki" / name / "auth.pem").read_bytes()
    return x509.load_pem_x509_certificates(pem)[0].subject.rfc4514_string()


def opened_by_fhir(village: Village, ins: str, unique_id: str, name: str = "medecin-traitant") -> bytes:
    """The bytes of a document that somebody's card finds by ITI-67 and opens by ITI-68."""
    asked = {
        "patient.identifier": f"urn:oid:{oids.INS_NIR_TEST}|{ins}",
        "identifier": f"urn:ietf:rfc:3986|urn:oid:{unique_id}",
    }
    (found,) = ask(village, name, f"/fhir/DocumentReference?{urlencode(asked)}").events
    (content,) = found["content"]
    path = "/" + content["attachment"]["url"].split("/", 3)[3]
    opened = ask(village, name, path, headers={"Accept": "*/*"})
    assert opened.status == 200, opened.content
    return opened.content
