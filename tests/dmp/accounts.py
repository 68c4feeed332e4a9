"""A house with patients, professionals and a clock that the test moves; what it tells people is noted, not sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from audit.event import Call
from audit.listing import AuditListings
from audit.selection import Selection
from audit.store import AuditRecord
from dmp.compte import Access
from dmp.connexion import Connected, Connexion
from dmp.gate import Gate
from dmp.gestion import open_dossier
from dmp.ports import Rooms
from habilitations.decision import Tables
from identities.account import Channel
from identities.dossier import Traits
from identities.professional import Professional
from identities.representation import Representative
from identities.requester import Authentication, PatientId, Requester
from identities.subscription import Message, Subscription
from schemas import oids
from server.demo.seed import write_home
from server.home_key import home_key
from server.house import BoundRooms, House
from server.migrations import upgrade
from server.settings import Address

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNE = PatientId("279035121518989", oids.INS_NIR_TEST)  # an adult
LEA = PatientId("215069935101016", oids.INS_NIR_TEST)  # a child, whose mother represents her
NOE = PatientId("115069935101066", oids.INS_NIR_TEST)  # a child whom nobody represents
MOTHER = Representative("mere", "ESSAI", "JEANNE", "MTH")
BORN = {ANNE: date(1979, 3, 28), LEA: date(2015, 6, 1), NOE: date(2015, 6, 1)}
MOBILE, MAIL = "0606060606", "mon.email@mail.fr"
DOCTOR = Requester(
    id_nat="899900000017",
    name="MARTIN Claire",
    profession="10",
    profession_system=oids.PROFESSION,
    specialty="SM26",
    structure_id="",
    sector="SA07",
    authentication=Authentication.DIRECTE,
    patient=ANNE,
)
CALL = Call(transaction="essai", request_id="r1", client_address="192.0.2.7")


@dataclass
class Post:
    """What people were told: (address, text)."""

    mails: bool = True
    texts: bool = True
    told: list[tuple[str, str]] = field(default_factory=list)
    hooked: list[tuple[str, Message, int]] = field(default_factory=list)  # of subscriptions, by their endpoint

    def send(self, address: str, message: bytes) -> None:
        raise AssertionError("expected mail or SMS")

    def mail(self, address: str, _subject: str, text: str) -> None:
        self.told.append((address, text))

    def sms(self, number: str, text: str) -> None:
        self.told.append((number, text))

    def hook(self, subscription: Subscription, message: Message, event: int = 0) -> None:
        self.hooked.append((subscription.endpoint, message, event))

    @property
    def code(self) -> str:
        """The code that was sent last."""
        found = re.search(r"\b[0-9]{8}\b", self.told[-1][1])
        assert found is not None
        return found[0]


@dataclass
class Desk:
    """The hall over a real database."""

    house: House
    post: Post = field(default_factory=Post)
    now: datetime = NOW

    @property
    def gate(self) -> Gate:
        return Gate(self._unit_of_work, self.house.files, Tables.load(), lambda: self.now)

    @property
    def connexion(self) -> Connexion:
        return Connexion(self.gate, home_key(self.house.settings.home))

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def records(self, limit: int = 200) -> tuple[AuditRecord, ...]:
        """The audit log, newest first."""
        with self.house.database.transaction() as connection:
            return AuditListings(connection).newest(Selection(), limit=limit)

    @contextmanager
    def rooms(self) -> Iterator[BoundRooms]:
        with self.house.rooms() as rooms:
            yield rooms

    @contextmanager
    def _unit_of_work(self) -> Iterator[Rooms]:
        with self.house.rooms() as rooms:
            yield replace(rooms, notices=self.post)  # type: ignore[arg-type]

    def log_in(self, login: str, password: str, channel: Channel = Channel.SMS) -> Requester:
        """Both steps."""
        return self.enter(Access(login, password), channel).requester

    def enter(self, access: Access, channel: Channel = Channel.SMS) -> Connected:
        """The same, and the session."""
        sent = self.connexion.begin(CALL, access.login, access.password, channel)
        return self.connexion.confirm(CALL, sent.challenge, self.post.code)


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk in an empty folder, with the patients above."""
    settings = write_home(folder, Address("127.0.0.1", 1), Address("127.0.0.1", 2))
    upgrade(settings)
    house = House.build(settings, anchors=False)
    try:
        made = Desk(house)
        with made.rooms() as rooms:
            rooms.identities.save_professional(
                Professional(DOCTOR.id_nat, "MARTIN", "Claire", "10", oids.PROFESSION, "SM26")
            )
        for patient, birth in BORN.items():
            open_dossier(made.gate, "test", (patient,), Traits("ESSAI", "ANNE", birth, "F"), domain=house.domain)
        with made.rooms() as rooms:
            rooms.identities.save_representative(key_of(rooms, LEA), MOTHER)
        yield made
    finally:
        house.database.dispose()


def key_of(rooms: BoundRooms, patient: PatientId) -> str:
    """The key of a patient's dossier."""
    found = rooms.identities.dossier(patient)
    assert found is not None
    return found.key
