"""What happens in the DMPs of a desk: professionals let in, documents that come in and are read, each as a passage."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from audit.event import AuditObject, Call, ObjectKind
from dmp.consultation import open_documents
from dmp.requests import DocumentRequest
from habilitations.action import Action
from habilitations.wishes import PERSON
from identities.account import PATIENT
from identities.alerts import Alerts, Party
from identities.dossier import Dossier
from identities.own_access import patient_requester, representative_requester
from identities.professional import Professional
from identities.requester import ModeAcces, PatientId, Requester
from registry.lifecycle import admit
from registry.metadata import Code
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS
from registry.store import RegistryStore
from schemas import oids
from schemas.domain import SameUniqueId
from server.house import BoundRooms
from tests.dmp.accounts import ANNE, DOCTOR, MOTHER, NOW, Desk
from tests.registry.samples import LETTER, NORMAL, custody_of, document, submission

LAB = Code("11502-2", oids.LOINC)
ANNOUNCED, KEPT, MASKED = (Code(*mark) for mark in (INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS))
OTHER = replace(DOCTOR, id_nat="899900000025", name="DURAND Paul")
REPOSITORY = "1.2.250.1.213.4.1.1.1.2"
MAIL, NUMBER = "anne@patient.example", "+33612345678"
MOTHERS, DOCTORS = "jeanne@parent.example", "paul@cabinet.example"
OF_ANNE = Alerts(PATIENT, Party.PATIENT, documents=True, email=MAIL)
OF_MOTHER = Alerts(MOTHER.id, Party.REPRESENTANT, documents=True, email=MOTHERS)
OF_OTHER = Alerts(OTHER.id_nat, Party.PROFESSIONNEL, documents=True, email=DOCTORS)
_numbers = itertools.count(1)


def calling(transaction: str = "essai") -> Call:
    return Call(transaction=transaction, request_id=uuid.uuid4().hex)


def urgent(requester: Requester, mode: ModeAcces = ModeAcces.BRIS_DE_GLACE) -> Requester:
    return replace(requester, mode_acces=mode, motif="patient inconscient")


@dataclass
class Life:
    """Of a patient of a desk; `doctors` are in the directory, and let in."""

    desk: Desk
    patient: PatientId = ANNE
    doctors: Sequence[Requester] = field(default=(DOCTOR, OTHER))

    def __post_init__(self) -> None:
        with self.desk.rooms() as rooms:
            for each in self.doctors:
                rooms.identities.save_professional(professional(each))
                key = self.dossier_in(rooms).key
                rooms.rights.authorise(key, each.id_nat, kind=PERSON, start=NOW, end=NOW.replace(year=NOW.year + 40))

    def dossier_in(self, rooms: BoundRooms) -> Dossier:
        found = rooms.identities.dossier(self.patient)
        assert found is not None
        return found

    @property
    def dossier(self) -> Dossier:
        with self.desk.rooms() as rooms:
            return self.dossier_in(rooms)

    @property
    def herself(self) -> Requester:
        return patient_requester(self.dossier)

    @property
    def mother(self) -> Requester:
        return representative_requester(MOTHER, self.dossier)

    def of(self, requester: Requester) -> Requester:
        """A professional about this patient."""
        return replace(requester, patient=self.patient)

    def wants(self, wish: Alerts) -> None:
        with self.desk.rooms() as rooms:
            rooms.alerts.save(self.dossier_in(rooms).key, wish)

    def deposit(self, *marks: Sequence[Code], by: Requester = DOCTOR, type_code: Code = LETTER) -> list[str]:
        """One lot with a document for each of `marks`, its confidentiality codes beside N; their uniqueIds."""
        entries = [
            document(
                f"Document{order}",
                next(_numbers),
                type_code=type_code,
                confidentiality_codes=(NORMAL, *each),
                title="Séjour en oncologie",
                repository_unique_id=REPOSITORY,
            )
            for order, each in enumerate(marks or [()])
        ]
        staged = self.desk.gate.stage()
        staged.write(b"<ClinicalDocument/>")
        content = staged.finish()
        staged.keep()
        with self.desk.gate.passage(self.of(by), Action.TD2_1, self.patient, calling("ITI-41")) as passage:
            registry = passage.registry
            assert isinstance(registry, RegistryStore)
            assert passage.dossier is not None
            item = submission(*entries, number=next(_numbers))
            existing = registry.existing(item, passage.dossier.key, {})
            effects = admit(item, existing, versions={}, same_unique_id=SameUniqueId.REFUSE, received=passage.now)
            custody = custody_of(effects)
            registry.save(effects, passage.dossier.key, custody, passage.now)
            for entry in effects.submission.entries:
                passage.documents.record(passage.dossier.key, entry.unique_id, content, entry.mime_type)
                passage.objects.append(AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id))
                passage.added.append((entry, custody[entry.entry_uuid]))
        return [entry.unique_id for entry in entries]

    def acts(self, by: Requester, action: Action, *documents: str) -> None:
        """A passage that is let through and names these documents."""
        with self.desk.gate.passage(self.of(by), action, self.patient, calling()) as passage:
            passage.objects += [AuditObject(ObjectKind.DOCUMENT, each, REPOSITORY) for each in documents]

    def opens(self, by: Requester, *documents: str) -> None:
        """ITI-43."""
        wanted = [DocumentRequest(REPOSITORY, each) for each in documents]
        open_documents(self.desk.gate, self.of(by), calling("ITI-43"), wanted, REPOSITORY)


def told(desk: Desk) -> list[str]:
    """Where messages went since this was last asked."""
    addresses = [address for address, _ in desk.post.told]
    desk.post.told.clear()
    return addresses


def professional(requester: Requester) -> Professional:
    family, given = requester.name.split(" ", 1)
    profession = (requester.profession, requester.profession_system, requester.specialty)
    return Professional(requester.id_nat, family, given, *profession)
