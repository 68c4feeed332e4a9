"""People who move into a village, and documents that are there without having been sent: for tests of many of them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from conformance.pki import reused, rsa_key
from habilitations.wishes import PERSON
from identities.professional import Professional
from identities.requester import PatientId
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.scope import Custody
from registry.store.tables import ENTRY
from schemas import oids
from server.demo.people import CABINET_DU_PARC, rpps
from server.house import now
from tests.registry.samples import NORMAL, document, register, submission
from tests.village import Village

YEAR = timedelta(days=365)
STRANGER = Custody(frozenset({"899999999999"}), frozenset({"1999999999"}))


@dataclass(frozen=True)
class Planted:
    """A document to plant: its type, marks and status, and who stands behind it."""

    type_code: str
    scheme: str = oids.LOINC
    marks: tuple[tuple[str, str], ...] = ()
    status: AvailabilityStatus = AvailabilityStatus.APPROVED
    custody: Custody = STRANGER


def move_in(
    village: Village,
    name: str,
    number: int,
    profession: str,
    specialty: str = "",
    *,
    structure_id: str = CABINET_DU_PARC,
    modes: Sequence[str] = ("DIRECTE",),
) -> str:
    """A professional with a card, known to the directory and in people.json; gives the PS_IdNat."""
    id_nat, family = rpps(number), f"NOUVEAU-{number}"
    village.pki._key = reused(rsa_key)  # the keys of newcomers are made once
    card = "CPS" if profession.isdigit() else "CPE"
    held = profession if card == "CPS" else ""
    village.pki.person(name, id_nat, family, "CLAUDE", held, specialty, card=card)
    people = village.folder / "people.json"
    line = {"name": name, "kind": "ps", "id_nat": id_nat, "family": family, "given": "CLAUDE", "sector": "SA07"}
    claims = {"profession": profession, "specialty": specialty, "structure_id": structure_id, "modes": list(modes)}
    people.write_text(json.dumps([*json.loads(people.read_text("utf-8")), line | claims]), "utf-8")
    system = oids.PROFESSION if card == "CPS" else oids.ROLE_NON_PS
    with village.house() as house, house.rooms() as rooms:
        rooms.identities.save_professional(
            Professional(id_nat, family, "CLAUDE", profession, system, specialty, frozenset({structure_id}))
        )
    return id_nat


def authorise(village: Village, ins: str, *id_nats: str) -> None:
    """The patient lets these professionals in, for a year."""
    with village.house() as house, house.rooms() as rooms:
        dossier = rooms.identities.dossier(PatientId(ins, oids.INS_NIR_TEST))
        assert dossier is not None
        for id_nat in id_nats:
            rooms.rights.authorise(dossier.key, id_nat, kind=PERSON, start=now(), end=now() + YEAR)


def plant(village: Village, ins: str, documents: Sequence[Planted]) -> tuple[DocumentEntry, ...]:
    """Documents of a patient, in order, with bytes; as the registry has them, but never sent."""
    patient = PatientId(ins, oids.INS_NIR_TEST)
    entries = [_entry(village, patient, each) for each in documents]
    custody = {entry.entry_uuid: each.custody for entry, each in zip(entries, documents, strict=True)}
    with village.house() as house:
        staged = house.files.stage()
        staged.write(b"<ClinicalDocument/>")
        content = staged.finish()
        staged.keep()
        with house.rooms() as rooms:
            dossier = rooms.identities.dossier(patient)
            assert dossier is not None
            for entry in entries:
                rooms.documents.record(dossier.key, entry.unique_id, content, entry.mime_type)
        with house.database.transaction() as connection:
            item = submission(*entries, number=uuid.uuid4().int % 10**12, patient_id=f"{patient}^NH")
            register(connection, item, patient=dossier.key, custody=custody)
            for entry, each in zip(entries, documents, strict=True):
                where = ENTRY.c.unique_id == entry.unique_id
                connection.execute(ENTRY.update().where(where).values(availability_status=each.status))
    return tuple(
        replace(entry, availability_status=each.status) for entry, each in zip(entries, documents, strict=True)
    )


def events_since(village: Village, sequence: int) -> tuple[AuditRecord, ...]:
    """The audit records after that sequence number, the oldest first."""
    with village.house() as house, house.database.transaction() as connection:
        records = AuditListings(connection).newest(Selection(), limit=100_000)
    return tuple(reversed([record for record in records if record.sequence > sequence]))


def last_sequence(village: Village) -> int:
    """The sequence number of the newest audit record."""
    return village.audit(1)[0].sequence


def _entry(village: Village, patient: PatientId, planted: Planted) -> DocumentEntry:
    identifier = uuid.uuid4()
    return document(
        identifier.urn,
        unique_id=f"2.25.{identifier.int}",
        patient_id=f"{patient}^NH",
        type_code=Code(planted.type_code, planted.scheme),
        confidentiality_codes=(NORMAL, *(Code(*mark) for mark in planted.marks)),
        repository_unique_id=village.settings.domain.repository_unique_id,
    )
