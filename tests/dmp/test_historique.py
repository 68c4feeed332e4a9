"""The access history in the hall: what each reader sees of it. Over a real database."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from audit.event import Outcome
from dmp.errors import AccessRefused, GestionError
from dmp.gestion import close_dossier, open_dossier
from dmp.historique import EVERYTHING, ON_LINE_TRACES, Line, Wanted, operator_reads_history, read_history
from dmp.historique_export import as_csv, as_json
from dmp.merging import merge_dossiers
from dmp.sentences import Kind
from habilitations.action import Action
from identities.alerts import Alerts, Party
from identities.dossier import Traits
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from registry.errors import RegistryError
from registry.store.tables import ENTRY
from schemas import oids
from tests.dmp.accounts import ANNE, DOCTOR, LEA, Desk, desk
from tests.dmp.life import ANNOUNCED, KEPT, MASKED, OTHER, Life, calling, urgent

ENTERED, ADDED, OPENED = "a accédé au DMP", "a ajouté un document", "a consulté un document"
READ = "a consulté l'historique des accès"
SECRET = replace(DOCTOR, secret_connection=True)
OPERATOR = "Exploitant du service (test)"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def anne(house: Desk) -> Life:
    return Life(house)


@pytest.fixture
def lea(house: Desk) -> Life:
    return Life(house, LEA)


def lines(life: Life, reader: Requester, wanted: Wanted = EVERYTHING) -> tuple[Line, ...]:
    """All that a reader sees, but for who read the history and the operator's opening; oldest first."""
    page = read_history(life.desk.gate, life.of(reader), calling("HA"), wanted, limit=None)
    return tuple(line for line in reversed(page.lines) if line.act != READ and line.name != OPERATOR)


def told(life: Life, reader: Requester) -> list[tuple[str, str, int]]:
    """Who did what, with how many documents."""
    return [(line.name, line.act, len(line.documents)) for line in lines(life, reader)]


def medecin_traitant(life: Life) -> Requester:
    with life.desk.rooms() as rooms:
        rooms.rights.set_medecin_traitant(life.dossier_in(rooms).key, OTHER.id_nat, True)
    return OTHER


def auditor(life: Life) -> Requester:
    return replace(life.herself, id_nat="audit-1", name="Audit", authentication=Authentication.AUDITEUR)


# --- Who reads what ---------------------------------------------------------------------------------------------------


def test_a_line_says_who_what_when_how_and_whether(house: Desk, anne: Life) -> None:
    (document,) = anne.deposit()
    anne.acts(urgent(OTHER), Action.TD3_2, document)
    added, opened = lines(anne, anne.herself)
    assert (added.instant, added.name, added.person, added.profession) == (
        house.now,
        "MARTIN Claire",
        DOCTOR.id_nat,
        "Médecin",
    )
    assert (added.act, added.kind, added.result, added.circumstances) == (ADDED, Kind.ALIMENTATION, "fait", "")
    ((named),) = added.documents
    assert (named.unique_id, named.title) == (document, "Séjour en oncologie")
    assert named.type.startswith("CR hospitalier") or named.type, "the label of its type"
    assert (opened.mode, opened.circumstances) == (
        ModeAcces.BRIS_DE_GLACE,
        "accès en bris de glace : patient inconscient",
    )


def test_patient_medecin_traitant_and_auditor_read_everything_others_their_own(house: Desk, anne: Life) -> None:
    anne.deposit()
    anne.acts(OTHER, Action.TD3_1)
    whole = [("MARTIN Claire", ADDED, 1), ("DURAND Paul", "a recherché des documents", 0)]
    assert told(anne, anne.herself) == whole
    assert told(anne, DOCTOR) == whole[:1]
    assert told(anne, OTHER) == whole[1:]
    assert told(anne, auditor(anne)) == [("MARTIN Claire", ADDED, 0), whole[1]], "an auditor reads no documents"
    assert told(anne, medecin_traitant(anne)) == whole


def test_the_operator_s_acts_are_there_too(house: Desk, anne: Life) -> None:
    page = read_history(house.gate, anne.herself, calling("HA"))
    assert [(line.name, line.act) for line in page.lines] == [(OPERATOR, "a créé le DMP")]


def test_reading_the_history_is_in_the_history(house: Desk, anne: Life) -> None:
    read_history(house.gate, DOCTOR, calling("HA"))
    newest = read_history(house.gate, anne.herself, calling("HA")).lines[0]
    assert (newest.name, newest.act) == ("MARTIN Claire", READ)


