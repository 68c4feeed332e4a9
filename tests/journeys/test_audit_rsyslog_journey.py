"""Every event reaches a real rsyslog over TLS: while it is stopped, killed and started again, and while we are."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import pytest

from conformance.pki import Pki, ec_key, reused
from server.audit_cursors import Cursors
from server.database import connect
from server.demo import background
from server.settings import Settings, load
from tests.audit_peers import all_events, in_order
from tests.connectathon import Node, connectathon, document, new_patient, submission
from tests.rsyslog import Rsyslog
from tests.server.servers import kill_tree


@contextmanager
def load_of(node: Node) -> Iterator[list[str]]:
    """Two nodes that register and search without end; the list has one entry for each answer."""
    stop, answered = threading.Event(), list[str]()

    def work() -> None:
        while not stop.is_set():
            patient = new_patient()
            try:
                answered.append(node.register(submission(document(patient))).status)
                answered.append(node.find_documents(patient).status)
            except (OSError, HTTPException):  # the server is down, or went away
                time.sleep(0.05)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def repository(folder: Path, home: Path) -> Iterator[Rsyslog]:
    """A rsyslog of another organisation: the two trust each other's anchors."""
    theirs = Pki.create(folder, key_maker=reused(ec_key)).folder
    ours = Pki.create(home, key_maker=reused(ec_key)).folder
    (folder / "clients.pem").write_bytes((ours / "ca.pem").read_bytes())
    for name in ("ca.pem", "crl.pem"):
        (ours / name).write_bytes((ours / name).read_bytes() + (theirs / name).read_bytes())
    daemon = Rsyslog(folder, theirs, folder / "clients.pem")
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.end(signal.SIGKILL)


def restart_server(folder: Path, settings: Settings) -> None:
    kill_tree(folder)
    background.start(folder, settings)


def restart_repository(daemon: Rsyslog, number: signal.Signals, seconds: float) -> None:
    daemon.end(number)
    time.sleep(seconds)
    daemon.start()


def wait_until_everything_is_there(settings: Settings) -> list[str]:
    """The ids of all events of the log, once the repository has confirmed them."""
    database = connect(settings.database_url, threads=1)
    cursors, destination = Cursors(database), str(settings.audit.repositories[0])
    give_up = time.monotonic() + 120
    while (events := all_events(database))[-1].sequence > cursors.get(destination).sequence:
        assert time.monotonic() < give_up, cursors.get(destination)
        time.sleep(0.2)
    database.dispose()
    return [event.id for event in events]


def compare(daemon: Rsyslog, written: list[str]) -> None:
    """None lost, none foreign, in order but for what came again, and that is the same byte by byte."""
    found = daemon.events
    assert set(found) == set(written)
    assert in_order(found, written)
    copies = defaultdict(set)
    for event, message in zip(found, daemon.messages, strict=True):
        copies[event].add(message)
    assert {len(each) for each in copies.values()} == {1}
    assert daemon.messages[0].startswith(b"<85>1 ")
    assert b" open-dmp - IHE+RFC-3881 - \xef\xbb\xbf<?xml" in daemon.messages[0]


def travel(tmp_path: Path, disturb: Callable[[Rsyslog, Settings], None]) -> None:
    home = tmp_path / "home"
    (tmp_path / "rsyslog").mkdir()
    with repository(tmp_path / "rsyslog", home) as daemon:
        there = f"tls://localhost:{daemon.port}"
        with connectathon(tmp_path, audit_repositories=[there]) as node:
            settings = load({"home": home}, {})
            with load_of(node) as answered:
                disturb(daemon, settings)
                daemon.freeze()
                time.sleep(1.5)  # what leaves now is read by nobody
            time.sleep(2.5)  # and is not confirmed when there is no more
            restart_repository(daemon, signal.SIGKILL, 0.0)
            written = wait_until_everything_is_there(settings)
            assert "Success" in answered
            assert len(written) >= len(answered)
            compare(daemon, written)


@pytest.mark.proves("transaction/ITI-20")
@pytest.mark.usefixtures("rsyslogd")
def test_no_event_is_lost_while_either_end_stops_and_dies(tmp_path: Path) -> None:
    def disturb(daemon: Rsyslog, settings: Settings) -> None:
        time.sleep(1)
        restart_repository(daemon, signal.SIGTERM, 0.2)
        time.sleep(1.5)
        restart_repository(daemon, signal.SIGKILL, 0.0)
        time.sleep(1)
        restart_server(tmp_path, settings)
        time.sleep(0.5)

    travel(tmp_path, disturb)


@pytest.mark.long
@pytest.mark.usefixtures("rsyslogd")
def test_the_same_many_times_at_random(tmp_path: Path) -> None:
    chance = random.Random(time.time_ns())

    def disturb(daemon: Rsyslog, settings: Settings) -> None:
        for _ in range(40):
            time.sleep(chance.uniform(0.1, 3))
            if chance.random() < 0.25:
                restart_server(tmp_path, settings)
                continue
            if chance.random() < 0.3:
                daemon.freeze()
                time.sleep(chance.uniform(0, 3))
                restart_repository(daemon, signal.SIGKILL, 0.0)
            else:
                restart_repository(daemon, chance.choice([signal.SIGTERM, signal.SIGKILL]), chance.uniform(0, 2))

    travel(tmp_path, disturb)
