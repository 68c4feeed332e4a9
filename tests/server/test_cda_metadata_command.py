"""`dmp cda metadata`, `sign` and `verify`: what a document gives, where a submission differs, who signed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cda.document import Wrapper, read_document
from cda.header import read_header
from cda.metadata import document_entry
from conformance.pki import Pki
from ihe.ebrim_write import write_objects
from ihe.identifiers import RIM
from registry.metadata import DocumentEntry
from server.cli import build
from tests.cda.cda_vectors import FOLDER

LETTER = FOLDER / "discharge_letter.xml"
ENTRY = document_entry(read_header(read_document([LETTER.read_bytes()])), entry_uuid="Document01")


def dmp(*arguments: object) -> Result:
    return CliRunner().invoke(build(), ["cda", *map(str, arguments)])


def submitted(path: Path, *entries: DocumentEntry) -> Path:
    path.write_bytes(
        b'<rim:RegistryObjectList xmlns:rim="%s">%s</rim:RegistryObjectList>' % (RIM.encode(), write_objects(entries))
    )
    return path


def test_the_metadata_of_a_document() -> None:
    said = json.loads(dmp("metadata", LETTER, "--json").stdout)
    assert said["uniqueId"] == ENTRY.unique_id and said["typeCode"]["code"] == "11490-0"
    assert said["size"] == LETTER.stat().st_size and len(said["hash"]) == 40
    assert f"creationTime: {ENTRY.creation_time}" in dmp("metadata", LETTER).stdout


def test_a_submission_that_says_the_same(tmp_path: Path) -> None:
    result = dmp("metadata", LETTER, "--submission", submitted(tmp_path / "m.xml", ENTRY))
    assert result.exit_code == 0 and "say what the document says" in result.stdout


def test_every_difference_is_listed(tmp_path: Path) -> None:
    other = replace(ENTRY, title="Autre", creation_time="20200101", language_code="en-GB", hash="0" * 40)
    path = submitted(tmp_path / "m.xml", replace(ENTRY, entry_uuid="Document02", unique_id="2.999.7"), other)
    result = dmp("metadata", LETTER, "--submission", path, "--json")
    assert result.exit_code == 1
    found = {each["attribute"]: each["refused"] for each in json.loads(result.stdout)["differences"]}
    assert found == {"title": False, "creationTime": True, "languageCode": False, "hash": False}
    shown = dmp("metadata", LETTER, "--submission", path).stdout
    assert "creationTime (effectiveTime), refused" in shown and "4 differences." in shown


def test_metadata_of_nothing_and_of_others(tmp_path: Path) -> None:
    (tmp_path / "none.xml").write_text("<a/>")
    (tmp_path / "text.xml").write_text("a")
    two = submitted(tmp_path / "two.xml", *(replace(ENTRY, unique_id=f"2.999.{number}") for number in range(2)))
    assert dmp("metadata", LETTER, "--submission", tmp_path / "none.xml").exit_code == 3
    assert dmp("metadata", LETTER, "--submission", two).exit_code == 3
    assert dmp("metadata", LETTER, "--submission", tmp_path / "text.xml").exit_code == 2
    assert dmp("metadata", tmp_path / "none.xml").exit_code == 1


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys and certificates of two people, each of a PKI of their own."""
    folder = tmp_path_factory.mktemp("signer")
    for name in ("own", "other"):
        Pki.create(folder / name).person("medecin", "899700000017", "LEROY", "Hugo", profession="10")
    return folder


def sign(signer: Path, output: Path, *, key: str = "own", certificate: str = "own") -> Result:
    private, public = (
        signer / key / "pki" / "medecin" / "sign.key",
        signer / certificate / "pki" / "medecin" / "sign.pem",
    )
    return dmp("sign", LETTER, "--key", private, "--certificate", public, "-o", output)


def test_a_document_is_signed_and_verified(signer: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed.xml"
    assert sign(signer, signed).exit_code == 0
    assert read_document([signed.read_bytes()]).wrapper is Wrapper.SIGNATURE
    said = json.loads(dmp("verify", signed, "-o", tmp_path / "out.xml", "--json").stdout)
    assert "LEROY" in said["signer"] and not said["trusted"]
    inside = read_header(read_document([(tmp_path / "out.xml").read_bytes()]))
    assert inside.id == read_header(read_document([LETTER.read_bytes()])).id
    (tmp_path / "changed.xml").write_bytes(signed.read_bytes().replace(b"CLAIRE", b"CLARA"))
    assert dmp("verify", tmp_path / "changed.xml").exit_code == 1
    assert dmp("verify", LETTER).exit_code == 1


def test_whose_signature_is_believed(signer: Path, tmp_path: Path) -> None:
    """A signature may hold, and its certificate be of nobody whom the operator knows."""
    signed = tmp_path / "signed.xml"
    sign(signer, signed)
    for name, code in (("own", 0), ("other", 1)):
        anchors = ("--anchors", signer / name / "ca.pem", "--crl", signer / name / "crl.pem")
        result = dmp("verify", signed, *anchors)
        assert (result.exit_code, "signé par" in result.stdout) == (code, code == 0)
    assert dmp("verify", signed, "--anchors", LETTER).exit_code == 2


def test_a_key_that_is_not_the_certificate_s(signer: Path, tmp_path: Path) -> None:
    signed = tmp_path / "signed.xml"
    assert sign(signer, signed, key="other").exit_code == 2
    assert dmp("sign", LETTER, "--key", LETTER, "--certificate", LETTER, "-o", signed).exit_code == 2
    assert not signed.exists()
