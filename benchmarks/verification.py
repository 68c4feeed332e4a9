"""`python -m benchmarks.verification`: verifying an audit log of many events, how long it takes and how much memory.

`verify` runs in a process of its own, so that its memory is known; beside it stands the bare hashing of the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from audit.notes import Signer, Verifier
from audit.verification import verify
from benchmarks.audit_log import write_log
from benchmarks.machine import facts
from server.database import connect

EVENTS = 100_000
EVERY_SECONDS = 0.02  # memory is looked at so often
ORIGIN = "benchmark/audit"


@dataclass(frozen=True, slots=True)
class Verified:
    """How many events, bytes of records, and seconds: to verify, and only to read the bytes and hash them.

    `memory_bytes` is the most that the verifying process had of its own, pages of files not counted.
    """

    events: int
    record_bytes: int
    seconds: float
    hashing_seconds: float
    memory_bytes: int

    @property
    def per_second(self) -> float:
        """Events verified in a second."""
        return self.events / self.seconds

    def json(self) -> dict[str, float]:
        """For programs."""
        return {
            "events": self.events,
            "record_bytes": self.record_bytes,
            "seconds": round(self.seconds, 2),
            "rate": round(self.per_second, 1),
            "of_hashing": round(self.hashing_seconds / self.seconds, 3),
            "memory_mb": round(self.memory_bytes / 1e6, 1),
        }

    def sentence(self) -> str:
        """For people."""
        told = self.json()
        return (
            f"dmp audit verify: {told['events']} events in {told['seconds']:.1f} s, {told['rate']:.0f} a second, "
            f"{told['memory_mb']:.0f} MB of memory; hashing alone takes {told['of_hashing']:.0%} of that time"
        )


def measure_verification(folder: Path, events: int = EVENTS) -> Verified:
    """Writes such a log into `folder`, verifies it, and takes it away."""
    file = folder / "audit.db"
    signer = Signer.make(ORIGIN)
    try:
        size = write_log(file, events, signer)
        seconds, memory = _verified(file, events, signer.verifier)
    finally:
        for each in folder.glob("audit.db*"):
            each.unlink()
    return Verified(events, size, seconds, _hashing(size, events), memory)


def _verified(file: Path, events: int, verifier: Verifier) -> tuple[float, int]:
    """Seconds and bytes of a process that verifies."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_verify, args=(file, events, verifier, there))
    process.start()
    there.close()
    memory = 0
    try:
        while not here.poll(EVERY_SECONDS):
            memory = max(memory, _own_memory(process.pid))
        seconds: float = here.recv()
    except EOFError:
        raise RuntimeError(f"expected a log of {events} events that is intact") from None
    finally:
        process.join()
    return seconds, memory


def _verify(file: Path, events: int, verifier: Verifier, told: Connection) -> None:
    database = connect(f"sqlite:///{file}", threads=1)
    start = time.perf_counter()
    with database.snapshot() as connection:
        found = verify(connection, verifier)
    seconds = time.perf_counter() - start
    database.dispose()
    if found.intact and found.size == events:
        told.send(seconds)


def _own_memory(pid: int | None) -> int:
    """Bytes that are no file's. Source: proc(5), /proc/PID/status, RssAnon."""
    found = re.search(r"RssAnon:\s+([0-9]+) kB", Path(f"/proc/{pid}/status").read_text("utf-8"))
    return 1024 * int(found[1]) if found else 0  # none of a process that ended


def _hashing(size: int, events: int) -> float:
    """Seconds to hash as many bytes in as many pieces, and nothing else."""
    record = bytes(size // events)
    start = time.perf_counter()
    for _ in range(events):
        hashlib.sha256(record).digest()
    return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verification", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS, help=f"how many (default {EVENTS}); 6 kB of disk each")
    parser.add_argument("--folder", help="where to put the temporary folder: its disk is used")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="dmp-benchmark-", dir=options.folder) as folder:
        machine = facts(Path(folder))
        verified = measure_verification(Path(folder), options.events)
    if options.json:
        print(json.dumps({"machine": machine, "audit_verify": verified.json()}))
        return 0
    for name, value in machine.items():
        print(f"{name:12} {value}")
    print(verified.sentence())
    return 0


if __name__ == "__main__":
    sys.exit(main())
