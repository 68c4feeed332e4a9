"""The main job on a server whose rooms are in PostgreSQL: by configuration alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from audit.verification import verify
from conformance.lps.soap import LpsError
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from server.home_key import audit_key
from tests.databases import postgresql_engine
from tests.village import settle

PAPER = Paper("consultation_report", "medecin", "medecin", 0, 1)


def test_the_main_job_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    with postgresql_engine(postgresql_url):
        village = settle(tmp_path / "demo", database_url=postgresql_url)
        village.start()
        try:
            patient = village.patient(PATIENTS[0].ins)
            author, doctor = village.lps("medecin"), village.lps("medecin-traitant")
            first, *others = (write(PAPER, tmp_path, number, datetime.now(UTC)) for number in range(9))
            (unique_id,) = author.provide([first], patient).unique_ids
            assert unique_id in {entry.unique_id for entry in doctor.find(patient)}
            doctor.open(unique_id, tmp_path / "opened.xml", patient)
            assert (tmp_path / "opened.xml").read_bytes() == first.read_bytes()

            target = doctor.locate(unique_id, patient).entry_uuid

            def replace(file: Path) -> bool:
                try:
                    author.provide([file], patient, replace=target)
                except LpsError as error:
                    assert error.code == "XDSRegistryDeprecatedDocumentError", error
                    return False
                return True

            with ThreadPoolExecutor(4) as threads:
                assert sum(threads.map(replace, others)) == 1, "one of eight parallel replacements wins"
            with village.house() as house, house.database.snapshot() as connection:
                found = verify(connection, audit_key(village.settings.home).verifier)
            assert found.findings == () and found.sealed > 0
        finally:
            village.stop()
