"""The software against a real, scripted HTTP server."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lps_fakes import (
    ENTRY,
    ENTRY_UUID,
    INS,
    INS_OID,
    Answer,
    Exchange,
    cda,
    demo_folder,
    fault,
    mtom,
    query_response,
    registry_failure,
    registry_response,
    retrieve_response,
    serving,
    simple,
)

from conformance.lps import LpsNotFoundError, LpsUsageError, people
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.query import Filters
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access

PATIENT = Patient(INS, INS_OID)
MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def connect(folder: Path, address: str, **options: object) -> Lps:
    demo = people.load(folder)
    return Lps(address, demo.sender("dr-leblanc"), ca=demo.ca, **options)  # type: ignore[arg-type]


def opened(exchange: Exchange) -> Answer:
    if exchange.path == "/ihe/registry":
        return query_response(exchange, ENTRY)
    header, data = mtom(retrieve_response(exchange.message_id, 1), [b"<document/>"])
    return 200, header, data, len(data)


def test_provide_over_mutual_tls(folder: Path, tmp_path: Path) -> None:
    with serving(registry_response, pki=folder) as server:
        lps = connect(folder, server.address)
        sent: list[int] = []
        provided = lps.provide([cda(tmp_path / "a.xml")], PATIENT, progress=sent.append)
        lps.close()
    (exchange,) = server.exchanges
    assert exchange.path == "/ihe/repository"
    assert exchange.action == "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
    assert exchange.headers["Content-Type"].startswith("multipart/related")
    assert sum(sent) == exchange.length
    assert exchange.body.count((tmp_path / "a.xml").read_bytes()) == 1
    assert b"899900000011" in str(exchange.peer).encode()
    assert exchange.body.count(provided.entry_uuids[0].encode()) > 1
    assert provided.unique_ids == ("2.25.1234",)
    assert provided.submission_set.encode() in exchange.body
    assert b"AssociationType:signs" in exchange.body
    assert provided.warnings == ()


def test_a_server_of_another_authority_is_not_trusted(folder: Path, tmp_path: Path) -> None:
    other = demo_folder(tmp_path / "other")
    with serving(registry_response, pki=folder) as server:
        demo = people.load(folder)
        lps = Lps(server.address, demo.sender("dr-leblanc"), ca=other / "ca.pem")
        with pytest.raises(LpsError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            lps.find(PATIENT)
    assert caught.value.code == "Transport"
    assert server.exchanges == []


def test_inline_and_unsigned(folder: Path, tmp_path: Path) -> None:
    with serving(registry_response) as server:
        connect(folder, server.address).provide([cda(tmp_path / "a.xml")], PATIENT, inline=True, signature=False)
    (exchange,) = server.exchanges
    assert b"xop:Include" not in exchange.body
    assert b"AssociationType:signs" not in exchange.body
    assert exchange.body.count(b"Content-ID") == 1


def test_every_error_of_a_refusal_is_told(folder: Path, tmp_path: Path) -> None:
    with serving(registry_failure) as server, pytest.raises(LpsError) as caught:
        connect(folder, server.address).provide([cda(tmp_path / "a.xml")], PATIENT)
    assert caught.value.code == "XDSRegistryMetadataError"
    assert [error.code for error in caught.value.errors] == ["XDSRegistryMetadataError", "XDSPatientIdDoesNotMatch"]


def test_a_fault_of_the_server_is_an_error_with_its_subcode(folder: Path) -> None:
    with serving(fault) as server, pytest.raises(LpsError, match="Not a valid signature certificate") as caught:
        connect(folder, server.address).find(PATIENT)
    assert caught.value.code == "DMPInvalidCertificate"


def test_replacing_resolves_a_unique_id_by_reference_only(folder: Path, tmp_path: Path) -> None:
    def script(exchange: Exchange) -> Answer:
        if exchange.path == "/ihe/registry":
            return query_response(exchange, f'<rim:ObjectRef id="{ENTRY_UUID}"/>')
        return registry_response(exchange)

    with serving(script) as server:
        lps = connect(folder, server.address)
        lps.provide([cda(tmp_path / "a.xml")], PATIENT, replace="2.25.77")
        lps.provide([cda(tmp_path / "a.xml")], PATIENT, replace="urn:uuid:99999999-9999-4999-8999-999999999999")
    query, first, second = server.exchanges
    assert b'returnType="ObjectRef"' in query.body
    assert b"('2.25.77')" in query.body
    assert f'targetObject="{ENTRY_UUID}"'.encode() in first.body
    assert b'targetObject="urn:uuid:99999999-9999-4999-8999-999999999999"' in second.body
    assert b"AssociationType:RPLC" in second.body


def test_what_cannot_be_replaced(folder: Path, tmp_path: Path) -> None:
    two = '<rim:ObjectRef id="urn:uuid:a"/><rim:ObjectRef id="urn:uuid:b"/>'
    file = cda(tmp_path / "a.xml")
    with serving(query_response) as server, pytest.raises(LpsNotFoundError):
        connect(folder, server.address).provide([file], PATIENT, replace="2.25.77")
    with (
        serving(lambda exchange: query_response(exchange, two)) as server,
        pytest.raises(LpsUsageError, match="one of"),
    ):
        connect(folder, server.address).provide([file], PATIENT, replace="2.25.77")
    with pytest.raises(LpsUsageError, match="one file with --replace"):
        connect(folder, "http://127.0.0.1:9").provide([file, file], PATIENT, replace="2.25.77")


def test_a_header_that_replaces_without_being_asked_to_is_a_warning(folder: Path, tmp_path: Path) -> None:
    extra = '<relatedDocument typeCode="RPLC"><parentDocument><id root="2.25.9"/></parentDocument></relatedDocument>'
    with serving(registry_response) as server:
        provided = connect(folder, server.address).provide([cda(tmp_path / "a.xml", extra=extra)], PATIENT)
    assert "replaces 2.25.9" in provided.warnings[0]


def test_find_asks_for_the_patient_and_reads_entries(folder: Path) -> None:
    with serving(opened) as server:
        lps = connect(folder, server.address)
        (entry,) = lps.find(PATIENT, Filters(creation_time_from="2024"))
        assert lps.find_references(PATIENT) == []
    assert entry.entry_uuid == ENTRY_UUID
    first, second = server.exchanges
    assert f"'{INS}^^^&amp;{INS_OID}&amp;ISO^NH'".encode() in first.body
    assert first.headers["Content-Type"].startswith("application/soap+xml")
    assert b'returnType="ObjectRef"' in second.body


def test_queries_by_identifier_reach_the_registry(folder: Path) -> None:
    with serving(query_response) as server:
        lps = connect(folder, server.address)
        lps.associations([ENTRY_UUID], PATIENT)
        lps.submission_sets([ENTRY_UUID], PATIENT)
        lps.related_documents("2.25.1", ["urn:x"], PATIENT)
    found = [exchange.body.partition(b'AdhocQuery id="')[2][:45] for exchange in server.exchanges]
    assert found == [
        b"urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
        b"urn:uuid:51224314-5390-4169-9b91-b1980040715a",
        b"urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
    ]


def test_open_writes_the_file_when_it_is_complete(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.xml"
    with serving(opened) as server:
        document = connect(folder, server.address).open("2.25.1234", target, PATIENT)
    assert target.read_bytes() == b"<document/>"
    assert (document.size, document.mime_type) == (11, "text/xml")
    retrieve = server.exchanges[1]
    assert b"<RepositoryUniqueId>1.2.250.99</RepositoryUniqueId>" in retrieve.body
    assert b"<DocumentUniqueId>2.25.1234</DocumentUniqueId>" in retrieve.body
    assert retrieve.headers["Content-Type"].startswith("multipart/related")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.xml"]


def test_a_refused_or_absent_document_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.xml"
    with serving(registry_failure) as server, pytest.raises(LpsError):
        connect(folder, server.address).open("2.25.1", target, PATIENT, repository="1.2.250.99")
    with serving(query_response) as server, pytest.raises(LpsNotFoundError):
        connect(folder, server.address).open("2.25.1", target, PATIENT)
    with pytest.raises(LpsUsageError, match="existing folder"):
        connect(folder, "http://127.0.0.1:9").open("2.25.1", tmp_path / "no" / "out", PATIENT)
    assert list(tmp_path.iterdir()) == []


def test_one_connection_serves_one_thread_and_several_serve_several(folder: Path) -> None:
    with serving(opened, pki=folder) as server:
        lps = connect(folder, server.address)
        for _ in range(3):
            lps.find(PATIENT)
        assert len({exchange.connection for exchange in server.exchanges}) == 1
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: lps.find(PATIENT), range(20)))
        lps.close()
    assert all(len(result) == 1 for result in results)
    assert len({exchange.connection for exchange in server.exchanges}) <= 5


def test_a_connection_that_the_server_closed_is_not_used_again(folder: Path) -> None:
    with serving(opened, hang_up=True) as server:
        lps = connect(folder, server.address)
        for _ in range(5):
            assert len(lps.find(PATIENT)) == 1
            server.closed.wait(5)
            server.closed.clear()
    assert len({exchange.connection for exchange in server.exchanges}) == 5
    with pytest.raises(LpsError, match="ConnectionRefused") as caught:
        connect(folder, server.address).find(PATIENT)
    assert caught.value.code == "Transport"


def test_an_assertion_is_used_again_for_the_same_patient_while_it_is_young(folder: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    lps = connect(folder, "http://127.0.0.1:9", clock=lambda: now)
    first = lps.assertion(PATIENT, Access())
    assert lps.assertion(PATIENT, Access()) == first
    assert lps.assertion(PATIENT, Access("bris_de_glace", "Malaise")) != first
    assert lps.assertion(Patient("1", INS_OID), Access()) != first
    now += timedelta(minutes=21)
    assert lps.assertion(PATIENT, Access()) != first


def test_the_assertion_says_who_for_whom_and_how(folder: Path) -> None:
    lps = connect(folder, "http://127.0.0.1:9")
    assertion = lps.assertion(PATIENT, Access("bris_de_glace", "Malaise", secret=True)).decode()
    for claim in (
        "899900000011",
        f"{INS}^^^&amp;{INS_OID}&amp;ISO^NH",
        'code="bris_de_glace"',
        "Malaise",
        "INVISIBLE_REPRESENTANTS_LEGAUX",
        "DIRECTE",
        "urn:dmp",
    ):
        assert claim in assertion
    assert "MFADU" not in assertion


def test_a_body_refused_before_it_was_read_gives_the_servers_answer(folder: Path, tmp_path: Path) -> None:
    def refuse(exchange: Exchange) -> Answer:
        return simple(b"too large", 413)

    path = cda(tmp_path / "a.xml", body="A" * (16 * MEBIBYTE))
    with serving(refuse, read_body=False) as server, pytest.raises(LpsError) as caught:
        connect(folder, server.address, timeout=10.0).provide([path], PATIENT)
    assert caught.value.code == "Transport"


def test_addresses_that_are_none(folder: Path) -> None:
    with pytest.raises(LpsUsageError, match="https://HOST:PORT"):
        connect(folder, "ftp://host")


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_a_hundred_megabytes_go_and_come_without_being_in_memory(folder: Path, tmp_path: Path) -> None:
    size = 100 * MEBIBYTE
    path = cda(tmp_path / "long.xml", body="#")
    before, _, after = path.read_bytes().partition(b"#")
    with path.open("wb") as file:
        file.write(before)
        for _ in range(100):
            file.write(b"A" * MEBIBYTE)
        file.write(after)

    def script(exchange: Exchange) -> Answer:
        if exchange.headers["Content-Type"].startswith("multipart/related"):
            left, exchange.body = exchange.length, b""
            while left:
                chunk = exchange.stream.read(min(left, MEBIBYTE))
                left -= len(chunk)
                exchange.body = exchange.body or chunk[:65536]
        else:
            exchange.body = exchange.stream.read(exchange.length)
        if b"RetrieveDocumentSetRequest" not in exchange.body:
            return registry_response(exchange)
        header, data = mtom(retrieve_response(exchange.message_id, 1), [b"#"])
        head, _, tail = data.partition(b"\r\n\r\n#\r\n")
        head, tail = head + b"\r\n\r\n", b"\r\n" + tail

        def chunks() -> Iterator[bytes]:
            yield head
            for _ in range(100):
                yield bytes(MEBIBYTE)
            yield tail

        return 200, header, chunks(), len(head) + size + len(tail)

    with serving(script, read_body=False) as server:
        lps = connect(folder, server.address)
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lps.provide([path], PATIENT)
        opened_document = lps.open("2.25.1", tmp_path / "out", PATIENT, repository="1.2.250.99")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert opened_document.size == size
    assert (tmp_path / "out").stat().st_size == size
    assert (peak - idle) < 40 * 1024
