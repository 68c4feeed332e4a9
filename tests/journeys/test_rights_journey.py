"""Who sees what, over the wire: search and opening agree, and every refusal is explained in the audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.event import Outcome
from conformance.lps import LpsNotFoundError, client
from conformance.lps.client import Lps
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from schemas import oids
from schemas.domain import load
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.village import Village

REPOSITORY = load("fr-dmp").repository_unique_id
CRH, LAB, CONSULTATION = "hospital_stay_report", "lab_report", "consultation_report"
LOINC, TRE_A05 = oids.LOINC, oids.TYPE_DOCUMENT
# The ten types that the matrix keeps from pharmacists. Source: revuepharma.fr, October 2023.
NOT_FOR_PHARMACISTS = {
    "75496-0": LOINC,
    "34842-5": LOINC,
    "68599-0": LOINC,
    "83901-9": LOINC,
    "68817-6": LOINC,
    "89601-9": LOINC,
    "86531-1": LOINC,
    "EXPPAT_3": TRE_A05,
    "ATTEST-RESID": TRE_A05,
    "ATTEST-HEBGT": TRE_A05,
}
NOT_FOR_MEDECINS = {"ATTEST-RESID"}


@dataclass
class Provide:
    """Provides one synthetic document of a kind and gives its uniqueId."""

    village: Village
    folder: Path
    number: int = 1000

    def __call__(self, kind: str, patient: Patient, *, by: str, author: str, masked: bool = False) -> str:
        self.number += 1
        index = [each.ins for each in PATIENTS].index(patient.ins)
        paper = Paper(kind, by, author, index, 1, masked)
        file = write(paper, self.folder, self.number, datetime.now(UTC))
        visibility = Visibility(mask=masked)
        return self.village.lps(by).provide([file], patient, visibility=visibility).unique_ids[0]


@pytest.fixture
def provide(village: Village, tmp_path: Path) -> Provide:
    return Provide(village, tmp_path)


@pytest.fixture
def patient(village: Village) -> Patient:
    return village.patient(PATIENTS[0].ins)


def finds(lps: Lps, unique_id: str, patient: Patient, access: Access | None = None) -> bool:
    return unique_id in {entry.unique_id for entry in lps.find(patient, access=access)}


def opens(lps: Lps, unique_id: str, patient: Patient, tmp_path: Path, access: Access | None = None) -> bool:
    """Whether ITI-43 gives the document, asked without searching first."""
    try:
        lps.open(unique_id, tmp_path / "opened.xml", patient, repository=REPOSITORY, access=access)
    except LpsError as error:
        assert error.code in ("XDSDocumentUniqueIdError", "DMPAccessDeniedByRightsService")
        return False
    return True


def test_a_podologue_neither_finds_nor_opens_a_crh(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    crh = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    podologue = village.lps("podologue")
    assert not finds(podologue, crh, patient)
    assert podologue.documents([crh], patient) == []
    assert village.audit(1)[0].rule == "matrice", "asking for it by name is refused, and explained"
    assert podologue.documents([village.lps("medecin-traitant").locate(crh, patient).entry_uuid], patient) == []
    assert village.audit(1)[0].rule == "matrice"
    assert not opens(podologue, crh, patient, tmp_path)
    record = village.audit(1)[0]
    assert record.outcome is Outcome.MINOR_FAILURE
    assert (record.rule, record.rule_table) == ("matrice", "matrice_synthetique.csv")
    assert "80 × 34112-3" in record.rule_row
    doctor = village.lps("medecin-traitant")
    assert finds(doctor, crh, patient)
    assert opens(doctor, crh, patient, tmp_path)


def test_a_masked_document_is_seen_by_its_author_and_the_medecin_traitant_only(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    masked = provide(CONSULTATION, patient, by="medecin", author="medecin", masked=True)
    for name in ("infirmier", "medecin-hospitalier", "pharmacien"):
        assert not finds(village.lps(name), masked, patient), name
        assert not opens(village.lps(name), masked, patient, tmp_path), name
        assert village.audit(1)[0].rule == "document_masque", name
    for name in ("medecin", "medecin-traitant"):
        assert finds(village.lps(name), masked, patient), name
        assert opens(village.lps(name), masked, patient, tmp_path), name


def test_refused_masked_and_inexistent_look_the_same(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    masked = provide(CONSULTATION, patient, by="medecin", author="medecin", masked=True)
    crh = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    answers = set()
    for unique_id in (masked, crh, "1.2.3.4.5.6.7"):
        with pytest.raises(LpsError) as refused:
            village.lps("podologue").open(unique_id, tmp_path / "x", patient, repository=REPOSITORY)
        answers.add((refused.value.code, refused.value.context.replace(unique_id, "ID")))
    assert len(answers) == 1


def test_a_pharmacist_does_not_see_the_ten_excluded_types(village: Village, patient: Patient, tmp_path: Path) -> None:
    author, provided = village.lps("medecin"), {}
    for number, (code, system) in enumerate(NOT_FOR_PHARMACISTS.items()):
        file = write(Paper(CONSULTATION, "medecin", "medecin", 0, 1), tmp_path, 1500 + number, datetime.now(UTC))
        retyped = file.read_text("utf-8").replace('code="11488-4"', f'code="{code}"', 1)
        place = retyped.index(f'code="{code}"')
        file.write_text(retyped[:place] + retyped[place:].replace(LOINC, system, 1), "utf-8")
        provided[code] = author.provide([file], patient).unique_ids[0]
    common = author.provide(
        [write(Paper(CONSULTATION, "medecin", "medecin", 0, 1), tmp_path, 1600, datetime.now(UTC))], patient
    ).unique_ids[0]
    seen = {entry.unique_id for entry in village.lps("pharmacien").find(patient)}
    assert common in seen
    assert seen.isdisjoint(provided.values())
    for unique_id in provided.values():
        assert not opens(village.lps("pharmacien"), unique_id, patient, tmp_path)
        assert village.audit(1)[0].rule == "matrice"
    by_doctor = {entry.unique_id for entry in village.lps("medecin-traitant").find(patient)}
    assert {code for code, unique_id in provided.items() if unique_id not in by_doctor} == NOT_FOR_MEDECINS


def test_a_structure_certificate_feeds_and_never_consults(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    letter = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    hospital = village.lps("hopital")
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        hospital.find(patient)
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        hospital.open(letter, tmp_path / "x", patient, repository=REPOSITORY)
    record = village.audit(1)[0]
    assert (record.action, record.rule_table) == ("TD3.2", "droits_fonctionnels/CPS_CPE_ES")
    assert "ES_indirect:normal" in record.rule_row
    assert hospital.resolve(letter, patient).startswith("urn:uuid:"), "its own documents' references, to delete them"
    lab = provide(LAB, patient, by="laboratoire", author="biologiste")
    with pytest.raises(LpsNotFoundError):
        hospital.resolve(lab, patient)


def test_air_consults_and_never_feeds(village: Village, provide: Provide, patient: Patient, tmp_path: Path) -> None:
    letter = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    air = village.lps("clinique")
    assert finds(air, letter, patient)
    assert opens(air, letter, patient, tmp_path)
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        provide(CONSULTATION, patient, by="clinique", author="medecin-clinique")
    record = village.audit(1)[0]
    assert (record.action, record.rule_table) == ("TD2.1", "droits_fonctionnels/AIR")


def test_a_structure_not_approved_for_air_is_refused(village: Village, patient: Patient) -> None:
    with pytest.raises(LpsError, match="non approuvée"):
        village.lps("hopital", mode="INDIRECTE_RENFORCEE").find(patient)
    assert village.audit(1)[0].rule == "annuaire"


def test_an_occupational_physician_consults_nothing(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    letter = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    own = provide(CONSULTATION, patient, by="medecin-du-travail", author="medecin-du-travail")
    for unique_id in (letter, own):
        assert not opens(village.lps("medecin-du-travail"), unique_id, patient, tmp_path)
        assert "medecin_du_travail" in village.audit(1)[0].rule_row


def test_a_secretary_feeds_for_her_practice_and_consults_nothing(
    village: Village, provide: Provide, patient: Patient
) -> None:
    provide(CONSULTATION, patient, by="secretaire", author="medecin-traitant")
    assert village.audit(1)[0].action == "TD2.2"
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        village.lps("secretaire").find(patient)


@pytest.mark.parametrize(
    ("who", "ins", "rule"),
    [
        ("medecin", PATIENTS[5].ins, "autorisation_absente"),
        ("dentiste", PATIENTS[6].ins, "blocage"),
        ("medecin-traitant", PATIENTS[3].ins, "dossier_ferme"),
    ],
)
def test_what_the_patient_said_decides_and_the_wire_says_one_thing(
    village: Village, who: str, ins: str, rule: str
) -> None:
    with pytest.raises(LpsError) as refused:
        village.lps(who).find(village.patient(ins))
    assert "ne vous est pas ouvert" in refused.value.context
    assert village.audit(1)[0].rule == rule


def test_emergency_access_needs_the_patient_s_non_opposition_and_a_reason(village: Village) -> None:
    stranger, opposed = village.patient(PATIENTS[8].ins), village.patient(PATIENTS[5].ins)
    doctor = village.lps("medecin")
    emergency = Access("bris_de_glace", "patient inconscient")
    assert isinstance(doctor.find(stranger, access=emergency), list)
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        doctor.find(opposed, access=emergency)
    assert village.audit(1)[0].rule == "opposition_bris_de_glace"


def test_a_blocked_professional_still_feeds(village: Village, provide: Provide) -> None:
    patient = village.patient(PATIENTS[6].ins)
    assert provide(CONSULTATION, patient, by="dentiste", author="dentiste")


def test_a_replacement_deprecates_and_only_the_author_may(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    first = provide(CONSULTATION, patient, by="medecin", author="medecin")
    paper = Paper(CONSULTATION, "medecin", "medecin", 0, 0)
    second = write(paper, tmp_path, 2000, datetime.now(UTC))
    entry = village.lps("medecin-traitant").locate(first, patient)
    with pytest.raises(LpsError, match="UnresolvedReferenceException"):
        village.lps("pharmacien").provide([second], patient, replace=entry.entry_uuid)
    provided = village.lps("medecin").provide([second], patient, replace=entry.entry_uuid)
    assert not finds(village.lps("medecin-traitant"), first, patient)
    assert finds(village.lps("medecin-traitant"), provided.unique_ids[0], patient)
    third = write(paper, tmp_path, 2001, datetime.now(UTC))
    with pytest.raises(LpsError, match="XDSRegistryDeprecatedDocumentError"):
        village.lps("medecin").provide([third], patient, replace=entry.entry_uuid)


def test_a_message_for_another_patient_than_the_assertion_s_is_refused(
    village: Village, provide: Provide, patient: Patient
) -> None:
    other = village.patient(PATIENTS[1].ins)
    doctor = village.lps("medecin-traitant")
    wrong: Callable[[Patient | None, Access], bytes] = doctor.assertion
    doctor.assertion = lambda _patient, access: wrong(other, access)  # type: ignore[method-assign]
    with pytest.raises(LpsError, match="DMPAccessDeniedByRightsService"):
        doctor.find(patient)
    assert village.audit(1)[0].rule == "patient_de_l_assertion"


def test_a_structure_that_is_not_one_s_own_cannot_be_claimed(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path
) -> None:
    """A card proves its holder: a structure written into the assertion is checked against the directory."""
    crh = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    impostor, hospital = village.lps("medecin"), village.demo.person("hopital").structure_id
    impostor._sender = replace(impostor._sender, structure_id=hospital)
    second = write(Paper(CRH, "medecin", "medecin", 0, 0), tmp_path, 2100, datetime.now(UTC))
    target = village.lps("medecin-traitant").locate(crh, patient).entry_uuid
    with pytest.raises(LpsError, match="non liés"):
        impostor.provide([second], patient, replace=target)
    assert village.audit(1)[0].rule == "annuaire"


def test_an_addendum_to_a_hidden_document_tells_nothing_of_it(
    village: Village, provide: Provide, patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """APND to what the requester cannot find is APND to what does not exist."""
    crh = provide(CRH, patient, by="hopital", author="medecin-hospitalier")
    hidden = village.lps("medecin-traitant").locate(crh, patient).entry_uuid
    original = client.write_request
    monkeypatch.setattr(
        client,
        "write_request",
        lambda submission: [
            piece.replace(b"AssociationType:RPLC", b"AssociationType:APND") if isinstance(piece, bytes) else piece
            for piece in original(submission)
        ],
    )
    answers = []
    for number, target in enumerate((hidden, "urn:uuid:00000000-0000-4000-8000-000000000001")):
        paper = Paper("nursing_report", "podologue", "podologue", 0, 0)
        file = write(paper, tmp_path, 2200 + number, datetime.now(UTC))
        with pytest.raises(LpsError) as refused:
            village.lps("podologue").provide([file], patient, replace=target)
        answers.append((refused.value.code, refused.value.context.replace(target, "TARGET")))
    assert answers[0] == answers[1]
    assert answers[0][0] == "UnresolvedReferenceException"
    seen = village.lps("medecin-hospitalier")
    file = write(Paper(CONSULTATION, "medecin", "medecin", 0, 0), tmp_path, 2300, datetime.now(UTC))
    assert village.lps("medecin").provide([file], patient, replace=hidden), "a médecin who finds it may append to it"
    assert finds(seen, crh, patient), "what is appended to stays"
