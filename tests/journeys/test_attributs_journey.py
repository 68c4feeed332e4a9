"""TD3.3 through HTTP: documents are masked and unmasked, made visible, deleted, archived and unarchived.

Source: GIE SESAM-Vitale, DMP-Compatibilité, TD3.3a to TD3.3d; PDT-INF-526 v1.8, rows TD3.3; ITI TF-2 3.57.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Barrier

from typer.testing import CliRunner

from audit.event import Outcome
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.query import FIND_DOCUMENTS, Filters, find_documents
from conformance.lps.soap import LpsError
from conformance.lps.submission import RPLC
from identities.requester import PatientId
from registry.metadata import DocumentEntry, Submission
from server.cli import build
from server.demo.people import invented_nir
from tests.connectathon import submission
from tests.journeys.attributes import (
    APPROVED,
    ARCHIVED,
    DELETED,
    DENIED,
    DEPRECATED,
    MASKED,
    NOBODY_S,
    OPERATION,
    SET,
    UNSEEN,
    UNSEEN_BY_PARENTS,
    UPDATE,
    VERSION,
    Desk,
    Practice,
    becoming,
    practice,
    remarked,
)
from tests.journeys.updates import revision, successor

__all__ = ["practice"]

# --- TD3.3a: masked and unmasked --------------------------------------------------------------------------------------


def test_an_author_masks_and_unmasks(practice: Practice, tmp_path: Path) -> None:
    document = practice.document()
    author, nurse = practice.desk("medecin"), practice.desk("infirmier")
    assert author.opens(document, tmp_path)
    before = (tmp_path / "opened").read_bytes()
    first = author.stands(document)
    assert nurse.finds(document)
    author.mark(document, add=[MASKED])
    old, new = author.versions(document)
    assert (old.entry_uuid, old.availability_status, old.confidentiality_codes) == (
        first.entry_uuid,
        DEPRECATED,
        first.confidentiality_codes,
    )
    assert (new.logical_id, new.unique_id, new.version) == (first.logical_id, first.unique_id, 2)
    assert new.entry_uuid != first.entry_uuid
    assert new.confidentiality_codes == (*first.confidentiality_codes, MASKED)
    assert same_but_marks(new, first)
    assert not nurse.finds(document)
    assert not nurse.opens(document, tmp_path)
    author.mark(document, remove=[MASKED])
    assert [entry.version for entry in nurse.versions(document)] == [1, 3]
    assert nurse.opens(document, tmp_path)
    assert (tmp_path / "opened").read_bytes() == before


def same_but_marks(one: DocumentEntry, other: DocumentEntry) -> bool:
    of_the_version = {"entry_uuid": "", "version": 1, "confidentiality_codes": ()}
    return replace(one, **of_the_version) == replace(other, **of_the_version)  # type: ignore[arg-type]


def test_nothing_of_a_masked_document_is_left_to_see(practice: Practice, tmp_path: Path) -> None:
    """Its older version was open, and is closed with it."""
    document = practice.document()
    author, nurse = practice.desk("medecin"), practice.desk("infirmier")
    first = author.stands(document)
    author.mark(document, add=[MASKED])
    assert nurse.versions(uuids=[first.entry_uuid]) == []
    assert nurse.events()[0].rule == "document_masque", "asked for by name, it is refused, and explained"
    assert not nurse.opens(document, tmp_path)
    assert nurse.events()[0].rule == "document_masque"
    for status in (APPROVED, DEPRECATED):
        parameters = [
            *find_documents(practice.patient.cx, Filters(statuses=(status.value,))),
            ("$MetadataLevel", ["2"]),
        ]
        found = nurse.lps.query(FIND_DOCUMENTS, parameters, practice.patient).entries
        assert document not in {entry.unique_id for entry in found}
    held = nurse.lps.submission_sets([first.entry_uuid], practice.patient)
    assert (held.submission_sets, held.associations) == ((), ())


def test_a_masked_document_looks_inexistent_to_who_would_unmask_it(practice: Practice) -> None:
    document = practice.document(visibility=Visibility(mask=True))
    author, stranger = practice.desk("medecin"), practice.desk("medecin-hospitalier")
    stands = author.stands(document)
    nobody_s = replace(stands, logical_id=NOBODY_S)
    for changes in ({"remove": [MASKED]}, {"add": [UNSEEN]}, {}, {"remove": [MASKED], "title": "Autre"}):
        answer = stranger.refused(remarked(stands, **changes))
        assert {code for code, _ in answer} == {VERSION}
        failure, refusal = reversed(stranger.events(2))
        assert (failure.rule, failure.outcome) == ("demande", Outcome.MINOR_FAILURE)
        assert refusal.outcome is Outcome.MINOR_FAILURE
        assert (refusal.action, refusal.rule, refusal.rule_row) == (
            ("TD3.3a/demasquer", "document_d_autrui", "TD3.3a/demasquer × medecin_non_MT:normal")
            if "remove" in changes
            else ("TD3.3a/masquer", "document_masque", "TD3.2/masque × medecin_non_MT:normal")
        )
        assert document in str(refusal)
        assert stranger.refused(remarked(nobody_s, **changes)) == answer
    assert author.stands(document) == stands


def test_a_medecin_traitant_sees_and_unmasks(practice: Practice) -> None:
    document = practice.document(visibility=Visibility(mask=True))
    assert not practice.desk("infirmier").finds(document)
    practice.desk("medecin-traitant").mark(document, remove=[MASKED])
    assert practice.desk("infirmier").finds(document)


def test_who_masks_another_s_document_does_not_come_to_own_it(practice: Practice) -> None:
    """PDT-INF-526: anybody masks, the author alone unmasks and deletes."""
    document = practice.document()
    masker, author = practice.desk("medecin-hospitalier"), practice.desk("medecin")
    masker.mark(document, add=[MASKED])
    assert not masker.finds(document)
    stands = author.stands(document)
    assert masker.codes(remarked(stands, remove=[MASKED])) == {VERSION}
    assert masker.codes(masker.restated(stands.entry_uuid, APPROVED, DELETED)) == {UPDATE}
    author.mark(document, remove=[MASKED])


def test_an_occupational_physician_masks_and_unmasks_his_own(practice: Practice) -> None:
    document = practice.document("medecin-du-travail")
    own = practice.desk("medecin-du-travail")
    own.mark(document, add=[MASKED])
    own.mark(document, remove=[MASKED])
    assert own.stands(document).version == 3


def test_links_follow_a_masked_document(practice: Practice) -> None:
    """A document that replaced another still does."""
    author, first = practice.desk("medecin"), practice.document()
    replaced = author.stands(first).entry_uuid
    second = practice.document(replaces=replaced)
    author.mark(second, add=[MASKED])
    newest = author.stands(second).entry_uuid
    related = author.lps.associations([newest], practice.patient).associations
    assert [item.target for item in related if item.type == RPLC] == [replaced]


# --- TD3.3b: made visible ---------------------------------------------------------------------------------------------


def test_a_document_is_made_visible(practice: Practice) -> None:
    hidden = Visibility(hide_from_patient=True, hide_from_representatives=True)
    document, doctor = practice.document(visibility=hidden), practice.desk("medecin-traitant")
    doctor.mark(document, remove=[UNSEEN])
    assert doctor.events()[0].action == "TD3.3b"
    assert UNSEEN not in doctor.stands(document).confidentiality_codes
    assert UNSEEN_BY_PARENTS in doctor.stands(document).confidentiality_codes
    doctor.mark(document, remove=[UNSEEN_BY_PARENTS])
    assert [code.code for code in doctor.stands(document).confidentiality_codes] == ["N"]


def test_both_are_told_at_once(practice: Practice) -> None:
    hidden = Visibility(hide_from_patient=True, hide_from_representatives=True)
    document, author = practice.document(visibility=hidden), practice.desk("medecin")
    author.mark(document, remove=[UNSEEN, UNSEEN_BY_PARENTS])
    assert author.stands(document).version == 2


# --- TD3.3c: deleted --------------------------------------------------------------------------------------------------


def test_an_author_deletes_and_nobody_brings_back(practice: Practice, tmp_path: Path) -> None:
    document, author = practice.document(), practice.desk("medecin")
    author.change(document, DELETED)
    record = author.events()[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-57", "TD3.3c", Outcome.SUCCESS)
    assert author.stands(document).availability_status is DELETED
    doctor = practice.desk("medecin-traitant")
    assert document not in {entry.unique_id for entry in doctor.lps.find(practice.patient)}
    deleted = doctor.lps.find(practice.patient, Filters(statuses=(DELETED.value,)))
    assert document in {entry.unique_id for entry in deleted}, "deleted documents are consulted still"
    assert doctor.opens(document, tmp_path)
    uuid = author.stands(document).entry_uuid
    for new in (APPROVED, ARCHIVED):
        assert author.codes(author.restated(uuid, DELETED, new)) == {OPERATION}
    for new in (ARCHIVED, DELETED):
        assert author.codes(author.restated(uuid, APPROVED, new)) == {UPDATE}
    assert author.codes(remarked(author.stands(document), add=[MASKED])) == {UPDATE}
    assert author.stands(document).availability_status is DELETED


def test_nobody_deletes_another_s_document(practice: Practice) -> None:
    document = practice.document()
    uuid = practice.desk("medecin").stands(document).entry_uuid
    for name in ("medecin-traitant", "medecin-hospitalier"):
        other = practice.desk(name)
        answer = other.refused(other.restated(uuid, APPROVED, DELETED))
        assert other.events()[0].rule == "document_d_autrui"
        unknown = other.refused(other.restated(NOBODY_S, APPROVED, DELETED))
        assert {(code, text.replace(uuid, NOBODY_S)) for code, text in answer} == unknown


def test_a_structure_deletes_its_own_documents_only(practice: Practice) -> None:
    own = practice.document("hopital", "medecin-hospitalier", kind="hospital_stay_report")
    foreign = practice.document()
    hospital = practice.desk("hopital")
    uuid = hospital.lps.resolve(own, practice.patient)
    hospital.send(hospital.restated(uuid, APPROVED, DELETED))
    assert practice.desk("medecin-hospitalier").stands(own).availability_status is DELETED
    uuid = practice.desk("medecin").stands(foreign).entry_uuid
    assert hospital.codes(hospital.restated(uuid, APPROVED, DELETED)) == {UPDATE}
    record = hospital.events()[0]
    assert (record.rule, record.action) == ("document_d_autrui", "TD3.3c")


def test_a_structure_masks_and_archives_nothing(practice: Practice) -> None:
    """Told why: the rule concerns the requester alone, whatever document is named."""
    own = practice.document("hopital", "medecin-hospitalier", kind="hospital_stay_report")
    stands = practice.desk("medecin-hospitalier").stands(own)
    hospital = practice.desk("hopital")
    for entry in (stands, replace(stands, entry_uuid=NOBODY_S, logical_id=NOBODY_S)):
        for sent in (remarked(entry, add=[MASKED]), hospital.restated(entry.entry_uuid, APPROVED, ARCHIVED)):
            ((code, text),) = hospital.refused(sent)
            assert code == DENIED
            assert "structure en authentification indirecte" in text
    assert hospital.events()[0].rule == "droit_fonctionnel"


def test_a_blocked_author_deletes_nothing(practice: Practice) -> None:
    """TD3.3c asks for no authorisation, but for an open dossier whose patient blocked nobody."""
    blocked = practice.of(6)
    document = blocked.document("dentiste")
    uuid = blocked.desk("medecin-traitant").stands(document).entry_uuid
    dentist = blocked.desk("dentiste")
    ((code, text),) = dentist.refused(dentist.restated(uuid, APPROVED, DELETED))
    assert (code, "ne vous est pas ouvert" in text) == (DENIED, True)
    assert dentist.events()[0].rule == "blocage"


# --- TD3.3d: archived -------------------------------------------------------------------------------------------------


def test_an_author_archives_and_unarchives(practice: Practice) -> None:
    document, author = practice.document(), practice.desk("medecin")
    author.change(document, ARCHIVED)
    assert author.events()[0].action == "TD3.3d/archiver"
    assert document not in {entry.unique_id for entry in author.lps.find(practice.patient)}
    archived = author.lps.find(practice.patient, Filters(statuses=(ARCHIVED.value,)))
    assert document in {entry.unique_id for entry in archived}
    author.mark(document, add=[MASKED])
    assert [entry.availability_status for entry in author.versions(document)] == [DEPRECATED, ARCHIVED]
    author.change(document, APPROVED)
    assert author.events()[0].action == "TD3.3d/desarchiver"
    assert author.stands(document).availability_status is APPROVED


def test_what_is_archived_is_deleted(practice: Practice) -> None:
    """As the DMP's example of TD3.3c has it."""
    document, author = practice.document(), practice.desk("medecin")
    author.change(document, ARCHIVED)
    author.change(document, DELETED)
    assert author.stands(document).availability_status is DELETED


