"""ITI-82 through real HTTPS: what a node sends by syslog an auditor finds with its header, and nobody else does."""

from __future__ import annotations

import json
import re
import socket
from urllib.parse import urlencode

import pytest
from audit_nodes import AUDITOR, SENDER, STRANGER, SYSLOG_SEARCH, Answer, ask, subject

from audit.event import Outcome
from audit.store import AuditRecord
from audit.syslog import write_frame
from schemas.xml import parse
from server.audit_links import end
from tests.audit_peers import client_context
from tests.browser import Browser
from tests.village import Village

MESSAGES = tuple(
    f'<{14 + day}>1 2020-05-0{day + 1}T10:00:00+02:00 scanner IHE+SOLE 7 RID1 [a@1 b="{day}"] événement {day}'
    for day in range(5)
)


@pytest.fixture(scope="module")
def village(open_village: Village) -> Village:
    """Where a node has sent syslog messages: they are stored when the end of its connection is answered."""
    address = open_village.settings.audit.syslog_tls
    assert address is not None
    context = client_context(open_village.folder)
    context.load_cert_chain(*(open_village.folder / "pki" / SENDER / f"auth.{kind}" for kind in ("pem", "key")))
    with socket.create_connection((address.host, address.port), 10) as plain:
        connection = context.wrap_socket(plain, server_hostname="localhost")
        connection.sendall(b"".join(write_frame(each.encode()) for each in MESSAGES))
        end(connection)
    return open_village


def search(village: Village, name: str | None = AUDITOR, *, accept: str = "", **parameters: str) -> Answer:
    query = urlencode({"date": "ge2020", **{key.replace("_", "-"): each for key, each in parameters.items()}})
    return ask(village, name, f"{SYSLOG_SEARCH}?{query}", headers={"Accept": accept} if accept else {})


def last(village: Village) -> AuditRecord:
    return village.audit(1)[0]


@pytest.mark.proves("transaction/ITI-82")
def test_what_came_is_found_by_its_header_in_json_and_xml(village: Village) -> None:
    answer = search(village, app_name="IHE+SOLE", hostname="SCANNER")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    told = json.loads(answer.content)
    assert [each["Msg"] for each in told] == [f"événement {number}" for number in (4, 3, 2, 1, 0)]
    assert told[-1] == {
        "Pri": "14",
        "Version": "1",
        "Timestamp": "2020-05-01T10:00:00+02:00",
        "Hostname": "scanner",
        "App-name": "IHE+SOLE",
        "Procid": "7",
        "Msg-id": "RID1",
        "Structured-data": '[a@1 b="0"]',
        "Msg": "événement 0",
    }
    written = search(village, accept="application/xml", app_name="IHE+SOLE", pri="14")
    assert written.headers["Content-Type"] == "application/xml; charset=utf-8"
    ((fields,),) = ([{field.tag: field.text for field in each} for each in parse(written.content)],)
    assert fields == told[-1]
    asked_for = ask(village, AUDITOR, f"{SYSLOG_SEARCH}?date=2020-05-01&_format=xml", headers={"Accept": "text/turtle"})
    assert parse(asked_for.content).findtext("SyslogMessage/Msg") == "événement 0"
    assert search(village, accept="text/turtle").status == 406


def test_this_servers_own_events_are_there_as_it_sends_them(village: Village) -> None:
    told = json.loads(search(village, app_name="open-dmp", msg="ITI-82").content)
    assert {(each["Pri"], each["Hostname"], each["Msg-id"]) for each in told} == {
        ("85", socket.gethostname(), "IHE+RFC-3881")
    }
    assert all(parse(each["Msg"].encode()).tag == "AuditMessage" for each in told)


def test_page_by_page(village: Village) -> None:
    path: str | None = f"{SYSLOG_SEARCH}?date=le2020-06&_count=2&app-name=IHE%2BSOLE"
    pages: list[list[str]] = []
    while path is not None:
        answer = ask(village, AUDITOR, path)
        pages.append([each["Pri"] for each in json.loads(answer.content)])
        link = re.fullmatch(r'<https://[^/]+(/[^>]+)>; rel="next"', answer.headers.get("Link", ""))
        path = link[1] if link else None
    assert pages == [["18", "17"], ["16", "15"], ["14"]]


def test_a_reading_is_recorded_with_what_was_asked(village: Village) -> None:
    search(village, pri="14")
    record = last(village)
    assert (record.transaction, record.action, record.outcome) == ("ITI-82", "ITI-82", Outcome.SUCCESS)
    assert (record.requester_id, record.rule_row) == (subject(village, AUDITOR), "ITI-82 × auditeur:normal")


@pytest.mark.parametrize("name", [STRANGER, SENDER, "medecin-traitant", "hopital", None])
@pytest.mark.parametrize("path", [f"{SYSLOG_SEARCH}?date=ge2020", f"{SYSLOG_SEARCH}?nonsense"])
def test_nobody_else_reads(village: Village, name: str | None, path: str) -> None:
    answer = ask(village, name, path)
    assert answer.status == (403 if name else 401)
    assert b"SOLE" not in answer.content
    assert (last(village).transaction, last(village).outcome) == ("ITI-82", Outcome.SERIOUS_FAILURE)
    assert village.settings.http is not None
    assert Browser(village.settings.http, None).get(path).status == 403, "this machine reads no more than others"


def test_nothing_is_written_there(village: Village) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(village, AUDITOR, SYSLOG_SEARCH, method=method, body=b"")
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")
