"""ITI-57 as the practice software writes it: TD3.3a to TD3.3d."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dmp_fakes as dmp
import pytest
from lps_fakes import (
    ENTRY,
    ENTRY_UUID,
    INS,
    INS_OID,
    Answer,
    Exchange,
    Script,
    answer,
    demo_folder,
    query_response,
    registry_failure,
    registry_response,
    run,
)
from lxml import etree

from conformance.lps import LpsNotFoundError
from conformance.lps.attributes import Updated
from conformance.lps.client import Lps
from conformance.lps.people import Patient
from conformance.lps.query import STATUSES, read_entry
from conformance.lps.soap import LpsError

PATIENT = Patient(INS, INS_OID)
RIM = {"rim": "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"}
TRE_A07 = "1.2.250.1.213.1.1.4.13"


def mark(code: str, scheme: str = TRE_A07) -> str:
    return (
        f'<rim:Classification id="m{code}" classificationScheme="urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f" '
        f'classifiedObject="{ENTRY_UUID}" nodeRepresentation="{code}"><rim:Slot name="codingScheme"><rim:ValueList>'
        f"<rim:Value>{scheme}</rim:Value></rim:ValueList></rim:Slot><rim:Name><rim:LocalizedString "
        f'value="{code}"/></rim:Name></rim:Classification>'
    )


def entry(*marks: str, status: str = "approved", version: int = 2, uuid: str = ENTRY_UUID) -> str:
    """The entry as a registry tells it, with what only the registry knows of it."""
    told = ENTRY.replace(STATUSES["approved"], STATUSES[status]).replace(ENTRY_UUID, uuid)
    told = told.replace('versionName="2"', f'versionName="{version}"')
    extra = '<rim:Slot name="urn:example:extra"><rim:ValueList><rim:Value>kept</rim:Value></rim:ValueList></rim:Slot>'
    told = told.replace("<rim:Name>", f"{extra}<rim:Name>", 1)
    return told.replace("<rim:ExternalIdentifier", "".join(map(mark, marks)) + "<rim:ExternalIdentifier", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


def registry(*entries: str) -> Script:
    """Finds these entries, or their references, and accepts every update."""

    def script(exchange: Exchange) -> Answer:
        if exchange.action == "urn:ihe:iti:2010:UpdateDocumentSet":
            return registry_response(exchange)
        if b'returnType="LeafClass"' in exchange.body:
            return query_response(exchange, "".join(entries))
        named = [each for each in entries if _asked_for(exchange, each)]
        return query_response(exchange, "".join(f'<rim:ObjectRef id="{_uuid(each)}"/>' for each in named))

    return script


def _element(text: str) -> etree._Element:
    return etree.fromstring(f'<x xmlns:rim="{RIM["rim"]}">{text}</x>')[0]


def _uuid(text: str) -> str:
    return str(_element(text).get("id"))


def _asked_for(exchange: Exchange, text: str) -> bool:
    """GetDocuments names it; FindDocuments asks for its status."""
    return b"EntryStatus" not in exchange.body or str(_element(text).get("status")).encode() in exchange.body


def objects_of(exchange: Exchange) -> list[etree._Element]:
    request = dmp.asked(exchange)
    assert exchange.path == "/ihe/registry"
    assert etree.QName(request).localname == "SubmitObjectsRequest"
    (objects,) = request
    return list(objects)


def slots(element: etree._Element) -> dict[str, list[str | None]]:
    return {
        str(each.get("name")): [value.text for value in each.iterfind("rim:ValueList/rim:Value", RIM)]
        for each in element.iterfind("rim:Slot", RIM)
    }


def check_set(package: etree._Element, node: etree._Element, updated: Updated) -> None:
    assert etree.QName(package).localname == "RegistryPackage"
    assert package.get("id") == "SubmissionSet01"
    values = {str(each.get("value")) for each in package.iterfind("rim:ExternalIdentifier", RIM)}
    assert {updated.submission_set, PATIENT.cx} < values
    assert slots(package)["submissionTime"]
    author = package.find("rim:Classification", RIM)
    assert author is not None
    assert "899900000011" in str(slots(author)["authorPerson"])
    assert node.get("classificationNode") == "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
    assert node.get("classifiedObject") == "SubmissionSet01"


MARKS: list[tuple[Callable[[Lps], Updated], tuple[str, ...], tuple[str, ...]]] = [
    (lambda lps: lps.mask("2.25.1234", PATIENT), (), ("MASQUE_PS",)),
    (lambda lps: lps.mask("2.25.1234", PATIENT), ("INVISIBLE_PATIENT",), ("INVISIBLE_PATIENT", "MASQUE_PS")),
    (lambda lps: lps.mask("2.25.1234", PATIENT), ("MASQUE_PS",), ("MASQUE_PS",)),
    (lambda lps: lps.unmask("2.25.1234", PATIENT), ("MASQUE_PS", "INVISIBLE_PATIENT"), ("INVISIBLE_PATIENT",)),
    (lambda lps: lps.unmask("2.25.1234", PATIENT), (), ()),
    (
        lambda lps: lps.reveal("2.25.1234", PATIENT),
        ("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX", "MASQUE_PS"),
        ("MASQUE_PS",),
    ),
    (
        lambda lps: lps.reveal("2.25.1234", PATIENT, to_representatives=False),
        ("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"),
        ("INVISIBLE_REPRESENTANTS_LEGAUX",),
    ),
    (
        lambda lps: lps.reveal("2.25.1234", PATIENT, to_patient=False),
        ("INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"),
        ("INVISIBLE_PATIENT",),
    ),
]


@pytest.mark.parametrize(("does", "before", "after"), MARKS)
def test_the_whole_entry_goes_back_with_other_marks(
    folder: Path, does: Callable[[Lps], Updated], before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    received = entry("AUTRE", *before)
    updated, (_, exchange) = dmp.ask(folder, registry(received), does)
    assert updated.entry_uuid == ENTRY_UUID
    package, node, member, sent = objects_of(exchange)
    check_set(package, node, updated)
    assert member.get("associationType") == "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    assert (member.get("sourceObject"), member.get("targetObject")) == ("SubmissionSet01", "Document01")
    assert slots(member) == {"SubmissionSetStatus": ["Original"], "PreviousVersion": ["2"]}
    assert sent.get("id") == "Document01"
    assert sent.get("lid") == "urn:uuid:22222222-2222-4222-8222-222222222222"
    assert [code.code for code in read_entry(sent).confidentiality_codes] == ["AUTRE", *after]
    for part, owner in (("Classification", "classifiedObject"), ("ExternalIdentifier", "registryObject")):
        for element in sent.iterfind(f"rim:{part}", RIM):
            assert element.get(owner) == "Document01"
            assert str(element.get("id")).startswith("urn:uuid:"), "an id of its own"
    order = [etree.QName(each).localname for each in sent]
    expected = ["Slot", "Name", "VersionInfo", "Classification", "ExternalIdentifier"]
    assert order == sorted(order, key=expected.index), "ebRIM has an order"
    assert without_marks(sent) == without_marks(_element(received)), "nothing else is changed, nothing lost"


def without_marks(element: etree._Element) -> list[str]:
    """What the entry says but for its marks and the ids that a version has."""
    lines = []
    for each in element:
        if "f4f85eac" in str(each.get("classificationScheme")):
            continue
        for name in ("id", "classifiedObject", "registryObject"):
            each.attrib.pop(name, None)
        lines += dmp.outline(each)
    return lines


def test_a_first_version_without_lid_and_version(folder: Path) -> None:
    received = entry().replace('lid="urn:uuid:22222222-2222-4222-8222-222222222222"', "")
    received = received.replace('<rim:VersionInfo versionName="2"/>', "")
    _, (_, exchange) = dmp.ask(folder, registry(received), lambda lps: lps.mask(ENTRY_UUID, PATIENT))
    _, _, member, sent = objects_of(exchange)
    assert sent.get("lid") == ENTRY_UUID
    assert slots(member)["PreviousVersion"] == ["1"]


def test_the_newest_version_goes_back(folder: Path) -> None:
    newest = "urn:uuid:33333333-3333-4333-8333-333333333333"
    script = registry(entry(version=2), entry(version=3, uuid=newest, status="archived"))
    updated, (_, exchange) = dmp.ask(folder, script, lambda lps: lps.mask("2.25.1234", PATIENT))
    assert updated.entry_uuid == newest
    assert slots(objects_of(exchange)[2])["PreviousVersion"] == ["3"]
    updated, _ = dmp.ask(folder, script, lambda lps: lps.unarchive("2.25.1234", PATIENT))
    assert updated.entry_uuid == newest


TURNS: list[tuple[Callable[[Lps], Updated], str, str]] = [
    (lambda lps: lps.archive("2.25.1234", PATIENT), "approved", "archived"),
    (lambda lps: lps.unarchive("2.25.1234", PATIENT), "archived", "approved"),
    (lambda lps: lps.delete("2.25.1234", PATIENT), "archived", "deleted"),
    (lambda lps: lps.delete(ENTRY_UUID, PATIENT), "deprecated", "deleted"),
]


@pytest.mark.parametrize(("does", "before", "after"), TURNS)
@pytest.mark.parametrize("name", ["dr-leblanc", "hopital"])
def test_a_status_changes(folder: Path, does: Callable[[Lps], Updated], before: str, after: str, name: str) -> None:
    updated, exchanges = dmp.ask(folder, registry(entry(status=before)), does, name)
    assert updated.entry_uuid == ENTRY_UUID
    package, node, change = objects_of(exchanges[-1])
    if name == "dr-leblanc":
        check_set(package, node, updated)
    assert change.get("associationType") == "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
    assert (change.get("sourceObject"), change.get("targetObject")) == ("SubmissionSet01", ENTRY_UUID)
    assert slots(change) == {"OriginalStatus": [STATUSES[before]], "NewStatus": [STATUSES[after]]}
    searches = exchanges[:-1]
    leaf = [b'returnType="LeafClass"' in each.body for each in searches]
    assert leaf == ([True] if name == "dr-leblanc" else [False] * len(searches)), "a structure finds references only"


@pytest.mark.parametrize("name", ["dr-leblanc", "hopital"])
def test_what_is_not_found_is_not_changed(folder: Path, name: str) -> None:
    for does in (lambda lps: lps.delete("2.25.9", PATIENT), lambda lps: lps.archive(ENTRY_UUID, PATIENT)):
        with pytest.raises(LpsNotFoundError):
            dmp.ask(folder, registry(), does, name)
    with pytest.raises(LpsNotFoundError):
        dmp.ask(folder, registry(), lambda lps: lps.mask("2.25.9", PATIENT))


def test_a_refusal_has_the_codes_of_the_registry(folder: Path) -> None:
    def script(exchange: Exchange) -> Answer:
        update = exchange.action == "urn:ihe:iti:2010:UpdateDocumentSet"
        return registry_failure(exchange) if update else query_response(exchange, entry())

    with pytest.raises(LpsError) as caught:
        dmp.ask(folder, script, lambda lps: lps.mask(ENTRY_UUID, PATIENT))
    assert caught.value.code == "XDSRegistryMetadataError"


@pytest.mark.parametrize(
    ("arguments", "status", "after"),
    [
        (("mask", ENTRY_UUID), "approved", b'nodeRepresentation="MASQUE_PS"'),
        (("td3.3a", ENTRY_UUID), "approved", b'nodeRepresentation="MASQUE_PS"'),
        (("delete", ENTRY_UUID), "approved", b"StatusType:Deleted<"),
        (("archive", ENTRY_UUID), "approved", b"StatusType:Archived<"),
        (("unarchive", ENTRY_UUID), "archived", b"StatusType:Approved<"),
        (("archive", ENTRY_UUID, "--undo"), "archived", b"StatusType:Approved<"),
    ],
)
def test_attributes_of_a_document(folder: Path, arguments: tuple[str, ...], status: str, after: bytes) -> None:
    result, (_, exchange) = run(folder, registry(entry(status=status)), *arguments, "--patient", INS, "--json")
    said = answer(result)
    assert (result.exit_code, said["status"], said["entry_uuid"]) == (0, "Success", ENTRY_UUID)
    assert said["submission_set"].encode() in exchange.body
    assert after in exchange.body
    result, _ = run(folder, registry(entry(status=status)), *arguments, "--patient", INS)
    assert result.stdout == f"{ENTRY_UUID} : fait.\n"


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (("unmask",), {"INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}),
        (("mask", "--undo"), {"INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}),
        (("reveal",), {"MASQUE_PS"}),
        (("reveal", "--patient-too", "--representatives-too"), {"MASQUE_PS"}),
        (("reveal", "--patient-too"), {"MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"}),
        (("reveal", "--representatives-too"), {"MASQUE_PS", "INVISIBLE_PATIENT"}),
    ],
)
def test_marks_that_go(folder: Path, arguments: tuple[str, ...], kept: set[str]) -> None:
    marks = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
    result, (_, exchange) = run(folder, registry(entry(*marks)), *arguments, "2.25.1234", "--patient", INS)
    assert result.exit_code == 0, result.output
    assert {mark for mark in marks if f'nodeRepresentation="{mark}"'.encode() in exchange.body} == kept


def test_what_is_not_found_is_exit_3(folder: Path) -> None:
    for command in ("mask", "unmask", "reveal", "delete", "archive", "unarchive"):
        result, _ = run(folder, query_response, command, "2.25.9", "--patient", INS)
        assert (result.exit_code, result.stderr) == (3, "NotFound: no document 2.25.9 for this requester\n"), command