def test_a_medecin_traitant_archives_what_others_wrote_and_others_do_not(practice: Practice) -> None:
    document = practice.document()
    other = practice.desk("medecin-hospitalier")
    uuid = other.stands(document).entry_uuid
    assert other.codes(other.restated(uuid, APPROVED, ARCHIVED)) == {UPDATE}
    assert other.events()[0].rule == "document_d_autrui"
    practice.desk("medecin-traitant").change(document, ARCHIVED)
    assert practice.desk("medecin-traitant").stands(document).availability_status is ARCHIVED


# --- Several documents, several identifiers ---------------------------------------------------------------------------


def test_several_documents_with_one_action(practice: Practice) -> None:
    author = practice.desk("medecin")
    documents = [practice.document(visibility=Visibility(mask=mask, hide_from_patient=True)) for mask in (True, False)]
    entries = [author.stands(each) for each in documents]
    new = [
        replace(
            successor(entry, confidentiality_codes=tuple(c for c in entry.confidentiality_codes if c != UNSEEN)),
            entry_uuid=f"Document0{number}",
        )
        for number, entry in enumerate(entries)
    ]
    author.send(revision(*new, **SET))
    assert author.events()[0].action == "TD3.3b"
    assert [author.stands(each).version for each in documents] == [2, 2]
    both = [becoming(author.stands(each), APPROVED, ARCHIVED) for each in documents]
    author.send(submission(*both, patient=practice.patient.cx, **SET))
    assert all(each in str(author.events()[0]) for each in documents)
    assert all(author.stands(each).availability_status is ARCHIVED for each in documents)


