"""HL7 V3 in and out: the official schemas hold of what we write, and real messages are read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dmp.patient_search import Aliases, Match, Matches
from dmp.patients import Notice
from identities.demographics import Address, Demographics, Part, PersonName, Telecom
from identities.dossier import Traits
from identities.requester import PatientId
from ihe import iti44, iti45, iti46, iti47
from ihe.hl7v3 import HL7, Message, Stamp, missing, read_message, write_acknowledgement, wrong
from ihe.hl7v3_person import read_time, read_traits, write_mother, write_person
from ihe.hl7v3_query import raw_query
from ihe.soap import SoapError
from registry.errors import RegistryError
from schemas.xml import parse
from tests.hl7v3 import (
    by_birth,
    by_name,
    ii,
    message,
    name,
    of_domain,
    parameter,
    query_act,
    registration,
    replacement,
)

STAMP = Stamp("9fe7246b-8fab-4dd7-976e-c81bc1955575", datetime(2026, 3, 1, 12, tzinfo=UTC))
PATIENT = PatientId("761337610435201235", "2.16.756.5.30.1.127.3.10.3")
FULL = Traits(
    "Tauxe",
    "Maja",
    date(1960, 6, 18),
    "F",
    used_family="Muster",
    demographics=Demographics(
        names=(
            PersonName((Part("prefix", "Dr.", "AC"), Part("given", "Maja"), Part("family", "Muster")), "L"),
            PersonName((Part("family", "Tauxe", "BR"),)),
            PersonName((Part("", "Maja Muster & Tauxe"),)),
        ),
        addresses=(Address((Part("streetName", "Imfeldstrasse"), Part("houseNumber", "24b"), Part("city", "X")), "H"),),
        telecoms=(Telecom("tel:+41-56", "HP"), Telecom("mailto:maja@example.org")),
        mothers_maiden_name=PersonName((Part("family", "Rossi"),)),
    ),
)
NOBODY = Traits("", "", None, "")


def read(interaction: str, control_act: str, *, root: str = "", extra: str = "") -> Message:
    return read_message(parse(message(interaction, control_act, root=root, extra=extra).encode()), root or interaction)


FEED = read(
    iti44.ADD, registration(ii(("1", "1.2.3")) + ii(("2", "1.2.4")), name("Muster", "Maja"), "PRPA_TE201301UV02")
)
PIX = read(
    iti45.QUERY,
    query_act("PRPA_TE201309UV02", parameter("patientIdentifier", ii(("1", "1.2.3"), "value")), "1"),
)
PDQ = read(
    iti47.QUERY,
    query_act("PRPA_TE201305UV02", by_birth("19600618") + by_name("Muster") + of_domain("1.2.3", "1.2.9"), "1"),
)
NAMED = read_message(
    parse(
        message(iti45.QUERY, query_act("PRPA_TE201309UV02", parameter("x"), "1"))
        .replace("<asAgent", "<softwareName>A &amp; B</softwareName><asAgent")
        .encode()
    ),
    iti45.QUERY,
)
FINDINGS = (
    wrong("birthTime", "a date", "another text & <more>", "patient/patientPerson/birthTime"),
    missing("patientIdentifier", "exactly one value", "patientIdentifier/value"),
)
ANSWERS = {
    "CA": write_acknowledgement(FEED, STAMP, ()),
    "CE": write_acknowledgement(FEED, STAMP, FINDINGS),
    "CA between named devices": write_acknowledgement(NAMED, STAMP, ()),
    "PIX OK": iti45.write_identifiers(PIX, STAMP, raw_query(PIX), Aliases((PATIENT, PatientId("2", "1.2.4")), FULL)),
    "PIX without name": iti45.write_identifiers(PIX, STAMP, raw_query(PIX), Aliases((PATIENT,), NOBODY)),
    "PIX NF": iti45.write_identifiers(PIX, STAMP, raw_query(PIX), Aliases((), FULL)),
    "PIX AE": iti45.write_failure(PIX, STAMP, raw_query(PIX), FINDINGS),
    "PIX AE without query": iti45.write_failure(PIX, STAMP, b"", FINDINGS),
    "PDQ OK": iti47.write_patients(
        PDQ,
        STAMP,
        ("1.2.3", PATIENT.authority),
        Matches((Match((PATIENT,), FULL, True, 95), Match((PATIENT,), NOBODY, False, 0)), 9, 7, raw_query(PDQ)),
    ),
    "PDQ NF": iti47.write_patients(PDQ, STAMP, (), Matches((), 0, 0, raw_query(PDQ))),
    "PDQ AE": iti47.write_failure(PDQ, STAMP, raw_query(PDQ), FINDINGS),
}


@pytest.fixture(scope="module")
def schemas(reference: Path) -> Path:
    """The official schemas of the HL7 V3 2008 Normative Edition."""
    return reference / "ihe" / "schema" / "hl7v3" / "schema" / "HL7V3" / "NE2008" / "multicacheschemas"


def check(schemas: Path, element: etree._Element) -> None:
    interaction = etree.QName(element).localname.removesuffix("_Cancel")
    schema = etree.XMLSchema(etree.parse(str(schemas / f"{interaction}.xsd")))
    schema.assertValid(etree.ElementTree(element))


@pytest.mark.reference
@pytest.mark.parametrize("answer", ANSWERS)
def test_the_official_schemas_hold_of_every_answer(schemas: Path, answer: str) -> None:
    check(schemas, parse(ANSWERS[answer]))


@pytest.mark.reference
@pytest.mark.parametrize("traits", [FULL, NOBODY], ids=["named", "without name"])
def test_the_official_schemas_hold_of_a_notification(schemas: Path, traits: Traits) -> None:
    notice = Notice("https://consumer.example/pix", (PATIENT, PatientId("2", "1.2.4")), traits, STAMP.instant)
    envelope = parse(iti46.write_notification(notice, "1.2.3.4"))
    (body,) = envelope.iterfind("{http://www.w3.org/2003/05/soap-envelope}Body")
    check(schemas, body[0])
    assert envelope.findtext(".//{http://www.w3.org/2005/08/addressing}To") == notice.address
    assert envelope.findtext(".//{http://www.w3.org/2005/08/addressing}MessageID", "").startswith("urn:uuid:")


@pytest.mark.reference
def test_the_official_schemas_hold_of_the_messages_that_these_tests_send(schemas: Path) -> None:
    merge = registration(ii(("1", "1.2.3")), name("A"), "PRPA_TE201304UV02", replacement(("2", "1.2.3")))
    without_organization = merge.replace(
        '<contactParty classCode="CON"/>', '<contactParty classCode="CON"><telecom value="tel:1"/></contactParty>'
    )
    check(schemas, parse(message(iti44.MERGE, without_organization).encode()))
    for each in (PIX, PDQ, FEED):
        parent = each.control_act.getparent()
        assert parent is not None
        check(schemas, parent)


# --- Real messages ----------------------------------------------------------------------------------------------------


def sample(reference: Path, path: str) -> etree._Element:
    text = (reference / "ihe" / "samples" / path).read_bytes()
    root = parse(re.sub(rb"(?m)^\d+ ", b"", text).strip())  # some are printed with the numbers of their lines
    return root if root.tag.startswith(f"{{{HL7}}}") else root.find("{*}Body")[0]  # type: ignore[index]


@pytest.mark.reference
@pytest.mark.parametrize(
    ("path", "identifiers", "family"),
    [
        ("epd-by-example/ITI-44_request.xml", 2, "Muster"),
        ("ipf-hl7v3/translation/pixfeed/v3/PIX_FEED_REG_Maximal_Request.xml", 2, "WASHINGTON"),
        ("ipf-hl7v3/translation/pixfeed/v3/PIX_FEED_REV_Maximal_Request.xml", 2, "WASHINGTON-UPDATE"),
        ("ipf-hl7v3/translation/pixsource/v3/A01_Response.xml", 1, ""),
        ("ipf-hl7v3/translation/pixsource/v3/A08_Response.xml", 1, ""),
    ],
)
def test_real_feeds_are_read(reference: Path, path: str, identifiers: int, family: str) -> None:
    said = iti44.read_feed(read_message(sample(reference, path), iti44.ADD, iti44.REVISE))
    assert len(said.identifiers) >= identifiers
    names = said.traits.names
    assert names and family in ("", *names[0].texts("family"))


@pytest.mark.reference
@pytest.mark.parametrize(
    "path",
    [
        "ipf-hl7v3/translation/pixfeed/v3/PIX_FEED_MERGE_Maximal_Request.xml",
        "ipf-hl7v3/translation/pixsource/v3/A40_Response.xml",
    ],
)
def test_real_merges_are_read(reference: Path, path: str) -> None:
    said, subsumed = iti44.read_merge(read_message(sample(reference, path), iti44.MERGE))
    assert subsumed not in said.identifiers


@pytest.mark.reference
def test_real_pix_queries_are_read(reference: Path) -> None:
    folder = reference / "ihe" / "samples"
    paths = [*folder.glob("ipf-hl7v3/translation/pixquery/v3/Nist*.xml"), folder / "epd-by-example/ITI-45_request.xml"]
    assert len(paths) >= 5
    for path in paths:
        asked = iti45.read_identifiers_query(read_message(sample(reference, str(path)), iti45.QUERY))
        assert asked.patient.value and raw_query(read_message(sample(reference, str(path)), iti45.QUERY))


@pytest.mark.reference
def test_real_pdq_queries_are_read(reference: Path) -> None:
    folder = reference / "ihe" / "samples"
    paths = ["PDQ.xml", "PDQ_ID_Query.xml", "PDQ_Maximal_Query.xml", "PDQ_with_PID4.xml"]
    for path in [
        *(folder / "ipf-hl7v3/translation/pdq/v3" / each for each in paths),
        folder / "epd-by-example/ITI-47_request.xml",
    ]:
        asked = iti47.read_patients_query(read_message(sample(reference, str(path)), iti47.QUERY))
        assert not asked.query.empty


@pytest.mark.reference
def test_a_real_query_is_understood_part_by_part(reference: Path) -> None:
    path = "ipf-hl7v3/translation/pdq/v3/PDQ_Maximal_Query.xml"
    asked = iti47.read_patients_query(read_message(sample(reference, path), iti47.QUERY))
    assert (asked.quantity, asked.query.minimum_degree, asked.query.sexes) == (2, 75, ("F",))
    assert [(each.low, each.high) for each in asked.query.births] == [("19400101", "19400101")]
    assert [(p.part, p.term) for p in asked.query.names[0]] == [
        ("given", "mary"),
        ("given", "annemarie"),
        ("family", "wurm"),
        ("family", "heidi"),
    ]
    assert asked.authorities == ("1.3.6.1.4.1.21367.2005.1.2",)


# --- The wrapper ------------------------------------------------------------------------------------------------------


def test_the_acknowledgement_of_a_feed_is_ca_or_ce_and_quotes_nothing_raw() -> None:
    answer = parse(ANSWERS["CE"])
    details = answer.findall(f".//{{{HL7}}}acknowledgementDetail")
    assert [each.get("typeCode") for each in details] == ["E", "E"]
    assert details[0].findtext(f"{{{HL7}}}text") == "birthTime: expected a date, got another text & <more>"
    assert details[0].findtext(f"{{{HL7}}}location") == (
        "/hl7:PRPA_IN201301UV02/hl7:controlActProcess/hl7:subject/hl7:registrationEvent/hl7:subject1/hl7:patient"
        "/hl7:patientPerson/hl7:birthTime"
    )
    located = answer.xpath("//hl7:acknowledgementDetail", namespaces={"hl7": HL7})
    assert len(located) == 2, "the prefix of the locations is the answer's own"


@pytest.mark.parametrize("value", ["PRPA_IN201302UV02", "MCCI_IN000002UV01"])
def test_another_interaction_is_no_answer_to_the_action(value: str) -> None:
    with pytest.raises(SoapError, match=f"got {value}"):
        read_message(parse(message(value, "<controlActProcess/>").encode()), iti44.ADD)


def test_of_several_surviving_identifiers_the_one_of_the_subsumed_s_domain_survives() -> None:
    ids = ii(("n", "1.2.4")) + ii(("s", "1.2.3"))
    said, subsumed = iti44.read_merge(
        read(iti44.MERGE, registration(ids, name("A"), "PRPA_TE201304UV02", replacement(("x", "1.2.3"))))
    )
    assert (said.identifiers[0], subsumed) == (PatientId("s", "1.2.3"), PatientId("x", "1.2.3"))


def test_everything_wrong_with_a_query_is_told_at_once() -> None:
    parameters = by_birth("never") + parameter("livingSubjectId", "<value/>") + of_domain("no-oid")
    with pytest.raises(RegistryError) as caught:
        iti47.read_patients_query(read(iti47.QUERY, query_act("x", parameters, "1", '<initialQuantity value="x"/>')))
    assert [each.location for each in caught.value.findings] == [
        "livingSubjectBirthTime/value",
        "livingSubjectId[1]/value",
        "otherIDsScopingOrganization[1]/value",
        "queryByParameter/initialQuantity",
    ]


# --- The person -------------------------------------------------------------------------------------------------------


def test_the_legal_name_is_the_first_and_the_birth_name_is_told_apart() -> None:
    person = parse(
        f'<p xmlns="{HL7}">{name("Tauxe", "Maja", qualifier="BR")}{name("Muster", ["Maja", "Rose"], use="L")}'
        '<administrativeGenderCode code="UN"/><birthTime value="196006181530+0100"/></p>'.encode()
    )
    traits, findings = read_traits(person)
    assert not findings
    assert [each.texts("family") for each in traits.names] == [("Muster",), ("Tauxe",)]
    assert (traits.birth_family, traits.birth_given, traits.used_family) == ("Tauxe", "Maja", "Muster")
    assert (traits.sex, traits.birth_date, traits.birth_text) == ("U", date(1960, 6, 18), "196006181530")


@pytest.mark.parametrize("value", ["", "196", "1960-06-18", "19601301", "19600631", "1960061824", "196006181560", "x"])
def test_a_time_that_is_none(value: str) -> None:
    assert read_time(value) == ""


WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cs", "Z"), blacklist_characters="\ufffe\uffff"), min_size=1)
PARTS = st.builds(Part, st.sampled_from(["family", "given", "prefix"]), WORDS, st.sampled_from(["", "BR", "AC"]))
NAMES = st.builds(PersonName, st.lists(PARTS, min_size=1, max_size=4).map(tuple), st.sampled_from(["", "A", "OR A"]))
ADDRESS_PARTS = st.builds(Part, st.sampled_from(["city", "streetAddressLine", "postalCode"]), WORDS, st.just(""))


@given(
    st.lists(NAMES, min_size=1, max_size=3),
    st.lists(st.lists(ADDRESS_PARTS, min_size=1, max_size=3), max_size=2),
    st.lists(WORDS, max_size=2),
    st.one_of(st.none(), NAMES),
)
def test_what_was_read_is_written_and_read_again(
    names: list[PersonName], addresses: list[list[Part]], telecoms: list[str], mother: PersonName | None
) -> None:
    said = Demographics(
        tuple(names), tuple(Address(tuple(each)) for each in addresses), tuple(map(Telecom, telecoms)), mother
    )
    traits = Traits("", "", date(1960, 6, 18), "M", demographics=said)
    written = f'<p xmlns:hl7="{HL7}">{write_person(traits)}{write_mother(traits)}</p>'
    again, findings = read_traits(parse(written.encode()))
    assert (again.demographics, again.sex, again.birth_date, findings) == (said, "M", date(1960, 6, 18), [])
