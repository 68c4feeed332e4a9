"""The load: clients in processes of their own, whose requests are made and signed before the clock starts.

Each process takes its share of the clients (threads, each with a connection that stays open) and of the requests. It
answers one order after another: the name of a transaction, upon which it sends all its requests of that kind as fast as
the server answers them, each client waiting for one answer before it asks again.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.documents import pdf, write_document
from conformance.lps import people
from conformance.lps.client import Lps
from conformance.lps.connection import Request
from conformance.lps.query import FIND_DOCUMENTS, Filters, find_documents
from conformance.lps.soap import SUCCESS
from conformance.lps.transport import Transport, client_context
from server.demo.people import PATIENTS

PROCESSES = 2
SEARCHED_DOCUMENTS = 10
SENDER, READER = "hopital", "medecin-traitant"
SPEAKERS = {"ITI-41": SENDER, "ITI-18": READER, "ITI-43": READER}
SEARCHED = 0  # index in PATIENTS
PROVIDED = (1, 2, 6, 11)  # patients who get the documents of ITI-41; open, and open to both
TRANSACTIONS = tuple(SPEAKERS)
TIMEOUT_SECONDS = 60.0


class LoadError(RuntimeError):
    """A request was not answered as it should be: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one process does: `requests` of each transaction are measured, `clients` more go before, unmeasured."""

    demo: Path
    requests: int
    clients: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, whose software sends it, and what its answer must contain, besides Success."""

    path: str
    content_type: str
    body: bytes
    expected: bytes
    times: int = 1  # that the answer contains it, at least


@dataclass(frozen=True, slots=True)
class Measured:
    """One transaction: seconds that each answer took, and seconds from the first request to the last answer."""

    transaction: str
    latencies: tuple[float, ...]
    seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """The seconds within which that share of the answers came."""
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


@contextmanager
def clients(demo: Path, requests: int, number: int) -> Iterator[Sequence[Connection]]:
    """Processes with `number` clients in all, ready to send `requests` of each transaction; see `measure`."""
    context = multiprocessing.get_context("spawn")
    count = min(PROCESSES, number)
    pairs = [context.Pipe() for _ in range(count)]
    workers = [
        context.Process(
            target=_work,
            args=(Plan(demo, _share(requests, count, nth), _share(number, count, nth)), theirs),
            daemon=True,
        )
        for nth, (_, theirs) in enumerate(pairs)
    ]
    for worker, (_, theirs) in zip(workers, pairs, strict=True):
        worker.start()
        theirs.close()
    ours = [mine for mine, _ in pairs]
    try:
        _answers(ours)
        yield ours
    finally:
        for connection in ours:
            connection.close()
        for worker in workers:
            worker.join(TIMEOUT_SECONDS)


def measure(connections: Sequence[Connection], transaction: str) -> Measured:
    """Has every process send its requests of that transaction. Raises LoadError."""
    for connection in connections:
        connection.send(transaction)
    spans = [span for answer in _answers(connections) for span in answer]
    seconds = max(end for _, end in spans) - min(start for start, _ in spans)
    return Measured(transaction, tuple(end - start for start, end in spans), seconds)


def seed_searched(demo: Path) -> None:
    """Gives the patient that will be searched his documents, as one submission."""
    lps = Lps.from_demo(demo, SENDER)
    patient, content = PATIENTS[SEARCHED], pdf()
    with TemporaryDirectory(dir=demo) as folder:
        files = [write_document(Path(folder), patient, content) for _ in range(SEARCHED_DOCUMENTS)]
        lps.provide(files, people.load(demo).patient(patient.ins))
    lps.close()


def _share(total: int, parts: int, nth: int) -> int:
    return total // parts + (nth < total % parts)


def _answers(connections: Sequence[Connection]) -> list[list[tuple[float, float]]]:
    try:
        return [connection.recv() for connection in connections]
    except EOFError:
        raise LoadError("a client failed; what it said stands above") from None


def _work(plan: Plan, connection: Connection) -> None:
    """The life of one process; the end of orders ends it."""
    clients = Clients(plan)
    connection.send([])
    with ThreadPoolExecutor(plan.clients) as pool:
        while True:
            try:
                transaction = connection.recv()
            except EOFError:
                return
            send, exchanges = partial(clients.send, transaction), clients.exchanges[transaction]
            list(pool.map(send, exchanges[: plan.clients]))
            connection.send(list(pool.map(send, exchanges[plan.clients :])))


class Clients:
    """The clients of one process: their connections, and every exchange made beforehand."""

    def __init__(self, plan: Plan) -> None:
        self.exchanges: dict[str, list[Exchange]] = {transaction: [] for transaction in TRANSACTIONS}
        self._demo = people.load(plan.demo)
        self._transports = {transaction: self._transport(SPEAKERS[transaction]) for transaction in TRANSACTIONS}
        with TemporaryDirectory(dir=plan.demo) as folder:
            self._prepare(plan.clients + plan.requests, Path(folder))

    def send(self, transaction: str, exchange: Exchange) -> tuple[float, float]:
        """Sends one request; when it left and when its answer was complete. Raises LoadError for another answer."""
        start = time.monotonic()
        transport = self._transports[transaction]
        with transport.post(exchange.path, exchange.content_type, len(exchange.body), [exchange.body]) as response:
            answer = response.read()
        end = time.monotonic()
        if SUCCESS.encode() not in answer or answer.count(exchange.expected) < exchange.times:
            raise LoadError(f"{transaction}: expected Success with what was asked for, got {answer[:2000]!r}")
        return start, end

    def _transport(self, name: str) -> Transport:
        context = client_context(self._demo.sender(name).keys, str(self._demo.ca))
        return Transport(self._demo.address(), context, TIMEOUT_SECONDS)

    def _prepare(self, number: int, folder: Path) -> None:
        sender, reader = Lps.from_demo(self._demo, SENDER), Lps.from_demo(self._demo, READER)
        searched = self._demo.patient(PATIENTS[SEARCHED].ins)
        repository = reader.find(searched)[0].repository_unique_id
        search, content = find_documents(searched.cx, Filters()), pdf()
        for nth in range(number):
            about = PATIENTS[PROVIDED[nth % len(PROVIDED)]]
            patient, file = self._demo.patient(about.ins), write_document(folder, about, content)
            provide, (unique_id,) = sender.prepare([file], patient)
            self._add("ITI-41", provide, b"RegistryResponse")
            find = reader.prepare_query(FIND_DOCUMENTS, search, searched)
            self._add("ITI-18", find, b"</rim:ExtrinsicObject>", SEARCHED_DOCUMENTS)
            self._add("ITI-43", reader.prepare_open(repository, unique_id, patient), file.read_bytes())
            file.unlink()
        sender.close()
        reader.close()

    def _add(self, transaction: str, request: Request, expected: bytes, times: int = 1) -> None:
        exchange = Exchange(request.path, request.content_type, b"".join(request.body), expected, times)
        self.exchanges[transaction].append(exchange)
