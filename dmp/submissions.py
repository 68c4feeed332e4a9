"""What every submission to the registry has: a patient, a dossier it goes to, and people who stand behind it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from dmp.gate import Passage
from dmp.merging import BUSY
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import InsError, read_cx
from identities.requester import PatientId, Requester
from identities.store import IdentityError
from registry.errors import ErrorCode, Finding, RegistryError, Severity, finding
from registry.metadata import DocumentEntry, Submission
from registry.scope import Custody
from schemas.domain import Domain, UnknownPatient

UNKNOWN_PATIENT = finding(
    ErrorCode.XDSUnknownPatientId,
    "SubmissionSet.patientId",
    expected="the identifier of a known patient",
    got="an unknown one, or none",
)


def patient_of(submission: Submission) -> PatientId | None:
    """The patient of the submission set; None, the assertion's patient then, when it cannot be read (a finding)."""
    try:
        return read_cx(submission.submission_set.patient_id)
    except InsError:
        return None


def unknown_patient(submission: Submission, findings: Sequence[Finding]) -> list[Finding]:
    """No dossier for the patient of the submission set; for one that cannot be read, what is wrong with it is told.

    Source: ITI TF-2 3.42.4.1.3.3.2 (patientId attributes).
    """
    own = submission.submission_set
    left_out = not own.patient_id and own.entry_uuid in submission.limited
    told = not left_out and any(found.severity is Severity.ERROR for found in findings)
    return [] if patient_of(submission) is None and told else [replace(UNKNOWN_PATIENT, location=own.entry_uuid)]


def held(passage: Passage, patient: PatientId | None) -> Dossier | None:
    """The dossier that the passage is about, if there is one: nobody merges it before this submission is durable.

    Raises RegistryError XDSRegistryBusy when somebody just did.
    """
    dossier = passage.dossier
    if dossier is not None and not passage.rooms.identities.hold(dossier.key, patient or dossier.ins):
        raise RegistryError([BUSY])
    return dossier


def opened(passage: Passage, domain: Domain, patient: PatientId | None) -> Dossier | None:
    """A new dossier for a patient whom nobody told us of, where the domain has it so."""
    identities = passage.rooms.identities
    if patient is None or domain.unknown_patient is UnknownPatient.REFUSE:
        return None
    if identities.fed(patient.authority) or identities.subsumed(patient):
        return None
    dossier = Dossier(
        key=uuid.uuid4().hex,
        identifiers=(patient,),
        traits=Traits(birth_family="", birth_given="", birth_date=None, sex="U"),
        status=DossierStatus.OPEN,
        opened=passage.now,
    )
    try:
        identities.open(dossier)
    except IdentityError:  # another submission opened it since the passage began
        raise RegistryError([BUSY]) from None
    return dossier


def custody_of(entry: DocumentEntry, requester: Requester) -> Custody:
    """Those who may later treat the document as theirs: its authors, and who deposited it."""
    persons = {author.person_id for author in entry.authors} | {requester.id_nat}
    structures = {institution for author in entry.authors for institution in author.institution_ids}
    structures.add(requester.structure_id)
    return Custody(frozenset(persons - {""}), frozenset(structures - {""}))