def test_any_ins_of_the_dossier_is_the_patient(practice: Practice) -> None:
    """An INS changes, its documents stay: they are sent back as they were found, under the new one."""
    practice = practice.of(9)
    document, author = practice.document(), practice.desk("medecin")
    before = practice.patient
    later = Patient(invented_nir("F", date(1938, 2, 27), "44109", 902), before.ins_oid)
    with practice.village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(before.ins, before.ins_oid))
        assert dossier is not None
        rooms.identities.add_identifier(dossier.key, PatientId(later.ins, later.ins_oid))
    author.patient = later
    for number, named in enumerate((before, later)):
        stands = author.stands(document)
        mark = {"add": [MASKED]} if number == 0 else {"remove": [MASKED]}
        author.send(remarked(replace(stands, patient_id=named.cx), later.cx, **mark))
        assert author.stands(document).patient_id == later.cx
    stranger = replace(author.stands(document), patient_id=practice.of(7).patient.cx)
    assert author.codes(remarked(stranger, later.cx, add=[MASKED])) == {"XDSPatientIDReconciliationError"}


# --- Behind the wire --------------------------------------------------------------------------------------------------


def test_each_is_recorded_with_what_it_touched(practice: Practice) -> None:
    document, author = practice.document(), practice.desk("medecin")
    sent = remarked(author.stands(document), add=[MASKED])
    author.send(sent)
    record = author.events()[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-57", "TD3.3a/masquer", Outcome.SUCCESS)
    assert "TD3.3a/masquer × medecin_non_MT:normal" in record.rule_row
    for identifier in (sent.submission_set.unique_id, document):
        assert identifier in str(record)


def test_a_refusal_is_explained_from_the_log(practice: Practice) -> None:
    document, other = practice.document(), practice.desk("medecin-traitant")
    assert other.codes(other.restated(other.stands(document).entry_uuid, APPROVED, DELETED)) == {UPDATE}
    home = ["--home", str(practice.village.settings.home)]
    asked = ["habilitations", "explain", "--event", other.events()[0].id, *home]
    told = CliRunner().invoke(build(), asked).stdout
    assert told.startswith("REFUSÉ")
    assert "Ce droit ne porte que sur les documents du requérant" in told
    assert "TD3.3c × medecin_traitant_DMP:normal" in told


def test_of_two_at_once_one_wins(practice: Practice) -> None:
    document = practice.document()
    desks = [practice.desk(name) for name in ("medecin", "medecin-traitant") for _ in range(2)]
    stands = desks[0].stands(document)
    barrier = Barrier(len(desks))

    def attempt(desk: Desk) -> set[str]:
        sent: Submission = remarked(stands, add=[MASKED])
        barrier.wait()
        try:
            desk.send(sent)
        except LpsError as error:
            return {each.code for each in error.errors}
        return set()

    with ThreadPoolExecutor(len(desks)) as pool:
        answers = list(pool.map(attempt, desks))
    assert sum(not answer for answer in answers) == 1
    assert len(desks[0].versions(document)) == 2
    assert set().union(*answers) <= {VERSION, OPERATION}