def test_who_may_not_enter_reads_nothing(house: Desk, anne: Life) -> None:
    for requester in (urgent(DOCTOR), replace(DOCTOR, id_nat="899900000041"), replace(DOCTOR, patient=LEA)):
        with pytest.raises(AccessRefused):
            read_history(house.gate, requester, calling("HA"))


def test_an_auditor_reads_after_the_closing_and_of_nobody_nothing(house: Desk, anne: Life) -> None:
    anne.deposit()
    close_dossier(house.gate, "test", ANNE, "demande du patient")
    assert told(anne, auditor(anne)) == [("MARTIN Claire", ADDED, 0)]
    nobody = replace(auditor(anne), patient=PatientId("199999999999999", oids.INS_NIR_TEST))
    assert read_history(house.gate, nobody, calling("HA")).lines == ()


def test_what_was_tried_and_refused_is_told_as_such(house: Desk, anne: Life) -> None:
    stranger = replace(OTHER, id_nat="899900000041", name="INCONNU Jean")
    with suppress(AccessRefused):
        anne.acts(stranger, Action.TD3_1)
    elsewhere = replace(OTHER, structure_id="1990000018")
    with suppress(AccessRefused):
        anne.acts(elsewhere, Action.TD3_1)  # before a dossier is looked for: it names the patient only
    assert [(line.name, line.act, line.result) for line in lines(anne, anne.herself)] == [
        ("INCONNU Jean", "a tenté de rechercher des documents", "refusé"),
        ("DURAND Paul", "a tenté de rechercher des documents", "refusé"),
    ]
    done = Wanted(outcomes=frozenset({Outcome.SUCCESS}))
    assert lines(anne, anne.herself, done) == ()
    assert len(lines(anne, anne.herself, Wanted(outcomes=frozenset({Outcome.MINOR_FAILURE})))) == 2


def test_what_was_done_in_a_dossier_that_was_merged_was_done_to_this_patient(house: Desk, anne: Life) -> None:
    former = PatientId("179035121518923", oids.INS_NIR_TEST)
    open_dossier(
        house.gate, "test", (former,), Traits("ESSAI", "ANNE", date(1979, 3, 28), "F"), domain=house.house.domain
    )
    Life(house, former).deposit()
    anne.deposit()
    merge_dossiers(house.gate, "test", ANNE, former, domain=house.house.domain)
    assert told(anne, anne.herself) == [("MARTIN Claire", ADDED, 1)] * 2


# --- What stays hidden ------------------------------------------------------------------------------------------------


def test_of_a_document_that_must_be_announced_the_patient_sees_that_somebody_came(house: Desk, anne: Life) -> None:
    (hidden,) = anne.deposit((ANNOUNCED,))
    anne.opens(OTHER, hidden)
    seen, both = anne.deposit((), (ANNOUNCED,))
    anne.acts(OTHER, Action.TD3_2, both, seen)
    came = [("MARTIN Claire", ENTERED, 0), ("DURAND Paul", ENTERED, 0)]
    assert told(anne, anne.herself) == [*came, ("MARTIN Claire", ADDED, 1), ("DURAND Paul", OPENED, 1)]
    assert told(anne, medecin_traitant(anne))[0] == ("MARTIN Claire", ADDED, 1)


def test_acts_on_what_must_be_announced_cannot_be_found_by_their_kind(house: Desk, anne: Life) -> None:
    anne.deposit((ANNOUNCED,))
    for kind in Kind:
        found = lines(anne, anne.herself, Wanted(kinds=frozenset({kind})))
        assert [line.act for line in found] == ([ENTERED] if kind is Kind.ACCES else []), kind


def test_an_attempt_that_failed_does_not_tell_what_it_was_about(house: Desk, anne: Life) -> None:
    for action in (Action.TD2_1, Action.TD3_3A_MASQUER, Action.TD3_3C):
        with pytest.raises(RegistryError), anne.desk.gate.passage(DOCTOR, action, ANNE, calling()):
            raise RegistryError([])
    assert told(anne, anne.herself) == [("MARTIN Claire", "a tenté d'accéder au DMP", 0)] * 3
    assert [line.result for line in lines(anne, anne.herself)] == ["refusé"] * 3


def test_a_representative_sees_nothing_of_what_is_kept_from_them(house: Desk, lea: Life) -> None:
    (kept,) = lea.deposit((KEPT,))
    lea.opens(OTHER, kept)
    lea.deposit((KEPT, ANNOUNCED), (KEPT, MASKED))
    lea.deposit((KEPT,), ())
    lea.deposit((ANNOUNCED,))
    lea.acts(SECRET, Action.TD3_1)
    lea.deposit(by=SECRET)
    assert told(lea, lea.mother) == [("MARTIN Claire", ADDED, 1), ("MARTIN Claire", ENTERED, 0)]
    assert len(lines(lea, lea.herself)) == 7
    assert [line.act for line in lines(lea, lea.mother, Wanted(person=DOCTOR.id_nat))] == [ADDED, ENTERED]


