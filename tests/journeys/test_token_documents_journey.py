"""Documents found by FHIR with an access token: what the same professional finds by SOAP with a VIHF, and no more."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from audit_nodes import Answer, ask

from audit.event import Outcome
from dmp.volontes import Block
from tests.oauth_clients import OAuthClient, user
from tests.somebody import Somebody, move, number
from tests.village import Village

READ = "ITI-67 ITI-68"


@pytest.fixture(scope="module")
def somebody(open_village: Village, tmp_path_factory: pytest.TempPathFactory) -> Somebody:
    """A patient with two documents, who lets the clinic's doctor in."""
    there = move(open_village, tmp_path_factory.mktemp("papers"))
    there.names("medecin-traitant")
    there.lets_in("medecin-clinique")
    for _ in range(2):
        there.provide("medecin-traitant")
    return there


def token_of(village: Village, scope: str = READ) -> str:
    """The clinic's doctor, as its software asks for a token in AIR."""
    clinic = OAuthClient(village, "clinique")
    extensions = user("medecin-clinique", "INDIRECTE_RENFORCEE")
    answer = clinic.ask(scope, **clinic.asserted(extensions=extensions))
    assert answer.status == 200, answer.content
    found: str = answer.resource["access_token"]
    return found


def found(somebody: Somebody, token: str, name: str = "clinique") -> Answer:
    identifier = f"urn:oid:{somebody.patient.ins_oid}|{somebody.patient.ins}"
    query = urlencode({"patient.identifier": identifier, "status": "current"})
    headers = {"Authorization": f"Bearer {token}"}
    return ask(somebody.village, name, f"/fhir/DocumentReference?{query}", headers=headers)


def unique_ids(answer: Answer) -> set[str]:
    return {each["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in answer.events}


def test_a_token_finds_what_a_vihf_finds(somebody: Somebody) -> None:
    answer = found(somebody, token_of(somebody.village))
    assert answer.status == 200, answer.content
    assert unique_ids(answer) == somebody.found_by("medecin-clinique")
    assert len(unique_ids(answer)) == 2


def test_the_event_names_the_user_of_the_token(somebody: Somebody) -> None:
    found(somebody, token_of(somebody.village))
    record = somebody.village.audit(1)[0]
    assert (record.transaction, record.outcome) == ("ITI-67", Outcome.SUCCESS)
    assert (record.requester_id, record.authentication) == ("899700000104", "INDIRECTE_RENFORCEE")


def test_a_token_of_another_scope_or_connection_finds_nothing(somebody: Somebody) -> None:
    assert found(somebody, token_of(somebody.village, "ITI-68")).status == 401
    assert found(somebody, token_of(somebody.village), "hopital").status == 401


def test_whom_the_patient_shuts_out_no_token_lets_in(somebody: Somebody) -> None:
    somebody.says(Block(number("medecin-clinique")))
    assert found(somebody, token_of(somebody.village)).status == 403
