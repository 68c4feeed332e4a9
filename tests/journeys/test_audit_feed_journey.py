"""One server's outlets lead into another's inlets: syslog over TLS, datagrams, and a FHIR feed."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from audit.store import AuditRecord
from conformance.pki import Pki, ec_key, reused
from server.cli import build
from server.database import connect
from server.demo import background
from server.settings import Settings, load
from tests.audit_peers import all_events
from tests.connectathon import connectathon, document, new_patient, submission
from tests.ports import free_port
from tests.server.servers import get, kill_tree

SUBJECT = "CN=localhost,O=TEST,C=FR"


def events(settings: Settings) -> tuple[AuditRecord, ...]:
    database = connect(settings.database_url, threads=1)
    try:
        return all_events(database)
    finally:
        database.dispose()


def outlets(settings: Settings) -> list[dict[str, object]]:
    """What `dmp audit outlets` says."""
    told = CliRunner().invoke(build("audit"), ["audit", "outlets", "--home", str(settings.home), "--json"])
    assert told.exit_code == 0, told.output
    found: list[dict[str, object]] = json.loads(told.output)
    return found


def wait_until_delivered(settings: Settings) -> None:
    give_up = time.monotonic() + 60
    while any(line["lag"] for line in outlets(settings)):
        assert time.monotonic() < give_up, outlets(settings)
        time.sleep(0.2)


@pytest.mark.proves("transaction/ITI-20")
def test_what_one_server_records_another_has_byte_by_byte_and_a_crash_loses_nothing(tmp_path: Path) -> None:
    pki, secure, plain, fhir = tmp_path / "pki", free_port(), free_port(), free_port()
    Pki.create(pki, key_maker=reused(ec_key))
    for name in ("sender", "repository"):
        shutil.copytree(pki, tmp_path / name / "home")
    inlets = {"audit_syslog_tls": f"127.0.0.1:{secure}", "audit_syslog_udp": f"127.0.0.1:{plain}"}
    feed = {"https": f"127.0.0.1:{fhir}", "audit_feed": "true"}
    with connectathon(tmp_path / "repository", **inlets, **feed) as there:
        ways = [f"tls://localhost:{secure}", f"udp://127.0.0.1:{plain}", f"https://localhost:{fhir}/fhir"]
        with connectathon(tmp_path / "sender", audit_repositories=ways) as here:
            for number in range(4):
                patient = new_patient()
                assert here.register(submission(document(patient))).success
                assert here.find_documents(patient).success
                if number == 2:
                    kill_tree(tmp_path / "repository")
                    background.start(tmp_path / "repository", load({"home": there.home}, {}))
            wait_until_delivered(here.settings)
            assert [line["destination"] for line in outlets(here.settings)] == ways
            assert 'dmp_audit_outlet_lag{destination="tls://localhost' in get(here.port, "/metrics")[1].decode()
            written = events(here.settings)
            stored = events(there.settings)
        syslog = [record for record in stored if record.format == "dicom"]
        by_tls = [record.message for record in syslog if record.origin == SUBJECT]
        assert list(dict.fromkeys(by_tls)) == [record.message for record in written]
        by_udp = [record.message for record in syslog if record.origin == "127.0.0.1"]
        assert by_udp
        assert set(by_udp) <= set(by_tls)
        by_fhir = [record for record in stored if record.format == "fhir"]
        posted = [json.loads(record.message)["id"] for record in by_fhir]
        assert list(dict.fromkeys(posted)) == [record.id for record in written]
        assert {record.origin for record in by_fhir} == {SUBJECT}
        copies = {record.message: record for record in syslog}
        resources = dict(zip(posted, by_fhir, strict=True))
        for record in written:
            for copy in (copies[record.message], resources[record.id]):
                assert (copy.event_code, copy.outcome, copy.patient) == (
                    record.event_code,
                    record.outcome,
                    record.patient,
                )
        assert 'dmp_audit_received_total{result="dicom",transport="tls"}' in get(there.port, "/metrics")[1].decode()