def test_what_was_secret_stays_so_in_the_alerts_that_it_gave(house: Desk, lea: Life) -> None:
    lea.wants(Alerts(OTHER.id_nat, Party.PROFESSIONNEL, documents=True, email="paul@cabinet.example"))
    lea.deposit(by=SECRET)
    lea.deposit((KEPT,))
    assert told(lea, lea.mother) == []
    alert = ("DURAND Paul", "a été averti(e) de l'ajout d'un document", 1)
    assert told(lea, lea.herself) == [("MARTIN Claire", ADDED, 1), alert] * 2
    lea.deposit()
    assert told(lea, lea.mother) == [("MARTIN Claire", ADDED, 1), alert]


def test_a_document_that_is_shown_at_last_is_told_of(house: Desk, lea: Life) -> None:
    """The newest version decides, whatever was kept once."""
    (document,) = lea.deposit((KEPT,))
    assert told(lea, lea.mother) == []
    with house.house.database.transaction() as connection:
        row = connection.execute(ENTRY.select().where(ENTRY.c.unique_id == document)).one()._mapping
        body = json.loads(row["body"])
        connection.execute(
            ENTRY.insert().values(
                {
                    **{name: value for name, value in row.items() if name != "id"},
                    "entry_uuid": "urn:uuid:00000000-0000-4000-9000-000000000001",
                    "version": 2,
                    "invisible_representatives": False,
                    "body": json.dumps(
                        {**body, "version": 2, "confidentiality_codes": body["confidentiality_codes"][:1]}
                    ),
                }
            )
        )
    assert told(lea, lea.mother) == [("MARTIN Claire", ADDED, 1)]


def test_a_professional_s_own_acts_do_not_tell_a_hidden_document_from_none(house: Desk, anne: Life) -> None:
    seen, masked = anne.deposit((), (MASKED,))

    def traces(*asked: str) -> list[tuple[str, str, str, tuple[str, ...]]]:
        before = len(lines(anne, OTHER))
        anne.opens(OTHER, *asked)
        new = lines(anne, OTHER)[before:]
        return [(line.act, line.result, line.circumstances, tuple(d.unique_id for d in line.documents)) for line in new]

    assert traces(masked) == traces("2.25.1") == [("a tenté de consulter un document", "refusé", "", ())]
    assert traces(masked, seen) == traces("2.25.1", seen) == [(OPENED, "fait", "", (seen,))]
    assert traces(masked, masked) == traces("2.25.1", "2.25.1")
    patient = [line.result for line in lines(anne, anne.herself) if line.name == "DURAND Paul"]
    assert patient.count("refusé") > 3, "the patient reads every refusal"


# --- On line, by pages ------------------------------------------------------------------------------------------------


def days(life: Life, count: int, step: float) -> None:
    for _ in range(count):
        life.acts(DOCTOR, Action.TD3_1)
        life.desk.later(days=step)


def test_a_year_is_on_line_or_the_last_hundred_traces(house: Desk, anne: Life) -> None:
    days(anne, 130, 2)
    days(anne, 110, 0)
    house.later(days=365 - 260)
    assert len(lines(anne, anne.herself)) == 240, "all of this year"
    house.later(days=1 + 2 * 60)
    assert len(lines(anne, anne.herself)) == 240 - 60, "what is older than a year is not on line"
    house.later(days=1000)
    page = read_history(house.gate, DOCTOR, calling("HA"), limit=None)
    assert len(page.lines) == ON_LINE_TRACES


def test_the_hundred_are_counted_as_the_reader_sees_them(house: Desk, lea: Life) -> None:
    """Of 150 old traces 50 are kept from the mother: she has her hundred, and no number tells."""
    for _ in range(50):
        lea.acts(DOCTOR, Action.TD3_1)
        lea.acts(SECRET, Action.TD3_1)
        lea.acts(DOCTOR, Action.TD1_3A)
    house.later(days=1000)
    assert len(read_history(house.gate, lea.mother, calling("HA"), limit=None).lines) == ON_LINE_TRACES


