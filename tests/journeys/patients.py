"""Patients at the portal of a running village: their browsers, and the mail and clock of their accounts."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from conformance.lps.metadata import Visibility
from dmp.compte import Access, operator_creates
from identities.account import Account, Channel
from identities.requester import PatientId
from identities.store.tables import ACCOUNTS, SESSIONS
from schemas import oids
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from server.settings import load
from tests.browser import Browser, Page
from tests.mailbox import Mail, Mailbox, mailbox
from tests.village import Village

OWN = "un long chemin de campagne"


@contextmanager
def posted(village: Village) -> Iterator[Mailbox]:
    """A mailbox that the settings of `village` name; it is not started yet."""
    with mailbox() as box:
        lines = (f'smtp = "localhost:{box.port}"', 'smtp_security = "none"', 'mail_from = "dmp@dmp.example"')
        with (village.settings.home / "settings.toml").open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        village.settings = load({"home": village.settings.home}, {})
        yield box


@dataclass
class Someone:
    """Whoever has the account of a patient's DMP, at a browser."""

    village: Village
    box: Mailbox
    patient: PatientId
    access: Access
    browser: Browser
    address: str
    password: str = ""

    @classmethod
    def of(cls, village: Village, box: Mailbox, ins: str) -> Someone:
        """With a new account, made by the operator."""
        patient, address = PatientId(ins, oids.INS_NIR_TEST), new_address()
        with village.house() as house:
            with house.rooms() as rooms:
                dossier = rooms.identities.dossier(patient)
            assert dossier is not None
            with house.database.transaction() as connection:  # a village is shared: the account of another test goes
                connection.execute(sa.delete(ACCOUNTS).where(ACCOUNTS.c.dossier == dossier.key))
            access = operator_creates(house.gate, "test", patient, Channel.EMAIL, address)
        return cls(village, box, patient, access, Browser.of(village), address, access.password)

    def ask(self, path: str = "") -> Page:
        """A page, and whatever it sends one on to."""
        return self._followed(self.browser.get(f"/patient{path}"))

    def send(self, path: str, fields: Mapping[str, str], *, form: str | None = None) -> Page:
        """The form of a page (`form`; the same address unless said otherwise), filled in."""
        _, held = self.ask(path if form is None else form).form()
        return self._followed(self.browser.post(f"/patient{path}", {"cle": held["cle"], **fields}))

    def upload(self, path: str, name: str, content: bytes, fields: Mapping[str, str]) -> Page:
        """A form with a file."""
        (_, held), limit = self.ask(path).form(f"/patient{path}"), uuid.uuid4().hex
        parts = b"".join(
            f'--{limit}\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value}\r\n'.encode()
            for each, value in {**held, **fields}.items()
        )
        file = f'--{limit}\r\nContent-Disposition: form-data; name="fichier"; filename="{name}"\r\n\r\n'.encode()
        body = parts + file + content + f"\r\n--{limit}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={limit}"}
        return self._followed(self.browser.ask("POST", f"/patient{path}", body, headers))

    def begin(self, password: str = "") -> Page:
        """The first step."""
        given = {"identifiant": self.access.login, "mot_de_passe": password or self.password, "canal": "EMAIL"}
        return self.send("/connexion", given)

    @property
    def mails(self) -> list[Mail]:
        """What came to their address so far."""
        return [each for each in self.box.mails if self.address in each.recipients]

    def mail(self, number: int) -> Mail:
        """The mail of that number, from 1, once it came."""
        give_up = time.monotonic() + 30
        while len(self.mails) < number:
            assert time.monotonic() < give_up, f"{len(self.mails)} of {number} came"
            time.sleep(0.02)
        return self.mails[number - 1]

    def code(self, number: int) -> str:
        """The code of the mail of that number."""
        found = re.search(r"\b[0-9]{8}\b", self.mail(number).text)
        assert found is not None
        return found[0]

    def log_in(self) -> Page:
        """Both steps."""
        before = len(self.mails)
        page = self.begin()
        return self.answer(page, self.code(before + 1))

    def answer(self, page: Page, code: str) -> Page:
        """The second step, from the page of the first."""
        return self._followed(self.browser.post("/patient/code", {**page.form("/patient/code")[1], "code": code}))

    def settle_in(self) -> Page:
        """Both steps, and a password of one's own."""
        self.log_in()
        given = {"ancien": self.password, "nouveau": OWN, "encore": OWN}
        page = self.send("/premiere-connexion", given)
        self.password = OWN
        return page

    def change(self, **changes: object) -> None:
        """What time, or somebody else, did to the account."""
        with self.village.house() as house, house.rooms() as rooms:
            account = rooms.accounts.account(self.access.login)
            assert account is not None
            rooms.accounts.save(replace(account, **changes))  # type: ignore[arg-type]

    @property
    def account(self) -> Account:
        with self.village.house() as house, house.rooms() as rooms:
            account = rooms.accounts.account(self.access.login)
            assert account is not None
            return account

    def rest(self, minutes: int) -> None:
        """Nobody used the sessions of this login for that long."""
        seen = datetime.now(UTC) - timedelta(minutes=minutes)
        with self.village.house() as house, house.database.transaction() as connection:
            connection.execute(sa.update(SESSIONS).where(SESSIONS.c.login == self.access.login).values(seen=seen))

    def _followed(self, page: Page) -> Page:
        while page.status == 303:
            page = self.browser.get(page.headers["Location"])
        return page


def new_address() -> str:
    """A mail address that nobody else has."""
    return f"p{uuid.uuid4().hex}@exemple.fr"


def provide(
    village: Village,
    folder: Path,
    ins: str,
    number: int,
    *,
    kind: str = "consultation_report",
    visibility: Visibility | None = None,
) -> str:
    """A document that the médecin traitant provides; its uniqueId."""
    index = [each.ins for each in PATIENTS].index(ins)
    paper = Paper(kind, "medecin-traitant", "medecin-traitant", index, 1, False)
    file = write(paper, folder, number, datetime.now(UTC))
    lps = village.lps("medecin-traitant")
    return lps.provide([file], village.patient(ins), visibility=visibility or Visibility()).unique_ids[0]
