"""`dmp lps` at the command line: answers, exit codes, errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from lps_fakes import (
    ENTRY,
    ENTRY_UUID,
    INS,
    Answer,
    Exchange,
    answer,
    cda,
    demo_folder,
    fault,
    mtom,
    query_response,
    registry_failure,
    registry_response,
    retrieve_response,
    run,
)
from typer.testing import CliRunner

from conformance.lps.commands import app
from schemas import oids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def everything(exchange: Exchange) -> Answer:
    if exchange.path == "/ihe/registry":
        return query_response(exchange, ENTRY)
    if b"RetrieveDocumentSetRequest" in exchange.body:
        header, data = mtom(retrieve_response(exchange.message_id, 1), [b"<document/>"])
        return 200, header, data, len(data)
    return registry_response(exchange)


def test_provide_as_json(folder: Path, tmp_path: Path) -> None:
    file = cda(tmp_path / "a.xml")
    result, (exchange,) = run(
        folder, everything, "provide", str(file), "--patient", INS, "--mask", "--hide-from-patient", "--json"
    )
    assert result.exit_code == 0
    said = answer(result)
    assert (said["status"], said["document_unique_id"], said["warnings"]) == ("Success", "2.25.1234", [])
    assert said["entry_uuid"].encode() in exchange.body
    assert said["submission_set"].encode() in exchange.body
    assert said["documents"] == [
        {"file": str(file), "document_unique_id": "2.25.1234", "entry_uuid": said["entry_uuid"]}
    ]
    assert b'nodeRepresentation="MASQUE_PS"' in exchange.body
    assert b'nodeRepresentation="INVISIBLE_REPRESENTANTS_LEGAUX"' not in exchange.body


def test_provide_several_files_for_people(folder: Path, tmp_path: Path) -> None:
    files = [cda(tmp_path / f"{number}.xml", identifier=f"2.25.{number}") for number in (1, 2)]
    result, (exchange,) = run(
        folder, everything, "provide", *map(str, files), "--patient", INS, "--no-signature", who="hopital"
    )
    assert result.exit_code == 0, result.stderr
    assert [line.partition(" (")[0] for line in result.stdout.splitlines()] == [
        f"{files[0]}: 2.25.1",
        f"{files[1]}: 2.25.2",
    ]
    assert exchange.body.count(b"<rim:ExtrinsicObject") == 2
    assert b"1750000001/automate" in exchange.body
    assert b"INDIRECTE" in exchange.body


def test_modes_and_access_reach_the_assertion(folder: Path, tmp_path: Path) -> None:
    options = (
        "--mode",
        "INDIRECTE_RENFORCEE",
        "--access",
        "bris_de_glace",
        "--reason",
        "Malaise",
        "--ins-oid",
        "1.2.3",
    )
    result, (exchange,) = run(folder, everything, "find", "--patient", "42", *options, who="Hopital")
    assert result.exit_code == 0, result.stderr
    for claim in (b"INDIRECTE_RENFORCEE", b"bris_de_glace", b"Malaise", b"42^^^&amp;1.2.3&amp;ISO<", b"899900000022"):
        assert claim in exchange.body


def test_find_filters_reach_the_query(folder: Path) -> None:
    result, (exchange,) = run(
        folder,
        everything,
        *("find", "--patient", INS, "--type", "34112-3", "--type", "X^^1.2", "--class", "10"),
        *("--format", "urn:ihe:iti:xds-sd:pdf:2008", "--status", "deprecated", "--status", "urn:s", "--json"),
        *(
            "--from",
            "2024-01-31",
            "--to",
            "2024-02-01T10:00",
            "--author",
            "%NOIR%",
            "--event",
            "ACQH004^^1.2.250.1.213.2.5",
        ),
    )
    (entry,) = answer(result)
    assert (entry["entry_uuid"], entry["type_code"]["code"], entry["size"]) == (ENTRY_UUID, "34112-3", 12)
    for value in (
        "('34112-3^^2.16.840.1.113883.6.1','X^^1.2')",
        "('10^^1.2.250.1.213.1.1.4.1')",
        "('urn:ihe:iti:xds-sd:pdf:2008^^1.3.6.1.4.1.19376.1.2.3')",
        "('urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated','urn:s')",
        ">20240131<",
        ">202402011000<",
        "('%NOIR%')",
        "('ACQH004^^1.2.250.1.213.2.5')",
    ):
        assert value.encode() in exchange.body, value


def test_find_for_people_and_by_id(folder: Path) -> None:
    result, _ = run(folder, everything, "find", "--patient", INS)
    assert "Lettre de sortie" in result.stdout
    references = '<rim:ObjectRef id="urn:uuid:a"/><rim:ObjectRef id="urn:uuid:b"/>'
    result, _ = run(folder, lambda e: query_response(e, references), "find", "--patient", INS, "--ids-only", "--json")
    assert answer(result) == ["urn:uuid:a", "urn:uuid:b"]


def test_open_to_a_file_and_to_a_pipe(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.xml"
    result, exchanges = run(folder, everything, "open", "2.25.1234", "-o", str(target), "--patient", INS, "--json")
    assert answer(result) == {
        "file": str(target),
        "bytes": 11,
        "sha1": "19fba12d701c32178c20cbf28a9538585e340881",
        "mime_type": "text/xml",
    }
    assert target.read_bytes() == b"<document/>"
    assert len(exchanges) == 2
    result, _ = run(folder, everything, "open", "2.25.1234")
    assert (result.exit_code, result.stdout) == (0, "<document/>")
    result, exchanges = run(
        folder, everything, "open", "2.25.1234", "--patient", INS, "--repository", "1.2.250.99", "-o", str(target)
    )
    assert (result.exit_code, len(exchanges)) == (0, 1)


def test_query_by_identifier(folder: Path) -> None:
    result, _ = run(folder, everything, "query", "documents", "2.25.1234", "--patient", INS, "--json")
    assert answer(result)["entries"][0]["entry_uuid"] == ENTRY_UUID
    for kind in ("associations", "submission-sets", "related"):
        result, _ = run(folder, everything, "query", kind, ENTRY_UUID, "--patient", INS, "--json")
        assert answer(result)["entries"][0]["entry_uuid"] == ENTRY_UUID
    result, _ = run(folder, query_response, "query", "related", ENTRY_UUID, "--patient", INS)
    assert result.exit_code == 3


def test_a_refusal_is_exit_1_with_every_error(folder: Path, tmp_path: Path) -> None:
    file = str(cda(tmp_path / "a.xml"))
    result, _ = run(folder, registry_failure, "provide", file, "--patient", INS)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "XDSRegistryMetadataError: typeCode: expected a code",
        "XDSPatientIdDoesNotMatch: patientId",
    ]
    result, _ = run(folder, registry_failure, "provide", file, "--patient", INS, "--json")
    assert result.exit_code == 1
    assert answer(result)["error"]["code"] == "XDSRegistryMetadataError"
    assert len(answer(result)["error"]["errors"]) == 2
    result, _ = run(folder, fault, "find", "--patient", INS, "--json")
    assert result.exit_code == 1
    assert answer(result)["error"]["code"] == "DMPInvalidCertificate"


def test_nobody_there_is_exit_1(folder: Path) -> None:
    result, _ = run(folder, None, "find", "--patient", INS, "--json", "--server", "http://127.0.0.1:9")
    assert result.exit_code == 1
    assert answer(result)["error"]["code"] == "Transport"


def test_nothing_found_is_exit_3(folder: Path, tmp_path: Path) -> None:
    result, _ = run(folder, query_response, "find", "--patient", INS, "--json")
    assert (result.exit_code, answer(result)) == (3, [])
    result, _ = run(folder, query_response, "open", "2.25.1", "-o", str(tmp_path / "o"))
    assert (result.exit_code, result.stderr) == (3, "NotFound: no document 2.25.1 for this requester\n")
    result, _ = run(folder, query_response, "find", "--patient", INS, "--ids-only")
    assert result.exit_code == 3


def test_a_refused_search_says_so_when_the_document_is_in_no_dmp(folder: Path, tmp_path: Path) -> None:
    result, _ = run(folder, fault, "open", "2.25.1", "-o", str(tmp_path / "o"))
    assert (result.exit_code, "DMPInvalidCertificate" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("find", "--patient", INS, "--type", "unknown"), "code of type_document, got unknown"),
        (("find", "--patient", INS, "--event", "X"), "CODE^^SCHEME, got X"),
        (("find", "--patient", INS, "--from", "hier"), "got hier"),
        (("provide", "absent.xml", "--patient", INS), "readable file"),
        (("open", "2.25.1", "--json"), "-o FILE"),
        (("open", "2.25.1", "-o", "x", "--repository", "1.2"), "--patient INS"),
        (("find", "--patient", INS, "--mode", "INDIRECTE"), "got 499700000001"),
    ],
)
def test_unusable_arguments_are_exit_2(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    result, _ = run(folder, None, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_the_authority_in_a_document_is_used_and_remembered(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    (folder / "patients.json").unlink()
    file = cda(tmp_path / "a.xml")
    file.write_text(file.read_text("utf-8").replace(oids.INS_NIR_TEST, oids.INS_NIA), "utf-8")
    whose = f"{INS}^^^&amp;{oids.INS_NIA}&amp;ISO^NH".encode()
    for command in (("provide", str(file)), ("find",)):
        result, (exchange,) = run(folder, everything, *command, "--patient", INS)
        assert result.exit_code == 0, result.stderr
        assert whose in exchange.body
    result, exchanges = run(folder, everything, "open", "2.25.1234")
    assert (result.exit_code, whose in exchanges[0].body) == (0, True)


def test_what_a_search_hides_is_asked_of_the_repository(tmp_path: Path) -> None:
    folder = demo_folder(tmp_path)
    (folder / "server.json").write_text('{"repository_unique_id": "1.2.250.99"}', "utf-8")
    result, exchanges = run(folder, query_response, "open", "2.25.1", "-o", str(tmp_path / "o"), "--patient", INS)
    assert (result.exit_code, [exchange.path for exchange in exchanges]) == (1, ["/ihe/registry", "/ihe/repository"])
    assert b">1.2.250.99<" in exchanges[1].body


def test_unknown_names_and_folders_are_exit_2(folder: Path, tmp_path: Path) -> None:
    result, _ = run(folder, None, "find", "--patient", INS, who="nobody")
    assert (result.exit_code, "dr-leblanc" in result.stderr) == (2, True)
    result, _ = run(tmp_path, None, "find", "--patient", INS)
    assert (result.exit_code, "people.json" in result.stderr) == (2, True)
    result, _ = run(folder, None, "find", "--patient", INS, "--mode", "AUTRE")
    assert result.exit_code == 2


def test_help_is_complete() -> None:
    for command in ("provide", "find", "open", "query"):
        result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
        assert result.exit_code == 0
        for option in (
            "--as",
            "--patient",
            "--mode",
            "--person",
            "--access",
            "--reason",
            "--json",
            "--demo",
            "--server",
        ):
            assert option in result.output, (command, option)
