"""Asking for patients from outside: PIXV3 Query by its six cases, PDQV3 with its parameters and continuation."""

from __future__ import annotations

import base64
import uuid
from xml.sax.saxutils import escape

import pytest

from audit.event import Outcome
from schemas.xml import parse
from tests.connectathon import Node
from tests.hl7v3 import (
    NS,
    Patients,
    V3Answer,
    by_birth,
    by_gender,
    by_id,
    by_name,
    message,
    name,
    new_authority,
    of_domain,
    parameter,
    query_act,
)

Pair = tuple[str, str]


@pytest.fixture
def patients(node: Node) -> Patients:
    return Patients(node)


@pytest.fixture
def family() -> str:
    """A family name that no other test has."""
    return f"Fam{uuid.uuid4().hex[:12]}"


def born(value: str) -> str:
    return f'<birthTime value="{value}"/>'


def gender(code: str) -> str:
    return f'<administrativeGenderCode code="{code}"/>'


def address(street: str, city: str, code: str) -> str:
    line = f"<streetAddressLine>{escape(street)}</streetAddressLine>"
    return f"<addr>{line}<city>{city}</city><postalCode>{code}</postalCode></addr>"


def who(answer: V3Answer) -> set[str]:
    """The values of the identifiers of everybody who was found."""
    assert (answer.acknowledged, answer.http_status) == ("AA", 200), (answer.details, answer.fault)
    return {value for identifiers in answer.identifiers for value, _ in identifiers}


# --- ITI-45 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-45")
def test_cases_1_and_2_the_identifiers_of_other_domains(patients: Patients) -> None:
    a, b, c = (("1", new_authority()), ("2", new_authority()), ("3", new_authority()))
    patients.add([a, b, c])
    everywhere = patients.identifiers_of(a)
    assert (everywhere.interaction, everywhere.acknowledged, everywhere.answered) == ("PRPA_IN201310UV02", "AA", "OK")
    assert everywhere.identifiers == [[b, c]]
    assert patients.identifiers_of(a, c[1]).identifiers == [[c]]
    assert everywhere.body.find("h:controlActProcess/h:queryByParameter/h:parameterList", NS) is not None


def test_case_3_no_identifier_in_the_domains_asked_for_is_nf(patients: Patients) -> None:
    a, elsewhere = ("1", new_authority()), ("2", new_authority())
    patients.add([a])
    patients.add([elsewhere])
    for answer in (patients.identifiers_of(a, elsewhere[1]), patients.identifiers_of(a)):
        assert (answer.acknowledged, answer.answered, answer.patients) == ("AA", "NF", [])


def test_case_4_an_unknown_patient_is_ae_204_at_the_patient_identifier(patients: Patients) -> None:
    known = ("1", new_authority())
    patients.add([known])
    for unknown in (("unheard-of", known[1]), ("1", new_authority())):
        answer = patients.identifiers_of(unknown)
        assert (answer.acknowledged, answer.answered, answer.patients) == ("AE", "AE", [])
        ((kind, code, _, location),) = answer.details
        assert (kind, code) == ("E", "204")
        assert location.replace("hl7:", "") == (
            "/PRPA_IN201309UV02/controlActProcess/queryByParameter/parameterList/patientIdentifier/value"
        )


def test_case_5_each_unknown_domain_is_ae_204_at_its_data_source(patients: Patients) -> None:
    a, b = ("1", new_authority()), ("2", new_authority())
    patients.add([a, b])
    answer = patients.identifiers_of(a, new_authority(), b[1], new_authority())
    assert (answer.acknowledged, answer.answered, answer.patients) == ("AE", "AE", [])
    assert [(kind, code) for kind, code, _, _ in answer.details] == 2 * [("E", "204")]
    assert [location.replace("hl7:", "")[-20:] for *_, location in answer.details] == [
        "/dataSource[1]/value",
        "/dataSource[3]/value",
    ]


def test_case_6_several_identifiers_of_one_domain_are_all_told(patients: Patients) -> None:
    a, domain = ("1", new_authority()), new_authority()
    patients.add([a, ("x", domain), ("y", domain)])
    assert patients.identifiers_of(a, domain).identifiers == [[("x", domain), ("y", domain)]]


