"""`python -m benchmarks.audit`: which share of a request's time the audit log takes.

Two servers on one home, one of them with a trail that writes nothing (`benchmarks.silent`), get the same requests in
turns, one at a time: what else the machine does meets both alike. Time is told as the client sees it, and as processor
time of the server.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.__main__ import free_address, serving
from benchmarks.load import READER, Clients, Exchange, LoadError, Plan, seed_searched
from benchmarks.machine import facts
from conformance.lps import people
from conformance.lps.transport import Transport, client_context
from ihe.identifiers import SUCCESS
from server.demo import background
from server.settings import Settings

TRANSACTIONS = ("ITI-18", "ITI-43")
TURN = 20  # requests that one server gets before it is the other's turn
WARM = 20  # requests of each server that are not measured
TICKS = os.sysconf("SC_CLK_TCK")
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one transaction, with the audit log and without: as a client waits, and of processor time."""

    transaction: str
    waited: tuple[float, float]
    worked: tuple[float, float]

    @staticmethod
    def share(pair: tuple[float, float]) -> float:
        """What the audit log takes of the time with it."""
        return 1 - pair[1] / pair[0]

    def json(self) -> dict[str, object]:
        """For programs."""
        told = {"waited": self.waited, "worked": self.worked}
        return {
            name: {
                "with_ms": round(pair[0], 3),
                "without_ms": round(pair[1], 3),
                "share": round(self.share(pair), 3),
            }
            for name, pair in told.items()
        }


@dataclass
class Side:
    """One of the two servers."""

    pid: int
    transport: Transport
    waited: list[float] = field(default_factory=list)
    worked: float = 0.0

    def answer(self, exchange: Exchange) -> None:
        """Sends one request. Raises LoadError for another answer than Success."""
        start = time.perf_counter()
        with self.transport.post(exchange.path, exchange.content_type, len(exchange.body), [exchange.body]) as response:
            answer = response.read()
        self.waited.append(1000 * (time.perf_counter() - start))
        if SUCCESS.encode() not in answer or answer.count(exchange.expected) < exchange.times:
            raise LoadError(f"expected Success with what was asked for, got {answer[:2000]!r}")

    def turn(self, exchanges: Sequence[Exchange]) -> None:
        """Sends requests, and notes the processor time that they took."""
        before = processor_seconds(self.pid)
        for exchange in exchanges:
            self.answer(exchange)
        self.worked += 1000 * (processor_seconds(self.pid) - before)


def measure(transaction: str, sides: tuple[Side, Side], exchanges: Sequence[Exchange], requests: int) -> Cost:
    """The cost of a transaction, by that many requests to each side."""
    for side in sides:
        side.turn(exchanges[:WARM])
        side.waited.clear()
        side.worked = 0.0
    for done in range(0, requests, TURN):
        for side in sides if done // TURN % 2 else reversed(sides):
            side.turn(exchanges[: min(TURN, requests - done)])
    waited = tuple(statistics.median(side.waited) for side in sides)
    worked = tuple(side.worked / len(side.waited) for side in sides)
    return Cost(transaction, (waited[0], waited[1]), (worked[0], worked[1]))


def processor_seconds(pid: int) -> float:
    """What a process and all below it have taken of the processor. Source: proc(5), /proc/PID/stat."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(map(processor_seconds, map(int, below)))


@contextmanager
def silent(settings: Settings) -> Iterator[tuple[int, str]]:
    """A second server on the home of `settings`, without audit log: its process id and address."""
    https, http = free_address(), free_address()
    command = [sys.executable, "-m", "benchmarks.silent", str(settings.home), str(https), str(http)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + TIMEOUT_SECONDS
        while not background.healthy(http):
            if process.poll() is not None or time.monotonic() > give_up:
                raise LoadError("the server without audit log did not start")
            time.sleep(0.1)
        yield process.pid, f"https://{https}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def run(folder: Path, requests: int) -> tuple[Cost, ...]:
    """The costs, measured in that folder. Raises LoadError, DemoError."""
    demo = folder / "demo"
    with serving(demo) as settings, silent(settings) as (pid, address):
        seed_searched(demo)
        known = people.load(demo)
        context = client_context(known.sender(READER).keys, str(known.ca))
        parent = background.running(demo)
        if parent is None:
            raise LoadError("the server is gone")
        sides = (
            Side(parent, Transport(known.address(), context, TIMEOUT_SECONDS)),
            Side(pid, Transport(address, context, TIMEOUT_SECONDS)),
        )
        clients = Clients(Plan(demo, WARM, 1))
        provided = clients.exchanges["ITI-41"]
        for exchange in provided:
            clients.send("ITI-41", exchange)
        return tuple(measure(name, sides, clients.exchanges[name], requests) for name in TRANSACTIONS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; 1 when a request failed and so there is nothing to say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--requests", type=int, default=600, help="of each transaction to each server (default 600)")
    parser.add_argument("--folder", help="where to put the temporary folder: its disk is used")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="dmp-benchmark-", dir=options.folder) as folder:
        machine = facts(Path(folder))
        try:
            costs = run(Path(folder), options.requests)
        except LoadError as error:
            print(error)
            return 1
    if options.json:
        print(json.dumps({"machine": machine, "audit": {each.transaction: each.json() for each in costs}}))
        return 0
    for name, value in machine.items():
        print(f"{name:12} {value}")
    for each in costs:
        for what, pair in (("as a client waits", each.waited), ("of the processor", each.worked)):
            share = Cost.share(pair)
            print(f"{each.transaction}  {what:18} {pair[0]:8.2f} ms, without audit {pair[1]:8.2f} ms: {share:6.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
