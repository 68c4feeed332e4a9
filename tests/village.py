"""A village: the demo's people and patients around a real server, HTTPS with mutual TLS on loopback."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from audit.store import AuditRecord
from conformance.lps import people
from conformance.lps.client import Lps
from conformance.pki import KeyMaker, Pki, PrivateKey, rsa_key
from dmp.gestion import Consents, open_dossier, record_consents
from identities.dossier import Traits
from identities.requester import PatientId
from server.demo import background, seed
from server.house import House
from server.settings import Address, Settings, load
from tests.newest import newest
from tests.ports import free_port


@dataclass
class Village:
    """The demo's people and patients around a server of their own."""

    folder: Path
    settings: Settings
    pki: Pki
    pid: int = 0
    clients: list[Lps] = field(default_factory=list)

    @property
    def demo(self) -> people.Demo:
        return people.load(self.folder)

    def start(self) -> None:
        """Starts the server and waits until it is healthy."""
        self.pid = background.start(self.folder, self.settings)

    def kill(self) -> None:
        """SIGKILL, without warning."""
        os.kill(self.pid, signal.SIGKILL)
        give_up = time.monotonic() + 30
        while background.running(self.folder) is not None and time.monotonic() < give_up:
            time.sleep(0.01)

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        background.stop(self.folder)

    def lps(self, name: str, *, mode: str | None = None, user: str | None = None) -> Lps:
        """The practice software of one of the people."""
        client = Lps.from_demo(self.folder, name, mode=mode, user=user)
        self.clients.append(client)
        return client

    def patient(self, ins: str) -> people.Patient:
        return self.demo.patient(ins)

    def audit(self, limit: int = 20) -> tuple[AuditRecord, ...]:
        """The newest records of the audit log, newest first, without failed handshakes."""
        with self.house() as house:
            return newest(house, limit)

    @contextmanager
    def house(self) -> Iterator[House]:
        """The server's own rooms, as its operator at the command line has them."""
        house = House.build(self.settings)
        try:
            yield house
        finally:
            house.database.dispose()

    def open_dossier(self, patient: people.Patient, *, medecin_traitant: str) -> None:
        """Opens the DMP of somebody who is not in the demo, with a médecin traitant who is. Raises GestionError."""
        identifier = PatientId(patient.ins, patient.ins_oid)
        with self.house() as house:
            traits = Traits("ESSAI", "ANNE", date(1979, 3, 28), "F")
            open_dossier(house.gate, "test", (identifier,), traits, domain=house.domain)
            said = Consents(medecins_traitants=(self.demo.person(medecin_traitant).id_nat,))
            record_consents(house.gate, "test", identifier, said)


_made: list[PrivateKey] = []


def keys_again() -> KeyMaker:
    """Keys that differ within a village and are the same in the next one of this process: they take long to make."""
    ready = iter(tuple(_made))

    def key(purpose: str) -> PrivateKey:
        found = next(ready, None)
        if found is None:
            found = rsa_key(purpose)
            _made.append(found)
        return found

    return key


def settle(folder: Path, *, database_url: str = "", strangers: bool = False) -> Village:
    """People, patients and home in `folder`, nothing started; the rows in SQLite unless said otherwise.

    `strangers` have a PKI of their own, that no other village knows.
    """
    seed.start_over(folder)
    pki = seed.write_people(folder, lambda: None, rsa_key if strangers else keys_again())
    settings = seed.write_home(folder, Address("127.0.0.1", free_port()), Address("127.0.0.1", free_port()))
    if database_url:
        with (settings.home / "settings.toml").open("a", encoding="utf-8") as file:
            file.write(f'database_url = "{database_url}"\n')
        settings = load({"home": settings.home}, {})
    seed.populate(settings, lambda: None)
    return Village(folder, settings, pki)