def test_a_subsumed_identifier_is_recognised_no_more(patients: Patients) -> None:
    domain, other = new_authority(), ("o", new_authority())
    patients.add([("S", domain)])
    patients.add([("X", domain), other])
    patients.merge(("S", domain), ("X", domain))
    assert patients.identifiers_of(("X", domain)).acknowledged == "AE"
    assert patients.identifiers_of(other).identifiers == [[("S", domain)]]


@pytest.mark.parametrize("parameters", ["", parameter("patientIdentifier", '<value root="1.2.3"/>')])
def test_a_query_without_a_patient_is_ae(patients: Patients, parameters: str) -> None:
    act = query_act("PRPA_TE201309UV02", parameters, "1")
    answer = patients.send("PRPA_IN201309UV02", message("PRPA_IN201309UV02", act))
    assert (answer.acknowledged, answer.answered) == ("AE", "AE")
    assert "patientIdentifier" in answer.details[0][2]


# --- ITI-47 -----------------------------------------------------------------------------------------------------------


@pytest.mark.proves("transaction/ITI-47")
def test_names_are_found_without_regard_to_case_accents_and_punctuation(patients: Patients, family: str) -> None:
    domain = new_authority()
    patients.add([("1", domain)], name(f"{family}-Lefèbvre", ["Jean-Pierre", "Œdipe"]))
    patients.add([("2", domain)], name(f"{family} Martin", "Zoë"))
    assert who(patients.find(by_name(f"{family.upper()} LEFEBVRE", "JEAN PIERRE"))) == {"1"}
    assert who(patients.find(by_name(f"{family} lefebvre", ["oedipe", "jean-pierre"]))) == {"1"}
    assert who(patients.find(by_name(f"{family.upper()}*"))) == {"1", "2"}
    assert who(patients.find(by_name(f"{family}*", "ZOE"))) == {"2"}
    assert who(patients.find(by_name(family.upper(), use="SRCH"))) == {"1", "2"}
    nobody = patients.find(by_name(family.upper()))
    assert (nobody.acknowledged, nobody.answered, nobody.quantities) == ("AA", "NF", (0, 0, 0))


def test_given_and_family_are_of_one_name_and_alternatives_are_or(patients: Patients, family: str) -> None:
    domain = new_authority()
    patients.add([("1", domain)], name(family, "Maja", use="L") + name(f"{family}geb", "Anna", qualifier="BR"))
    assert who(patients.find(by_name(family, "Maja"))) == {"1"}
    assert who(patients.find(by_name(f"{family}geb", "Anna"))) == {"1"}
    assert who(patients.find(by_name(family, "Anna"))) == set()
    assert who(patients.find(by_name(family, "Anna") + by_name(family, "Maja"))) == {"1"}


def test_birth_times_match_exactly_approximately_and_in_an_interval(patients: Patients, family: str) -> None:
    domain = new_authority()
    for number, time in enumerate(("19600618", "19600619", "1960", "196006181530"), 1):
        patients.add([(str(number), domain)], name(family, "A") + born(time))
    patients.add([("5", domain)], name(family, "A"))

    def find(*births: str) -> set[str]:
        return who(patients.find(by_name(family) + "".join(births)))

    assert find(by_birth("19600618")) == {"1", "3", "4"}
    assert find(by_birth("196006")) == find(by_birth("1960")) == {"1", "2", "3", "4"}
    assert find(by_birth(low="19600619", high="19600701")) == {"2", "3"}
    assert find(by_birth(low="19600619")) == {"2", "3"}
    assert find(by_birth(high="19600618")) == {"1", "3", "4"}
    assert find(by_birth(low="1961")) == set()


