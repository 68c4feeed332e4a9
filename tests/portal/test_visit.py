"""Who opens a page and about whom, before anything is asked of the hall."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest

from audit.event import Call
from dmp.annuaire import Situation
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from portal.door import Client, Door
from portal.errors import UnknownRequesterError, UnreadableError
from portal.visit import Asked, Visit, arrive
from schemas import oids

INS = "279035121518989"
PATIENT = PatientId(INS, oids.INS_NIR_TEST)
CARD = Client("899700000013", "MARCHAND", "Claire", "10", ("SM26",), "CN=899700000013")
STRUCTURE = Client("", "", "", "", (), "OU=1990000034")
CABINET = Situation("10", oids.PROFESSION, "SM26", "399000000100018", "Cabinet", "SA07")
HOPITAL = replace(CABINET, structure_id="1990000018", structure_name="Hôpital")
TRAVAIL = replace(HOPITAL, specialty="SM25")
AIR = Requester(
    id_nat="899700000104",
    name="HAMON Éric",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="1990000034",
    sector="SA04",
    authentication=Authentication.INDIRECTE_RENFORCEE,
    mode_acces=ModeAcces.CENTRE_15,
)


@dataclass
class House:
    """What stands behind the ports, and what was refused."""

    client: Client = CARD
    situations: tuple[Situation, ...] = (CABINET,)
    requester: Requester = AIR
    refused: list[tuple[str, Requester | None]] = field(default_factory=list)

    def arrive(self, given: dict[str, str] | None = None, *, ins: str = INS, posted: bool = False) -> Visit:
        def never(*_: Any) -> Any:
            raise AssertionError("nothing is asked of the hall before it is known who asks")

        def patient(value: str, oid: str) -> PatientId | None:
            return None if oid == "9.9" else PatientId(value, oid or oids.INS_NIR_TEST)

        ports = {each.name: never for each in fields(Door)} | {
            "client": lambda _environ: self.client,
            "situations": lambda _client: self.situations,
            "air": lambda _environ, _assertion, _call: self.requester,
            "patient": patient,
            "refused": lambda _call, reason, requester: self.refused.append((reason, requester)),
        }
        door = Door(**ports)
        call = Call(transaction="TD0.9", request_id="1", endpoint="/AccesDirect/Documents")
        return arrive(door, Asked({}, call, posted, given or {}, ins))


def test_a_card_says_who_and_the_directory_where() -> None:
    visit = House().arrive()
    requester = visit.requester
    assert (requester.id_nat, requester.name, requester.profession) == (CARD.id_nat, "MARCHAND Claire", "10")
    assert (requester.structure_id, requester.sector) == (CABINET.structure_id, "SA07")
    assert (requester.authentication, requester.mode_acces) == (Authentication.DIRECTE, ModeAcces.NORMAL)
    assert (requester.patient, visit.patient) == (PATIENT, PATIENT)
    assert visit.call.client_certificate == CARD.subject
    assert (visit.chosen, visit.carried) == (True, {})


@pytest.mark.parametrize(
    ("key", "chosen"),
    [
        ("", None),
        ("399000000100018", CABINET),
        ("399000000100018/SM26", CABINET),
        ("1990000018/SM25", TRAVAIL),
        ("1990000018", None),  # which of the two specialties?
        ("1990000026", None),
        ("SM26", None),
    ],
)
def test_of_several_situations_the_address_names_one(key: str, chosen: Situation | None) -> None:
    visit = House(situations=(CABINET, HOPITAL, TRAVAIL)).arrive({"situation": key})
    assert visit.chosen is (chosen is not None)
    assert visit.requester.structure_id == (chosen.structure_id if chosen else "")
    if chosen:
        assert visit.requester.specialty == chosen.specialty
        assert visit.link("Parametrages") == f"/AccesDirect/Parametrages?situation={chosen.key.replace('/', '%2F')}"


def test_links_carry_on_the_access_mode() -> None:
    visit = House().arrive({"mode": "bris_de_glace", "motif": " Inconscient & seul "})
    assert (visit.requester.mode_acces, visit.requester.motif) == (ModeAcces.BRIS_DE_GLACE, "Inconscient & seul")
    expected = f"/AccesDirect/Documents/{INS}?mode=bris_de_glace&motif=Inconscient+%26+seul"
    assert visit.link("Documents", visit.patient) == expected
    assert visit.link("Documents", visit.patient, page=2, auteur="") == f"{expected}&page=2"


def test_links_name_the_authority_of_other_patients_and_that_of_the_address() -> None:
    """Not one that was found here: it would tell whether there is a DMP."""
    link, other = House().arrive().link, PatientId("187056205098844", oids.INS_NIR)
    assert link("Documents", PATIENT) == f"/AccesDirect/Documents/{INS}"
    assert link("Documents", other) == f"/AccesDirect/Documents/187056205098844?oid={oids.INS_NIR}"
    given = House().arrive({"oid": oids.INS_NIA})
    assert given.link("Documents", given.patient) == f"/AccesDirect/Documents/{INS}?oid={oids.INS_NIA}"
    assert given.link("Parametrages") == "/AccesDirect/Parametrages"


def test_a_reason_without_an_emergency_is_left_aside() -> None:
    visit = House().arrive({"motif": "x"})
    assert (visit.requester.motif, visit.carried) == ("", {})


@pytest.mark.parametrize(
    ("given", "ins", "status"),
    [
        ({"mode": "urgence"}, INS, 400),
        ({"mode": "centre_15", "motif": "x" * 1001}, INS, 400),
        ({}, "abc", 404),
        ({}, INS[:14], 404),
        ({"oid": "9.9"}, INS, 404),
    ],
)
def test_what_cannot_be_read_is_refused_to_somebody(given: dict[str, str], ins: str, status: int) -> None:
    house = House()
    with pytest.raises(UnreadableError) as refused:
        house.arrive(given, ins=ins)
    assert refused.value.status == status
    ((reason, requester),) = house.refused
    assert "expected" in reason
    assert INS not in reason
    assert requester is not None
    assert requester.id_nat == CARD.id_nat


def test_a_structure_has_no_card() -> None:
    house = House(client=STRUCTURE)
    with pytest.raises(UnknownRequesterError):
        house.arrive()
    assert [requester for _, requester in house.refused] == [None]


# --- An assertion that is posted ------------------------------------------------------------------------------------


VIHF = base64.b64encode(b"<Assertion/>").decode()


def test_an_assertion_says_who_and_how() -> None:
    visit = House(STRUCTURE).arrive({"VIHF": VIHF, "mode": "bris_de_glace", "situation": "x"}, posted=True)
    assert visit.requester == replace(AIR, patient=PATIENT)
    assert (visit.vihf, visit.carried, visit.situations) == (VIHF, {}, ())
    assert visit.call.client_certificate == STRUCTURE.subject


def test_the_patient_of_the_assertion_is_the_one_meant() -> None:
    """Under the authority that the assertion gives, when the address gives none."""
    claimed = PatientId(INS, oids.INS_NIR)
    house = House(STRUCTURE, requester=replace(AIR, patient=claimed))
    assert house.arrive({"VIHF": VIHF}, posted=True).patient == claimed
    other = house.arrive({"VIHF": VIHF, "oid": oids.INS_NIR_TEST}, posted=True)
    assert (other.patient, other.requester.patient) == (PATIENT, claimed), "the gate refuses it"


@pytest.mark.parametrize("text", ["", "a", "é", "PGE+%"])
def test_what_is_no_base64_names_nobody(text: str) -> None:
    house = House(STRUCTURE)
    with pytest.raises(UnknownRequesterError):
        house.arrive({"VIHF": text}, posted=True)
    assert len(house.refused) == 1
