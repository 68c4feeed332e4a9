"""The DMP's own services as the practice software asks them: TD0.3, TD0.4, TD1.5, TD1.6."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dmp_fakes as dmp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lps_fakes import INS, INS_OID, Script, demo_folder, fault, simple
from lxml import etree

from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.services import (
    LAST_DOCUMENT,
    SI_DMP_HABILITATIONS,
    SI_DMP_PATIENTS,
    Account,
    AuthorisedDmp,
    AuthorisedProfessional,
    Output,
    write_operation,
)
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access

PATIENT = Patient(INS, INS_OID)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


HABILITATIONS = "urn:si-dmp-habilitations:HabilitationsEndPoint"
PATIENTS = "urn:si-dmp-patients:PatientSpecificEndPoint"


@pytest.mark.parametrize(
    ("act", "action", "fields"),
    [
        (lambda lps: lps.authorise(PATIENT), f"{HABILITATIONS}:setAuthorization", ["action=AJOUT"]),
        (
            lambda lps: lps.authorise(PATIENT, medecin_traitant=True),
            f"{HABILITATIONS}:setAuthorization",
            ["action=AJOUT", "role=MEDECIN_TRAITANT"],
        ),
        (
            lambda lps: lps.authorise(PATIENT, remove=True),
            f"{HABILITATIONS}:setAuthorization",
            ["action=SUPPRESSION"],
        ),
        (
            lambda lps: lps.authorise(PATIENT, remove=True, medecin_traitant=True),
            f"{HABILITATIONS}:setAuthorization",
            ["action=SUPPRESSION", "role=MEDECIN_TRAITANT"],
        ),
        (lambda lps: lps.professionals(PATIENT), f"{HABILITATIONS}:listAuthorizationByPatient", []),
        (
            lambda lps: lps.professionals(PATIENT, which="INTERDITE"),
            f"{HABILITATIONS}:listAuthorizationByPatient",
            ["mode=INTERDITE"],
        ),
        (lambda lps: lps.authorised(), f"{PATIENTS}:patientList", []),
        (
            lambda lps: lps.authorised(since="20261001000000", by=LAST_DOCUMENT, owner="899900000022"),
            f"{PATIENTS}:patientList",
            ["startDate=20261001000000", "dateType=LASTDOC", "psOwnerId=899900000022"],
        ),
        (
            lambda lps: lps.create_account(PATIENT, "SMS", "0601020304"),
            f"{PATIENTS}:createPatientAccess",
            ["type=SMS", "canal=0601020304"],
        ),
        (
            lambda lps: lps.update_otp(PATIENT, "EMAIL", "a@example.org", action="SUPPRESSION"),
            f"{PATIENTS}:patientOTPUpdate",
            ["type=EMAIL", "canal=a@example.org", "action=SUPPRESSION"],
        ),
        (lambda lps: lps.renew_account(PATIENT), f"{PATIENTS}:updatePatientAccess", []),
    ],
)
def test_each_operation_with_its_fields_in_order(
    folder: Path, act: Callable[[Lps], object], action: str, fields: list[str]
) -> None:
    namespace = action.rpartition(":")[0].rpartition(":")[0]
    _, (exchange,) = dmp.ask(folder, dmp.output(namespace), act)
    request, operation = dmp.asked(exchange), action.rpartition(":")[2]
    assert (exchange.path, exchange.action) == ("/ihe/habilitations", action)
    assert request.tag == f"{{{namespace}}}{operation}"
    assert dmp.outline(request) == [operation, *(f"{operation}/{field}" for field in fields)]
    assert {etree.QName(element).namespace for element in request.iter()} == {namespace}


def test_whom_it_is_about_stands_in_the_vihf(folder: Path) -> None:
    access = Access("bris_de_glace", "Malaise")
    _, (exchange,) = dmp.ask(
        folder, dmp.output(SI_DMP_HABILITATIONS), lambda lps: lps.authorise(PATIENT, access=access)
    )
    for claim in (f"{INS}^^^&amp;{INS_OID}&amp;ISO^NH", "bris_de_glace", "Malaise", "899900000011"):
        assert claim in dmp.vihf_of(exchange)
    _, (exchange,) = dmp.ask(folder, dmp.output(SI_DMP_PATIENTS), lambda lps: lps.authorised())
    assert "resource-id" not in dmp.vihf_of(exchange), "the list is about nobody in particular"


def test_what_the_dmp_says_of_an_authorisation(folder: Path) -> None:
    context = "Autorisation déjà présente aucune action effectuée"
    result, _ = dmp.ask(folder, dmp.output(SI_DMP_HABILITATIONS, context=context), lambda lps: lps.authorise(PATIENT))
    assert result == context
    result, _ = dmp.ask(
        folder,
        dmp.output(SI_DMP_PATIENTS, context="OTP mis à jour"),
        lambda lps: lps.update_otp(PATIENT, "SMS", "0601020304"),
    )
    assert result == "OTP mis à jour"


def test_the_list_of_authorised_dmps(folder: Path) -> None:
    script = dmp.output(SI_DMP_PATIENTS, dmp.PATIENT_LINE * 2)
    result, _ = dmp.ask(folder, script, lambda lps: lps.authorised())
    line = AuthorisedDmp(
        identifiers=(Patient("0740724093302701701806", "1.2.250.1.213.1.4.2"), PATIENT),
        family="PAT-TROIS",
        birth_family="",
        given="DOMINIQUE",
        civility="",
        birth_date="19790328",
        medecin_traitant=True,
        message=False,
        last_access="20261001094105",
        last_update="20260925134738",
        last_add="20260925134735",
    )
    assert result == [line, line]


def test_the_list_of_professionals(folder: Path) -> None:
    structure = dmp.PROFESSIONAL_LINE.replace("71.4.2.1", "71.4.2.2").replace("ACTIVE", "INTERDITE")
    script = dmp.output(SI_DMP_HABILITATIONS, dmp.PROFESSIONAL_LINE + structure)
    result, _ = dmp.ask(folder, script, lambda lps: lps.professionals(PATIENT))
    first, second = result
    assert first == AuthorisedProfessional(
        id_nat="899900000011",
        structure=False,
        family="LEBLANC",
        given="Hélène",
        specialties=("G15_10/SM26",),
        labels=("Médecin - Médecine générale",),
        since="20260601135804",
        last_action="20260601140606",
        mode="ACTIVE",
        specific_rights=("MEDECIN_TRAITANT",),
    )
    assert (second.structure, second.mode) == (True, "INTERDITE")


def test_a_new_account(folder: Path) -> None:
    for act in (lambda lps: lps.create_account(PATIENT, "SMS", "06"), lambda lps: lps.renew_account(PATIENT)):
        result, _ = dmp.ask(folder, dmp.output(SI_DMP_PATIENTS, dmp.ACCOUNT), act)
        assert result == Account("abcd1234", "s3cret!", "")


def raised(folder: Path, script: Script) -> LpsError:
    with pytest.raises(LpsError) as caught:
        dmp.ask(folder, script, lambda lps: lps.authorise(PATIENT))
    return caught.value


def test_another_status_is_a_refusal(folder: Path) -> None:
    error = raised(folder, dmp.output(SI_DMP_HABILITATIONS, status="DMPClosed", context="DMP fermé"))
    assert (error.code, error.context, error.reason) == ("DMPClosed", "DMP fermé", "setAuthorizationResponse")
    assert raised(folder, dmp.output(SI_DMP_HABILITATIONS, status="DMPClosed")).context == "no context was given"
    assert raised(folder, fault).code == "DMPInvalidCertificate"


def test_an_answer_that_the_service_does_not_have(folder: Path) -> None:
    error = raised(folder, dmp.output(SI_DMP_PATIENTS))
    assert (error.code, error.reason) == ("Transport", "Body")
    nothing = f'<setAuthorizationResponse xmlns="{SI_DMP_HABILITATIONS}"/>'
    error = raised(folder, lambda exchange: simple(dmp.soap(exchange.message_id, nothing)))
    assert error.context == "expected an output, got none"
    with pytest.raises(LpsError, match="expected true or false, got oui"):
        dmp.ask(
            folder,
            dmp.output(SI_DMP_PATIENTS, dmp.PATIENT_LINE.replace("true", "oui")),
            lambda lps: lps.authorised(),
        )


WORD = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=30)


@given(st.dictionaries(st.sampled_from(["login", "password", "context"]), WORD))
def test_fields_are_read_as_they_were_written(fields: dict[str, str]) -> None:
    written = etree.fromstring(write_operation(SI_DMP_PATIENTS, "output", [*fields.items(), ("status", "DMPOk")]))
    answer = etree.Element(f"{{{SI_DMP_PATIENTS}}}opResponse")
    answer.append(written)
    output = Output(answer, SI_DMP_PATIENTS, "op")
    assert {name: output.text(name) for name in fields} == fields
