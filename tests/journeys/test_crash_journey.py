"""The server killed at random while four clients push: what was acknowledged is whole, the rest is not there at all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit.event import Outcome
from audit.listing import AuditListings
from audit.selection import Selection
from audit.verification import verify
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from server.home_key import audit_key
from tests.village import Village

DOCUMENTS, CLIENTS, KILLS, SEED = 40, 4, 2, 20261122
PATIENT = 9  # index in PATIENTS


@dataclass
class Push:
    """What the clients did: uniqueId -> the file that was acknowledged under it, and those that never were."""

    acknowledged: dict[str, Path] = field(default_factory=dict)
    unanswered: list[Path] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, lps: Lps, file: Path, patient: Patient) -> None:
        """Pushes one document, once; an answer that never came is not an acknowledgement."""
        try:
            (unique_id,) = lps.provide([file], patient).unique_ids
        except LpsError as error:
            assert error.code == "Transport", error
            with self.lock:
                self.unanswered.append(file)
            time.sleep(0.05)
        else:
            with self.lock:
                self.acknowledged[unique_id] = file


def test_every_acknowledged_document_survives_and_none_is_half_there(
    new_village: Callable[[], Village], tmp_path: Path
) -> None:
    village, chance = new_village(), random.Random(SEED)
    patient = village.patient(PATIENTS[PATIENT].ins)
    paper = Paper("discharge_letter", "hopital", "medecin-hospitalier", PATIENT, 1)
    files = [write(paper, tmp_path, number, datetime.now(UTC)) for number in range(DOCUMENTS)]
    village.start()
    push, kills = Push(), 0
    try:
        with ThreadPoolExecutor(CLIENTS) as clients:
            lps = village.lps("hopital")
            waiting = [clients.submit(push.one, lps, file, patient) for file in files]
            while kills < KILLS:
                time.sleep(chance.uniform(0.05, 0.6))
                village.kill()
                kills += 1
                village.start()
            for pushed in waiting:
                pushed.result()
        again = list(push.unanswered)
        push.unanswered.clear()
        for file in again:
            _push_again(push, village.lps("hopital"), file, patient)
        _compare(village, push, files, patient, tmp_path)
    finally:
        village.stop()


def _push_again(push: Push, lps: Lps, file: Path, patient: Patient) -> None:
    """A client that got no answer asks again: stored now, or refused because it had been stored."""
    try:
        (unique_id,) = lps.provide([file], patient).unique_ids
    except LpsError as error:
        assert error.code == "XDSRegistryMetadataError", error
    else:
        push.acknowledged[unique_id] = file


def _compare(village: Village, push: Push, files: list[Path], patient: Patient, tmp_path: Path) -> None:
    doctor = village.lps("medecin")
    everything = doctor.find(patient)
    contents = {file.read_bytes() for file in files}
    found = {entry.unique_id for entry in everything}
    assert push.acknowledged.keys() <= found
    for entry in everything:
        doctor.open(entry.unique_id, tmp_path / "opened.xml", patient, repository=entry.repository_unique_id)
        opened = (tmp_path / "opened.xml").read_bytes()
        file = push.acknowledged.get(entry.unique_id)
        assert opened == file.read_bytes() if file else opened in contents
    assert len(found) == len(files), "what was not acknowledged was pushed again"
    with village.house() as house, house.database.transaction() as connection:
        assert verify(connection, audit_key(village.settings.home).verifier).findings == ()
        sets = {
            submission_set
            for record in AuditListings(connection).newest(Selection(), limit=100_000)
            if record.transaction == "ITI-41" and record.outcome is Outcome.SUCCESS
            for submission_set in record.submission_sets
        }
    assert len(sets) == len(files), "one audit event for each submission that was stored"


@pytest.mark.long
def test_again_with_other_chances(
    new_village: Callable[[], Village], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, longer, with another series of kills each time it is asked for."""
    for name, value in (("DOCUMENTS", 300), ("KILLS", 20), ("SEED", time.time_ns())):
        monkeypatch.setitem(globals(), name, value)
    test_every_acknowledged_document_survives_and_none_is_half_there(new_village, tmp_path)
