"""The commands of the simulated practice software against a real server, as a stranger uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from conformance.lps.commands import app
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS, invented_nir
from tests.village import Village

Dmp = Callable[..., tuple[int, Any]]
BORN = date(1980, 1, 2)


@pytest.fixture
def dmp(village: Village) -> Dmp:
    """Runs a command as somebody; its exit code, and what it printed as JSON (errors: their code)."""

    def run(name: str, *arguments: str) -> tuple[int, Any]:
        options = ("--as", name, "--demo", str(village.folder), "--json")
        result = CliRunner().invoke(app, [*arguments, *options])
        said = json.loads(result.stdout)
        return result.exit_code, said["error"]["code"] if isinstance(said, dict) and "error" in said else said

    return run


@pytest.fixture
def document(village: Village, dmp: Dmp, tmp_path: Path) -> Callable[..., str]:
    """Provides a document of the first patient, and gives its uniqueId."""
    number = 7000

    def provide(by: str, author: str, *options: str) -> str:
        nonlocal number
        number += 1
        file = write(Paper("consultation_report", by, author, 0, 1), tmp_path, number, datetime.now(UTC))
        status, said = dmp(by, "provide", str(file), "--patient", PATIENTS[0].ins, *options)
        assert status == 0, said
        unique_id: str = said["document_unique_id"]
        return unique_id

    return provide


def test_the_life_of_a_dmp(dmp: Dmp) -> None:
    ins = invented_nir("F", BORN, "75056", 701)
    who = ("--patient", ins)
    assert dmp("medecin", "existence", *who)[0] == 3
    traits = ("--family", "MARTIN", "--given", "ANNE", "--sex", "F", "--birth-date", BORN.isoformat())
    place = ("--mobile", "0601020304", "--street", "1, quai", "--postal-code", "75005", "--city", "Paris")
    created = dmp("medecin", "create", *who, *traits, *place, "--consent", "--no-centre-15")
    assert created == (0, {"status": "active"})
    assert dmp("medecin", "create", *who, *traits, "--consent") == (1, "DMPFound")
    status, found = dmp("medecin", "existence", *who)
    assert (status, found["status"], found["authorisation"]) == (0, "active", "NON_EXISTE")
    assert dmp("medecin", "amend", *who, "--city", "Lyon", "--email", "a@example.org", "--centre-15")[0] == 0
    data = dmp("medecin", "td1.3a", *who)[1]
    assert data["traits"]["address"]["city"] == "Lyon"
    assert data["traits"]["address"]["street"] == ["1, quai"]
    assert [each["value"] for each in data["traits"]["telecoms"]] == ["tel:0601020304", "mailto:a@example.org"]
    assert data["oppositions"] == {"bris_de_glace": False, "centre_15": False}
    assert dmp("medecin", "close", *who, "--text", "À sa demande") == (0, {"status": "terminated"})
    assert dmp("medecin", "close", *who) == (1, "DMPClosed")
    found = dmp("medecin", "existence", *who)[1]
    assert (found["status"], found["closing"]["code"]) == ("terminated", "FERMETURE_DEMANDE_PATIENT")
    assert found["closing"]["reason"] == "À sa demande"
    assert dmp("medecin", "reactivate", *who, "--consent") == (0, {"status": "active"})
    assert dmp("medecin", "reactivate", *who, "--consent") == (1, "DMPFound")


def test_a_patient_is_found_without_an_ins(dmp: Dmp) -> None:
    patient = PATIENTS[0]
    status, found = dmp("medecin", "candidates", "--family", patient.traits.birth_family, "--sex", "F")
    assert status == 0
    assert patient.ins in {each["ins"] for one in found for each in one["identifiers"]}
    assert dmp("medecin", "candidates", "--family", "PERSONNE") == (3, [])
    refused = dmp("medecin", "candidates", "--family", patient.traits.birth_family, "--access", "normal")
    assert refused == (1, "DMPAccessDeniedByRightsService")


def test_authorisations(dmp: Dmp) -> None:
    who = ("--patient", PATIENTS[5].ins)
    assert dmp("medecin", "professionals", *who) == (1, "DMPAccessDeniedByRightsService")
    assert dmp("medecin", "authorise", *who)[0] == 0
    assert "déjà présente" in dmp("medecin", "td0.3", *who)[1]["context"]
    listed = dmp("medecin", "professionals", *who, "--which", "active")[1]
    assert {each["family"] for each in listed} >= {"LEROUX", "MARCHAND"}
    dmps = dmp("medecin", "authorised")[1]
    assert PATIENTS[5].ins in {each["ins"] for one in dmps for each in one["identifiers"]}
    assert dmp("medecin", "authorise", *who, "--remove")[0] == 0
    dmps = dmp("medecin", "authorised", "--since", "2020-01-01", "--by", "last-authorisation")[1]
    assert PATIENTS[5].ins not in {each["ins"] for one in dmps for each in one["identifiers"]}


def test_a_patients_internet_account(dmp: Dmp) -> None:
    who = ("--patient", PATIENTS[10].ins)
    status, account = dmp("medecin-traitant", "account-create", "sms", "0601020304", *who)
    assert status == 0, account
    assert account["login"]
    assert account["password"]
    again = dmp("medecin-traitant", "account-create", "sms", "0601020304", *who)
    assert again == (1, "DMPPatientAccessAlreadyExists")
    assert dmp("medecin-traitant", "account-otp", "email", "a@example.org", *who)[0] == 0
    status, renewed = dmp("medecin-traitant", "account-renew", *who)
    assert (status, renewed["login"]) == (0, account["login"])
    assert renewed["password"] != account["password"]
    assert dmp("medecin-traitant", "existence", *who)[1]["internet_account"] is True


def test_attributes_of_a_document(dmp: Dmp, document: Callable[..., str]) -> None:
    who = ("--patient", PATIENTS[0].ins)
    identifier = document("medecin", "medecin", "--hide-from-patient", "--hide-from-representatives")

    def entry(name: str = "medecin") -> Any:
        return next(iter(dmp(name, "query", "documents", identifier, *who)[1]["entries"]), None)

    def marks() -> set[str]:
        return {code["code"] for code in entry()["confidentiality_codes"]}

    before = entry()
    assert dmp("medecin", "mask", identifier, *who)[0] == 0
    assert marks() == {"N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}
    assert entry("infirmier") is None
    assert dmp("medecin", "unmask", identifier, *who)[0] == 0
    assert entry("infirmier") is not None
    assert dmp("medecin", "reveal", identifier, *who, "--patient-too")[0] == 0
    assert marks() == {"N", "INVISIBLE_REPRESENTANTS_LEGAUX"}
    assert dmp("medecin", "reveal", identifier, *who)[0] == 0
    after = entry()
    assert (after["logical_id"], after["version"]) == (before["logical_id"], before["version"] + 4)
    changed = ("entry_uuid", "version", "confidentiality_codes")
    assert {key: after[key] for key in after if key not in changed} == {
        key: before[key] for key in before if key not in changed
    }, "nothing is lost on the way"
    for command, status in (("archive", "Archived"), ("unarchive", "Approved"), ("delete", "Deleted")):
        assert dmp("medecin", command, identifier, *who)[0] == 0
        assert entry()["availability_status"].endswith(status)


def test_who_finds_references_only_deletes_what_is_his(dmp: Dmp, document: Callable[..., str]) -> None:
    who = ("--patient", PATIENTS[0].ins)
    for name, author in (("hopital", "medecin-hospitalier"), ("secretaire", "medecin-traitant")):
        identifier = document(name, author)
        assert dmp(name, "delete", identifier, *who)[0] == 0
        assert dmp(name, "mask", identifier, *who) == (1, "DMPAccessDeniedByRightsService")
    assert dmp("hopital", "delete", document("medecin", "medecin"), *who) == (3, "NotFound")


def test_the_web_access(dmp: Dmp) -> None:
    documents = ("web", "--fetch", "--page", "Documents", "--patient")
    for name in ("medecin-traitant", "clinique"):
        status, page = dmp(name, *documents, PATIENTS[0].ins)
        assert (status, page["status"]) == (0, 200), name
    status, page = dmp("hopital", *documents, PATIENTS[0].ins)
    assert (status, page["status"]) == (1, 403)
