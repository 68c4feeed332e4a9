"""A real server for tests: its own process tree, ports and home, stopped at the end whatever happens."""

from __future__ import annotations

import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.pki import Pki, ec_key, reused
from server.demo import background
from server.migrations import upgrade
from server.settings import load
from tests.ports import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 60.0


def prepare(home: Path) -> Pki:
    """A home with a PKI, people and an up-to-date database."""
    pki = Pki.create(home, key_maker=reused(ec_key))
    pki.person("somebody", "899700000017", "MARTIN", "Anne", "10", "SM26")
    pki.person("revoked", "899700000025", "BERNARD", "Luc", "10", "SM26")
    upgrade(load({"home": home}, {}))
    return pki


@dataclass
class Running:
    """A server that was started."""

    process: subprocess.Popen[bytes]
    home: Path
    https: int
    http: int
    log: Path

    @property
    def tree(self) -> list[int]:
        """Every process of the tree, the parent first."""
        return [self.process.pid, *descendants(self.process.pid)]

    def wait_until_healthy(self) -> None:
        give_up = time.monotonic() + SECONDS
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            try:
                if get(self.http, "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)

    def wait_until_ended(self) -> int:
        return self.process.wait(SECONDS)


@contextmanager
def running(home: Path, *extra: str, https: int | None = None, http: int | None = None) -> Iterator[Running]:
    """A server on `home`, healthy; killed at the end unless it has ended."""
    secure, plain = https or free_port(), http or free_port()
    log = home / "server.log"
    command = [sys.executable, "-m", "server.cli", "serve", "--home", str(home), "--workers", "1"]
    addresses = ["--https", f"127.0.0.1:{secure}", "--http", f"127.0.0.1:{plain}"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DMP_")}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *addresses, *extra], stdout=output, stderr=output, cwd=ROOT, env=environment
        )
    server = Running(process, home, secure, plain, log)
    try:
        server.wait_until_healthy()
        yield server
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()


def descendants(pid: int) -> list[int]:
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *descendants(child)]
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_dead(pids: list[int]) -> None:
    give_up = time.monotonic() + SECONDS
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < give_up, [pid for pid in pids if alive(pid)]
        time.sleep(0.01)


def kill_tree(folder: Path) -> None:
    """SIGKILL for the whole tree of a server that runs in the background; returns when all of it is dead."""
    pid = background.running(folder)
    assert pid is not None
    tree = [pid, *descendants(pid)]
    os.kill(pid, signal.SIGKILL)
    while background.running(folder) is not None:
        pass
    wait_until_dead(tree)


def get(port: int, path: str, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """The status and body of a GET, over TLS when there is a context."""
    if context is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    else:
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