def test_pages_follow_one_another_while_others_write(house: Desk, lea: Life) -> None:
    for _ in range(30):
        lea.acts(DOCTOR, Action.TD3_1)
        lea.acts(SECRET, Action.TD3_1)
    whole = [line.id for line in reversed(lines(lea, lea.mother))]
    found: list[str] = []
    after = ""
    while True:
        page = read_history(house.gate, lea.mother, calling("HA"), Wanted(person=DOCTOR.id_nat), after, limit=7)
        lea.acts(DOCTOR, Action.TD3_1)
        found += [line.id for line in page.lines]
        assert len(page.lines) == 7 or not page.following, "no page is short because of what is hidden"
        if not (after := page.following):
            break
    assert found == whole
    assert read_history(house.gate, lea.mother, calling("HA"), after="nothing").lines == ()


def test_a_history_is_narrowed_by_period_person_and_kind(house: Desk, anne: Life) -> None:
    start = house.now
    anne.deposit()
    house.later(days=1)
    anne.acts(OTHER, Action.TD3_1)
    house.later(days=1)
    anne.acts(OTHER, Action.TD1_3A)

    def acts(wanted: Wanted, reader: Requester | None = None) -> list[str]:
        return [line.act for line in lines(anne, reader or anne.herself, wanted)]

    day = timedelta(days=1)
    assert acts(Wanted(since=start + day, until=start + 2 * day)) == ["a recherché des documents"]
    assert len(acts(Wanted(since=start + day))) == 2
    assert acts(Wanted(person=DOCTOR.id_nat)) == [ADDED]
    assert acts(Wanted(kinds=frozenset({Kind.ALIMENTATION}))) == [ADDED]
    assert acts(Wanted(person=OTHER.id_nat), DOCTOR) == [], "whose acts are not one's own"


# --- To take away -----------------------------------------------------------------------------------------------------


def test_a_history_is_taken_away_as_csv_and_json(house: Desk, anne: Life) -> None:
    (document,) = anne.deposit()
    anne.acts(replace(urgent(OTHER), motif='=HYPERLINK("http://x.example";"clic")'), Action.TD3_1)
    found = lines(anne, anne.herself)
    first, second = csv.DictReader(io.StringIO(as_csv(found)))
    assert (first["Date et heure"], first["Personne"], first["Action"]) == (
        "01/03/2026 13:00:00",
        "MARTIN Claire",
        ADDED,
    )
    assert first["Documents"] == f"Séjour en oncologie ({document})"
    assert first["Résultat"] == "fait"
    assert second["Circonstances"].startswith("accès en bris de glace : =HYPERLINK"), "not at the start of the cell"
    said = json.loads(as_json(found))
    assert [each["act"] for each in said] == [line.act for line in found]
    assert said[0]["documents"] == [
        {"unique_id": document, "title": "Séjour en oncologie", "type": found[0].documents[0].type}
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_is_a_formula(start: str) -> None:
    line = Line(
        "id",
        datetime(2026, 3, 1, tzinfo=UTC),
        f"{start}cmd|' /C calc'!A0",
        "",
        "",
        "",
        Kind.ACCES,
        ENTERED,
        ModeAcces.NORMAL,
        "",
        Outcome.SUCCESS,
        (),
    )
    (row,) = csv.DictReader(io.StringIO(as_csv([line])))
    assert row["Personne"].startswith("'")


# --- The operator -----------------------------------------------------------------------------------------------------


def test_the_operator_reads_all_of_it_or_what_somebody_sees(house: Desk, lea: Life) -> None:
    lea.deposit((KEPT,))
    lea.deposit((ANNOUNCED,))

    def acts(view: Requester | Party | None) -> list[str]:
        page = operator_reads_history(house.gate, "test", LEA, view)
        return [line.act for line in reversed(page.lines) if line.name != OPERATOR]

    assert acts(None) == [ADDED, ADDED]
    assert acts(Party.PATIENT) == [ADDED, ENTERED]
    assert acts(Party.REPRESENTANT) == [ENTERED]
    assert acts(lea.of(OTHER)) == []
    assert acts(lea.of(medecin_traitant(lea))) == [ADDED, ADDED]
    record = house.records(1)[0]
    assert (record.action, record.operator, record.dossier) == ("HA", "test", lea.dossier.key)
    with pytest.raises(GestionError, match="représentant"):
        operator_reads_history(house.gate, "test", ANNE, Party.REPRESENTANT)
    with pytest.raises(GestionError):
        operator_reads_history(house.gate, "test", ANNE, urgent(replace(OTHER, patient=ANNE)))
    with pytest.raises(GestionError, match="Aucun DMP"):
        operator_reads_history(house.gate, "test", PatientId("199999999999999", oids.INS_NIR_TEST), None)
