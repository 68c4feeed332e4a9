"""Pro Santé Connect end to end: an issuer that publishes its keys, and a token with the claims that it gives.

Its token finds what the same person finds with a VIHF, and subscribes to no more.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from audit_nodes import Answer, ask

from audit.event import Outcome
from conformance.lps.metadata import Visibility
from dmp.volontes import Block
from schemas import oids
from server.demo.people import Inhabitant, inhabitant
from server.settings import load
from tests.receiver import Receiver, receiving
from tests.somebody import Somebody, move, number
from tests.subscribing import bundle, said, subscription
from tests.tokens import AUDIENCE, claims, key_for, public, publishing, sign
from tests.village import Village

REALM = "https://auth.bas.example/auth/realms/esante-wallet"
SCOPES = "openid scope_all ITI-67 ITI-68 ITI-110 ITI-113"
DOCTOR = "medecin-clinique"


def pro_sante_connect(person: Inhabitant, **changes: Any) -> dict[str, Any]:
    """What Pro Santé Connect says of somebody in the one structure where they exercise."""
    idnps = person.id_nat
    return {
        "iss": REALM,
        "sub": f"f:00000000-0000-4000-8000-000000000000:{idnps}",
        "azp": "lps-de-la-clinique",
        "client_id": None,
        "scope": SCOPES,
        "preferred_username": idnps,
        "SubjectNameID": idnps,
        "family_name": person.family,
        "given_name": person.given,
        "SubjectRole": [f"{person.profession}^1.2.250.1.213.1.1.5.5"],
        "SubjectOrganization": "CLINIQUE DU MAIL",
        "SubjectOrganizationID": "R10034",
        "Secteur_Activite": f"{person.sector}^{oids.SECTEUR_ACTIVITE}",
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "FAUX",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "otherIds": [{"identifiant": idnps, "origine": "RPPS", "qualite": 1}],
        "SubjectRefPro": {
            "exercices": [
                {
                    "codeProfession": person.profession,
                    "codeSavoirFaire": person.specialty,
                    "activities": [
                        {
                            "codeSecteurDactivite": person.sector,
                            "identifiantTechniqueDeLaStructure": "R10034",
                            "numeroFinessSite": person.structure_id[1:],
                        }
                    ],
                }
            ]
        },
        **changes,
    }


@dataclass
class Clinic:
    """The clinic's software, whose user has logged in by Pro Santé Connect; where it is told things."""

    somebody: Somebody
    receiver: Receiver

    def ask(self, path: str, method: str = "GET", resource: Any = None, **changes: Any) -> Answer:
        said_ = pro_sante_connect(inhabitant(DOCTOR), **changes)
        token = sign(claims(time.time(), **said_), "RS256")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
        body = json.dumps(resource).encode() if resource is not None else None
        return ask(self.somebody.village, None, f"/fhir/{path}", method=method, body=body, headers=headers)

    @property
    def patient(self) -> str:
        return f"urn:oid:{self.somebody.patient.ins_oid}|{self.somebody.patient.ins}"

    def find(self, **changes: Any) -> Answer:
        return self.ask(f"DocumentReference?{urlencode({'patient.identifier': self.patient})}", **changes)


@pytest.fixture(scope="module")
def clinic(new_village: Callable[[], Village], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A patient with a document, who lets the clinic's doctor in."""
    village = new_village()
    with publishing(public(key_for("RS256"))) as published, receiving() as receiver:
        values = {
            "oauth_issuers": [f"{REALM} {published.address}"],
            "oauth_audiences": [AUDIENCE],
            "subscription_endpoints": [f"{receiver.url}/hook"],
        }
        with (village.settings.home / "settings.toml").open("a", encoding="utf-8") as file:
            file.writelines(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        village.settings = load({"home": village.settings.home}, {})
        village.start()
        there = move(village, tmp_path_factory.mktemp("papers"))
        there.names("medecin-traitant")
        there.lets_in(DOCTOR)
        there.provide("medecin-traitant")
        made, give_up = Clinic(there, receiver), time.monotonic() + 30
        while made.find().status == 401:  # until the keys are there
            assert time.monotonic() < give_up
            time.sleep(0.1)
        yield made
        village.stop()


def unique_ids(answer: Answer) -> set[str]:
    assert answer.status == 200, answer.content
    return {each["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in answer.events}


def test_its_token_finds_what_a_vihf_finds(clinic: Clinic) -> None:
    found = unique_ids(clinic.find())
    assert found == clinic.somebody.found_by(DOCTOR)
    assert len(found) == 1
    record = next(each for each in clinic.somebody.village.audit(20) if each.transaction == "ITI-67")
    assert (record.outcome, record.requester_id) == (Outcome.SUCCESS, number(DOCTOR))
    assert (record.authentication, record.structure_id) == ("INDIRECTE_RENFORCEE", inhabitant(DOCTOR).structure_id)


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://another.example"},
        {"SubjectOrganizationID": "R10035"},
        {"Acces_Regulation_Medicale": "VRAI"},
        {"scope": "openid scope_all"},
        {"iss": "https://auth.elsewhere.example/auth/realms/esante-wallet"},
    ],
)
def test_another_token_finds_nothing(clinic: Clinic, changes: dict[str, Any]) -> None:
    assert clinic.find(**changes).status == 401


def test_its_holder_is_told_of_new_documents_that_they_would_find(clinic: Clinic) -> None:
    criteria = f"DocumentReference?patient.identifier={clinic.patient}"
    wanted = subscription(f"{clinic.receiver.url}/hook", criteria, content="full-resource")
    answer = clinic.ask("Subscription", "POST", wanted)
    assert answer.status == 201, answer.content
    clinic.receiver.wait(1)
    own, give_up = answer.resource["id"], time.monotonic() + 30
    while clinic.ask(f"Subscription/{own}").resource["status"] != "active":
        assert time.monotonic() < give_up
        time.sleep(0.05)
    somebody = clinic.somebody
    masked = somebody.provide("medecin-traitant", visibility=Visibility(mask=True))
    shown = somebody.provide("medecin-traitant")
    posted = clinic.receiver.wait(2)
    event = bundle(posted[1])
    told = event["entry"][1]["resource"]["masterIdentifier"]["value"].removeprefix("urn:oid:")
    assert (told, said(event)["events-since-subscription-start"]) == (shown, "1")
    assert masked not in posted[1].body.decode()
    record = next(each for each in somebody.village.audit(20) if each.transaction == "ITI-112")
    assert (record.outcome, record.requester_id) == (Outcome.SUCCESS, number(DOCTOR))

    somebody.says(Block(number(DOCTOR)))
    somebody.provide("medecin-traitant")
    assert clinic.find().status == 403
    assert clinic.ask(f"Subscription/{own}/$events").status == 403
    status = clinic.ask(f"Subscription/{own}/$status").resource
    assert said(status)["events-since-subscription-start"] == "1"
    assert len(clinic.receiver.posted) == 2