def test_every_parameter_must_hold(patients: Patients, family: str) -> None:
    domain, other = new_authority(), new_authority()
    mother = (
        '<personalRelationship classCode="PRS"><code code="MTH"/><relationshipHolder1 classCode="PSN" '
        f'determinerCode="INSTANCE">{name("Rossi", "Ada")}</relationshipHolder1></personalRelationship>'
    )
    telecom = '<telecom value="tel:+33 1-42-34-56-78" use="HP"/>'
    full = (
        name(family, "Ada") + telecom + gender("F") + born("19600618") + address("12, rue de l'Été", "Nîmes", "30000")
    )
    patients.add([("1", domain), ("x", other)], full + mother)
    patients.add([("2", domain)], name(family, "Ada") + gender("M") + address("3 rue Haute", "Paris", "75001"))

    def find(more: str) -> set[str]:
        return who(patients.find(by_name(family) + more + of_domain(domain)))

    assert find("") == {"1", "2"}
    assert find(by_gender("F")) == {"1"}
    assert find(by_id(("x", other))) == {"1"}
    assert find(by_id(("x", other), ("1", domain))) == {"1"}
    assert find(by_id(("x", other), ("2", domain))) == set()
    assert find(parameter("mothersMaidenName", name("ROSSI", tag="value"))) == {"1"}
    assert find(parameter("patientTelecom", '<value value="tel:+33142345678"/>')) == {"1"}
    assert find(parameter("patientAddress", "<value><city>NIMES</city></value>")) == {"1"}
    street = "<value><streetAddressLine>12 rue de l ete</streetAddressLine><city>Nîmes</city></value>"
    assert find(parameter("patientAddress", street)) == {"1"}
    assert find(parameter("patientAddress", "<value><city>Nîmes</city><postalCode>75001</postalCode></value>")) == set()
    either = "<value><city>Lyon</city></value><value><postalCode>75001</postalCode></value>"
    assert find(parameter("patientAddress", either)) == {"2"}


def test_an_answer_tells_what_the_source_said(patients: Patients, family: str) -> None:
    domain = new_authority()
    said = (
        f'<name use="L"><prefix qualifier="AC">Dr.</prefix><given>Maja</given><given>Rose</given>'
        f"<family>{family}</family></name>"
        + name(f"{family}geb", "Maja", qualifier="BR")
        + '<telecom value="tel:012" use="HP"/>'
        + gender("F")
        + born("19600618")
        + address("1 rue A & B", "Nîmes", "30000")
    )
    patients.add([("1", domain)], said)
    (patient,) = patients.find(by_name(family)).patients
    person = patient.find("h:patientPerson", NS)
    assert person is not None
    names = ["|".join("".join(part.itertext()) for part in each) for each in person.findall("h:name", NS)]
    assert names == [f"Dr.|Maja|Rose|{family}", f"{family}geb|Maja"]
    texts = {each.tag.rpartition("}")[2]: each.text for each in person.iterfind("h:addr/*", NS)}
    assert texts == {"streetAddressLine": "1 rue A & B", "city": "Nîmes", "postalCode": "30000"}
    codes = [person.find(f"h:{each}", NS) for each in ("administrativeGenderCode", "birthTime", "telecom")]
    assert [each.get("code") or each.get("value") for each in codes if each is not None] == ["F", "19600618", "tel:012"]
    patients.revise([("1", domain)], name(f"{family}new", "Maja"))
    assert who(patients.find(by_name(family))) == set()
    assert who(patients.find(by_name(f"{family}new"))) == {"1"}


def test_what_a_revision_does_not_say_stays(patients: Patients, family: str) -> None:
    one, other = ("1", new_authority()), ("2", new_authority())
    patients.add([one], name(family, "Maja") + gender("F") + born("19600618") + address("1 rue", "Nîmes", "30000"))
    patients.revise([one, other], '<name nullFlavor="UNK"/>')
    everything = by_name(family, "Maja") + by_gender("F") + by_birth("19600618") + by_id(other)
    assert who(patients.find(everything + parameter("patientAddress", "<value><city>Nîmes</city></value>"))) == {
        "1",
        "2",
    }


def test_a_survivor_whom_nobody_described_takes_the_traits_of_who_is_merged(patients: Patients, family: str) -> None:
    domain = new_authority()
    patients.add([("S", domain)], '<name nullFlavor="UNK"/>')
    patients.add([("X", domain)], name(family, "Maja") + gender("F"))
    patients.merge(("S", domain), ("X", domain))
    assert who(patients.find(by_name(family) + by_gender("F"))) == {"S"}


