"""TD0.3 through the door: professionals declare themselves authorised, médecin traitant, or no longer.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD0.3; PDT-INF-526 v1.8, rows TD0.3 and note (1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from attacks import SIMPLE, post
from services import DAY, HABILITATIONS, PATH, SOAP, WSA, YEAR, Told, ask, authorise, id_of, lps_of, newborn, wishes

from audit.event import Outcome
from conformance.lps.people import Patient
from conformance.lps.soap import WSSE, LpsError
from conformance.lps.vihf import Access
from dmp.autorisations import RENEWED_WITHIN
from dmp.gestion import Consents, close_dossier, record_consents
from habilitations.store import RightsError
from identities.requester import PatientId
from schemas import oids
from schemas.xml import parse
from server.demo.people import CABINET_DU_PARC
from server.house import now
from tests.village import Village

pytestmark = pytest.mark.proves("transaction/TD0.3")

AJOUT, SUPPRESSION = {"action": "AJOUT"}, {"action": "SUPPRESSION"}
MT = {"role": "MEDECIN_TRAITANT"}
DENIED = "DMPAccessDeniedByRightsService"
ALREADY = "Autorisation déjà présente aucune action effectuée"


def declare(
    village: Village, who: str, patient: Patient | None, texts: Mapping[str, str], *, access: Access | None = None
) -> Told:
    told = ask(lps_of(village, who), patient, HABILITATIONS, "setAuthorization", texts, access=access)
    assert told.data == ()
    return told


def enters(village: Village, who: str, patient: Patient) -> bool:
    """Whether they find documents there, or could."""
    try:
        lps_of(village, who).find(patient)
    except LpsError as error:
        assert error.code == DENIED
        return False
    return True


def test_who_declares_himself_enters_for_a_year(village: Village) -> None:
    patient = newborn(village)
    assert not enters(village, "medecin", patient)
    before = now()
    assert declare(village, "medecin", patient, AJOUT) == Told("DMPOk", "", ())
    assert enters(village, "medecin", patient)
    assert not enters(village, "infirmier", patient)
    said = wishes(village, patient)
    (authorisation,) = said.authorisations
    assert (authorisation.kind, authorisation.holder) == ("person", id_of(village, "medecin"))
    assert before <= authorisation.start <= now()
    assert authorisation.end - authorisation.start == YEAR
    assert said.medecins_traitants == ()


def test_the_declaration_is_recorded_with_whose_rights_changed(village: Village) -> None:
    patient = newborn(village)
    declare(village, "infirmier", patient, AJOUT)
    (record,) = village.audit(1)
    assert (record.transaction, record.action, record.outcome) == ("TD0.3", "TD0.3/ajout", Outcome.SUCCESS)
    assert (record.patient, record.rule_row) == (
        PatientId(patient.ins, patient.ins_oid),
        "TD0.3/ajout × PS_non_medecin:normal",
    )
    event = parse(record.message)
    identification = event.find("EventIdentification")
    assert identification is not None and identification.get("EventActionCode") == "U"
    assert identification.find("EventID").get("csd-code") == "110110"  # type: ignore[union-attr]
    touched = {
        each.get("ParticipantObjectID")
        for each in event.iterfind("ParticipantObjectIdentification")
        if each.get("ParticipantObjectTypeCodeRole") == "11"
    }
    assert id_of(village, "infirmier") in touched


def test_who_is_authorised_already_is_told_so_and_nothing_changes(village: Village) -> None:
    patient = newborn(village)
    authorise(village, patient, id_of(village, "medecin"), start=-DAY, end=RENEWED_WITHIN + DAY)
    before = wishes(village, patient)
    assert declare(village, "medecin", patient, AJOUT) == Told("DMPOk", ALREADY, ())
    assert wishes(village, patient) == before
    assert village.audit(1)[0].outcome is Outcome.SUCCESS


@pytest.mark.parametrize(
    ("start", "end"),
    [(-400 * DAY, -35 * DAY), (-YEAR, RENEWED_WITHIN - DAY), (DAY, YEAR)],
    ids=["over", "nearly over", "not begun"],
)
def test_an_authorisation_that_is_over_or_nearly_so_begins_anew(
    village: Village, start: timedelta, end: timedelta
) -> None:
    patient = newborn(village)
    authorise(village, patient, id_of(village, "medecin"), start=start, end=end)
    assert enters(village, "medecin", patient) is (start < timedelta() < end)
    assert declare(village, "medecin", patient, AJOUT) == Told("DMPOk", "", ())
    (authorisation,) = wishes(village, patient).authorisations
    assert authorisation.start <= now() < authorisation.start + DAY
    assert authorisation.end - authorisation.start == YEAR
    assert enters(village, "medecin", patient)


def test_a_medecin_becomes_medecin_traitant_and_stops_being_it(village: Village) -> None:
    patient = newborn(village)
    medecin = id_of(village, "medecin")
    assert declare(village, "medecin", patient, SUPPRESSION | MT).status == DENIED  # he is none yet
    assert declare(village, "medecin", patient, AJOUT | MT) == Told("DMPOk", "", ())
    assert wishes(village, patient).medecins_traitants == (medecin,)
    assert declare(village, "medecin", patient, AJOUT | MT).context == ALREADY
    assert declare(village, "medecin", patient, SUPPRESSION | MT) == Told("DMPOk", "", ())
    said = wishes(village, patient)
    assert said.medecins_traitants == () and [each.holder for each in said.authorisations] == [medecin]
    assert enters(village, "medecin", patient)


def test_an_authorised_medecin_becomes_medecin_traitant_and_keeps_his_authorisation(village: Village) -> None:
    patient = newborn(village)
    declare(village, "medecin", patient, AJOUT)
    before = wishes(village, patient)
    assert declare(village, "medecin", patient, AJOUT | MT) == Told("DMPOk", "", ())
    after = wishes(village, patient)
    assert after.medecins_traitants == (id_of(village, "medecin"),)
    assert after.authorisations == before.authorisations


def test_there_may_be_several_medecins_traitants(village: Village) -> None:
    patient = newborn(village)
    for who in ("medecin", "medecin-traitant", "medecin-clinique"):
        assert declare(village, who, patient, AJOUT | MT) == Told("DMPOk", "", ())
    assert len(wishes(village, patient).medecins_traitants) == 3


def test_who_stops_being_medecin_traitant_by_a_patient_s_word_alone_still_enters(village: Village) -> None:
    """He had no other authorisation: one of a year stands then."""
    medecin = id_of(village, "medecin")
    patient = newborn(village, Consents(medecins_traitants=(medecin,)))
    assert declare(village, "medecin", patient, SUPPRESSION | MT) == Told("DMPOk", "", ())
    (authorisation,) = wishes(village, patient).authorisations
    assert (authorisation.holder, authorisation.end - authorisation.start) == (medecin, YEAR)
    assert enters(village, "medecin", patient)


@pytest.mark.parametrize("who", ["infirmier", "pharmacien", "dentiste", "secretaire"])
def test_only_a_medecin_becomes_medecin_traitant(village: Village, who: str) -> None:
    patient = newborn(village)
    told = declare(village, who, patient, AJOUT | MT)
    assert (told.status, told.context) == (DENIED, "Seul un médecin peut se déclarer médecin traitant DMP.")
    said = wishes(village, patient)
    assert (said.medecins_traitants, said.authorisations) == ((), ())
    assert village.audit(1)[0].outcome is Outcome.MINOR_FAILURE


def test_who_removes_his_authorisation_enters_no_more(village: Village) -> None:
    patient = newborn(village)
    declare(village, "medecin", patient, AJOUT | MT)
    assert declare(village, "medecin", patient, SUPPRESSION) == Told("DMPOk", "", ())
    said = wishes(village, patient)
    assert (said.medecins_traitants, said.authorisations) == ((), ())
    assert not enters(village, "medecin", patient)
    told = declare(village, "medecin", patient, SUPPRESSION)
    assert told == Told("DMPOk", "Autorisation absente aucune action effectuée", ())


def test_removing_one_s_authorisation_leaves_those_of_others(village: Village) -> None:
    patient = newborn(village)
    for who in ("medecin", "infirmier"):
        declare(village, who, patient, AJOUT)
    declare(village, "infirmier", patient, SUPPRESSION)
    assert enters(village, "medecin", patient) and not enters(village, "infirmier", patient)


@pytest.mark.parametrize("texts", [AJOUT, AJOUT | MT])
def test_a_blocked_professional_cannot_let_himself_in(village: Village, texts: Mapping[str, str]) -> None:
    patient = newborn(village, Consents(blocked=(id_of(village, "medecin"),)))
    told = declare(village, "medecin", patient, texts)
    assert told.status == DENIED
    assert "blo" not in told.context.lower(), "why is for the audit log only"
    assert wishes(village, patient).authorisations == ()
    (record,) = village.audit(1)
    assert (record.rule, record.outcome) == ("blocage", Outcome.MINOR_FAILURE)


def test_a_blocked_structure_lets_nobody_of_it_in(village: Village) -> None:
    patient = newborn(village, Consents(blocked=(CABINET_DU_PARC,)))
    for who in ("dentiste", "secretaire"):
        assert declare(village, who, patient, AJOUT).status == DENIED
    assert declare(village, "medecin", patient, AJOUT).status == "DMPOk"


def test_who_declared_himself_medecin_traitant_cannot_be_blocked(village: Village) -> None:
    patient = newborn(village)
    declare(village, "medecin", patient, AJOUT | MT)
    blocking = Consents(blocked=(id_of(village, "medecin"),))
    with village.house() as house, pytest.raises(RightsError, match="médecin traitant"):
        record_consents(house.gate, "test", PatientId(patient.ins, patient.ins_oid), blocking)
    assert enters(village, "medecin", patient)


def test_a_secretary_authorises_the_structure_and_only_its_health_professionals_enter(village: Village) -> None:
    """Note (1): the authorisation is given to the structure."""
    patient = newborn(village)
    assert not enters(village, "dentiste", patient)
    assert declare(village, "secretaire", patient, AJOUT) == Told("DMPOk", "", ())
    (authorisation,) = wishes(village, patient).authorisations
    assert (authorisation.kind, authorisation.holder) == ("structure", CABINET_DU_PARC)
    assert enters(village, "dentiste", patient) and enters(village, "medecin-traitant", patient)
    assert not enters(village, "medecin", patient), "of another structure"
    assert not enters(village, "secretaire", patient)
    assert declare(village, "secretaire", patient, AJOUT).context == ALREADY
    assert declare(village, "secretaire", patient, SUPPRESSION).status == DENIED


@pytest.mark.parametrize("mode", ["centre_15", "bris_de_glace"])
@pytest.mark.parametrize("texts", [AJOUT, AJOUT | MT, SUPPRESSION, SUPPRESSION | MT])
def test_an_emergency_declares_nothing(village: Village, mode: str, texts: Mapping[str, str]) -> None:
    patient = newborn(village)
    declare(village, "medecin", patient, AJOUT | MT)
    before = wishes(village, patient)
    told = declare(village, "medecin", patient, texts, access=Access(mode, "patient inconscient"))
    assert told.status == DENIED
    assert wishes(village, patient) == before


@pytest.mark.parametrize("who", ["medecin-du-travail", "hopital"])
@pytest.mark.parametrize("texts", [AJOUT, SUPPRESSION])
def test_an_occupational_physician_and_a_certificate_declare_nothing(
    village: Village, who: str, texts: Mapping[str, str]
) -> None:
    patient = newborn(village)
    told = declare(village, who, patient, texts)
    assert told.status == DENIED and "PDT-INF-526" in told.context
    assert wishes(village, patient).authorisations == ()


def test_a_closed_dossier_and_one_that_is_not_there_say_so(village: Village) -> None:
    patient = newborn(village)
    with village.house() as house:
        close_dossier(house.gate, "test", PatientId(patient.ins, patient.ins_oid), "demande")
    told = declare(village, "medecin", patient, AJOUT)
    assert (told.status, told.context) == ("DMPClosed", "DMP fermé")
    nobody = Patient("155018900200386", oids.INS_NIR_TEST)
    assert declare(village, "medecin", nobody, AJOUT).status == "XDSUnknownPatientId"
    assert declare(village, "medecin", None, AJOUT).status == "XDSUnknownPatientId"


def test_a_message_in_the_form_of_the_dmp_s_own_is_understood(village: Village) -> None:
    """An empty To, mustUnderstand without a namespace, default namespaces, Action last but for the assertion."""
    patient, lps = newborn(village), lps_of(village, "medecin")
    asked = (
        f'<soap:Envelope xmlns:soap="{SOAP}"><soap:Header><MessageID xmlns="{WSA}">urn:uuid:1</MessageID>'
        f'<To xmlns="{WSA}"/><ReplyTo mustUnderstand="true" xmlns="{WSA}">'
        "<Address>http://www.w3.org/2005/08/addressing/anonymous</Address></ReplyTo>"
        f'<Action mustUnderstand="true" xmlns="{WSA}">{HABILITATIONS}:HabilitationsEndPoint:setAuthorization</Action>'
        f'<wsse:Security xmlns:wsse="{WSSE}">'
    ).encode()
    body = f'<setAuthorization xmlns="{HABILITATIONS}"><action>AJOUT</action></setAuthorization>'
    rest = f"</wsse:Security></soap:Header><soap:Body>{body}</soap:Body></soap:Envelope>".encode()
    answer = post(lps, PATH, SIMPLE, asked + lps.assertion(patient, Access()) + rest)
    assert (answer.status, b"<status>DMPOk</status>" in answer.body) == (200, True)
    assert len(wishes(village, patient).authorisations) == 1


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({}, "expected action AJOUT or SUPPRESSION, got none"),
        ({"action": ""}, "expected action AJOUT or SUPPRESSION, got none"),
        ({"action": "ADD"}, "expected action AJOUT or SUPPRESSION, got ADD"),
        ({"action": "AJOUT", "role": "MT"}, "expected role MEDECIN_TRAITANT, got MT"),
        ({"role": "MEDECIN_TRAITANT", "action": "AJOUT"}, "expected nothing in what is left"),
        ({"action": "AJOUT", "psOwnerId": "8"}, "expected role in what is left of setAuthorization, got psOwnerId"),
    ],
)
def test_what_cannot_be_read_is_a_fault(village: Village, texts: Mapping[str, str], said: str) -> None:
    patient = newborn(village)
    with pytest.raises(LpsError) as fault:
        declare(village, "medecin", patient, texts)
    assert fault.value.code == "Sender" and said in fault.value.context
    assert wishes(village, patient).authorisations == ()
    (record,) = village.audit(1)
    assert (record.transaction, record.outcome, record.rule) == ("TD0.3", Outcome.MINOR_FAILURE, "message")
