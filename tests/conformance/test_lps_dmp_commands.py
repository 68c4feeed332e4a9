"""The commands of `dmp lps` that are about a DMP rather than its documents: answers, exit codes, errors, names."""

from __future__ import annotations

from pathlib import Path

import dmp_fakes as dmp
import pytest
from lps_fakes import (
    INS,
    INS_OID,
    Answer,
    Exchange,
    Script,
    answer,
    demo_folder,
    fault,
    run,
)
from typer.testing import CliRunner

from conformance.lps.commands import app

WHO = ("--patient", INS)
OPEN = dmp.demographics(
    subject=dmp.patient("active", dmp.OPEN), lines=dmp.authorised("VALIDE") + dmp.medecin_traitant("true")
)
NONE = dmp.demographics(lines=dmp.authorised("NON_EXISTE"), response="NF")
ADMINISTRATIVE = dmp.demographics(subject=dmp.patient("active", dmp.OPPOSITIONS))
COMMAND_OF = {
    "td0.2": "existence",
    "td0.3": "authorise",
    "td0.4": "authorised",
    "td0.5": "candidates",
    "td0.9": "web",
    "td0.10": "web",
    "td1.1": "create",
    "td1.2": "reactivate",
    "td1.3a": "administrative",
    "td1.3b": "amend",
    "td1.4": "close",
    "td1.5a": "account-create",
    "td1.5b": "account-otp",
    "td1.5d": "account-renew",
    "td1.6": "professionals",
    "td2.1": "provide",
    "td2.2": "provide",
    "td3.1": "find",
    "td3.2": "open",
    "td3.3a": "mask",
    "td3.3b": "reveal",
    "td3.3c": "delete",
    "td3.3d": "archive",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def help_of(command: str) -> str:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, command
    return result.output


@pytest.mark.parametrize("transaction", COMMAND_OF)
def test_every_transaction_has_a_command_that_says_so(transaction: str) -> None:
    said = help_of(COMMAND_OF[transaction])
    assert f"TD{transaction[2:]}" in said
    assert help_of(transaction).splitlines()[2:] == said.splitlines()[2:], "another name of the same command"
    assert f"│ {transaction} " not in CliRunner().invoke(app, ["--help"]).output, "known, and not listed"


def test_existence_for_people_and_as_json(folder: Path) -> None:
    result, _ = run(folder, OPEN, "existence", *WHO)
    assert (result.exit_code, "PAT-TROIS" in result.output) == (0, False), "no traits (RG_0320)"
    assert [line.split(" : ")[1] for line in result.stdout.splitlines()] == ["ouvert", "VALIDE", "oui", "oui", "non"]
    result, _ = run(folder, OPEN, "existence", *WHO, "--json")
    assert answer(result) == {
        "exists": True,
        "status": "active",
        "authorisation": "VALIDE",
        "medecin_traitant": True,
        "internet_account": True,
        "mon_espace_sante": False,
        "closing": None,
    }


def test_a_closed_dmp_says_when_and_why(folder: Path) -> None:
    closed = dmp.demographics(
        subject=dmp.patient("terminated", dmp.CLOSED),
        lines=dmp.authorised("EXPIRE") + dmp.medecin_traitant("false"),
    )
    result, _ = run(folder, closed, "existence", *WHO)
    assert result.exit_code == 0
    assert "2026-11-02 10:11 (FERMETURE_DEMANDE_PATIENT) Demande écrite" in result.stdout
    result, _ = run(folder, closed, "existence", *WHO, "--json")
    assert answer(result)["closing"]["date"] == "20261102101112"


def test_no_dmp_is_exit_3(folder: Path) -> None:
    result, _ = run(folder, NONE, "existence", *WHO, "--json")
    assert (result.exit_code, answer(result)["exists"]) == (3, False)
    result, _ = run(folder, NONE, "administrative", *WHO, "--json")
    assert (result.exit_code, answer(result)["error"]["code"]) == (3, "NotFound")


def test_candidates(folder: Path) -> None:
    script = dmp.found(dmp.candidate(opposed="true"))
    result, (exchange,) = run(folder, script, "candidates", "--family", "PAT", "--birth-date", "1979-03-28")
    assert result.exit_code == 0, result.output
    assert b'value="19790328"' in exchange.body
    assert b'code="centre_15"' in exchange.body
    assert f"{INS}  PAT-DEUX DOMINIQUE  1979-03-28" in result.stdout
    assert "opposition" in result.stdout
    result, (exchange,) = run(folder, script, "candidates", "--city", "Paris", "--access", "normal", "--json")
    assert b'code="normal"' in exchange.body
    (found,) = answer(result)
    assert found["identifiers"][1] == {"ins": INS, "ins_oid": INS_OID}
    result, _ = run(folder, dmp.found(response="NF"), "candidates", "--family", "X", "--json")
    assert (result.exit_code, answer(result)) == (3, [])


TRAITS = ("--family", "BIRTH", "--used-family", "USED", "--given", "ANNE", "--birth-date", "1979-03-28", "--sex", "F")


def test_create_by_options(folder: Path) -> None:
    reach = ("--mobile", "06", "--phone", "01", "--email", "a@example.org")
    place = ("--street", "1, quai", "--postal-code", "75005", "--city", "Paris", "--country", "France")
    options = (*TRAITS, *reach, *place, "--consent", "--no-centre-15")
    result, (exchange,) = run(folder, dmp.registered(), "create", "--patient", "42", *options, "--json")
    assert (result.exit_code, answer(result)) == (0, {"status": "active"})
    lines = "\n".join(dmp.outline(dmp.asked(exchange)))
    for said in (
        "family@qualifier=SP=USED",
        "family@qualifier=BR=BIRTH",
        "given=ANNE",
        "birthTime@value=19790328",
        "administrativeGenderCode@code=F",
        "telecom@use=HP@value=tel:01",
        "telecom@use=MC@value=tel:06",
        "telecom@value=mailto:a@example.org",
        "streetAddressLine=1, quai",
        "postalCode=75005",
        "city=Paris",
        "country=France",
        f"id@extension=42@root={INS_OID}",
    ):
        assert said in lines, said
    assert "CONSENTEMENT_OUVERTURE_DMP" in lines
    opposed = lines[lines.index("OPPOSITION_ACCES_URGENCE") :].splitlines()[1]
    allowed = lines[lines.index("OPPOSITION_BRIS_DE_GLACE") :].splitlines()[1]
    assert (opposed.rpartition("/")[2], allowed.rpartition("/")[2]) == (
        "value@value=true@type=BL",
        "value@value=false@type=BL",
    )


def test_create_as_patients_json_has_it(folder: Path) -> None:
    result, (exchange,) = run(folder, dmp.registered(), "create", *WHO, "--consent", "--given", "AUTRE")
    assert (result.exit_code, result.stdout) == (0, "DMP : ouvert\n")
    for said in (b'<family qualifier="BR">PAT-TROIS</family>', b"<given>AUTRE</given>"):
        assert said in exchange.body


def test_create_from_a_cda_header(folder: Path, tmp_path: Path) -> None:
    guardian = (
        '<guardian><code code="MTH"/><telecom value="tel:03"/><guardianPerson><name><family>MERE</family>'
        "<given>Anne</given></name></guardianPerson></guardian>"
    )
    file = dmp.write_recipient(tmp_path / "a.xml", guardian=guardian)
    result, (exchange,) = run(folder, dmp.registered(), "create", *WHO, "--consent", "--from-cda", str(file))
    assert result.exit_code == 0, result.output
    lines = "\n".join(dmp.outline(dmp.asked(exchange)))
    for said in (
        "name/prefix=Mme",
        "name/family@qualifier=SP=PAT-TROIS",
        "name/family@qualifier=BR=PAT-DEUX",
        "name/given=DOMINIQUE\n",
        "telecom@use=MC@value=tel:0601020304",
        "addr/city=Paris",
        "personalRelationship/code@code=MTH",
        "relationshipHolder1/name/family=MERE",
    ):
        assert said in lines, said
    for patient, path, said in (("42", file, "expected one of"), (INS, tmp_path / "none.xml", "expected one of")):
        options = ("--patient", patient, "--consent", "--from-cda", str(path))
        result, _ = run(folder, None, "create", *options)
        assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_reactivate_and_close(folder: Path) -> None:
    result, (exchange,) = run(folder, dmp.registered(), "reactivate", *WHO, "--consent")
    assert (result.exit_code, result.stdout) == (0, "DMP : ouvert\n")
    assert b"CONSENTEMENT_REACTIVATION_DMP" in exchange.body
    result, (exchange,) = run(
        folder, dmp.registered("terminated"), "close", *WHO, "--reason", "AUTRE_MOTIF", "--text", "Pour essai"
    )
    assert (result.exit_code, result.stdout) == (0, "DMP : fermé\n")
    assert b'<code code="AUTRE_MOTIF"' in exchange.body
    assert b"<text>Pour essai</text>" in exchange.body


def test_administrative(folder: Path) -> None:
    result, _ = run(folder, ADMINISTRATIVE, "administrative", *WHO)
    assert result.exit_code == 0
    for said in ("PAT-DEUX", "Mme PAT-TROIS", "1979-03-28", "75005 Paris", "tel:0601020304", "Jean REPLEG"):
        assert said in result.stdout
    result, _ = run(folder, ADMINISTRATIVE, "administrative", *WHO, "--json")
    assert answer(result)["oppositions"] == {"bris_de_glace": True, "centre_15": False}


def test_amend_sends_everything_back_with_what_is_said(folder: Path) -> None:
    def script(exchange: Exchange) -> Answer:
        query = dmp.asked(exchange).tag.endswith("PRPA_IN201307UV02")
        return (ADMINISTRATIVE if query else dmp.registered())(exchange)

    options = ("--mobile", "0700", "--city", "Lyon", "--bris-de-glace")
    result, (_, exchange) = run(folder, script, "amend", *WHO, *options)
    assert result.exit_code == 0, result.output
    lines = dmp.outline(dmp.asked(exchange))
    person = [line.rpartition("patientPerson/")[2] for line in lines if "patientPerson/" in line]
    assert "telecom@use=MC@value=tel:0700" in person
    assert "telecom@use=MC@value=tel:0601020304" not in person
    assert "telecom@value=mailto:d@example.org" in person
    assert "addr/city=Lyon" in person
    assert "addr/streetAddressLine=1, rue du Quai" in person
    assert "name/family@qualifier=BR=PAT-DEUX" in person
    assert "personalRelationship/relationshipHolder1/name/family=REPLEG" in person
    assert [line.rpartition("/")[2] for line in lines if "administrativeObservation/value" in line] == [
        "value@value=false@type=BL",
        "value@value=false@type=BL",
    ]


def test_authorise(folder: Path) -> None:
    script = dmp.output(dmp.SI_DMP_HABILITATIONS, context="Autorisation ajoutée")
    result, (exchange,) = run(folder, script, "authorise", *WHO, "--remove", "--medecin-traitant")
    assert (result.exit_code, result.stdout) == (0, "Autorisation ajoutée\n")
    assert b"<action>SUPPRESSION</action><role>MEDECIN_TRAITANT</role>" in exchange.body
    result, _ = run(folder, script, "authorise", *WHO, "--json")
    assert answer(result) == {"status": "DMPOk", "context": "Autorisation ajoutée"}


def test_authorised(folder: Path) -> None:
    script = dmp.output(dmp.SI_DMP_PATIENTS, dmp.PATIENT_LINE)
    options = ("--since", "2026-10-01", "--by", "last-document", "--owner", "899900000022")
    result, (exchange,) = run(folder, script, "authorised", *options)
    assert result.exit_code == 0, result.output
    assert f"{INS}  PAT-TROIS DOMINIQUE" in result.stdout
    assert b"<startDate>20261001000000</startDate><dateType>LASTDOC</dateType>" in exchange.body
    result, _ = run(folder, script, "authorised", "--json")
    assert answer(result)[0]["medecin_traitant"] is True
    result, _ = run(folder, dmp.output(dmp.SI_DMP_PATIENTS), "authorised", "--json")
    assert (result.exit_code, answer(result)) == (3, [])


def test_professionals(folder: Path) -> None:
    script = dmp.output(dmp.SI_DMP_HABILITATIONS, dmp.PROFESSIONAL_LINE)
    result, (exchange,) = run(folder, script, "professionals", *WHO, "--which", "toute")
    assert b"<mode>TOUTE</mode>" in exchange.body
    assert "LEBLANC Hélène" in result.stdout
    result, _ = run(folder, script, "professionals", *WHO, "--json")
    assert answer(result)[0]["specific_rights"] == ["MEDECIN_TRAITANT"]
    result, _ = run(folder, dmp.output(dmp.SI_DMP_HABILITATIONS), "professionals", *WHO)
    assert result.exit_code == 3


def test_the_internet_account(folder: Path) -> None:
    script = dmp.output(dmp.SI_DMP_PATIENTS, dmp.ACCOUNT)
    result, (exchange,) = run(folder, script, "account-create", "sms", "0601020304", *WHO, "--json")
    assert answer(result) == {"status": "DMPOk", "login": "abcd1234", "password": "s3cret!", "context": ""}
    assert b"<type>SMS</type><canal>0601020304</canal>" in exchange.body
    result, _ = run(folder, script, "account-renew", *WHO)
    assert "s3cret!" in result.stdout
    said = dmp.output(dmp.SI_DMP_PATIENTS, context="OTP mis à jour")
    options = ("email", "a@example.org", "--action", "modification")
    result, (exchange,) = run(folder, said, "account-otp", *options, *WHO)
    assert result.stdout == "OTP mis à jour\n"
    assert b"<canal>a@example.org</canal><action>MODIFICATION</action>" in exchange.body


@pytest.mark.parametrize(
    ("arguments", "script"),
    [
        (("existence",), dmp.demographics(code="AE", detail="DMPAccessDeniedByRightsService", response="AE")),
        (("create", "--consent"), dmp.registered(code="AE", detail="DMPAccessDeniedByRightsService")),
        (("authorise",), dmp.output(dmp.SI_DMP_HABILITATIONS, status="DMPAccessDeniedByRightsService", context="Non")),
    ],
)
def test_a_refusal_is_exit_1_with_its_code(folder: Path, arguments: tuple[str, ...], script: Script) -> None:
    result, _ = run(folder, script, *arguments, *WHO, "--json")
    assert (result.exit_code, answer(result)["error"]["code"]) == (1, "DMPAccessDeniedByRightsService")
    result, _ = run(folder, script, *arguments, *WHO)
    assert (result.exit_code, "DMPAccessDeniedByRightsService: " in result.stderr) == (1, True)
    result, _ = run(folder, fault, *arguments, *WHO, "--json")
    assert (result.exit_code, answer(result)["error"]["code"]) == (1, "DMPInvalidCertificate")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create", *WHO), "expected --consent"),
        (("reactivate", *WHO), "expected --consent"),
        (("amend", *WHO), "at least one of"),
        (("candidates",), "at least one of"),
        (("candidates", "--birth-date", "28/03/1979"), "expected YYYY-MM-DD, got 28/03/1979"),
        (("authorised", "--since", "2026"), "at least a day"),
        (("authorised", "--since", "hier"), "got hier"),
        (("authorised", "--by", "hier"), "hier"),
        (("existence",), "--patient"),
        (("mask", *WHO), "ID"),
    ],
)
def test_unusable_arguments_are_exit_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result, _ = run(folder, None, *arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_the_patient_met_is_remembered(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    run(folder, OPEN, "existence", "--patient", "42", "--ins-oid", "1.2.3")
    result, (exchange,) = run(folder, dmp.registered(), "create", "--patient", "42", "--consent")
    assert result.exit_code == 0, result.output
    assert b'<id root="1.2.3" extension="42"/>' in exchange.body


def test_common_options_reach_the_assertion(folder: Path) -> None:
    options = ("--mode", "INDIRECTE_RENFORCEE", "--person", "dr-hospitalière", "--access", "bris_de_glace")
    result, (exchange,) = run(
        folder, OPEN, "existence", *WHO, *options, "--reason", "Malaise", "--secret", who="hopital"
    )
    assert result.exit_code == 0, result.output
    for claim in ("INDIRECTE_RENFORCEE", "899900000022", "bris_de_glace", "Malaise", "INVISIBLE_REPRESENTANTS_LEGAUX"):
        assert claim in dmp.vihf_of(exchange)
