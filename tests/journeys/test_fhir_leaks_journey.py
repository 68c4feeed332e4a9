"""What is hidden is not there, by FHIR: masked and forbidden documents change no answer that others get.

Two worlds are compared: a dossier without these documents and the same dossier with them; their ids and ids that nobody
has. What is asked of both must be answered alike: status, headers and every byte; and, counted in the same application
without a network, by the same work.

Source: docs/habilitations.md; HL7 FHIR R4, http.html and search.html; MHD 4.2, 2:3.65 to 2:3.68.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import sqlalchemy as sa

from conformance.lps.people import Patient
from server.app import create_app
from server.demo.people import PATIENTS
from server.settings import Exposure
from tests.browser import FORM, Browser
from tests.journeys.hidden import provide_pair
from tests.village import Village

JSON, ANYTHING = "application/fhir+json", "*/*"
NOBODY = ("urn:uuid:01234567-89ab-4def-8123-456789abcdef", "2.25.123456789")
END = "-----END CERTIFICATE-----"
VARYING = ("date", "x-request-id")  # of every answer
MASK = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
SORTS = ("_id", "_lastUpdated", "-_lastUpdated", "creation", "-date", "period", "status", "type")


@dataclass(frozen=True, slots=True)
class Hiding:
    """One way in which documents are hidden: who writes them, of which kind, and who is told nothing of them."""

    author: str
    blind: tuple[str, ...]
    kind: str = "consultation_report"
    masked: bool = False


USUAL = "masked"
HIDINGS = {
    USUAL: Hiding("medecin", ("pharmacien",), masked=True),
    "masked from others": Hiding("medecin", ("medecin-hospitalier", "infirmier", "secretaire"), masked=True),
    "forbidden": Hiding("medecin-hospitalier", ("podologue",), kind="hospital_stay_report"),
}


@dataclass(frozen=True, slots=True)
class Question:
    """One request; `{id}` and `{oid}` stand for what is named."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    form: str = ""


def by_patient(patient: Patient) -> Iterator[Question]:
    """Whatever can be asked of a whole dossier."""
    who = {"patient.identifier": f"urn:oid:{patient.ins_oid}|{patient.ins}"}

    def find(kind: str, **more: str) -> Question:
        return Question(f"{kind}?{urlencode({**who, **more})}")

    yield find("DocumentReference")
    for sort in SORTS:
        yield find("DocumentReference", _sort=sort)
    for name, value in (
        ("_summary", "count"),
        ("_summary", "true"),
        ("_summary", "text"),
        ("_summary", "data"),
        ("_count", "0"),
        ("_count", "1"),
        ("_count", "200"),
        ("_total", "accurate"),
        ("_elements", "securityLabel,relatesTo"),
        ("_include", "DocumentReference:relatesto"),
        ("_revinclude", "List:item"),
        ("_lastUpdated", "ge2020"),
        ("_lastUpdated", "lt2020"),
        ("status", "current,superseded,entered-in-error"),
        ("status", "entered-in-error"),
        ("security-label", f"{MASK}|MASQUE_PS"),
        ("security-label", "MASQUE_PS"),
        ("security-label:not", "MASQUE_PS"),
        ("type:missing", "false"),
        ("type", "34112-3"),
        ("author.family", "LEROUX"),
        ("relation", "appends"),
        ("relatesto:missing", "false"),
        ("isArchived", "true"),
    ):
        yield find("DocumentReference", **{name: value})
    yield Question("DocumentReference/_search", "POST", {"Content-Type": FORM}, urlencode(who))
    for code in ("submissionset", "folder"):
        for more in ({}, {"_include": "List:item"}, {"_summary": "count"}, {"_count": "1"}, {"item:missing": "false"}):
            yield find("List", code=code, **more)
        for sort in ("-date", "_lastUpdated", "title"):
            yield find("List", code=code, _sort=sort)


def by_id(patient: Patient) -> Iterator[Question]:
    """Whatever can be asked of one document, set, folder or association by its ids."""
    who = {"patient.identifier": f"urn:oid:{patient.ins_oid}|{patient.ins}"}
    for kind in ("DocumentReference", "List", "Binary"):
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            yield Question(f"{kind}/{{id}}", method)
        for below in ("_history", "_history/1", "$everything"):
            yield Question(f"{kind}/{{id}}/{below}")
    for kind in ("Provenance", "AuditEvent"):
        yield Question(f"{kind}/{{id}}")
    for tag in ('W/"1"', "*", '"1"'):
        yield Question("DocumentReference/{id}", headers={"If-None-Match": tag})
    yield Question("DocumentReference/{id}", headers={"If-Modified-Since": "Mon, 01 Jan 2018 00:00:00 GMT"})
    for headers in ({"Accept": ANYTHING}, {"Accept": "text/xml"}, {"Range": "bytes=0-1"}, {"If-None-Match": "*"}):
        yield Question("Binary/{id}", headers=headers)
    for named in ({}, who):
        yield Question(f"DocumentReference?{urlencode({**named, '_id': ''})}{{id}}")
        for identifier in ("urn:uuid:{id}", "urn:oid:{oid}", "urn:ietf:rfc:3986|urn:uuid:{id}"):
            yield Question(f"DocumentReference?{urlencode({**named, 'identifier': ''})}{identifier}")
        yield Question(f"DocumentReference?{urlencode({**named, 'relatesto': ''})}DocumentReference/{{id}}")
        yield Question(f"DocumentReference?{urlencode({**named, 'related:identifier': ''})}urn:oid:{{oid}}")
        yield Question(f"List?{urlencode({**named, '_id': ''})}{{id}}")
        for code in ("submissionset", "folder"):
            yield Question(f"List?{urlencode({**named, 'code': code, 'item': ''})}DocumentReference/{{id}}")
            yield Question(f"List?{urlencode({**named, 'code': code, 'identifier': ''})}urn:oid:{{oid}}")


