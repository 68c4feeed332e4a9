"""The village of the journeys: patients of their own, practice software that remembers, and who holds which key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from audited_stage import Log, Names
from cryptography import x509

from conformance.lps.client import Lps
from conformance.lps.connection import Request
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from dmp.gestion import Consents, open_dossier, record_consents
from dmp.preferences import change_alerts, read_change
from identities.dossier import Traits
from identities.requester import PatientId
from schemas import oids
from schemas.domain import load
from server.demo.people import EVERYBODY, invented_nir
from tests.journeys.patients import Someone
from tests.mailbox import Mailbox
from tests.somebody import ADULT, Somebody, call, number
from tests.village import Village

FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
REPOSITORY = load("fr-dmp").repository_unique_id

Case = Callable[["Audited"], Names]


class Software(Lps):
    """Practice software that remembers what it asked last."""

    content: bytes = b""

    def message(
        self, path: str, action: str, content: bytes, patient: Patient | None, *, access: Access | None = None
    ) -> Request:
        self.content = content
        return super().message(path, action, content, patient, access=access)


@dataclass
class Audited:
    village: Village
    box: Mailbox
    log: Log
    folder: Path
    newcomers: int = 0
    at_home: list[tuple[Somebody, Someone]] = field(default_factory=list)  # a patient who is connected

    def __post_init__(self) -> None:
        pki = self.village.folder / "pki"
        signers = {
            f"subject of {name}": _subject(pki / name / "sign.pem") for name in EVERYBODY if (pki / name).is_dir()
        }
        self.log.names = {"repository": REPOSITORY, **signers}
        self._clients: dict[str, Software] = {}

    def lps(self, name: str) -> Software:
        """Their practice software, the same each time: its connection is there already."""
        if name not in self._clients:
            self._clients[name] = Software.from_demo(self.village.folder, name)
            self.village.clients.append(self._clients[name])
        return self._clients[name]

    def card(self, name: str) -> str:
        """The subject of the certificate by which somebody connects."""
        return _subject(self.village.folder / "pki" / name / "auth.pem")

    def at(self, path: str) -> str:
        """An address of the server."""
        return f"https://{self.village.settings.https}{path}"

    def somebody(self, *names: str, treating: str = "medecin-traitant") -> Somebody:
        """A patient whose médecin traitant is there, and who lets others in."""
        self.newcomers += 1
        ins = invented_nir("F", ADULT, "97412", self.newcomers)
        patient = PatientId(ins, oids.INS_NIR_TEST)
        house, traits = self.log.house, Traits("ESSAI", "Anne", ADULT, "F")
        open_dossier(house.gate, "test", (patient,), traits, domain=house.domain)
        people = tuple(number(name) for name in (*names, treating) if name)
        treated = (number(treating),) if treating else ()
        record_consents(house.gate, "test", patient, Consents(people, medecins_traitants=treated))
        return Somebody(self.village, self.folder, Patient(ins, oids.INS_NIR_TEST))

    def reachable(self, patient: Somebody) -> Somebody:
        """The same, who is told of emergencies by mail."""
        with patient.gate() as gate:
            change_alerts(gate, patient.herself, call("VD/alertes"), read_change(email="a@exemple.fr", sms=""))
        return patient

    def watch(self) -> None:
        self.log.watch()


class Cases(dict[str, Case]):
    """What is performed, by the name of its row."""

    def __call__(self, title: str) -> Callable[[Case], Case]:
        def note(perform: Case) -> Case:
            self[title] = perform
            return perform

        return note


def found_by(
    patient: PatientId, *types: str, status: str = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"
) -> Names:
    """The search of a page, as the log has it: FindDocuments of that patient. Source: ITI TF-2 3.18.4.1.2.3.7.1."""
    slots = [("$XDSDocumentEntryPatientId", f"'{patient}^NH'")]
    slots += [("$XDSDocumentEntryTypeCode", f"('{each}')") for each in types]
    slots += [("$XDSDocumentEntryStatus", status)]
    return {"query_id": FIND_DOCUMENTS, "query": urlencode(slots)}


def _subject(file: Path) -> str:
    return x509.load_pem_x509_certificate(file.read_bytes()).subject.rfc4514_string()
