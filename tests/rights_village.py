"""A village where every column of the functional rights has somebody, and one patient lets them all in."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from conformance.lps.attributes import write_new_status, write_new_version
from conformance.lps.client import Lps
from conformance.lps.metadata import Code
from conformance.lps.people import Patient
from conformance.lps.query import GET_DOCUMENTS, get_documents
from conformance.lps.soap import RIM, LpsError
from conformance.lps.vihf import Access
from habilitations.statement import Switches
from habilitations.wishes import PERSON, STRUCTURE
from identities.requester import PatientId
from registry.metadata import DocumentEntry
from registry.scope import Custody
from schemas import oids
from server.demo.people import CLINIQUE, PATIENTS
from server.house import House, now
from tests.newcomers import YEAR, Planted, move_in, plant
from tests.village import Village

INS = PATIENTS[11].ins
TYPE = "11502-2"  # that every health profession reads in the synthetic matrix
FILE = Path(__file__).parent.parent / "habilitations" / "droits_fonctionnels.csv"
ROWS = ("action", "libelle", "note")

# Who stands in the column of each actor: of the sheet CPS_CPE_ES, of the sheet AIR.
CARDS = {
    "PS_non_medecin": "infirmier",
    "medecin_non_MT": "medecin",
    "medecin_du_travail": "medecin-du-travail",
    "medecin_traitant_DMP": "medecin-traitant",
    "CPE_non_PS": "secretaire",
    "ES_indirect": "hopital",
}
AIR = {
    "PS_non_medecin": "infirmier-air",
    "medecin_non_MT": "medecin-clinique",
    "medecin_traitant_DMP": "traitant-air",
    "PE_non_PS": "agent-air",
}
NEWCOMERS = (("infirmier-air", "60", ""), ("traitant-air", "10", "SM26"), ("agent-air", "SECRETARIAT_MEDICAL", ""))
EVERY_SWITCH = Switches(True, True, True)
TREATING = ("medecin-traitant", "traitant-air")


@dataclass(frozen=True)
class Cell:
    """One cell of the sheets, as the file has it."""

    sheet: str
    heading: str  # PS_non_medecin:normal
    action: str
    text: str
    starred: bool

    @property
    def actor(self) -> str:
        return self.heading.partition(":")[0]

    @property
    def access(self) -> Access:
        mode = self.heading.partition(":")[2].replace("sans_objet", "normal")
        return Access(mode, "patient inconscient" if mode == "bris_de_glace" else "")

    @property
    def person(self) -> str:
        return (CARDS if self.sheet == "CPS_CPE_ES" else AIR)[self.actor]

    @property
    def granted(self) -> bool:
        return self.text.startswith("oui")

    @property
    def note(self) -> str:
        return self.text.partition("(")[2].rstrip(")")

    def __str__(self) -> str:
        return f"{self.sheet}/{self.heading}-{self.action}"


def cells() -> Iterator[Cell]:
    """Every cell of the two sheets; read here without any code of ours."""
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        for column, text in row.items():
            if column not in ROWS:
                sheet, _, heading = column.partition("/")
                yield Cell(sheet, heading, row["action"], text, row["note"] == "*")


@dataclass
class RightsVillage:
    """The village, with its rooms at hand for what a test puts there or looks up."""

    village: Village
    house: House

    @property
    def patient(self) -> Patient:
        return self.village.patient(INS)

    def lps(self, name: str) -> Lps:
        return self.village.lps(name)

    def id_nat(self, name: str) -> str:
        return self.village.demo.person(name).id_nat

    def structure(self, name: str) -> str:
        return self.village.demo.person(name).structure_id

    def own(self, name: str) -> Custody:
        """The custody of what that person wrote; of what that structure deposited."""
        person = self.village.demo.person(name)
        if person.kind == "structure":
            return Custody(structures=frozenset({person.structure_id}))
        return Custody(frozenset({person.id_nat}))

    def of_structure(self, name: str) -> Custody:
        """The custody of what a colleague of the same structure deposited."""
        return Custody(frozenset({"899999999998"}), frozenset({self.structure(name)}))

    def plant(self, *documents: Planted) -> tuple[DocumentEntry, ...]:
        return plant(self.village, INS, documents)

    def let_everybody_in(self, *, switches: Switches = EVERY_SWITCH) -> None:
        """What the patient says at the beginning of every test."""
        with self.house.rooms() as rooms:
            dossier = rooms.identities.dossier(PatientId(INS, oids.INS_NIR_TEST))
            assert dossier is not None
            for name in {*CARDS.values(), *AIR.values()}:
                person = self.village.demo.person(name)
                kind = STRUCTURE if person.kind == "structure" else PERSON
                rooms.rights.revoke(dossier.key, person.id_nat)
                rooms.rights.authorise(dossier.key, person.id_nat, kind=kind, start=now(), end=now() + YEAR)
            for name in TREATING:
                rooms.rights.set_medecin_traitant(dossier.key, self.id_nat(name), True)
            rooms.rights.set_switches(dossier.key, switches)

    def wishes(self) -> tuple[set[str], set[str]]:
        """Who is authorised, who is médecin traitant."""
        with self.house.rooms() as rooms:
            dossier = rooms.identities.dossier(PatientId(INS, oids.INS_NIR_TEST))
            assert dossier is not None
            said = rooms.rights.wishes(dossier.key)
        return {each.holder for each in said.authorisations}, set(said.medecins_traitants)

    def last_events(self, number: int = 5) -> tuple[AuditRecord, ...]:
        """The newest events, newest first."""
        with self.house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(), limit=number)

    def received(self, entry: DocumentEntry) -> etree._Element:
        """The newest version of an entry as the médecin traitant, who sees everything, receives it."""
        lps = self.lps("medecin-traitant")
        request = lps.prepare_query(GET_DOCUMENTS, get_documents([entry.unique_id]), self.patient)
        found = lps.ask(request).findall(f"{{{RIM}}}RegistryObjectList/{{{RIM}}}ExtrinsicObject")
        return found[-1]

    def mark(self, cell: Cell, entry: DocumentEntry, *, add: Sequence[Code] = (), remove: Sequence[str] = ()) -> None:
        """Sends a new version of an entry, whoever was able to find it. Raises LpsError."""
        lps = self.lps(cell.person)
        submission = lps._update_set(self.patient)
        content = write_new_version(submission, self.received(entry), add=add, remove=remove)
        lps._update(submission, content, entry.entry_uuid, cell.access)

    def turn(self, cell: Cell, entry: DocumentEntry, status: str) -> None:
        """Sends another status of an entry. Raises LpsError."""
        lps = self.lps(cell.person)
        submission = lps._update_set(self.patient)
        content = write_new_status(submission, entry.entry_uuid, entry.availability_status.value, status)
        lps._update(submission, content, entry.entry_uuid, cell.access)


@contextmanager
def rights_village(new_village: Callable[[], Village]) -> Iterator[RightsVillage]:
    """The village, started; everybody of CARDS and AIR lives there."""
    village = new_village()
    for number, (name, profession, specialty) in enumerate(NEWCOMERS):
        modes = ("INDIRECTE_RENFORCEE",)
        move_in(village, name, 6000 + number, profession, specialty, structure_id=CLINIQUE, modes=modes)
    house = House.build(village.settings, anchors=False)
    village.start()
    try:
        yield RightsVillage(village, house)
    finally:
        village.stop()
        house.database.dispose()


def refusal(attempt: Callable[[], object]) -> LpsError | None:
    """What the server says no with; None when it does not."""
    try:
        attempt()
    except LpsError as error:
        return error
    return None


def row_of(event: AuditRecord) -> Mapping[str, str]:
    """What decided, by name."""
    return {"rule": event.rule, "table": event.rule_table, "row": event.rule_row}
