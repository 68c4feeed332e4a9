"""Nodes that provide, find and open documents while something breaks: what was answered, and whether it is true."""

from __future__ import annotations

import base64
import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from audit.event import Outcome
from audit.verification import verify
from ihe.endpoint import IHE_ACTORS
from ihe.transactions import Transaction
from schemas.xml import XmlError
from server.house import House
from tests.connectathon import Answer, Node, document, new_patient, submission

OUT_OF_ROOM = {"XDSRepositoryOutOfResources", "XDSRepositoryError", "XDSRegistryBusy"}
TITLE = "Souvenirs of a marked stay"
CLIENTS = 3


@dataclass
class Load:
    """What the clients did: uniqueId -> bytes that were acknowledged, and how often each transaction was Success."""

    node: Node
    patient: str = field(default_factory=new_patient)
    size: int = 20_000
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    successes: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While the block lasts; raises what a client met that is neither Success nor a clear refusal."""
        wrong: list[BaseException] = []

        def work() -> None:
            try:
                while not self.ended.is_set():
                    self.once()
            except (AssertionError, OSError, http.client.HTTPException, XmlError) as error:
                wrong.append(error)

        clients = [threading.Thread(target=work) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self.ended.set()
            for client in clients:
                client.join()
        assert not wrong, wrong

    def once(self) -> None:
        """Provides a document, finds and opens what there is."""
        content = os.urandom(self.size)
        entry = document(self.patient, title=TITLE, repository_unique_id="", hash="", size=None)
        if self._asked("ITI-41", self.node.provide(submission(entry), {"Document01": content})):
            with self.lock:
                self.acknowledged[entry.unique_id] = content
        if self._asked("ITI-18", self.node.find_documents(self.patient)) and entry.unique_id in self.acknowledged:
            self._asked("ITI-43", self.node.retrieve(entry.unique_id))

    def wait_for(self, refusals: int) -> None:
        """Until that many requests were refused."""
        give_up = time.monotonic() + 120
        while self.refusals < refusals:
            assert time.monotonic() < give_up, self
            time.sleep(0.05)

    def _asked(self, transaction: str, answer: Answer) -> bool:
        with self.lock:
            if answer.success:
                self.successes[transaction] += 1
            else:
                assert is_clear(answer), (transaction, answer.http_status, answer.fault, answer.errors)
                self.refusals += 1
        return answer.success

    def is_true(self) -> None:
        """Whatever was Success is there, with an event each, and nothing is half there."""
        for unique_id, content in self.acknowledged.items():
            assert _inline(self.node.retrieve(unique_id)) == content
        found = {entry.unique_id for entry in self.node.find_documents(self.patient).entries}
        assert self.acknowledged.keys() <= found
        for unique_id in found - self.acknowledged.keys():  # committed, its answer lost
            assert len(_inline(self.node.retrieve(unique_id))) == self.size
        recorded = Counter(
            record.transaction for record in self.node.audit(1_000_000) if record.outcome is Outcome.SUCCESS
        )
        for transaction, times in self.successes.items():
            assert recorded[transaction] >= times, transaction
        house = House.build(self.node.settings, anchors=False)
        try:
            with house.database.transaction() as connection:
                assert verify(connection).intact
                if self.node.settings.sqlite:
                    assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        finally:
            house.database.dispose()


def is_clear(answer: Answer) -> bool:
    """Whether an answer says that the server cannot work now, and nothing else."""
    if answer.fault:
        return answer.http_status == 503 and answer.fault.startswith("service unavailable")
    return answer.status == "Failure" and answer.codes <= OUT_OF_ROOM


def every_action(node: Node) -> Iterator[tuple[Transaction, Answer]]:
    """What every transaction of an IHE domain answers to a body that is none: a refusal, which is recorded."""
    for path, actor in IHE_ACTORS.items():
        for transaction in actor.transactions:
            yield transaction, node.soap(path, transaction.action, "<nothing/>")


def health(node: Node) -> tuple[int, str]:
    """What /healthz says."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
    try:
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def wait_for_health(node: Node, status: int) -> str:
    """What /healthz says, once it says that."""
    give_up = time.monotonic() + 60
    while (found := health(node))[0] != status:
        assert time.monotonic() < give_up, found
        time.sleep(0.1)
    return found[1]


def _inline(answer: Answer) -> bytes:
    assert answer.success, (answer.fault, answer.errors)
    (content,) = (element.text or "" for element in answer.root.iter("{urn:ihe:iti:xds-b:2007}Document"))
    return base64.b64decode(content)
