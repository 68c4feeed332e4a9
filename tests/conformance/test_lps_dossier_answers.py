"""The life of a DMP as the practice software reads it: TD0.2, TD0.5, TD1.1 to TD1.4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dmp_fakes as dmp
import pytest
from lps_fakes import INS, INS_OID, Exchange, Script, demo_folder, fault, serving, simple

from conformance.lps import LpsNotFoundError
from conformance.lps.candidates import Criteria
from conformance.lps.client import Lps
from conformance.lps.dossier import Closing, Existence, Oppositions
from conformance.lps.hl7v3 import HL7
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.traits import Address, Name, Representative, Telecom, Traits

PATIENT = Patient(INS, INS_OID)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def refused(folder: Path, script: Script, act: Callable[[Lps], object]) -> LpsError:
    with serving(script) as server, pytest.raises(LpsError) as caught:
        act(Lps.from_demo(folder, "dr-leblanc", server=server.address))
    return caught.value


def existence(lps: Lps) -> Existence:
    return lps.existence(PATIENT)


def test_an_open_dmp(folder: Path) -> None:
    lines = dmp.authorised("INTERDIT") + dmp.medecin_traitant("true")
    script = dmp.demographics(subject=dmp.patient("active", dmp.OPEN), lines=lines)
    result, _ = dmp.ask(folder, script, existence)
    assert result == Existence("active", "INTERDIT", True, True, False)
    assert "PAT-TROIS" not in repr(result), "practice software does not keep the traits (RG_0320)"


def test_a_closed_dmp(folder: Path) -> None:
    lines = dmp.authorised("EXPIRE") + dmp.medecin_traitant("false")
    script = dmp.demographics(subject=dmp.patient("terminated", dmp.CLOSED), lines=lines)
    result, _ = dmp.ask(folder, script, existence)
    closing = Closing("20261102101112", "FERMETURE_DEMANDE_PATIENT", "Demande écrite")
    assert result == Existence("terminated", "EXPIRE", False, closing=closing)


def test_no_dmp(folder: Path) -> None:
    none = dmp.demographics(lines=dmp.authorised("NON_EXISTE"), response="NF")
    result, _ = dmp.ask(folder, none, existence)
    assert result == Existence("", "NON_EXISTE", False)
    with pytest.raises(LpsNotFoundError):
        dmp.ask(folder, none, lambda lps: lps.administrative(PATIENT))


def test_the_administrative_data(folder: Path) -> None:
    script = dmp.demographics(subject=dmp.patient("active", dmp.OPPOSITIONS))
    result, _ = dmp.ask(folder, script, lambda lps: lps.administrative(PATIENT))
    assert result.traits == Traits(
        Name("PAT-TROIS", "DOMINIQUE", "PAT-DEUX", "Mme"),
        "F",
        "19790328",
        (Telecom("mailto:d@example.org"), Telecom("tel:0601020304", "MC")),
        Address(("1, rue du Quai",), "", "75005", "Paris"),
        (Representative("FTH", Name("REPLEG", "Jean"), Address(city="LILLE"), (Telecom("tel:0320", "HP"),)),),
    )
    assert result.oppositions == Oppositions(bris_de_glace=True)
    assert result.deceased is False


ACTS: dict[str, Callable[[Lps], object]] = {
    "TD0.2": existence,
    "TD1.3a": lambda lps: lps.administrative(PATIENT),
    "TD1.1": lambda lps: lps.create(PATIENT, Traits(Name("PAT-TROIS", "DOMINIQUE"))),
    "TD1.4": lambda lps: lps.close_dossier(PATIENT),
    "TD0.5": lambda lps: lps.candidates(Criteria("X")),
}


@pytest.mark.parametrize(
    ("act", "script"),
    [
        ("TD0.2", dmp.demographics(code="AE", detail="DMPAccessDeniedByRightsService", response="AE")),
        ("TD1.3a", dmp.demographics(code="AE", detail="DMPAccessDeniedByRightsService", response="AE")),
        ("TD1.1", dmp.registered(code="AE", detail="DMPAccessDeniedByRightsService")),
        ("TD1.4", dmp.registered(code="AE", detail="DMPAccessDeniedByRightsService")),
        ("TD0.5", dmp.found(code="AE", detail="DMPAccessDeniedByRightsService", response="AE")),
    ],
)
def test_a_refusal_has_the_code_and_the_text_of_the_acknowledgement(folder: Path, act: str, script: Script) -> None:
    error = refused(folder, script, ACTS[act])
    assert (error.code, error.context) == ("DMPAccessDeniedByRightsService", "Refusé.")
    assert error.reason == "acknowledgement AE"
    assert refused(folder, fault, ACTS[act]).code == "DMPInvalidCertificate"


def answered(content: str) -> Script:
    return lambda exchange: simple(dmp.soap(exchange.message_id, content))


ACTIVE = dmp.patient("active", dmp.OPEN)


@pytest.mark.parametrize(
    ("act", "script", "message"),
    [
        ("TD0.2", answered("<other/>"), "expected PRPA_IN201308UV02, got other"),
        ("TD0.2", answered(f'<PRPA_IN201308UV02 xmlns="{HL7}"/>'), "expected an acknowledgement, got none"),
        ("TD0.2", dmp.demographics(subject=ACTIVE), "AUTORISATION"),
        ("TD0.2", dmp.demographics(subject=ACTIVE, lines=dmp.authorised("PEUT_ETRE")), "got PEUT_ETRE"),
        ("TD0.2", dmp.demographics(lines=dmp.authorised("VALIDE")), "expected a patient"),
        (
            "TD0.2",
            dmp.demographics(subject=dmp.patient("sleeping"), lines=dmp.authorised("VALIDE")),
            "active or terminated, got sleeping",
        ),
        (
            "TD0.2",
            dmp.demographics(subject=ACTIVE, lines=dmp.authorised("VALIDE") + dmp.medecin_traitant("oui")),
            "STATUT_MT, got oui",
        ),
        ("TD0.2", dmp.demographics(subject=ACTIVE, reason="CNSLT_DATA"), "expected reasonCode TEST_EXST"),
        ("TD0.2", dmp.demographics(subject=ACTIVE, response="AE", lines=dmp.authorised("VALIDE")), "got AE"),
        ("TD1.3a", dmp.demographics(subject=dmp.patient("active")), "OPPOSITION_BRIS_DE_GLACE"),
        ("TD1.3a", dmp.demographics(subject=dmp.patient("active", person="")), "expected a patientPerson"),
        ("TD1.1", dmp.demographics(subject=ACTIVE), "expected PRPA_IN201311UV02_Response"),
        ("TD1.1", dmp.registered(name="PRPA_IN201313UV02"), "expected PRPA_IN201312UV02 with what was accepted"),
        ("TD1.1", answered(f'<PRPA_IN201311UV02_Response xmlns="{dmp.GDP}"/>'), "got nothing"),
        ("TD1.1", dmp.registered("void"), "got void"),
        ("TD0.5", dmp.found(dmp.candidate("many")), "expected a percentage, got many"),
        ("TD0.5", dmp.found(dmp.candidate(opposed="1")), "OPPOSITION_ACCES_URGENCE"),
        ("TD0.5", dmp.found(dmp.patient("active", person="")), "expected a patientPerson"),
        ("TD0.5", dmp.found(response="QE"), "got QE"),
        ("TD0.5", answered("<other/>"), "expected PRPA_IN201306UV02"),
    ],
)
def test_an_answer_that_the_transaction_does_not_have(folder: Path, act: str, script: Script, message: str) -> None:
    error = refused(folder, script, ACTS[act])
    assert error.code == "Transport"
    assert message in error.context


def test_an_acknowledgement_of_another_message_is_none(folder: Path) -> None:
    def script(exchange: Exchange) -> tuple[int, str, bytes, int]:
        status, kind, content, _ = dmp.registered()(exchange)
        assert isinstance(content, bytes)
        identifier = dmp.asked(exchange).find("h:id", dmp.NS)
        assert identifier is not None
        other = content.replace(str(identifier.get("extension")).encode(), b"another")
        return status, kind, other, len(other)

    assert "of this message" in refused(folder, script, ACTS["TD1.1"]).context


def test_a_refusal_without_detail_is_one_all_the_same(folder: Path) -> None:
    error = refused(folder, dmp.registered(code="AE"), ACTS["TD1.1"])
    assert (error.code, error.context) == ("AE", "no acknowledgementDetail was given")