def test_only_identifiers_of_the_domains_asked_for_and_a_null_one_where_there_is_none(
    patients: Patients, family: str
) -> None:
    a, b, c = (new_authority() for _ in range(3))
    patients.add([("1", a), ("2", b)], name(family))
    patients.add([("3", c)], name(f"{family}other"))
    answer = patients.find(by_name(family) + of_domain(b, c))
    assert answer.identifiers == [[("2", b)]]
    (other,) = answer.patients[0].findall("h:patientPerson/h:asOtherIDs", NS)
    null, scope = other.find("h:id", NS), other.find("h:scopingOrganization/h:id", NS)
    assert null is not None and null.get("nullFlavor") == "NA"
    assert scope is not None and scope.get("root") == c


def test_an_unknown_domain_is_ae_204_at_its_parameter(patients: Patients, family: str) -> None:
    domain = new_authority()
    patients.add([("1", domain)], name(family))
    answer = patients.find(by_name(family) + of_domain(domain, new_authority()))
    assert (answer.acknowledged, answer.answered, answer.patients) == ("AE", "AE", [])
    ((kind, code, _, location),) = answer.details
    assert (kind, code) == ("E", "204")
    assert location.replace("hl7:", "").endswith("/parameterList/otherIDsScopingOrganization[2]/value")


def test_the_best_match_comes_first_and_a_minimum_degree_is_kept(patients: Patients, family: str) -> None:
    domain = new_authority()
    patients.add([("1", domain)], name(f"{family}son", "Zoé"))
    patients.add([("2", domain)], name(family, "Zoé"))
    patients.add([("3", domain)], name(family, "Zoe"))
    answer = patients.find(by_name(family, "Zoé", use="SRCH"))
    assert [identifiers[0][0] for identifiers in answer.identifiers] == ["2", "3", "1"]
    path = "h:subjectOf1/h:queryMatchObservation/h:value"
    degrees = [int(each.find(path, NS).get("value")) for each in answer.patients]  # type: ignore[union-attr,arg-type]
    assert degrees == sorted(degrees, reverse=True) and degrees[0] == 100 > degrees[1] > degrees[2]
    assert who(patients.find(by_name(family, "Zoé", use="SRCH"), degree=degrees[1])) == {"2", "3"}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("", "a name, a birth time"),
        (by_name("*"), "a name, a birth time"),
        (by_birth("19601301"), "a time value"),
        (by_birth("yesterday"), "a time value"),
        (parameter("livingSubjectId", '<value root="1.2.3"/>'), "an extension"),
        (parameter("principalCareProviderId", '<value root="1.2.3" extension="1"/>'), "parameters of ITI-47"),
    ],
)
def test_a_query_that_says_nothing_or_nonsense_is_ae(patients: Patients, parameters: str, expected: str) -> None:
    answer = patients.find(parameters)
    assert (answer.http_status, answer.acknowledged, answer.answered) == (200, "AE", "AE")
    assert expected in answer.details[0][2]


@pytest.mark.parametrize("quantity", ["0", "-1", "two", "9" * 30])
def test_an_initial_quantity_that_is_none_is_ae(patients: Patients, family: str, quantity: str) -> None:
    before = f'<initialQuantity value="{quantity}"/>'
    act = query_act("PRPA_TE201305UV02", by_name(family), "1", before)
    answer = patients.send("PRPA_IN201305UV02", message("PRPA_IN201305UV02", act))
    assert (answer.acknowledged, answer.answered) == ("AE", "AE")


# --- Continuation -----------------------------------------------------------------------------------------------------


@pytest.fixture
def seven(patients: Patients, family: str) -> str:
    """The domain of seven patients of one family."""
    domain = new_authority()
    for number in range(7):
        patients.add([(str(number), domain)], name(family, f"Given{number}"))
    return domain


