"""Without its audit event nothing is disclosed: every door says so, /healthz too, and all is well again by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from doors import Answer, Doors, healthy
from patients import Someone, posted

from conformance.lps.vihf import Access
from server.demo import background
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.browser import Browser
from tests.village import Village

PATIENT = 0  # index in PATIENTS
SUZANNE = PATIENTS[PATIENT]
PAPER = Paper("consultation_report", "medecin-traitant", "medecin-traitant", PATIENT, 1)
UNAVAILABLE = "Réessayez dans quelques minutes."
# An event that cannot be written, and one that is written and cannot be committed.
UNWRITABLE = "CREATE TRIGGER broken BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END"
UNCOMMITTED = (
    "CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY)",
    "CREATE TABLE IF NOT EXISTS child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TRIGGER broken AFTER INSERT ON audit_event BEGIN INSERT INTO child VALUES (NEW.sequence); END",
)


@dataclass(frozen=True)
class Settled:
    """A village with a patient who is connected, and every door to her DMP."""

    village: Village
    doors: Doors
    secrets: tuple[str, ...]

    @contextmanager
    def broken(self, *statements: str) -> Iterator[None]:
        """The audit log, while somebody broke it behind the server's back."""
        self._run(*statements)
        try:
            yield
        finally:
            self._run("DROP TRIGGER broken")

    def _run(self, *statements: str) -> None:
        with self.village.house() as house, house.database.transaction() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


MOTIF = "patient inconscient sous le cyprès bleu"


@pytest.fixture(scope="module")
def settled(new_village: Callable[[], Village], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settled]:
    village, folder = new_village(), tmp_path_factory.mktemp("doors")
    with posted(village) as box:
        village.start()
        try:
            someone = Someone.of(village, box, SUZANNE.ins)
            someone.settle_in()
            patient = village.patient(SUZANNE.ins)
            first, second = (write(PAPER, folder, number, datetime.now(UTC)) for number in range(2))
            (document,) = village.lps("medecin-traitant").provide([first], patient).unique_ids
            found = village.lps("medecin-traitant").find(patient)
            title = next(entry.title for entry in found if entry.unique_id == document)
            doors = Doors(village, someone, patient, document, second, folder)
            yield Settled(village, doors, (document, title, SUZANNE.traits.birth_family, "ClinicalDocument"))
        finally:
            village.stop()


def wait_for_health(village: Village, status: int) -> str:
    """What /healthz says, once it says that."""
    give_up = time.monotonic() + 60
    while (found := healthy(village))[0] != status:
        assert time.monotonic() < give_up, found
        time.sleep(0.1)
    return found[1]


def is_closed(name: str, answer: Answer, secrets: tuple[str, ...]) -> None:
    """Whether a door tells that it cannot answer, and nothing else."""
    if name.startswith("dmp "):
        assert answer.status == 1 and "expected" in answer.said, (name, answer)
    elif name.startswith("fhir "):
        assert answer.status == 503 and '"transient"' in answer.said, (name, answer)
    elif answer.status == 503:
        assert UNAVAILABLE in answer.said, (name, answer)
    else:
        assert answer.fault == "Receiver" and "service unavailable" in answer.said, (name, answer)
    for secret in secrets:
        assert secret not in answer.said, (name, secret)


def test_every_door_answers_when_all_is_well(settled: Settled) -> None:
    answers = {name: ask() for name, ask in settled.doors.all()}
    failed = {name: answer for name, answer in answers.items() if answer.status not in (0, 200, 303)}
    assert failed.keys() == {"TD0.5", "fhir AuditEvent"}, failed
    assert failed["fhir AuditEvent"].status == 403, "no auditor asks"
    assert "DMPAccessDeniedByRightsService" in failed["TD0.5"].said, "with a card it is refused: an answer, too"
    for secret in settled.secrets:
        assert any(secret in answer.said for answer in answers.values()), secret


@pytest.mark.parametrize("breaking", [(UNWRITABLE,), UNCOMMITTED], ids=["unwritable", "uncommitted"])
def test_no_door_answers_without_an_event(settled: Settled, breaking: tuple[str, ...]) -> None:
    with settled.broken(*breaking):
        if breaking == (UNWRITABLE,):
            said = wait_for_health(settled.village, 503)
            assert '"audit":"AuditUnavailable"' in said and '"database":"ok"' in said
        before = len(settled.village.audit(100_000))
        for name, ask in settled.doors.all():
            is_closed(name, ask(), settled.secrets)
        assert len(settled.village.audit(100_000)) == before
    wait_for_health(settled.village, 200)
    assert settled.village.lps("medecin-traitant").find(settled.doors.patient)


# --- What was written of it all ---------------------------------------------------------------------------------------


def test_technical_logs_hold_nothing_of_anybody(settled: Settled) -> None:
    """After all of the above, an emergency and addresses that name people: every line is JSON, none names anybody."""
    village, someone, patient = settled.village, settled.doors.someone, settled.doors.patient
    village.lps("medecin").find(patient, access=Access("bris_de_glace", MOTIF))
    doctor = Browser.of(village, "medecin-traitant")
    assert doctor.get(f"/AccesDirect/Nowhere/{patient.ins}?nom={SUZANNE.traits.birth_family}").status == 404
    assert doctor.get(f"/patient/documents/{settled.doors.document}").status == 303
    people = [(each.traits.birth_family, each.traits.birth_given, each.ins) for each in PATIENTS]
    staff = [(each.family, each.given, each.id_nat) for each in village.demo.people]
    marks = {MOTIF, "cyprès", someone.access.login, someone.password, someone.address, *settled.secrets}
    marks |= {word for words in (*people, *staff) for word in words if len(word) > 3}
    written = (village.folder / background.LOG).read_text("utf-8")
    lines = [json.loads(line) for line in written.splitlines()]
    assert any(line["event"] == "request" for line in lines)
    assert any("AuditUnavailable" in line["event"] for line in lines), "what went wrong is there"
    assert {mark for mark in marks if mark.casefold() in written.casefold()} == set()


def test_the_number_of_a_request_joins_log_and_audit_log(settled: Settled) -> None:
    village = settled.village
    page = Browser.of(village, "medecin-traitant").get(f"/AccesDirect/Documents/{settled.doors.patient.ins}")
    village.lps("medecin-traitant").find(settled.doors.patient)
    number = page.headers["X-Request-ID"]
    events = village.audit(100_000)
    assert {event.action for event in events if event.request_id == number} == {"TD0.9", "TD3.1"}
    written = (village.folder / background.LOG).read_text("utf-8")
    logged = {json.loads(line).get("request_id") for line in written.splitlines()}
    asked = [event for event in events if event.client_address]
    assert asked and {event.request_id for event in asked} <= logged
