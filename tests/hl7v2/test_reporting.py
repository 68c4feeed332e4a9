"""Plain results as laboratory reports: what they say, that they are valid, which version of an order they are."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lxml import etree

from cda.validation.check import validate
from cda.validation.finding import Source
from dmp.transmission import PARTIAL, Versions
from repository.files import LocalFiles
from schemas import oids, xml
from tests.cda.official_rules import MINIMUM, PROFILES, faults
from tests.cda.rendered import shown
from tests.cda.schematron import check
from tests.hl7_damage import mutated
from tests.hl7v2.lab_vectors import IONOGRAM, LABORATOIRE, POTASSIUM, SODIUM, Reports, oru, pid, segment
from tests.hl7v2.test_answering import Hall

V3 = {"c": "urn:hl7-org:v3", "lab": "urn:oid:1.3.6.1.4.1.19376.1.3.2"}
MODEL = "CI-SIS_BIO-CR-BIO_2024.01.sch"
HAEMATOLOGY = segment(
    "OBR",
    {
        1: "2",
        2: "P-78",
        3: "1001-E1^LABO",
        4: "NFS^Numération^99LAB",
        7: "202603010800",
        15: "BLD&Sang&HL70487",
        22: "202603010940",
        24: "HM",
        25: "P",
    },
)
LOCAL = "CRP^C réactive^99LAB"
# One message with everything that may be said.
WHOLE = (
    "ORC|RE|P-77^DPI^1.2.250.1.213.1.1.9^ISO|1001-E1^LABO",
    IONOGRAM,
    "NTE|1||À jeun",
    SODIUM,
    "NTE|1||hémolyse\\.br\\légère",
    POTASSIUM,
    f"OBX|3|SN|{LOCAL}||<^1.0|mg/l|<5||||F||||PARTNER^Laboratoire partenaire^99|||ISE^Ionométrie^99LAB||20260301083000",
    "SPM|1|77&LABO||BLD^Sang total^HL70487|||||||||||||20260301080000+0100",
    HAEMATOLOGY,
    f"OBX|1|SN|{LOCAL}|1|^1^:^128||||||F",
    f"OBX|2|ST|{LOCAL}|2|négatif \\T\\ clair~second||négatif||||F",
    f"OBX|3|FT|{LOCAL}||ligne 1\\.br\\ligne 2||||||F",
    f"OBX|4|CWE|{LOCAL}||112283007^Escherichia coli^SCT^ECO^E. coli^99LAB||||||F",
    f"OBX|5|TS|{LOCAL}||20260228||||||F",
    f"OBX|6|TM|{LOCAL}||0930||||||F",
    f"OBX|7|NM|{LOCAL}||12|UI/L|>=3|<~A|||P",
    f"OBX|8|NM|{LOCAL}||||||||X",
    f"OBX|9|NM|{LOCAL}||||||||I",
    f"OBX|10|SN|{LOCAL}||^2^-^5|G/L|||||F",
    f"OBX|11|SN|{LOCAL}||^2^+||||||F" + "|" * 12 + f"CHU^^^^^ST&{oids.STRUCT_ID_NAT}&ISO^FINEG^^^1590000001",
)


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(Hall(LocalFiles(tmp_path / "documents")).door)


def told(reports: Reports, message: bytes) -> etree._Element:
    """The report that a message becomes."""
    ack = reports.send(message)
    assert ack.accepted, ack.raw
    return xml.parse(reports.documents[-1])


def values(root: etree._Element, path: str) -> list[str]:
    return [str(each) for each in root.xpath(path, namespaces=V3)]


def test_everything_that_may_be_said_is_valid(reports: Reports) -> None:
    told(reports, oru(*WHOLE, before=["NTE|1||Note du patient"]))
    report = validate([reports.documents[-1]])
    assert report.findings == ()


@pytest.mark.long
@pytest.mark.reference
def test_it_is_valid_by_the_official_schema_and_rules(reference: Path, reports: Reports) -> None:
    root = told(reports, oru(*WHOLE, before=["NTE|1||Note du patient"]))
    etree.XMLSchema(file=str(reference / "fr" / "cda" / "xsd" / "CDA_extended.xsd")).assertValid(root)
    document = reports.documents[-1]
    assert [fault for schema in (MODEL, *PROFILES) for fault in faults(reference, schema, document)] == []


@pytest.mark.long
@pytest.mark.reference
def test_it_passes_the_official_minimum(reference: Path, reports: Reports) -> None:
    told(reports, oru(*WHOLE))
    assert check(reference / "fr" / "cda" / "schematron" / MINIMUM, reports.documents[-1]).failures == []


def test_it_says_who_wrote_it_and_who_is_responsible(reports: Reports) -> None:
    root = told(reports, oru(IONOGRAM, SODIUM))
    assert values(root, "c:author//c:softwareName/text()") == ["open-dmp"]
    assert values(root, "c:author/c:assignedAuthor/c:id/@extension") == [f"3{LABORATOIRE[1:]}/open-dmp"]
    assert values(root, "c:legalAuthenticator//c:assignedPerson/c:name/c:family/text()") == ["GIRAUD"]
    assert values(root, "c:legalAuthenticator/c:assignedEntity/c:code/@code") == ["G15_10/SM03"]
    assert values(root, "c:custodian//c:id/@extension") == [LABORATOIRE]
    assert values(root, "c:documentationOf/c:serviceEvent/c:effectiveTime/*/@value") == [
        "20260301082000+0100",
        "20260301093000+0100",
    ]
    assert "passerelle" in " ".join(reports.papers[0].about)


def test_every_result_is_read_on_the_page_and_on_paper(reports: Reports) -> None:
    told(reports, oru(*WHOLE, before=["NTE|1||Note du patient"]))
    page = shown(reports.documents[-1]).text
    paper = str([reports.papers[0].about, reports.papers[0].tables])
    for said in (
        "139.0 mmol/l",
        "136-145",
        "Anormalement haut",
        "À jeun",
        "hémolyse",
        "< 1.0 mg/l",
        "1:128",
        "2 - 5 G/L",
    ):
        assert said in page, said
        assert said in paper, said
    for said in ("négatif & clair", "Escherichia coli", "28/02/2026", "09:30", "12 UI/L (résultat provisoire)", "2+"):
        assert said in page, said
        assert said in paper, said
    for said in (
        "résultat impossible à obtenir",
        "en cours",
        "Laboratoire partenaire",
        "CHU",
        "Note du patient",
        "Sang",
    ):
        assert said in page, said
        assert said in paper, said


def test_what_programs_read_is_what_was_sent(reports: Reports) -> None:
    root = told(reports, oru(*WHOLE))
    sodium = "//c:observation[c:code/@code='2951-2']"
    assert values(root, f"{sodium}/c:value/@*") == ["PQ", "139.0", "mmol/L"]
    assert values(root, f"{sodium}/c:code/c:translation/@code") == ["NA"]
    assert values(root, f"{sodium}/c:effectiveTime/@value") == ["20260301081500+0100"]
    assert values(root, f"{sodium}/c:referenceRange//c:value/*/@value") == ["136", "145"]
    assert values(root, "//c:observation[c:code/@code='2823-3']/c:interpretationCode/@code") == ["H"]
    assert values(root, "//c:value/c:high[@inclusive='false']/@value")[0] == "1.0"
    assert values(root, "//c:value/c:numerator/@value | //c:value/c:denominator/@value") == ["1", "128"]
    assert values(root, "//c:value[@code='112283007']/@codeSystem") == [oids.SNOMED_CT]
    assert values(root, "//c:procedure//c:playingEntity/c:code/@code") == ["BLD", "BLD"]
    assert values(root, "//lab:statusCode/@code") == ["active"]
    assert values(root, "//c:observation[c:statusCode/@code='aborted']/c:value") == []
    assert values(root, "c:inFulfillmentOf/c:order/c:id/@extension") == ["P-77", "P-78"]
    assert values(root, "//c:title/text()")[1:3] == ["Biochimie", "Ionogramme"]


@pytest.mark.parametrize("version", ["2.3.1", "2.4", "2.5", "2.5.1", "2.6"])
def test_every_version_is_read(reports: Reports, version: str) -> None:
    root = told(reports, oru(IONOGRAM, SODIUM, POTASSIUM, version=version))
    assert values(root, "//c:observation[c:code/@code='2823-3']/c:value/@value") == ["5.9"]


def test_character_sets_and_escapes(reports: Reports) -> None:
    line = f"OBX|1|ST|{LOCAL}||\\X41\\é € a\\F\\b\\S\\c||||||F"
    root = told(reports, oru(IONOGRAM, line, charset="8859/15"))
    assert values(root, "//c:observation/c:value/text()")[0] == "Aé € a|b^c"


# --- Versions ---------------------------------------------------------------------------------------------------------


def test_the_same_message_is_the_same_document(reports: Reports) -> None:
    sent = oru(*WHOLE, control_id="same")
    told(reports, sent)
    told(reports, sent)
    assert reports.documents[0] == reports.documents[1]


def test_an_order_is_a_set_of_versions(reports: Reports) -> None:
    first = told(reports, oru(IONOGRAM, SODIUM))
    reports.known = Versions(1, stands=True, partial=True)
    second = told(reports, oru(IONOGRAM, SODIUM, POTASSIUM))
    (series,) = set(values(first, "c:setId/@root")) & set(values(second, "c:setId/@root"))
    assert values(first, "c:id/@root | c:versionNumber/@value") == [f"{series}.1", "1"]
    assert values(second, "c:id/@root | c:versionNumber/@value") == [f"{series}.2", "2"]
    assert values(second, "c:relatedDocument[@typeCode='RPLC']//c:id/@root") == [f"{series}.1"] == reports.replaced
    other = told(reports, oru(IONOGRAM, SODIUM, filler="1002-E1"))
    assert values(other, "c:setId/@root") != [series]


@pytest.mark.parametrize("line", [SODIUM.replace("|F|||", "|C|||"), SODIUM])
def test_a_correction_takes_the_place_of_what_stands(reports: Reports, line: str) -> None:
    reports.known = Versions(3, stands=True)
    root = told(reports, oru(IONOGRAM.removesuffix("F") + "C" if line is SODIUM else IONOGRAM, line))
    assert values(root, "c:versionNumber/@value") == ["4"]
    assert reports.replaced[0].endswith(".3")


@pytest.mark.parametrize(("known", "condition"), [(Versions(2, stands=True), "205"), (Versions(50), "198")])
def test_results_after_a_complete_report_are_refused(reports: Reports, known: Versions, condition: str) -> None:
    reports.known = known
    assert reports.send(oru(IONOGRAM, SODIUM)).conditions == (condition,)
    assert reports.documents == []


def test_a_report_after_a_withdrawn_one_replaces_nothing(reports: Reports) -> None:
    reports.known = Versions(2)
    root = told(reports, oru(IONOGRAM, SODIUM))
    assert values(root, "c:versionNumber/@value | c:relatedDocument") == ["3"]
    assert reports.replaced == []


@pytest.mark.parametrize(
    "lines",
    [
        ("ORC|CA||1001-E1", IONOGRAM, SODIUM),
        (IONOGRAM.removesuffix("F") + "X", SODIUM.replace("|139.0|", "||").replace("|F|||", "|X|||")),
        (IONOGRAM, SODIUM.replace("|F|||", "|D|||")),
    ],
)
def test_an_order_that_is_void_withdraws_its_report(reports: Reports, lines: tuple[str, ...]) -> None:
    reports.known = Versions(2, stands=True)
    assert reports.send(oru(*lines)).accepted
    assert [each.rpartition(".")[2] for each in reports.deleted] == ["2"]
    assert reports.documents == []


def test_a_partial_report_says_so(reports: Reports) -> None:
    told(reports, oru(IONOGRAM, SODIUM.replace("|F|||", "|P|||")))
    told(reports, oru(IONOGRAM, SODIUM))
    assert [lot.submission.entries[0].comments for lot in reports.lots] == [PARTIAL, ""]


def test_the_wishes_of_the_sender_are_marks(reports: Reports) -> None:
    names = (
        "MASQUE_PS",
        "INVISIBLE_PATIENT",
        "INVISIBLE_REP_LEGAUX",
        "CONNEXION_SECRETE",
        "MODIF_CONF_CODE",
        "DESTDMP",
    )
    flags = {name: "Y" if name in ("DESTDMP", "MASQUE_PS") else "N" for name in names}
    told(reports, oru(IONOGRAM, SODIUM, flags=flags))
    assert {each.code for each in reports.lots[0].submission.entries[0].confidentiality_codes} == {"N", "MASQUE_PS"}
    assert reports.send(oru(IONOGRAM, SODIUM, flags={**flags, "DESTDMP": "N"})).applications == ("906",)
    del flags["INVISIBLE_PATIENT"]
    assert reports.send(oru(IONOGRAM, SODIUM, flags=flags)).conditions == ("101",)


# --- Refused ----------------------------------------------------------------------------------------------------------


def observation(kind: str, value: str, *others: str) -> str:
    return "|".join(("OBX", "1", kind, LOCAL, "", value, *others, *[""] * (5 - len(others)), "F"))


@pytest.mark.parametrize(
    ("line", "condition", "where"),
    [
        (observation("NM", "1,5"), "102", "OBX^1^5^1"),
        (observation("NM", "1^2"), "102", "OBX^1^5^1"),
        (observation("SN", "<>^5"), "102", "OBX^1^5^1"),
        (observation("SN", "^5^-^2"), "102", "OBX^1^5^1"),
        (observation("DT", "20261332"), "102", "OBX^1^5^1"),
        (observation("TM", "2500"), "102", "OBX^1^5^1"),
        (observation("ST", "\\X00\\"), "102", "OBX^1^5^1"),
        (observation("CWE", "A B^x^99LAB"), "102", "OBX^1^5^1"),
        (observation("XCN", "1^2"), "103", "OBX^1^2^1"),
        (observation("NM", ""), "101", "OBX^1^5^1"),
        (observation("NM", "1", "mmol é^^UCUM"), "103", "OBX^1^6^1"),
        (observation("NM", "1", "", "", "MS"), "103", "OBX^1^8^1^1"),
        (SODIUM.replace("2951-2", "2951-3"), "103", "OBX^1^3^1"),
        (SODIUM.replace("|F|||", "|R|||"), "103", "OBX^1^11^1"),
        (SODIUM.replace("20260301081500", "202603010")[:-1] + "x", "102", "OBX^1^14^1^1"),
    ],
)
def test_what_has_no_equal_is_refused_where_it_stands(reports: Reports, line: str, condition: str, where: str) -> None:
    ack = reports.send(oru(IONOGRAM, line, POTASSIUM))
    assert ack.code == "AE"
    assert condition in ack.conditions, ack.raw
    assert f"ERR||{where}|{condition}".encode() in ack.raw, ack.raw
    assert reports.documents == []


@pytest.mark.parametrize(
    ("message", "condition", "application"),
    [
        (oru(IONOGRAM, SODIUM, identity=pid(reliability="PROV")), "207", "903"),
        (oru(IONOGRAM, SODIUM, identity=pid().replace("^BDL^", "^H^")), "207", "905"),
        (oru(IONOGRAM, SODIUM, biologist=""), "101", ""),
        (oru(IONOGRAM, SODIUM, biologist="899700364000"), "207", "DMPAccessDeniedByRightsService"),
        (oru(IONOGRAM.replace("|1001-E1^LABO|", "||"), SODIUM), "101", ""),
        (oru(IONOGRAM.replace("|CH|", "|RAD|"), SODIUM), "103", ""),
        (oru(IONOGRAM.removesuffix("F") + "R", SODIUM), "103", ""),
        (oru(IONOGRAM + "|2951-2&&LN", SODIUM), "207", "906"),
        (oru(IONOGRAM.replace("20260301082000", "").replace("20260301080000", "20260301"), SODIUM), "102", ""),
        (oru(IONOGRAM, SODIUM, IONOGRAM.replace("1001", "2002"), POTASSIUM), "101", ""),
    ],
)
def test_a_report_that_cannot_be_written_is_refused(
    reports: Reports, message: bytes, condition: str, application: str
) -> None:
    ack = reports.send(message)
    assert (ack.code, ack.conditions) == ("AE", (condition,)), ack.raw
    assert ack.applications == ((application,) if application else ())
    assert reports.documents == []


def test_every_fault_is_told_at_once(reports: Reports) -> None:
    ack = reports.send(oru(IONOGRAM, observation("NM", "x"), observation("NM", "1", "", "", "MS")))
    assert ack.conditions == ("102", "103")


def test_without_leave_of_the_domain_results_need_a_document(tmp_path: Path) -> None:
    hall = Hall(LocalFiles(tmp_path / "documents"))
    assert b"MSA|AE" in hall.send(oru(IONOGRAM, SODIUM))
    assert hall.lots == []


def check_damaged(folder: Path, count: int) -> None:
    """Whatever comes is answered by what is wrong with it, or becomes a document that is one."""
    chance, hall = random.Random(20261129), Hall(LocalFiles(folder))
    reports, good = Reports(hall.door), oru(*WHOLE)
    for _ in range(count):
        reports.send(mutated(chance, good))
    assert [reason for reason in hall.refusals if reason.startswith("ours")] == []
    for document in reports.documents:
        schema = [each for each in validate([document]).findings if each.source is Source.SCHEMA]
        assert schema == []


def test_damaged_results_have_an_answer(tmp_path: Path) -> None:
    check_damaged(tmp_path, 100)


@pytest.mark.long
def test_many_damaged_results_have_an_answer(tmp_path: Path) -> None:
    check_damaged(tmp_path, 20_000)
