"""Each transaction of every door when this server fails: one clear answer, one event that says so, a log that tells
nothing of whom it was about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import audited_dmp_documents
import audited_dmp_dossiers
import audited_ihe_documents
import audited_ihe_patients
import audited_ihe_queries
import audited_ihe_sharing
import audited_ihe_submissions
import audited_ihe_subscriptions
import audited_patient_access
import audited_patient_documents
import audited_patient_rights
import pytest
from audited_dmp_cases import CASES as DMP_CASES
from audited_dmp_table import ROWS as DMP_ROWS
from audited_event import SECURITY_ALERT, USER_AUTHENTICATION, Row
from audited_failure import INSIDE, Pages, Rooms, check_failure, hearing, perform, successes
from audited_fhir_table import ROWS as FHIR_ROWS
from audited_hl7_table import ROWS as HL7_ROWS
from audited_ihe_stage import CASES as IHE_CASES
from audited_ihe_stage import Stage, staged
from audited_ihe_table import ROWS as IHE_ROWS
from audited_pages_table import ROWS as PAGE_ROWS
from audited_patient_cases import CASES as PATIENT_CASES
from audited_patient_table import ROWS as PATIENT_ROWS
from audited_stage import Log
from audited_village import Audited
from test_audited_fhir_journey import CASES as FHIR_CASES
from test_audited_hl7_journey import CASES as HL7_CASES
from test_audited_pages_journey import CASES as PAGE_CASES

from tests.mllp import Sender

PERFORMED = (  # fill the cases
    *(audited_dmp_documents, audited_dmp_dossiers),
    *(audited_ihe_documents, audited_ihe_patients, audited_ihe_queries, audited_ihe_sharing, audited_ihe_submissions),
    audited_ihe_subscriptions,
    *(audited_patient_access, audited_patient_documents, audited_patient_rights),
)
# Tables that somebody is known by: they stay, so that it is the hall that fails.
BELIEVED = ("assertion_uses",)
RECEIVED = ("hl7_receipts",)
IN_OFFICE = ("structures", "professionals", "professional_exercices", "professional_structures")
DOSSIERS = ("dossiers", "dossier_identifiers")
CONNECTED = (*DOSSIERS, "representatives", "accounts", "account_sessions")

PERSONAL = re.compile(r"ESSAI|&ISO|\b[12][0-9]{12}([0-9]{2})?\b")  # a name, an identifier of an IHE domain, an INS

Answer = tuple[int, str, bytes]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("failing")) as made:
        yield made


def _fault(answer: Answer, request_id: str) -> None:
    """Source: SOAP 1.2 Part 1, 5.4.6 (env:Receiver), Part 2, Table 20 (500)."""
    status, media_type, body = answer
    assert (status, media_type) == (500, "application/soap+xml")
    assert b"<env:Value>env:Receiver</env:Value>" in body and request_id.encode() in body, body


def _page(answer: Answer, request_id: str) -> None:
    status, media_type, body = answer
    assert (status, media_type) == (500, "text/html")
    assert b"Erreur du serveur" in body and request_id.encode() in body, body


def _outcome(answer: Answer, request_id: str) -> None:
    """Source: HL7 FHIR R4, issue-type (exception)."""
    status, media_type, body = answer
    assert (status, media_type) == (500, "application/fhir+json")
    assert b'"code":"exception"' in body and request_id.encode() in body, body


def _error(answer: Answer, request_id: str) -> None:
    status, media_type, body = answer
    assert (status, media_type) == (500, "application/json")
    assert b"server_error" in body and request_id.encode() in body, body


TOKEN_ROWS = {title: rows for title, rows in FHIR_ROWS.items() if rows[0].event == USER_AUTHENTICATION}
PEOPLE_ROWS = {title: rows for title, rows in FHIR_ROWS.items() if title.startswith("ITI-78")}
READING_ROWS = {title: rows for title, rows in FHIR_ROWS.items() if title not in TOKEN_ROWS | PEOPLE_ROWS}


def _fails(
    log: Log,
    folder: Path,
    rooms: Rooms,
    spared: Collection[str],
    case: Callable[[], object],
    rows: tuple[Row, ...],
    told: Callable[[Answer, str], None],
) -> None:
    journal = folder / "server.log"
    before = journal.stat().st_size
    with pytest.MonkeyPatch.context() as patch, hearing(patch) as heard:
        perform(log, rooms, spared, case)
    event = check_failure(log, rows)
    told(heard.last, event.request_id)
    assert not [each for each in INSIDE if each in heard.last[2]], heard.last
    written = journal.read_bytes()[before:].decode()
    assert event.request_id in written and "Traceback" not in written
    lines = [line for line in written.splitlines() if event.request_id in line]
    assert not [line for line in lines if PERSONAL.search(line)]


def _of_village(
    audited: Audited,
    cases: Mapping[str, Callable[[Audited], Any]],
    rows: Mapping[str, tuple[Row, ...]],
    title: str,
    told: Callable[[Answer, str], None],
    spared: Collection[str],
) -> None:
    rooms = Rooms.of(audited.village.settings)
    _fails(audited.log, audited.village.folder, rooms, spared, lambda: cases[title](audited), rows[title], told)


_OF_FHIR = frozenset(f"ITI-{number}" for number in (65, 66, 67, 68, 78, 83, 105, 106, 110, 113, 119))
BY_FHIR = {
    title: _outcome for title in IHE_ROWS if title.partition(",")[0] in _OF_FHIR or title.startswith("ITI-57 by PATCH")
}
BY_HL7_V2 = {title: rows for title, rows in IHE_ROWS.items() if title.partition(",")[0] in ("ITI-8", "ITI-9", "ITI-21")}


@pytest.mark.parametrize(
    "title", successes({title: rows for title, rows in IHE_ROWS.items() if title not in BY_HL7_V2})
)
def test_a_transaction_of_an_ihe_domain(stage: Stage, title: str) -> None:
    stage.node.home_id = ""
    rooms, folder = Rooms.of(stage.node.settings), stage.node.home.parent
    _fails(stage.log, folder, rooms, (), lambda: IHE_CASES[title](stage), IHE_ROWS[title], BY_FHIR.get(title, _fault))


@pytest.mark.parametrize("title", successes(BY_HL7_V2))
@pytest.mark.parametrize("spared", [RECEIVED, ()])
def test_a_message_of_hl7_v2(stage: Stage, title: str, spared: tuple[str, ...]) -> None:
    """In the hall, and before it: whether the message came before cannot be known. Source: HL7 table 0008 (AR)."""
    folder, rooms = stage.node.home.parent, Rooms.of(stage.node.settings)
    _message_fails(stage.log, folder, rooms, spared, lambda: IHE_CASES[title](stage), IHE_ROWS[title])


@pytest.mark.parametrize("title", successes(HL7_ROWS))
def test_a_message_of_hl7_v2_to_a_dmp(audited: Audited, title: str) -> None:
    rooms, folder = Rooms.of(audited.village.settings), audited.village.folder
    _message_fails(audited.log, folder, rooms, RECEIVED, lambda: HL7_CASES[title](audited), HL7_ROWS[title])


def _message_fails(
    log: Log,
    folder: Path,
    rooms: Rooms,
    spared: Collection[str],
    case: Callable[[], object],
    rows: tuple[Row, ...],
) -> None:
    journal = folder / "server.log"
    before = journal.stat().st_size
    perform(log, rooms, spared, case)
    event, answer = check_failure(log, rows), Sender.heard[-1]
    assert b"\rMSA|AR|" in answer and b"|207^" in answer, answer
    assert not [each for each in INSIDE if each in answer], answer
    written = journal.read_bytes()[before:].decode()
    assert event.request_id in written and "Traceback" not in written
    assert not [line for line in written.splitlines() if event.request_id in line and PERSONAL.search(line)]


@pytest.mark.parametrize("title", successes(DMP_ROWS))
def test_a_transaction_of_practice_software(audited: Audited, title: str) -> None:
    _of_village(audited, DMP_CASES, DMP_ROWS, title, _fault, BELIEVED)


def test_a_transaction_of_practice_software_before_the_hall(audited: Audited) -> None:
    """Who asks cannot be known."""
    _of_village(audited, DMP_CASES, DMP_ROWS, "TD3.1", _fault, ())


@pytest.mark.parametrize("title", successes(PAGE_ROWS))
def test_a_page_of_professionals(audited: Audited, title: str) -> None:
    _of_village(audited, PAGE_CASES, PAGE_ROWS, title, _page, (*BELIEVED, *IN_OFFICE, *DOSSIERS))


@pytest.mark.parametrize("title", ["Documents", "TD0.10"])
def test_a_page_of_professionals_before_the_hall(audited: Audited, title: str) -> None:
    _of_village(audited, PAGE_CASES, PAGE_ROWS, title, _page, ())


@pytest.mark.parametrize("title", successes(PATIENT_ROWS))
def test_a_page_of_patients(audited: Audited, title: str) -> None:
    """Where it is by these very tables that people are known, it fails before the hall."""
    proving = PATIENT_ROWS[title][0].event in (SECURITY_ALERT, USER_AUTHENTICATION)
    _of_village(audited, PATIENT_CASES, PATIENT_ROWS, title, _page, () if proving else CONNECTED)


@pytest.mark.parametrize("title", successes(TOKEN_ROWS))
def test_a_token_asked_for(audited: Audited, title: str) -> None:
    _of_village(audited, FHIR_CASES, FHIR_ROWS, title, _error, ())


@pytest.mark.parametrize("title", successes(PEOPLE_ROWS))
def test_a_search_of_patients(audited: Audited, title: str) -> None:
    _of_village(audited, FHIR_CASES, FHIR_ROWS, title, _outcome, ())


@pytest.mark.parametrize("title", successes(READING_ROWS))
def test_a_search_of_auditors(audited: Audited, title: str) -> None:
    pages = Pages.of(audited.village.settings)
    folder, rows = audited.village.folder, FHIR_ROWS[title]
    _fails(audited.log, folder, pages, (), lambda: FHIR_CASES[title](audited), rows, _outcome)