def test_an_answer_comes_a_part_at_a_time_each_patient_once(patients: Patients, family: str, seven: str) -> None:
    query = uuid.uuid4().hex
    first = patients.find(by_name(family) + of_domain(seven), quantity=3, query_id=query)
    assert first.quantities == (7, 3, 4)
    second = patients.proceed(query)
    assert (second.interaction, second.answered, second.quantities) == ("PRPA_IN201306UV02", "OK", (7, 3, 1))
    third = patients.proceed(query)
    assert third.quantities == (7, 1, 0)
    parts = [[identifiers[0][0] for identifiers in each.identifiers] for each in (first, second, third)]
    assert [value for part in parts for value in part] == [str(number) for number in range(7)]
    echoed = third.body.find("h:controlActProcess/h:queryByParameter/h:parameterList/h:livingSubjectName", NS)
    assert echoed is not None, "the copy of the original query"


def test_a_continuation_may_ask_for_another_quantity_and_start_elsewhere(
    patients: Patients, family: str, seven: str
) -> None:
    query = uuid.uuid4().hex
    patients.find(by_name(family), quantity=2, query_id=query)
    assert patients.proceed(query, quantity=4).quantities == (7, 4, 1)
    back = patients.proceed(query, start=1)
    assert back.quantities == (7, 4, 3)
    assert back.identifiers[0] == [("0", seven)]
    beyond = patients.proceed(query, start=9)
    assert (beyond.acknowledged, beyond.answered) == ("AE", "AE")


@pytest.mark.parametrize("action", ["QUQI_IN000003UV01_Cancel", " QUQI_IN000003UV01_Cancel"])
def test_after_a_cancel_there_is_nothing_to_continue(patients: Patients, family: str, seven: str, action: str) -> None:
    query = uuid.uuid4().hex
    patients.find(by_name(family), quantity=2, query_id=query)
    cancelled = patients.proceed(query, cancel=True)
    assert (cancelled.interaction, cancelled.acknowledged) == ("MCCI_IN000002UV01", "CA")
    again = patients.send("", patients.sent[-1], action=action)  # the TF prints the action with a space in it
    assert again.acknowledged == "CA"
    answer = patients.proceed(query)
    assert (answer.acknowledged, answer.answered, answer.patients) == ("AE", "AE", [])
    assert answer.details[0][1] == "204"


def test_a_query_that_fits_in_one_answer_has_no_continuation(patients: Patients, family: str, seven: str) -> None:
    query = uuid.uuid4().hex
    assert patients.find(by_name(family), quantity=7, query_id=query).quantities == (7, 7, 0)
    assert patients.proceed(query).acknowledged == "AE"


# --- Behind the wire --------------------------------------------------------------------------------------------------


def test_every_question_is_recorded_once_with_who_was_disclosed(
    patients: Patients, node: Node, family: str, seven: str
) -> None:
    query = uuid.uuid4().hex
    patients.find(by_name(family), quantity=2, query_id=query)
    patients.proceed(query)
    patients.proceed(query, cancel=True)
    patients.identifiers_of(("0", seven))
    patients.identifiers_of(("unheard-of", seven))
    records = node.audit(5)
    assert [record.transaction for record in records] == ["ITI-45", "ITI-45", "ITI-47", "ITI-47", "ITI-47"]
    assert [record.outcome for record in records] == [Outcome.MINOR_FAILURE] + 4 * [Outcome.SUCCESS]
    asked = parse(records[-1].message)
    assert asked.find("EventIdentification/EventID").get("csd-code") == "110112"  # type: ignore[union-attr]
    objects = {
        (each.get("ParticipantObjectTypeCode"), each.get("ParticipantObjectTypeCodeRole")): each
        for each in asked.iterfind("ParticipantObjectIdentification")
    }
    raw = base64.b64decode(objects["2", "24"].findtext("ParticipantObjectQuery", ""))
    assert parse(raw).tag.endswith("queryByParameter")
    disclosed = [
        each.get("ParticipantObjectID")
        for each in asked.iterfind("ParticipantObjectIdentification")
        if each.get("ParticipantObjectTypeCode") == "1"
    ]
    assert disclosed == [f"0^^^&{seven}&ISO", f"1^^^&{seven}&ISO"]
