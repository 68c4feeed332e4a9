"""PIX Query and Patient Demographics Query by HL7 v2, over MLLP and TLS, by their cases.

Source: ITI TF-2 3.9.4.2.2.6 (cases 1 to 6), 3.21.4.2.2.8 (cases 1 to 3), 3.21.4.3.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from audit.event import Outcome
from conformance.pki import Pki, ec_key, reused
from hl7v2.er7 import read_er7
from hl7v2.message import check_structure
from schemas.domain import load
from tests.connectathon import Node, connectathon
from tests.hl7_queries import Told, ask, pdq, pix, query, read
from tests.hl7v3 import Patients, cx, new_authority
from tests.mllp import Sender, adt
from tests.ports import free_port
from tests.village import Village

BLUE = load("ihe-connectathon").namespaces["IHEBLUE"]
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def hie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, int]]:
    """An IHE domain, whose server takes HL7 v2 at that port."""
    folder, port = tmp_path_factory.mktemp("hie"), free_port()
    pki = Pki.create(folder / "home", key_maker=reused(ec_key))
    for name, number in (("hopital", "1990000018"), ("clinique", "1990000026")):
        pki.structure(name, number, name)
    with connectathon(folder, mllp=f"127.0.0.1:{port}") as node:
        yield node, port


@pytest.fixture
def sender(hie: tuple[Node, int]) -> Iterator[Sender]:
    node, port = hie
    with Sender(node.home, port) as open_to:
        yield open_to


@pytest.fixture
def family() -> str:
    """A family name that no other test has."""
    return f"FAM{uuid.uuid4().hex[:12].upper()}"


def person() -> Pair:
    return uuid.uuid4().hex[:12], new_authority()


def feed(sender: Sender, *identifiers: Pair, family: str = "ZIMMER") -> None:
    sent = adt("A28", [cx(each) for each in identifiers], structure="ADT_A05", family=family)
    assert sender.send(sent).accepted


def held(told: Told) -> Told:
    """The same, when it is a message that the tables of hl7apy have."""
    structure = told.kind.split("^")[2]
    check_structure(read_er7(told.ack.raw), structure, "2.5")
    assert parse_message(told.ack.raw.decode(), validation_level=VALIDATION_LEVEL.TOLERANT).name == structure
    return told


# --- ITI-9 ------------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-9")
def test_case_1_the_identifiers_of_other_domains(sender: Sender) -> None:
    a, b, c = person(), person(), person()
    feed(sender, a, b, c)
    sent = pix(cx(a), tag="QRY1")
    told = held(ask(sender, sent))
    assert (told.ack.code, told.kind, told.status) == ("AA", "RSP^K23^RSP_K23", "OK")
    assert told.ack.control_id.encode() in sent
    assert (told.all("QAK")[0][1], told.all("QPD")[0][1:4]) == ("QRY1", ("IHE PIX Query", "QRY1", cx(a)))
    assert told.patients == [[b, c]]
    assert told.pids[0][5] == "~^^^^^^S"
    only = held(ask(sender, pix(cx(a), f"^^^&{c[1]}&ISO")))
    assert only.patients == [[c]]


def test_cases_2_and_6_none_and_several_in_a_domain(sender: Sender) -> None:
    a, domain, elsewhere = person(), new_authority(), person()
    feed(sender, a)
    feed(sender, elsewhere)
    for asked in (pix(cx(a)), pix(cx(a), f"^^^&{elsewhere[1]}&ISO")):
        told = held(ask(sender, asked))
        assert (told.ack.code, told.status, told.pids) == ("AA", "NF", [])
    several, other = person(), person()
    feed(sender, several, ("x", domain), other, ("y", domain))
    (found,) = held(ask(sender, pix(cx(several)))).patients
    assert sorted(found) == sorted([("x", domain), ("y", domain), other])
    assert abs(found.index(("x", domain)) - found.index(("y", domain))) == 1, "those of one domain are together"


def test_cases_3_4_and_5_what_is_not_known_is_told_with_its_place(sender: Sender) -> None:
    a, b = person(), person()
    feed(sender, a, b)
    unknown = held(ask(sender, pix(f"nobody^^^&{a[1]}&ISO")))
    assert (unknown.ack.code, unknown.status, unknown.pids) == ("AE", "AE", [])
    assert unknown.errors == [("QPD^1^3^1^1", "204")]
    for nowhere in (f"1^^^&{new_authority()}&ISO", "1^^^NOWHERE"):
        assert ask(sender, pix(nowhere)).errors == [("QPD^1^3^1^4", "204")]
    domains = f"^^^&{new_authority()}&ISO~^^^&{b[1]}&ISO~^^^NOWHERE"
    told = ask(sender, pix(cx(a), domains))
    assert (told.ack.code, told.status) == ("AE", "AE")
    assert told.errors == [("QPD^1^4^1", "204"), ("QPD^1^4^3", "204")]


def test_an_authority_is_known_by_its_namespace_too(sender: Sender) -> None:
    value, other = uuid.uuid4().hex[:12], person()
    assert sender.send(adt("A04", [f"{value}^^^IHEBLUE", cx(other)])).accepted
    for named in ("IHEBLUE", f"IHEBLUE&{BLUE}&ISO", f"&{BLUE}&ISO"):
        assert ask(sender, pix(f"{value}^^^{named}")).patients == [[other]]
    told = ask(sender, pix(cx(other), "^^^IHEBLUE"))
    assert told.pids[0][3] == f"{value}^^^IHEBLUE&{BLUE}&ISO"


@pytest.mark.parametrize(
    ("qpd", "rcp", "error"),
    [
        ("IHE PIX Query||1^^^&1.2&ISO", "RCP|I", ("QPD^1^2^1", "101")),
        ("IHE PIX Query|T", "RCP|I", ("QPD^1^3^1", "198")),
        ("IHE PIX Query|T|1^^^&1.2&ISO~2^^^&1.2&ISO", "RCP|I", ("QPD^1^3^1", "198")),
        ("IHE PIX Query|T|^^^&1.2&ISO", "RCP|I", ("QPD^1^3^1^1", "101")),
        ("IHE PIX Query|T|1", "RCP|I", ("QPD^1^3^1^4", "101")),
        ("IHE PIX Query|T|1^^^&1.2&ISO|1", "RCP|I", ("QPD^1^4^1^4", "101")),
        ("IHE PIX Query|T|1^^^&1.2&ISO", "RCP|D", ("RCP^1^1^1", "103")),
        ("|T|1^^^&1.2&ISO", "RCP|I", ("QPD^1^1^1", "101")),
        ("IHE PIX Query|T|1^^^&1.2&ISO", "XCP|I", ("XCP^1", "100")),
    ],
)
def test_a_query_that_is_wrong_is_answered_with_its_place(
    sender: Sender, qpd: str, rcp: str, error: tuple[str, str]
) -> None:
    told = ask(sender, query("Q23", qpd, rcp))
    assert (told.kind, told.ack.code, told.status) == ("RSP^K23^RSP_K23", "AE", "AE")
    assert told.errors == [error]
    assert told.all("QPD")[0][: qpd.count("|") + 2] == ("QPD", *qpd.split("|"))


def test_a_query_of_another_event_or_without_qpd_is_acknowledged(sender: Sender) -> None:
    assert ask(sender, query("Q99", "X|T|1")).errors == [("MSH^1^9^1^2", "201")]
    bare = query("Q23", "X|T|1").replace(b"QPD|X|T|1\r", b"")
    told = ask(sender, bare)
    assert (told.kind, told.ack.code) == ("ACK^Q23^ACK", "AE")


# --- ITI-21 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-21")
def test_pdq_case_1_patients_by_name_with_all_that_is_known(sender: Sender, family: str) -> None:
    a, b, alias = person(), person(), person()
    feed(sender, a, alias, family=family)
    feed(sender, b, family=f"{family}-LEFÈVRE")
    told = held(ask(sender, pdq(f"@PID.5.1.1^{family.lower()}~@PID.8^F", tag="T7")))
    assert (told.ack.code, told.kind, told.status) == ("AA", "RSP^K22^RSP_K21", "OK")
    assert told.all("QAK")[0][1:7] == ("T7", "OK", "", "1", "1", "0")
    assert told.patients == [[a, alias]]
    (pid,), (qri,) = told.pids, told.all("QRI")
    assert (pid[1], pid[5], pid[7], pid[8], qri[1]) == ("1", f"{family}^MAJA^^^^^L", "19790328", "F", "100")
    assert pid[11] == "1 Rue^^Lille^^59000^FRA"
    everybody = ask(sender, pdq(f"@PID.5.1.1^{family}*"))
    assert sorted(each[0] for each in everybody.patients) == sorted([a, b])
    assert ask(sender, pdq(f"@PID.5.1.1^{family}*~@PID.5.2^NOBODY")).status == "NF"


def test_pdq_cases_2_and_3_domains(sender: Sender, family: str) -> None:
    a, b, alias = person(), person(), person()
    feed(sender, a, alias, family=family)
    feed(sender, b, family=family)
    told = held(ask(sender, pdq(f"@PID.5.1^{family}", f"^^^&{alias[1]}&ISO")))
    assert told.patients == [[alias]], "whoever has no identifier there is not in the answer at all"
    assert told.all("QAK")[0][4] == "1"
    unknown = held(ask(sender, pdq(f"@PID.5.1.1^{family}", f"^^^&{alias[1]}&ISO~^^^NOWHERE")))
    assert (unknown.ack.code, unknown.status, unknown.pids) == ("AE", "AE", [])
    assert unknown.errors == [("QPD^1^8^2", "204")]


def test_pdq_by_every_field_that_is_served(sender: Sender, family: str) -> None:
    a = person()
    sent = adt("A28", [cx(a)], structure="ADT_A05", family=family).replace(
        b"^MAJA^^^^^L||19790328|F|||1 Rue^^Lille^^59000^FRA^H~^^^^^^BDL^^59350||",
        f"^MAJA^MAJA LEA^^^^L~USED^MAJA^^^^^D|MUTTER{family}^EVA|197903281530|F|||1 Rue^^Lille^^59000^FRA^H||"
        "^PRN^PH^^^^^^^^^0320000000~^NET^Internet^maja@example.org".encode(),
    )
    assert sender.send(sent).accepted
    for parameters in (
        f"@PID.3.1^{a[0]}~@PID.3.4.2^{a[1]}~@PID.3.4.3^ISO",
        f"@PID.3.1^{a[0]}~@PID.3.4^&{a[1]}&ISO",
        f"@PID.5.1.1^{family}~@PID.5.2^MAJA",
        f"@PID.5.1.1^{family}~@PID.5.3^maja lea~@PID.5.7^L",
        f"@PID.6.1.1^mutter{family}",
        f"@PID.5.1.1^{family}~@PID.7^19790328",
        f"@PID.5.1.1^{family}~@PID.7.1^1979",
        f"@PID.5.1.1^{family}~@PID.11.3^LILLE~@PID.11.5^59000",
        f"@PID.5.1.1^{family}~@PID.11.1.1^1 rue",
        f"@PID.5.1.1^{family}~@PID.13.1^0320000000",
        f"@PID.5.1.1^{family}~@PID.13.4^maja@example.org",
        f"@PID.5.1.1^NOBODY~@PID.5.1.1^{family}",
    ):
        told = held(ask(sender, pdq(parameters)))
        assert told.patients == [[a]], parameters
    pid = told.pids[0]
    assert (pid[6], pid[7]) == (f"MUTTER{family}^EVA^^^^^D", "197903281530")
    assert pid[5] == f"{family}^MAJA^MAJA LEA^^^^L~USED^MAJA^^^^^D"
    assert pid[13] == "0320000000^PRN^PH^^^^^^^^^0320000000~^NET^Internet^maja@example.org"
    for wrong in (f"@PID.5.1.1^{family}~@PID.8^M", f"@PID.5.1.1^{family}~@PID.7^19800101"):
        assert ask(sender, pdq(wrong)).status == "NF"


@pytest.mark.parametrize(
    ("parameters", "rcp", "error"),
    [
        ("", "RCP|I", ("QPD^1^3^1", "101")),
        ("@PID.5.1.1^*", "RCP|I", ("QPD^1^3^1", "101")),
        ("PID.5.1.1^X", "RCP|I", ("QPD^1^3^1^1", "102")),
        ("@PID.8^F~@PV1.2^I", "RCP|I", ("QPD^1^3^2^1", "102")),
        ("@PID.8^F~@PID.18.1^7", "RCP|I", ("QPD^1^3^2^1", "103")),
        ("@PID.3.1^7", "RCP|I", ("QPD^1^3^1", "101")),
        ("@PID.7^19790231", "RCP|I", ("QPD^1^3^1", "102")),
        ("@PID.8^F", "RCP|I|0^RD", ("RCP^1^2^1^1", "102")),
        ("@PID.8^F", "RCP|I|10^LI", ("RCP^1^2^1^2", "103")),
        ("@PID.8^F", "RCP|I\rDSC|0123456789abcdef2|I", ("DSC^1^1^1", "204")),
        ("@PID.8^F", "RCP|I\rDSC|x|I", ("DSC^1^1^1", "204")),
    ],
)
def test_pdq_that_is_wrong_is_answered_with_its_place(
    sender: Sender, parameters: str, rcp: str, error: tuple[str, str]
) -> None:
    told = ask(sender, pdq(parameters, "", rcp))
    assert (told.kind, told.ack.code, told.status, told.errors) == ("RSP^K22^RSP_K21", "AE", "AE", [error])


def test_an_answer_comes_a_part_at_a_time_as_often_as_it_is_asked_for(sender: Sender, family: str) -> None:
    everybody = [person() for _ in range(5)]
    for each in everybody:
        feed(sender, each, family=family)
    tag, asked = uuid.uuid4().hex, f"@PID.5.1.1^{family}"
    first = held(ask(sender, pdq(asked, "", "RCP|I|2^RD", tag=tag)))
    assert first.all("QAK")[0][4:7] == ("5", "2", "3")
    assert first.pointer
    second = held(ask(sender, pdq(asked, "", "RCP|I|2^RD", f"DSC|{first.pointer}|I", tag=tag)))
    again = ask(sender, pdq(asked, "", "RCP|I|2^RD", f"DSC|{first.pointer}|I", tag=tag))
    third = held(ask(sender, pdq(asked, "", "RCP|I|2^RD", f"DSC|{second.pointer}|I", tag=tag)))
    assert again.patients == second.patients, "an answer that was lost is asked for again"
    assert (len(second.pids), len(third.pids), third.pointer) == (2, 1, "")
    assert first.patients + second.patients + third.patients == [[each] for each in everybody]
    other = ask(sender, pdq(f"{asked}~@PID.8^F", "", "RCP|I|2^RD", f"DSC|{first.pointer}|I", tag=tag))
    assert other.errors == [("DSC^1^1^1", "204")]
    cancelled = sender.send(
        f"MSH|^~\\&|CONSUMER|CLINIC|MANAGER|HIE|20260301||QCN^J01^QCN_J01|{uuid.uuid4().hex}|P|2.5\r"
        f"QID|{tag}|IHE PDQ Query\r".encode()
    )
    assert cancelled.accepted
    gone = ask(sender, pdq(asked, "", "RCP|I|2^RD", f"DSC|{first.pointer}|I", tag=tag))
    assert (gone.ack.code, gone.errors) == ("AE", [("DSC^1^1^1", "204")])


def test_what_remains_is_told_to_whom_asked_and_to_nobody_else(hie: tuple[Node, int], family: str) -> None:
    node, port = hie
    with Sender(node.home, port) as sender, Sender(node.home, port, "clinique") as other:
        for _ in range(2):
            feed(sender, person(), family=family)
        tag, asked = uuid.uuid4().hex, f"@PID.5.1.1^{family}"
        first = ask(sender, pdq(asked, "", "RCP|I|1^RD", tag=tag))
        stolen = ask(other, pdq(asked, "", "RCP|I|1^RD", f"DSC|{first.pointer}|I", tag=tag))
        assert (stolen.ack.code, stolen.pids) == ("AE", [])
        assert ask(sender, pdq(asked, "", "RCP|I|1^RD", f"DSC|{first.pointer}|I", tag=tag)).status == "OK"


def test_who_asks_in_ascii_is_told_in_utf_8_what_ascii_has_not(sender: Sender, family: str) -> None:
    a = person()
    feed(sender, a, family=f"{family} LEFÈVRE")
    told = ask(sender, pdq(f"@PID.5.1.1^{family} lefevre").replace(b"UNICODE UTF-8", b"ASCII"))
    assert (told.segments[0][17], told.pids[0][5]) == ("UNICODE UTF-8", f"{family} LEFÈVRE^MAJA^^^^^L")
    sender.write(b"\x0b" + query("Q22", f"X|T|@PID.5.1.1^{family} LEFÈVRE", charset="8859/1") + b"\x1c\r")
    latin = read(sender.frame(), "latin-1")
    assert (latin.segments[0][17], latin.pids[0][5]) == ("8859/1", f"{family} LEFÈVRE^MAJA^^^^^L")


# --- With HL7 V3, and who may ask -------------------------------------------------------------------------------------


def test_what_hl7_v3_feeds_hl7_v2_tells_and_the_other_way_round(hie: tuple[Node, int], sender: Sender) -> None:
    patients, a, b, c, d = Patients(hie[0]), person(), person(), person(), person()
    patients.add([a, b])
    assert ask(sender, pix(cx(a))).patients == [[b]]
    feed(sender, c, d)
    assert patients.identifiers_of(c).identifiers == [[d]]


def test_each_query_leaves_one_event(hie: tuple[Node, int], sender: Sender) -> None:
    a, b = person(), person()
    feed(sender, a, b)
    ask(sender, pix(cx(a)))
    (event,) = hie[0].audit(1)
    assert (event.transaction, event.action, event.outcome) == ("ITI-9", "ITI-45", Outcome.SUCCESS)
    ask(sender, pix(f"nobody^^^&{a[1]}&ISO"))
    (event,) = hie[0].audit(1)
    assert (event.transaction, event.outcome) == ("ITI-9", Outcome.MINOR_FAILURE)


@pytest.mark.parametrize("sent", [pix("1^^^&1.2.250.1.213.1.4.10&ISO"), pdq("@PID.5.1.1^DURAND")])
def test_in_a_dmp_nobody_asks_so(hospital: Village, sent: bytes) -> None:
    address = hospital.settings.mllp
    assert address is not None
    with Sender(hospital.folder, address.port) as open_to:
        told = ask(open_to, sent)
    assert (told.ack.code, told.status, told.pids) == ("AE", "AE", [])
    assert told.ack.applications == ("DMPAccessDeniedByRightsService",)
