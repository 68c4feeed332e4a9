"""A house with dossiers made to order: what `rights_oracle` speaks of, as rows of real rooms."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from audit.event import Call
from dmp.consultation import open_documents, search
from dmp.errors import AccessRefused
from dmp.gate import Gate
from dmp.requests import DocumentRequest, Opened
from habilitations.matrices import Matrice, MatriceRow, Nature, Statut
from habilitations.statement import Switches
from habilitations.versions import Tables
from habilitations.wishes import PERSON, STRUCTURE
from identities.dossier import Dossier, DossierStatus, Traits
from identities.professional import Professional
from identities.professional import Structure as Place
from identities.representation import Capacity, Representative
from identities.requester import Authentication, ModeAcces, PatientId, Requester
from registry.errors import Finding
from registry.metadata import AvailabilityStatus, Code, DocumentEntry
from registry.scope import INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX, MASQUE_PS, Custody
from registry.store.tables import ENTRY
from registry.stored_query import FindDocuments, ReturnType
from schemas import oids
from server.house import House, now
from server.migrations import upgrade
from server.settings import load
from tests.properties.rights_oracle import Document, Matrix, Said, Who
from tests.registry.samples import NORMAL, document, register, submission

PRACTICE, OTHER_PRACTICE = "399000000100018", "399000000200016"
STRANGER = Custody(frozenset({"899999999999"}), frozenset({OTHER_PRACTICE}))
YEAR = timedelta(days=365)
CALL = Call(transaction="ITI-18", request_id="r")
_AUTHENTICATIONS = {
    "carte": Authentication.DIRECTE,
    "certificat": Authentication.INDIRECTE,
    "air": Authentication.INDIRECTE_RENFORCEE,
}


@dataclass(frozen=True)
class Seen:
    """What one person got: by a search of metadata, of references, by opening; and why not, as the wire has it."""

    listed: frozenset[int]
    referred: frozenset[int]
    opened: frozenset[int]
    told: frozenset[tuple[str, str]]  # code and text of each refusal, without the identifier that was asked for


@dataclass
class RightsHouse:
    """One database for many dossiers, each with its own patient and its own people."""

    house: House = field(repr=False)
    count: int = 0

    def dossier(self, said: Said, who: Who, documents: Sequence[Document]) -> Case:
        """A dossier whose patient said `said` of the person `who`, with these documents."""
        self.count += 1
        case = Case(self, self.count, who)
        with self.house.rooms() as rooms:
            rooms.identities.save_structure(
                Place(PRACTICE, "Cabinet", "SA07", modes=frozenset(_AUTHENTICATIONS.values()))
            )
            rooms.identities.save_professional(
                Professional(
                    case.requester.id_nat,
                    "ESSAI",
                    "CLAUDE",
                    case.requester.profession,
                    case.requester.profession_system,
                    case.requester.specialty,
                    frozenset({PRACTICE}),
                )
            )
            status = DossierStatus.OPEN
            traits = Traits("PATIENT", "ANNE", date(1979, 3, 28), "F")
            rooms.identities.open(Dossier(case.key, (case.ins,), traits, status, now() - YEAR))
            tutor = Representative("rep", "T", "T", "RESPRSN", Capacity.TUTELLE, since=now() - YEAR)
            rooms.identities.save_representative(case.key, tutor)
        case.say(said)
        case.fill(documents)
        return case


@dataclass
class Case:
    """One dossier, and the one person who asks about it."""

    rights: RightsHouse
    number: int
    who: Who
    documents: int = 0

    @property
    def key(self) -> str:
        return f"rights-{self.number}"

    @property
    def ins(self) -> PatientId:
        return PatientId(f"2790351{self.number:06d}00", oids.INS_NIR_TEST)

    @property
    def requester(self) -> Requester:
        who = self.who
        own = {"patient": Authentication.PATIENT, "representant": Authentication.REPRESENTANT}
        named = {"patient": self.ins.value, "representant": "rep", "structure": f"{PRACTICE}/{self.number}"}
        return Requester(
            id_nat=named.get(who.kind, f"8{self.number:011d}"),
            name="ESSAI CLAUDE",
            profession=who.profession,
            profession_system=oids.PROFESSION if who.profession.isdigit() else oids.ROLE_NON_PS,
            specialty=who.specialty,
            structure_id="" if who.kind in own else PRACTICE,
            sector="SA07",
            authentication=own.get(who.kind) or _AUTHENTICATIONS[who.by],
            mode_acces=ModeAcces(who.mode),
            motif=who.reason,
            patient=self.ins,
        )

    def say(self, said: Said) -> None:
        """Records what the patient says, in the place of what was said."""
        person, instant = self.requester.id_nat, now()
        ends = {"yes": instant + YEAR, "expired": instant - timedelta(seconds=1)}
        with self.rights.house.rooms() as rooms:
            rights = rooms.rights
            for holder in (person, PRACTICE):
                rights.unblock(self.key, holder)
                rights.revoke(self.key, holder)
            rights.set_switches(self.key, Switches(said.centre_15, said.bris_de_glace, said.masked_in_emergency))
            for kind, holder, how in (
                (PERSON, person, said.person_authorised),
                (STRUCTURE, PRACTICE, said.structure_authorised),
            ):
                if how in ends:
                    rights.authorise(self.key, holder, kind=kind, start=instant - YEAR, end=ends[how])
            rights.set_medecin_traitant(self.key, person, said.medecin_traitant)
            if said.blocked:  # the structure: the person may be the médecin traitant, whom nobody blocks
                rights.block(self.key, PRACTICE, start=instant)
            dossier = rooms.identities.dossier_of_key(self.key)
            if said.closed and dossier is not None and dossier.status is DossierStatus.OPEN:
                rooms.identities.close(self.key, instant=instant, reason="demande du patient")

    def fill(self, documents: Sequence[Document]) -> None:
        """Registers the documents, numbered as they stand, with their bytes."""
        self.documents = len(documents)
        custodies = {
            "me": Custody(frozenset({self.requester.id_nat})),
            "my_structure": Custody(frozenset({"899999999998"}), frozenset({PRACTICE})),
            "others": STRANGER,
        }
        staged = self.rights.house.files.stage()
        staged.write(b"<ClinicalDocument/>")
        content = staged.finish()
        staged.keep()
        entries = [self._entry(number, each) for number, each in enumerate(documents)]
        custody = {entry.entry_uuid: custodies[each.of] for entry, each in zip(entries, documents, strict=True)}
        with self.rights.house.database.transaction() as connection:
            item = submission(*entries, number=self.number, patient_id=f"{self.ins}^NH")
            register(connection, item, patient=self.key, custody=custody)
            for number, each in enumerate(documents):
                where = ENTRY.c.unique_id == self._unique_id(number)
                status = AvailabilityStatus[each.status.upper()]
                connection.execute(ENTRY.update().where(where).values(availability_status=status))
        with self.rights.house.rooms() as rooms:
            for entry in entries:
                rooms.documents.record(self.key, entry.unique_id, content, entry.mime_type)

    def seen(self, matrix: Matrix) -> Seen:
        """What the person gets when the matrix says so."""
        gate, numbers, told = self._gate(matrix), range(self.documents), set[tuple[str, str]]()
        found: dict[ReturnType, frozenset[int]] = {}
        for kind in ReturnType:
            uuids = self._search(gate, self.requester, kind, told)
            found[kind] = frozenset(number for number in numbers if self._entry_uuid(number) in uuids)
        asked = [self._unique_id(number) for number in numbers]
        opened = frozenset(asked.index(each) for each in self._open(gate, self.requester, asked, told))
        return Seen(found[ReturnType.LEAF_CLASS], found[ReturnType.OBJECT_REF], opened, frozenset(told))

    def nothing_there(self, matrix: Matrix) -> frozenset[tuple[str, str]]:
        """What the wire says of a document that does not exist, and of the same requests about nobody's dossier."""
        gate, unknown, told = self._gate(matrix), [f"{self._unique_id(0)}.999"], set[tuple[str, str]]()
        nobody = replace(self.requester, patient=PatientId("299999999999999", oids.INS_NIR_TEST))
        for requester in (self.requester, nobody):
            self._open(gate, requester, unknown, told)
        for kind in ReturnType:
            self._search(gate, nobody, kind, told)
        return frozenset(told)

    def _search(self, gate: Gate, requester: Requester, kind: ReturnType, told: set[tuple[str, str]]) -> frozenset[str]:
        statuses = tuple(AvailabilityStatus)
        query = FindDocuments(return_type=kind, patient_id=f"{requester.patient}^NH", statuses=statuses)
        try:
            answer = search(gate, requester, CALL, query, "urn:uuid:1", b"<q/>")
        except AccessRefused as refused:
            told.add((refused.finding.code.value, refused.finding.context))
            return frozenset()
        return frozenset(each.entry_uuid for each in answer)

    def _open(
        self, gate: Gate, requester: Requester, asked: Sequence[str], told: set[tuple[str, str]]
    ) -> frozenset[str]:
        wanted = [DocumentRequest(self._repository, unique_id) for unique_id in asked]
        try:
            results = open_documents(gate, requester, CALL, wanted, self._repository)
        except AccessRefused as refused:
            told.add((refused.finding.code.value, refused.finding.context))
            return frozenset()
        for unique_id, result in zip(asked, results, strict=True):
            if isinstance(result, Finding):
                told.add((result.code.value, result.context.replace(unique_id, "the document")))
            else:
                assert b"".join(result.chunks) == b"<ClinicalDocument/>"
        return frozenset(
            unique_id for unique_id, result in zip(asked, results, strict=True) if isinstance(result, Opened)
        )

    @property
    def _repository(self) -> str:
        return self.rights.house.domain.repository_unique_id

    def _gate(self, matrix: Matrix) -> Gate:
        house = self.rights.house
        tables = Tables(house.tables.droits, (_matrice(matrix),))
        return Gate(house.unit_of_work, house.files, tables, now)

    def _entry(self, number: int, each: Document) -> DocumentEntry:
        marks = (
            (each.masked, MASQUE_PS),
            (each.hidden_from_patient, INVISIBLE_PATIENT),
            (each.hidden_from_representatives, INVISIBLE_REPRESENTANTS_LEGAUX),
        )
        return document(
            self._entry_uuid(number),
            unique_id=self._unique_id(number),
            patient_id=f"{self.ins}^NH",
            type_code=Code(each.kind, oids.LOINC),
            confidentiality_codes=(NORMAL, *(Code(*code) for there, code in marks if there)),
            repository_unique_id=self._repository,
        )

    def _unique_id(self, number: int) -> str:
        return f"1.2.250.1.999.7.{self.number}.{number}"

    def _entry_uuid(self, number: int) -> str:
        return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, self._unique_id(number))}"


@contextmanager
def rights_house(folder: Path) -> Iterator[RightsHouse]:
    """An empty house of the French domain in `folder`."""
    folder.mkdir()
    settings = load({"home": folder, "domain": "fr-dmp"}, {})
    upgrade(settings)
    house = House.build(settings, anchors=False)
    try:
        yield RightsHouse(house)
    finally:
        house.database.dispose()


def _matrice(matrix: Matrix) -> Matrice:
    rows: dict[tuple[str, str], dict[str, MatriceRow]] = {}
    for (who, kind), granted in matrix.items():
        profession, _, specialty = who.partition("/")
        row = MatriceRow(profession, specialty, kind, granted, Statut.SYNTHETIQUE, "", 1)
        rows.setdefault((profession, specialty), {})[kind] = row
    whole: Mapping[tuple[str, str], Mapping[str, MatriceRow]] = rows
    return Matrice("tirage.csv", "tirage", date(2020, 1, 1), Nature.PARTIELLE, "", whole)
