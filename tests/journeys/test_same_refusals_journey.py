"""The same refusals for each requester: SOAP and FHIR decide alike, by the same rule, and the audit log says so.

Source: docs/habilitations.md (one decision for every door); CSP R.1111-46.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import pytest

from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.query import FIND_DOCUMENTS, STATUSES
from conformance.lps.soap import LpsError
from registry.metadata import AvailabilityStatus, DocumentEntry
from registry.scope import INVISIBLE_PATIENT, MASQUE_PS
from schemas import oids, xml
from schemas.domain import load
from server.demo.people import PATIENTS, PROFESSIONALS
from server.house import House
from tests.journeys.attacks import UNIQUE_ID
from tests.journeys.attacks import ask as ask_soap
from tests.journeys.audit_nodes import Answer, ask
from tests.journeys.queries import listed
from tests.newcomers import Planted, plant
from tests.oauth_clients import OAuthClient, user
from tests.village import Village

REPOSITORY = load("fr-dmp").repository_unique_id
INS = PATIENTS[11].ins
NOBODY = Patient("187056205098844", oids.INS_NIR_TEST)  # a readable INS that no DMP has
# A DMP open to all, closed, of a minor, open to one, blocking one, open to two, and none.
DOSSIERS = [*(Patient(PATIENTS[each].ins, oids.INS_NIR_TEST) for each in (0, 3, 4, 5, 6, 8)), NOBODY]
CARDS = [person.name for person in PROFESSIONALS if "DIRECTE" in person.modes]
BY_TOKEN = {"medecin-clinique": ("clinique", "INDIRECTE_RENFORCEE")}
REQUESTERS = [*CARDS, *BY_TOKEN]
FEW = ["pharmacien", "secretaire", *BY_TOKEN]
CONSULTATION, CRH, LAB, DIRECTIVES = "11488-4", "34112-3", "11502-2", "75320-2"
CLASSES = [
    *(Planted(code) for code in (CONSULTATION, CRH, LAB, "34842-5")),
    Planted("ATTEST-RESID", oids.TYPE_DOCUMENT),
    Planted(CONSULTATION, marks=(MASQUE_PS,)),
    Planted(CONSULTATION, marks=(INVISIBLE_PATIENT,)),
    *(Planted(CONSULTATION, status=each) for each in AvailabilityStatus),
]

Outcome = tuple[object, ...]


@dataclass
class Asking:
    """One requester, who asks by both doors; every request is told with what the audit log has of it."""

    village: Village
    house: House
    name: str
    folder: Path
    lps: Lps
    token: str = ""

    @classmethod
    def of(cls, village: Village, house: House, name: str, folder: Path) -> Asking:
        token = ""
        if name in BY_TOKEN:
            structure, mode = BY_TOKEN[name]
            client = OAuthClient(village, structure)
            given = client.ask("ITI-67 ITI-68", **client.asserted(extensions=user(name, mode)))
            token = given.resource["access_token"]
        return cls(village, house, name, folder, village.lps(name), token)

    def recorded(self, asked: Callable[[], object]) -> tuple[object, list[Outcome]]:
        """What a request gives, and what the log says of each event of it, but for the transaction."""
        before = self._newest(1)[0].sequence
        given = asked()
        new = [record for record in self._newest(20) if record.sequence > before]
        return given, [_decided(each) for each in reversed(new)]

    def _newest(self, limit: int) -> tuple[AuditRecord, ...]:
        with self.house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(), limit=limit)

    # --- SOAP ---------------------------------------------------------------------------------------------------------

    def finds_by_soap(self, patient: Patient) -> set[str] | None:
        """The uniqueIds that ITI-18 tells of every status, None when it is refused."""
        statuses = listed(*STATUSES.values())
        asked = [("$XDSDocumentEntryPatientId", [f"'{patient.cx}'"]), ("$XDSDocumentEntryStatus", [statuses])]
        answer = ask_soap(self.lps, patient, FIND_DOCUMENTS, asked, refs=False)
        if not answer.succeeded:
            assert set(answer.errors) == {"DMPAccessDeniedByRightsService"}, answer.errors
            return None
        named = xml.parse(answer.body).iter("{*}ExternalIdentifier")
        return {str(each.get("value")) for each in named if each.get("identificationScheme") == UNIQUE_ID}

    def opens_by_soap(self, entry: DocumentEntry) -> bool:
        patient, file = Patient(INS, oids.INS_NIR_TEST), self.folder / "opened.xml"
        try:
            self.lps.open(entry.unique_id, file, patient, repository=REPOSITORY)
        except LpsError as error:
            assert error.code in ("XDSDocumentUniqueIdError", "DMPAccessDeniedByRightsService"), error
            return False
        return True

    # --- FHIR ---------------------------------------------------------------------------------------------------------

    def finds_by_fhir(self, patient: Patient) -> set[str] | None:
        """The uniqueIds that ITI-67 tells, None when it is refused."""
        query = urlencode({"patient.identifier": f"urn:oid:{patient.ins_oid}|{patient.ins}", "_count": "200"})
        answer = self._ask(f"/fhir/DocumentReference?{query}")
        if answer.status == 403:
            return None
        assert answer.resource["total"] == len(answer.events), "one page has them all"
        return {each["masterIdentifier"]["value"].removeprefix("urn:oid:") for each in answer.events}

    def opens_by_fhir(self, entry: DocumentEntry) -> bool:
        answer = self._ask(f"/fhir/Binary/{entry.entry_uuid.removeprefix('urn:uuid:')}")
        assert answer.status in (200, 403, 404), answer.content
        return answer.status == 200

    def _ask(self, path: str) -> Answer:
        if not self.token:
            return ask(self.village, self.name, path, headers={"Accept": "*/*"})
        headers = {"Accept": "*/*", "Authorization": f"Bearer {self.token}"}
        return ask(self.village, BY_TOKEN[self.name][0], path, headers=headers)


def _decided(record: AuditRecord) -> Outcome:
    return (
        record.action,
        record.outcome,
        record.requester_id,
        record.dossier,
        record.rule,
        record.rule_table,
        record.rule_version,
        record.rule_row,
        record.documents,
    )


@pytest.fixture(scope="module")
def house(village: Village) -> Iterator[House]:
    built = House.build(village.settings, anchors=False)
    yield built
    built.database.dispose()


@pytest.fixture(scope="module")
def documents(village: Village) -> tuple[DocumentEntry, ...]:
    """A document of each class, of one patient who lets everybody in."""
    return plant(village, INS, CLASSES)


@pytest.fixture
def asking(village: Village, house: House, tmp_path: Path) -> Callable[[str], Asking]:
    return lambda name: Asking.of(village, house, name, tmp_path)


def refused_alike(asking: Asking, dossiers: Sequence[Patient]) -> set[str]:
    """Holds searches of dossiers equal by both doors; the rules by which some were refused."""
    rules = set()
    for patient in dossiers:
        soap = asking.recorded(partial(asking.finds_by_soap, patient))
        fhir = asking.recorded(partial(asking.finds_by_fhir, patient))
        assert soap == fhir, (asking.name, patient)
        rules |= {str(each[4]) for each in soap[1] if soap[0] is None}
    return rules


def opened_alike(asking: Asking, entries: tuple[DocumentEntry, ...]) -> Mapping[bool, int]:
    """Holds documents opened equal by both doors; how many are given, and how many are not."""
    counts = {True: 0, False: 0}
    for entry in entries:
        soap = asking.recorded(partial(asking.opens_by_soap, entry))
        fhir = asking.recorded(partial(asking.opens_by_fhir, entry))
        assert soap == fhir, (asking.name, entry.type_code, entry.confidentiality_codes, entry.availability_status)
        counts[bool(soap[0])] += 1
    return counts


def test_dossiers_are_refused_alike(asking: Callable[[str], Asking]) -> None:
    rules = set().union(*(refused_alike(asking(name), DOSSIERS[-4:]) for name in FEW))
    assert len(rules) > 2, rules


def test_documents_are_refused_alike(asking: Callable[[str], Asking], documents: tuple[DocumentEntry, ...]) -> None:
    counts = [opened_alike(asking(name), documents[3:]) for name in FEW]
    assert all(sum(each[given] for each in counts) > 5 for given in (True, False)), counts


@pytest.mark.long
@pytest.mark.parametrize("name", REQUESTERS)
def test_every_requester_is_refused_alike(
    asking: Callable[[str], Asking], documents: tuple[DocumentEntry, ...], name: str
) -> None:
    """Every dossier, and every class of document."""
    refused_alike(asking(name), DOSSIERS)
    opened_alike(asking(name), documents)


@pytest.mark.long
def test_every_type_of_the_examples_is_refused_alike(
    village: Village, asking: Callable[[str], Asking], reference: Path
) -> None:
    with (reference / "fr" / "cda" / "INDEX.csv").open(encoding="utf-8") as file:
        types = sorted({(row["typeCode"], row["codeSystem"]) for row in csv.DictReader(file)})
    entries = plant(village, INS, [Planted(*each) for each in types])
    counts = [opened_alike(asking(name), entries) for name in REQUESTERS]
    assert all(sum(each[given] for each in counts) > 20 for given in (True, False)), counts