@dataclass
class Reader:
    """Somebody's software, on one connection that stays open."""

    connection: http.client.HTTPConnection

    @classmethod
    def of(cls, village: Village, name: str) -> Reader:
        return cls(Browser.of(village, name)._connection())

    def close(self) -> None:
        self.connection.close()

    def told(self, question: Question, entry_uuid: str = "", other: str = "") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, without what varies, and without the ids that were asked for."""
        named = {"id": entry_uuid.removeprefix("urn:uuid:"), "oid": other}
        path = "/fhir/" + question.path.replace("{id}", named["id"]).replace("{oid}", named["oid"])
        headers = {"Accept": JSON, **question.headers}
        self.connection.request(question.method, path, question.form.encode() or None, headers)
        response = self.connection.getresponse()
        body = response.read()
        for name, value in named.items():
            body = body.replace(value.encode(), name.encode()) if value else body
        kept = {name.lower(): value for name, value in response.getheaders() if name.lower() not in VARYING}
        kept["content-length"] = str(len(body)) if body else kept.get("content-length", "")
        return response.status, kept, body


OTHERS = [pytest.param(each, marks=pytest.mark.long) for each in HIDINGS if each != USUAL]


@pytest.mark.parametrize("how", [USUAL, *OTHERS])
def test_what_is_hidden_changes_no_answer(village: Village, how: str) -> None:
    hiding, patient = HIDINGS[how], village.patient(PATIENTS[11].ins)
    author = village.lps(hiding.author)
    shown = provide_pair(village.lps("medecin-traitant"), "medecin-traitant", patient, masked=False)
    for name in hiding.blind:
        with closing(Reader.of(village, name)) as reader:
            questions = [*by_patient(patient)]
            before = [reader.told(each) for each in questions]
            hidden = provide_pair(author, hiding.author, patient, kind=hiding.kind, masked=hiding.masked, beside=shown)
            for question, expected in zip(questions, before, strict=True):
                assert reader.told(question) == expected, (name, question)
            for question in by_id(patient):
                nothing = {other: reader.told(question, NOBODY[0], other) for other in ("", NOBODY[1])}
                for entry_uuid, other in hidden.named:
                    expected = nothing[NOBODY[1] if other else ""]
                    assert reader.told(question, entry_uuid, other) == expected, (name, question, entry_uuid)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.long)])
def test_what_is_hidden_in_a_dossier_is_no_more_work(village: Village, step: int) -> None:
    """The registry is given the same statements; the application runs here, so that they can be seen."""
    patient = village.patient(PATIENTS[11].ins)
    provide_pair(village.lps("medecin-traitant"), "medecin-traitant", patient, masked=False)
    asked = [each for each in by_patient(patient) if each.method == "GET"][::step]
    named = [each for each in by_id(patient) if "patient.identifier" in each.path][::step]
    with working(village, "pharmacien") as work:
        before = [work(each) for each in asked]
        hidden = provide_pair(village.lps("medecin"), "medecin", patient)
        for question, expected in zip(asked, before, strict=True):
            assert work(question) == expected, question
        for question in named:
            assert work(question, *hidden.documents[0]) == work(question, *NOBODY), question


@contextmanager
def working(village: Village, name: str) -> Iterator[Callable[..., list[str]]]:
    """Gives a function that asks, as somebody behind a proxy, and tells the statements that the registry was given."""
    client = create_app(village.settings, Exposure.PROXY).test_client()
    certificates = (village.folder / "pki" / name / "auth.pem").read_text("ascii")
    own = certificates[: certificates.index(END) + len(END)] + "\n"
    headers = {"X-SSL-Client-Cert": quote(own), "X-SSL-Client-Verify": "SUCCESS", "Accept": JSON}
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "registry_" in statement:  # what the audit log writes depends on how many events it has
            statements.append(statement)

    def work(question: Question, entry_uuid: str = "", other: str = "") -> list[str]:
        statements.clear()
        path = question.path.replace("{id}", entry_uuid.removeprefix("urn:uuid:")).replace("{oid}", other)
        client.get(f"/fhir/{path}", headers=headers)
        return list(statements)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield work
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
