"""The gate: decided once, recorded once, and no answer without a record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest

from audit.event import AuditObject, Call, Event, ObjectKind, Outcome
from dmp.errors import AccessRefused, GestionError
from dmp.gate import ACCESS_REFUSED, Gate
from habilitations.action import Action
from habilitations.decision import Refusal, Tables
from habilitations.statement import Statement
from identities.dossier import Dossier, DossierStatus, Traits
from identities.professional import Professional, Structure
from identities.representation import Capacity, Representative
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from registry.errors import ErrorCode, RegistryError
from registry.scope import Scope
from schemas import oids

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INS = PatientId("279035121518989", oids.INS_NIR_TEST)
FORMER_INS = PatientId("279035121518888", oids.INS_NIR_TEST)
DOSSIER = Dossier("d1", (INS, FORMER_INS), Traits("A", "B", date(1979, 3, 28), "F"), DossierStatus.OPEN, NOW)
DOCTOR = Requester(
    id_nat="899900000017",
    name="MARTIN Claire",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="1750000018",
    sector="SA07",
    authentication=Authentication.DIRECTE,
    patient=INS,
)
HOSPITAL = Structure(DOCTOR.structure_id, "CHU", "SA01", modes=frozenset({Authentication.INDIRECTE}))
CALL = Call(transaction="ITI-18", request_id="r1")


@dataclass
class Rooms:
    """Rooms in memory: one dossier, what its patient said, and a trail that can be made to fail."""

    statement: Statement | None = None
    broken: bool = False
    events: list[Event] = field(default_factory=list)
    pending: list[Event] = field(default_factory=list)
    structures: dict[str, Structure] = field(default_factory=dict)
    professionals: dict[str, Professional] = field(default_factory=dict)

    def dossier(self, patient: PatientId) -> Dossier | None:
        return DOSSIER if patient in DOSSIER.identifiers else None

    def representatives(self, _key: str) -> tuple[Representative, ...]:
        return (Representative(DOCTOR.id_nat, "TUTELLE", "Léa", "RESPRSN", Capacity.TUTELLE),)

    def professional(self, id_nat: str) -> Professional | None:
        return self.professionals.get(id_nat)

    def structure(self, structure_id: str) -> Structure | None:
        return self.structures.get(structure_id)

    def append(self, event: Event) -> None:
        if self.broken:
            raise OSError("no space left")
        self.pending.append(event)

    @contextmanager
    def unit_of_work(self) -> Iterator[_Bound]:
        self.pending = []
        yield _Bound(self)
        self.events += self.pending


class _Bound:
    """What one transaction sees: nothing is changed in the registry."""

    changes = ()

    def __init__(self, rooms: Rooms) -> None:
        self.registry, self.documents = self, None
        self.identities = rooms
        self.trail = rooms
        self.rights = self
        self._rooms = rooms

    def statement(self, _dossier: Dossier, _requester: Requester, _instant: datetime) -> Statement | None:
        return self._rooms.statement


@pytest.fixture
def rooms() -> Rooms:
    return Rooms(statement=Statement("d1", authorised=True))


@pytest.fixture
def gate(rooms: Rooms) -> Gate:
    return Gate(rooms.unit_of_work, None, Tables.load(), lambda: NOW)  # type: ignore[arg-type]


def test_a_granted_request_leaves_one_event_with_its_rule_and_objects(gate: Gate, rooms: Rooms) -> None:
    with gate.passage(DOCTOR, Action.TD3_1, INS, CALL) as passage:
        passage.objects.append(AuditObject(ObjectKind.QUERY, "q"))
        assert passage.scope.patient == "d1"
    (event,) = rooms.events
    assert event.outcome is Outcome.SUCCESS
    assert (event.action, event.dossier, event.requester) == ("TD3.1", "d1", DOCTOR)
    assert event.objects[0].id == "q"
    assert "TD3.1" in event.row


def test_a_role_without_the_right_is_refused_told_why_and_recorded_once(gate: Gate, rooms: Rooms) -> None:
    structure = replace(DOCTOR, authentication=Authentication.INDIRECTE)
    rooms.structures[DOCTOR.structure_id] = HOSPITAL
    with pytest.raises(AccessRefused) as refused, gate.passage(structure, Action.TD3_2, INS, CALL):
        pytest.fail("the block must not run")
    assert refused.value.finding.code is ErrorCode.DMPAccessDeniedByRightsService
    assert refused.value.finding != ACCESS_REFUSED
    (event,) = rooms.events
    assert event.outcome is Outcome.MINOR_FAILURE
    assert event.table.startswith("droits_fonctionnels") and event.row and event.explanation


@pytest.mark.parametrize(
    "statement",
    [
        Statement("d1", authorised=False),
        Statement("d1", authorised=False, expired=True),
        Statement("d1", authorised=True, blocked=True),
        Statement("d1", authorised=True, open=False),
    ],
    ids=["never authorised", "expired", "blocked", "closed"],
)
def test_whatever_the_dossier_says_no_by_the_wire_hears_the_same(
    gate: Gate, rooms: Rooms, statement: Statement
) -> None:
    rooms.statement = statement
    with pytest.raises(AccessRefused) as refused, gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        pytest.fail("the block must not run")
    assert refused.value.finding == ACCESS_REFUSED
    assert len(rooms.events) == 1


def test_an_unknown_patient_is_refused_with_the_same_words(gate: Gate, rooms: Rooms) -> None:
    stranger = PatientId("111111111111111", oids.INS_NIR_TEST)
    asking = replace(DOCTOR, patient=stranger)
    with pytest.raises(AccessRefused) as refused, gate.passage(asking, Action.TD3_1, stranger, CALL):
        pytest.fail("the block must not run")
    assert refused.value.finding == ACCESS_REFUSED
    assert rooms.events[0].rule == "dossier_inconnu"


@pytest.mark.parametrize(
    "known",
    [{}, {"active": False}, {"modes": frozenset({Authentication.INDIRECTE})}],
    ids=["unknown", "inactive", "not approved for the mode"],
)
def test_a_structure_that_the_directory_does_not_approve_stays_out(
    gate: Gate, rooms: Rooms, known: dict[str, object]
) -> None:
    if known:
        approved = replace(HOSPITAL, modes=frozenset({Authentication.INDIRECTE_RENFORCEE}))
        rooms.structures[DOCTOR.structure_id] = replace(approved, **known)
    user = replace(DOCTOR, authentication=Authentication.INDIRECTE_RENFORCEE)
    with pytest.raises(AccessRefused, match="Structure"), gate.passage(user, Action.TD3_1, INS, CALL):
        pytest.fail("the block must not run")
    assert rooms.events[0].rule == "annuaire"


LISTED = Professional(DOCTOR.id_nat, "MARTIN", "Claire", "10", oids.PROFESSION, structures=frozenset({"1750000018"}))


@pytest.mark.parametrize(
    "listed",
    [replace(LISTED, structures=frozenset({"1990000999"})), replace(LISTED, active=False)],
    ids=["of another structure", "inactive"],
)
def test_a_card_holder_claims_no_more_than_the_directory_says(gate: Gate, rooms: Rooms, listed: Professional) -> None:
    rooms.professionals[DOCTOR.id_nat] = listed
    with pytest.raises(AccessRefused), gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        pytest.fail("the block must not run")
    assert rooms.events[0].rule == "annuaire"


def test_a_card_proves_no_structure_to_a_directory_that_does_not_know_its_holder(gate: Gate, rooms: Rooms) -> None:
    with gate.passage(DOCTOR, Action.TD3_1, INS, CALL) as passage:
        assert passage.requester.structure_id == ""
        assert passage.scope.structure == ""
    rooms.professionals[DOCTOR.id_nat] = LISTED
    with gate.passage(DOCTOR, Action.TD3_1, INS, CALL) as passage:
        assert passage.requester.structure_id == DOCTOR.structure_id


def test_a_message_for_another_patient_than_the_assertion_is_refused(gate: Gate, rooms: Rooms) -> None:
    stranger = replace(DOCTOR, patient=PatientId("111111111111111", oids.INS_NIR_TEST))
    with pytest.raises(AccessRefused) as refused, gate.passage(stranger, Action.TD3_1, INS, CALL):
        pytest.fail("the block must not run")
    assert refused.value.finding == ACCESS_REFUSED
    assert rooms.events[0].rule == "patient_de_l_assertion"


def test_a_former_ins_of_the_same_dossier_is_the_same_patient(gate: Gate, rooms: Rooms) -> None:
    with gate.passage(replace(DOCTOR, patient=FORMER_INS), Action.TD3_1, INS, CALL):
        pass
    assert rooms.events[0].outcome is Outcome.SUCCESS


def test_what_the_gate_is_told_precisely_is_decided_and_recorded(gate: Gate, rooms: Rooms) -> None:
    """The function sees what the requester finds by TD3.1, before anything is decided."""
    seen: list[Scope | None] = []

    def precisely(_rooms: object, reads: Scope | None) -> Action:
        seen.append(reads)
        return Action.TD3_3B

    with gate.passage(DOCTOR, Action.TD3_3A_MASQUER, INS, CALL, precisely) as passage:
        assert passage.action is Action.TD3_3B
        assert passage.decision.row == "TD3.3b"
        reads = passage.reads()
    assert seen == [reads]
    assert reads is not None
    (event,) = rooms.events
    assert (event.action, event.row) == ("TD3.3b", "TD3.3b × medecin_non_MT:normal")
    urgent = replace(DOCTOR, mode_acces=ModeAcces.CENTRE_15)
    with pytest.raises(AccessRefused), gate.passage(urgent, Action.TD3_3A_MASQUER, INS, CALL, precisely):
        pytest.fail("the block must not run")
    assert (rooms.events[-1].action, rooms.events[-1].rule) == ("TD3.3b", "droit_fonctionnel")
    rooms.statement = Statement("d1")
    with pytest.raises(AccessRefused), gate.passage(DOCTOR, Action.TD3_3A_MASQUER, INS, CALL, precisely):
        pytest.fail("the block must not run")
    assert seen[-1] is None, "who is not let in finds nothing"


def test_a_document_that_stopped_a_request_is_recorded_with_its_rule(gate: Gate, rooms: Rooms) -> None:
    wrong = RegistryError.single(ErrorCode.XDSMetadataUpdateError, "targetObject", expected="one", got="none")
    document, refusal = AuditObject(ObjectKind.DOCUMENT, "1.2.3"), Refusal("r", "t", "v", "row", "oui", "non", "Non.")
    with pytest.raises(RegistryError), gate.passage(DOCTOR, Action.TD3_3C, INS, CALL) as passage:
        passage.refusals.append((document, refusal))
        raise wrong
    failure, hidden = rooms.events
    assert (failure.rule, failure.explanation) == ("demande", "XDSMetadataUpdateError")
    assert (hidden.rule, hidden.table, hidden.row, hidden.explanation) == ("r", "t", "row", "Non.")
    assert (hidden.objects, hidden.action, hidden.outcome) == ((document,), "TD3.3c", Outcome.MINOR_FAILURE)
    assert failure.id != hidden.id


def test_a_wrong_request_is_recorded_with_its_codes_and_raised_again(gate: Gate, rooms: Rooms) -> None:
    wrong = RegistryError.single(ErrorCode.XDSTooManyResults, "result", expected="fewer", got="more")
    with pytest.raises(RegistryError), gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        raise wrong
    (event,) = rooms.events
    assert event.outcome is Outcome.MINOR_FAILURE
    assert event.explanation == "XDSTooManyResults"


def test_a_failure_of_the_house_is_a_major_failure_without_its_words(gate: Gate, rooms: Rooms) -> None:
    with pytest.raises(OSError, match="disk"), gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        raise OSError("disk of MARTIN Claire")
    (event,) = rooms.events
    assert event.outcome is Outcome.MAJOR_FAILURE
    assert event.explanation == "OSError"


def test_without_an_audit_log_there_is_no_answer(gate: Gate, rooms: Rooms) -> None:
    rooms.broken = True
    with pytest.raises(OSError, match="no space"), gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        pass
    assert rooms.events == []


def test_an_unauthenticated_request_is_a_serious_failure(gate: Gate, rooms: Rooms) -> None:
    gate.refused(CALL, "unsigned assertion", None)
    gate.refused(CALL, "unknown stored query", DOCTOR)
    serious, minor = rooms.events
    assert (serious.outcome, serious.rule) == (Outcome.SERIOUS_FAILURE, "authentification")
    assert (minor.outcome, minor.requester) == (Outcome.MINOR_FAILURE, DOCTOR)


def test_what_fails_before_a_passage_is_recorded_too(gate: Gate, rooms: Rooms) -> None:
    with pytest.raises(OSError, match="disk"), gate.preparation(DOCTOR, Action.TD2_1, CALL):
        raise OSError("disk of MARTIN Claire")
    (event,) = rooms.events
    assert (event.outcome, event.action, event.explanation) == (Outcome.MAJOR_FAILURE, "TD2.1", "OSError")


def test_an_operator_s_failure_is_recorded(gate: Gate, rooms: Rooms) -> None:
    with pytest.raises(ValueError, match="already"), gate.operator("root", "TD1.1", INS, CALL):
        raise ValueError("already open")
    (event,) = rooms.events
    assert (event.outcome, event.operator, event.explanation) == (Outcome.MINOR_FAILURE, "root", "ValueError")


def test_what_the_state_of_a_dossier_does_not_allow_is_recorded_as_it_is_said(gate: Gate, rooms: Rooms) -> None:
    with pytest.raises(GestionError), gate.passage(DOCTOR, Action.TD3_1, INS, CALL):
        raise GestionError("Ce DMP est déjà fermé.")
    (event,) = rooms.events
    assert (event.outcome, event.explanation) == (Outcome.MINOR_FAILURE, "Ce DMP est déjà fermé.")


@pytest.mark.parametrize("authentication", [Authentication.PATIENT, Authentication.REPRESENTANT])
def test_whoever_asks_as_a_patient_names_the_patient(gate: Gate, rooms: Rooms, authentication: Authentication) -> None:
    nobody_s = replace(DOCTOR, authentication=authentication, profession="", patient=None)
    with pytest.raises(AccessRefused), gate.passage(nobody_s, Action.TD1_6, INS, CALL):
        pytest.fail("the block must not run")
    assert rooms.events[0].rule == "patient_de_l_assertion"


def test_an_operator_s_act_says_what_it_stands_on(gate: Gate, rooms: Rooms) -> None:
    with gate.operator("root", "representation", INS, CALL, explanation="Justificatif : jugement"):
        pass
    assert rooms.events[0].explanation == "Justificatif : jugement"


def test_an_operator_s_act_is_recorded(gate: Gate, rooms: Rooms) -> None:
    with gate.operator("root", "TD1.3a", INS, CALL):
        pass
    (event,) = rooms.events
    assert (event.operator, event.dossier, event.action) == ("root", "d1", "TD1.3a")
