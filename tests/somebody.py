"""Somebody in a village, with a DMP of their own: what they say in the hall, what others do by the doors."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from audit.event import Call
from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from audit.trace import About
from conformance.lps.client import Lps
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.consultation import open_documents, search
from dmp.gate import Gate
from dmp.gestion import open_dossier
from dmp.representation import add_representative
from dmp.requests import DocumentRequest
from dmp.volontes import Authorise, NameMedecinTraitant, Wish, express, standing
from habilitations.wishes import Wishes
from identities.dossier import Dossier, Traits
from identities.own_access import patient_requester, representative_requester
from identities.representation import Representative
from identities.requester import Authentication, PatientId, Requester
from registry.errors import Finding
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.stored_query import FindDocuments, ReturnType
from schemas import oids
from schemas.domain import load
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS, inhabitant, invented_nir
from tests.village import Village

CONSULTATION, CRH = "consultation_report", "hospital_stay_report"
ADULT, CHILD = date(1979, 3, 28), date(2014, 5, 30)
REPOSITORY = load("fr-dmp").repository_unique_id
EVERY_STATUS = tuple(AvailabilityStatus)
COMMUNE = "97411"  # of nobody else here
_orders, _papers = itertools.count(1), itertools.count(1)


def number(name: str) -> str:
    """The PS_IdNat or Struct_IdNat of one of the people."""
    return inhabitant(name).id_nat


def call(transaction: str = "VD") -> Call:
    return Call(transaction=transaction, request_id=uuid.uuid4().hex)


@dataclass
class Somebody:
    """One patient. Whoever is named by a string is one of the village's people."""

    village: Village
    folder: Path
    patient: Patient

    # --- The patient, in the hall -------------------------------------------------------------------------------------

    @contextmanager
    def gate(self, at: datetime | None = None) -> Iterator[Gate]:
        """The village's own hall, now or at another instant."""
        with self.village.house() as house:
            yield Gate(house.unit_of_work, house.files, house.tables, lambda: at) if at else house.gate

    @property
    def identifier(self) -> PatientId:
        return PatientId(self.patient.ins, self.patient.ins_oid)

    @property
    def dossier(self) -> Dossier:
        with self.village.house() as house, house.rooms() as rooms:
            found = rooms.identities.dossier(self.identifier)
        assert found is not None
        return found

    @property
    def wishes(self) -> Wishes:
        dossier = self.dossier
        with self.village.house() as house, house.rooms() as rooms:
            return rooms.rights.wishes(dossier.key)

    @property
    def herself(self) -> Requester:
        """The patient, as they ask."""
        return patient_requester(self.dossier)

    def card(self, name: str) -> Requester:
        """One of the village's médecins with their card, as they ask about this patient in the hall."""
        held = inhabitant(name)
        return Requester(
            id_nat=held.id_nat,
            name=f"{held.family} {held.given}",
            profession=held.profession,
            profession_system=oids.PROFESSION,
            specialty=held.specialty,
            structure_id=held.structure_id,
            sector=held.sector,
            authentication=Authentication.DIRECTE,
            patient=self.identifier,
        )

    def parent(self, *, since: datetime | None = None, **said: object) -> Requester:
        """A new legal representative, as they ask."""
        told = Representative("", "PARENT", "Camille", "MTH", since=since, **said)  # type: ignore[arg-type]
        with self.gate() as gate:
            added = add_representative(gate, "test", self.identifier, told, proof="livret de famille")
        return representative_requester(added, self.dossier)

    def says(self, *wishes: Wish, by: Requester | None = None, at: datetime | None = None) -> None:
        """The patient, or whoever speaks for them, decides."""
        with self.gate(at) as gate:
            for wish in wishes:
                express(gate, by or self.herself, call(wish.action.value), wish)

    def stands(self, by: Requester | None = None) -> Wishes:
        """What was decided, as the patient or a representative is told it (TD1.6)."""
        with self.gate() as gate:
            return standing(gate, by or self.herself, call("TD1.6"))

    def lets_in(self, *names: str) -> None:
        self.says(*(Authorise(number(name)) for name in names))

    def names(self, doctor: str) -> None:
        """Makes a médecin traitant of a médecin."""
        self.says(Authorise(number(doctor)), NameMedecinTraitant(number(doctor)))

    def sees(self, requester: Requester | None = None, at: datetime | None = None) -> dict[str, DocumentEntry]:
        """What the patient, or another requester of the hall, finds, by uniqueId."""
        query = FindDocuments(return_type=ReturnType.LEAF_CLASS, patient_id=str(self.identifier), statuses=EVERY_STATUS)
        with self.gate(at) as gate:
            told = search(gate, requester or self.herself, call("ITI-18"), query, "", b"")
        return {each.unique_id: each for each in told if isinstance(each, DocumentEntry) and _of_care(each)}

    def reads(self, unique_id: str, requester: Requester | None = None, at: datetime | None = None) -> bool:
        """Whether the patient, or another requester of the hall, is given a document that they name."""
        wanted = [DocumentRequest(REPOSITORY, unique_id)]
        with self.gate(at) as gate:
            (given,) = open_documents(gate, requester or self.herself, call("ITI-43"), wanted, REPOSITORY)
            return not isinstance(given, Finding) and bool(b"".join(given.chunks))

    def trace(self) -> AuditRecord:
        """The newest event of the dossier."""
        dossier = self.dossier
        with self.village.house() as house, house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(about=About((dossier.key,), ())), limit=1)[0]

    # --- Others, by the doors -----------------------------------------------------------------------------------------

    def provide(
        self,
        by: str,
        *,
        author: str = "",
        kind: str = CONSULTATION,
        visibility: Visibility | None = None,
        replace: str | None = None,
        access: Access | None = None,
    ) -> str:
        """A document about the patient provided by HTTP; its uniqueId."""
        file = self.paper(author or by, by, kind)
        said = self.village.lps(by).provide([file], self.patient, replace=replace, visibility=visibility, access=access)
        return said.unique_ids[0]

    def paper(self, author: str, by: str = "", kind: str = CONSULTATION) -> Path:
        """A document about the patient, as a file."""
        file = write(Paper(kind, by or author, author, 0, 1), self.folder, next(_papers), datetime.now(UTC))
        file.write_text(file.read_text("utf-8").replace(PATIENTS[0].ins, self.patient.ins), "utf-8")
        return file

    def found_by(self, who: str | Lps, access: Access | None = None) -> set[str]:
        """The uniqueIds that somebody finds by HTTP."""
        lps = self.village.lps(who) if isinstance(who, str) else who
        return {each.unique_id for each in lps.find(self.patient, access=access)}

    def read_by(self, who: str, unique_id: str, access: Access | None = None) -> bool:
        """Whether somebody is given a document by HTTP, asked for by name."""
        try:
            self.village.lps(who).open(
                unique_id, self.folder / "opened.xml", self.patient, repository=REPOSITORY, access=access
            )
        except LpsError as error:
            assert error.code in ("XDSDocumentUniqueIdError", "DMPAccessDeniedByRightsService"), error
            return False
        return True

    def shut_to(self, who: str, access: Access | None = None) -> str:
        """The rule, of the audit log, by which somebody's search is refused."""
        try:
            self.found_by(who, access)
        except LpsError as error:
            assert error.code == "DMPAccessDeniedByRightsService", error
            return self.trace().rule
        raise AssertionError(f"{who} finds")


def move(village: Village, folder: Path, birth: date = ADULT) -> Somebody:
    """A new patient of a village, whose DMP is open to nobody."""
    ins = invented_nir("F", birth, COMMUNE, next(_orders))
    traits = Traits("ESSAI", "Anne", birth, "F")
    with village.house() as house:
        open_dossier(house.gate, "test", (PatientId(ins, oids.INS_NIR_TEST),), traits, domain=house.domain)
    return Somebody(village, folder, Patient(ins, oids.INS_NIR_TEST))


def _of_care(entry: DocumentEntry) -> bool:
    """Not the signature of a lot, which is evidence and nothing to read."""
    return entry.format_code.code != oids.DSG_FORMAT_CODE
