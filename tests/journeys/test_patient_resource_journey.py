"""ITI-78, ITI-83 and ITI-119 through a real server: patients whom an identity source fed, asked for by FHIR."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fed import Pair, registered
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.patient import Patient

from audit.event import Outcome
from tests.connectathon import Node
from tests.hl7v3 import Patients, by_name, cx, name, new_authority
from tests.journeys.sharing_client import Reply, ask, find, patient_of, post

URN = "urn:oid:"
FORM = "application/x-www-form-urlencoded"
NOBODY = "01234567-89ab-4def-8123-456789abcdef"


@pytest.fixture
def patients(node: Node) -> Patients:
    return Patients(node)


def new_family() -> str:
    """A family name that no other test has."""
    return f"Fam{uuid.uuid4().hex[:12]}"


def token(patient: Pair) -> str:
    return f"{URN}{patient[1]}|{patient[0]}"


def search(node: Node, *more: tuple[str, str], **given: str) -> Reply:
    reply = find(node, "Patient", *more, **given)
    if reply.status == 200:
        Bundle.model_validate(reply.resource)
        for each in reply.matches:
            Patient.model_validate(each)
        assert reply.resource["total"] >= len(reply.matches)
    return reply


def values(reply: Reply) -> set[str]:
    """The values of the identifiers of everybody who was found."""
    assert reply.status == 200, reply.content
    return {each["value"] for patient in reply.matches for each in patient["identifier"]}


def issue(reply: Reply) -> tuple[int, str, str, str]:
    OperationOutcome.model_validate(reply.resource)
    (one,) = reply.resource["issue"]
    return reply.status, one["severity"], one["code"], one["diagnostics"]


# --- ITI-78 -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clan(node: Node) -> dict[str, Any]:
    """Two of one family name, and somebody else; all that a source can say of the first."""
    source, red, blue, family = Patients(node), new_authority(), new_authority(), new_family()
    one, same, two, other = ("1", red), ("1b", blue), ("2", red), ("3", red)
    person = (
        name(family, ["Éléonore", "Ida"], use="L")
        + '<telecom value="tel:+33 1-23" use="MC"/><telecom value="mailto:E@example.org"/>'
        + '<administrativeGenderCode code="F"/><birthTime value="19700615"/>'
        + "<addr><streetAddressLine>12 rue Basse</streetAddressLine><city>Saint-Malo</city>"
        + "<state>Bretagne</state><postalCode>35400</postalCode><country>FRA</country></addr>"
        + '<personalRelationship classCode="PRS"><code code="MTH" codeSystem="2.16.840.1.113883.5.111"/>'
        + '<relationshipHolder1 classCode="PSN" determinerCode="INSTANCE"><name><family>Le Goff</family></name>'
        + "</relationshipHolder1></personalRelationship>"
    )
    assert source.add([one, same], person).acknowledged
    man = '<administrativeGenderCode code="M"/><birthTime value="1971"/>'
    source.add([two], name(family, "Paul", use="L") + man)
    source.add([other], name(f"O{family}", "Éléonore", use="L"))
    return {"family": family, "red": red, "blue": blue, "one": one, "same": same, "two": two, "other": other}


@pytest.mark.proves("transaction/ITI-78")
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("given", "eleonore"),
        ("given", "ÉLÉO"),
        ("given", "ida"),
        ("given:exact", "Éléonore"),
        ("given:contains", "éono"),
        ("gender", "female"),
        ("gender:not", "male"),
        ("birthdate", "1970-06-15"),
        ("birthdate", "1970"),
        ("birthdate", "lt1971"),
        ("birthdate", "le1970-06-15,eq1812"),
        ("birthdate", "ne1971"),
        ("telecom", "+33123"),
        ("telecom", "phone|+33 1 23"),
        ("telecom", "email|e@EXAMPLE.org"),
        ("address", "12 rue"),
        ("address", "saint malo"),
        ("address:exact", "Saint-Malo"),
        ("address-city", "Saint"),
        ("address-country", "fra"),
        ("address-postalcode", "35400,99999"),
        ("address-state", "bretagne"),
        ("mothersMaidenName", "le goff"),
        ("mothersMaidenName:exact", "Le Goff"),
        ("name", "ida"),
        ("birthdate:missing", "false"),
        ("address:missing", "false"),
    ],
)
def test_each_parameter_finds_whom_it_is_said_of(node: Node, clan: dict[str, Any], parameter: str, value: str) -> None:
    reply = search(node, (parameter, value), family=clan["family"], active="true")
    found = values(reply)
    assert found == {"1", "1b"} if parameter != "birthdate:missing" else found == {"1", "1b", "2"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("given:exact", "éléonore"),
        ("birthdate", "1970-06-16"),
        ("birthdate", "gt1971"),
        ("gender", "other"),
        ("telecom", "phone|e@example.org"),
        ("address-city", "12 rue"),
        ("active", "false"),
        ("identifier", "1"),
    ],
)
def test_nobody_else_is_found(node: Node, clan: dict[str, Any], parameter: str, value: str) -> None:
    reply = search(node, (parameter, value), family=f"{clan['family']}", given="Éléonore")
    assert values(reply) == ({"1", "1b"} if parameter == "identifier" else set())
    assert reply.resource["total"] == len(reply.matches)


def test_parameters_are_and_their_values_or(node: Node, clan: dict[str, Any]) -> None:
    family = clan["family"]
    assert values(search(node, family=family)) == {"1", "1b", "2"}
    assert values(search(node, family=f"{family},O{family}")) == {"1", "1b", "2", "3"}
    assert values(search(node, family=family, gender="male")) == {"2"}
    assert values(search(node, family=family, birthdate="1971")) == {"2"}
    both = (("given", "Éléonore"), ("given", "Ida"))
    assert values(search(node, *both, family=family)) == {"1", "1b"}
    assert values(search(node, ("given", "Éléonore"), ("given", "Paul"), family=family)) == set()
    assert values(search(node, identifier=f"{token(clan['one'])},{token(clan['two'])}")) == {"1", "1b", "2"}
    assert values(search(node, ("identifier", token(clan["one"])), ("identifier", token(clan["two"])))) == set()
    assert values(search(node, ("identifier", token(clan["one"])), ("identifier", token(clan["same"])))) == {"1", "1b"}


def test_a_patient_is_told_as_the_source_said(node: Node, clan: dict[str, Any]) -> None:
    (found,) = search(node, identifier=token(clan["one"])).matches
    assert found["active"] is True
    assert found["name"] == [{"use": "official", "family": clan["family"], "given": ["Éléonore", "Ida"]}]
    assert (found["gender"], found["birthDate"]) == ("female", "1970-06-15")
    assert found["telecom"] == [
        {"system": "phone", "value": "+33 1-23", "use": "mobile"},
        {"system": "email", "value": "E@example.org"},
    ]
    line, rest = found["address"][0].pop("line"), found["address"][0]
    assert line == ["12 rue Basse"]
    assert rest == {"city": "Saint-Malo", "state": "Bretagne", "postalCode": "35400", "country": "FRA"}
    assert found["extension"][0]["valueString"] == "Le Goff"
    (bare,) = search(node, identifier=token(clan["other"])).matches
    assert bare.keys() == {"resourceType", "id", "identifier", "active", "name"}, "what is absent stays absent"


def test_the_domains_that_are_wanted(node: Node, clan: dict[str, Any]) -> None:
    family, blue, red = clan["family"], f"{URN}{clan['blue']}|", f"{URN}{clan['red']}|"
    assert values(search(node, family=family, identifier=blue)) == {"1b"}
    assert values(search(node, family=family, identifier=f"{blue},{red}")) == {"1", "1b", "2"}
    unknown = search(node, family=family, identifier=f"{URN}{new_authority()}|")
    assert issue(unknown) == (404, "warning", "not-found", "targetSystem not found")
    assert node.audit(1)[0].outcome == Outcome.MINOR_FAILURE


def test_both_doors_find_the_same(node: Node, clan: dict[str, Any]) -> None:
    answer = Patients(node).find(by_name(clan["family"], "eleonore"))
    by_soap = {value for identifiers in answer.identifiers for value, _ in identifiers}
    assert values(search(node, family=clan["family"], given="eleonore")) == by_soap == {"1", "1b"}


def test_a_search_by_post_and_its_pages(node: Node, clan: dict[str, Any]) -> None:
    form = urlencode({"family": clan["family"], "_count": "1", "_sort": "birthdate"}).encode()
    reply = ask(node, "Patient/_search", "POST", form, Content_Type=FORM)
    assert (reply.resource["total"], [each["birthDate"] for each in reply.matches]) == (2, ["1970-06-15"])
    (following,) = [each["url"] for each in reply.resource["link"] if each["relation"] == "next"]
    second = ask(node, following.partition(str(node.port))[2])
    assert [each["birthDate"] for each in second.matches] == ["1971"]
    assert all(each["relation"] != "next" for each in second.resource["link"])
    counted = search(node, family=clan["family"], _summary="count")
    assert (counted.resource["total"], counted.matches) == (2, [])
    (short,) = search(node, identifier=token(clan["one"]), _elements="gender").matches
    assert short.keys() == {"resourceType", "id", "meta", "gender"}


@pytest.mark.parametrize(
    "query",
    [
        "birthdate=yesterday",
        "family:above=x",
        "telecom=%00",
        "_id=a,b",
        "_sort=shoe",
        "_count=x",
        "_cursor=AAAA&family=x",
    ],
)
def test_a_search_that_cannot_be_understood_is_told_so(node: Node, query: str) -> None:
    reply = ask(node, f"Patient?{query}")
    assert issue(reply)[::2][:2] == (400, "invalid")


def test_what_is_not_known_is_ignored_or_refused(node: Node, clan: dict[str, Any]) -> None:
    lenient = search(node, family=clan["family"], shoe="42")
    assert len(lenient.matches) == 2
    assert "shoe" not in lenient.resource["link"][0]["url"]
    asked = f"Patient?{urlencode({'family': clan['family'], 'shoe': '42'})}"
    assert ask(node, asked, Prefer="handling=strict").status == 400


def test_one_patient_by_id(node: Node, clan: dict[str, Any]) -> None:
    (found,) = search(node, identifier=token(clan["one"])).matches
    read = ask(node, f"Patient/{found['id']}")
    assert (read.status, read.resource) == (200, found)
    assert values(search(node, _id=found["id"])) == {"1", "1b"}
    assert values(search(node, _id=found["id"], family="nobody")) == set()
    absent = [ask(node, f"Patient/{each}") for each in (NOBODY, "x", found["id"].upper(), "%00")]
    assert {(each.status, each.content) for each in absent} == {(404, absent[0].content)}
    assert search(node, _id=NOBODY).resource["total"] == 0


def test_whoever_was_merged_is_nobody(node: Node, patients: Patients) -> None:
    authority = new_authority()
    patients.add([("old", authority)])
    patients.add([("new", authority)])
    (old,) = search(node, identifier=token(("old", authority))).matches
    patients.merge(("new", authority), ("old", authority))
    assert ask(node, f"Patient/{old['id']}").status == 404
    assert search(node, identifier=token(("old", authority))).resource["total"] == 0
    (new,) = search(node, identifier=token(("new", authority))).matches
    assert [each["value"] for each in new["identifier"]] == ["new"]


def test_the_event_of_a_search(node: Node, clan: dict[str, Any]) -> None:
    search(node, family=clan["family"], given="paul")
    record = node.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-78", "ITI-47", Outcome.SUCCESS)
    message = record.message.decode()
    assert cx(clan["two"]).replace("&", "&amp;") in message
    assert cx(clan["one"]).replace("&", "&amp;") not in message


# --- Documents of a Patient -------------------------------------------------------------------------------------------


def test_documents_by_a_reference_to_their_patient(node: Node, patients: Patients) -> None:
    patient = ("1", new_authority())
    patients.add([patient])
    entry = registered(node, patient)
    (known,) = search(node, identifier=token(patient)).matches
    by_identifier = find(node, "DocumentReference", patient__identifier=patient_of(cx(patient)))
    (document,) = by_identifier.matches
    assert document["masterIdentifier"]["value"] == f"{URN}{entry.unique_id}"
    assert document["subject"]["reference"] == f"Patient/{known['id']}"
    assert ask(node, document["subject"]["reference"]).resource == known
    here = f"http://127.0.0.1:{node.port}/fhir"
    for name_, value in (
        ("patient", f"Patient/{known['id']}"),
        ("patient", known["id"]),
        ("subject", f"{here}/Patient/{known['id']}"),
        ("subject:Patient", known["id"]),
    ):
        assert find(node, "DocumentReference", (name_, value)).matches == [document]
    sets = find(node, "List", ("patient", f"Patient/{known['id']}"), code="submissionset").matches
    assert [each["subject"]["reference"] for each in sets] == [f"Patient/{known['id']}"]
    for nobody in (f"Patient/{NOBODY}", f"https://example.org/fhir/Patient/{known['id']}"):
        assert find(node, "DocumentReference", ("patient", nobody)).resource["total"] == 0
    twice = find(node, "DocumentReference", ("patient", known["id"]), patient__identifier=patient_of(cx(patient)))
    assert twice.status == 400


# --- ITI-83 -----------------------------------------------------------------------------------------------------------


def pix(node: Node, source: str, *targets: str) -> Reply:
    query = urlencode([("sourceIdentifier", source), *(("targetSystem", each) for each in targets)])
    reply = ask(node, f"Patient/$ihe-pix?{query}")
    if reply.status == 200:
        Parameters.model_validate(reply.resource)
    return reply


def told(reply: Reply) -> tuple[set[str], list[str]]:
    """Values of identifiers, and references."""
    assert reply.status == 200, reply.content
    given = reply.resource.get("parameter", [])
    identifiers = {each["valueIdentifier"]["value"] for each in given if each["name"] == "targetIdentifier"}
    return identifiers, [each["valueReference"]["reference"] for each in given if each["name"] == "targetId"]


@pytest.mark.proves("transaction/ITI-83")
def test_the_identifiers_of_a_patient_are_those_of_iti_45(node: Node, patients: Patients) -> None:
    a, b, c = (("a", new_authority()), ("b", new_authority()), ("c", new_authority()))
    patients.add([a, b, c])
    elsewhere = ("d", new_authority())
    patients.add([elsewhere])
    identifiers, references = told(pix(node, token(a)))
    assert identifiers == {value for value, _ in patients.identifiers_of(a).identifiers[0]} == {"b", "c"}
    (read,) = [ask(node, each).resource for each in references]
    assert {each["value"] for each in read["identifier"]} == {"a", "b", "c"}
    assert told(pix(node, token(a), URN + c[1])) == ({"c"}, references)
    assert told(pix(node, token(a), URN + c[1], URN + b[1])) == ({"b", "c"}, references)
    assert told(pix(node, token(a), URN + elsewhere[1])) == (set(), [])
    here = f"http://127.0.0.1:{node.port}/fhir"
    assert told(pix(node, token(a), here)) == (set(), references)
    assert told(pix(node, f"{here}|{references[0]}")) == ({"a", "b", "c"}, [])
    assert told(pix(node, f"{here}|{references[0]}", URN + b[1])) == ({"b"}, [])
    resource = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "sourceIdentifier", "valueString": token(a)},
            {"name": "targetSystem", "valueString": URN + b[1]},
        ],
    }
    assert told(post(node, "Patient/$ihe-pix", resource)) == ({"b"}, references)


def test_what_is_not_known_is_told_as_printed(node: Node, patients: Patients) -> None:
    known = ("1", new_authority())
    patients.add([known])
    here = f"http://127.0.0.1:{node.port}/fhir"
    not_found = (404, "error", "not-found", "sourceIdentifier Patient Identifier not found")
    no_authority = (400, "error", "code-invalid", "sourceIdentifier Assigning Authority not found")
    assert issue(pix(node, token(("unheard-of", known[1])))) == not_found
    assert issue(pix(node, f"{here}|Patient/{NOBODY}")) == not_found
    assert issue(pix(node, f"{here}|Patient/x")) == not_found
    assert issue(pix(node, token(("1", new_authority())))) == no_authority
    assert issue(pix(node, "http://example.org/patients|1")) == no_authority
    unknown = pix(node, token(known), URN + new_authority())
    assert issue(unknown) == (403, "error", "code-invalid", "targetSystem not found")
    record = node.audit(1)[0]
    assert (record.transaction, record.action, record.outcome) == ("ITI-83", "ITI-45", Outcome.MINOR_FAILURE)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sourceIdentifier=1",
        "sourceIdentifier=urn:oid:1.2|",
        "sourceIdentifier=urn:oid:1.2|1&sourceIdentifier=urn:oid:1.2|2",
        "sourceIdentifier=urn:oid:1.2|1%00",
        "sourceIdentifier=urn:oid:1.2|1^2",
        "sourceIdentifier=urn:oid:1.2|1&targetSystem=",
        "sourceIdentifier=urn:oid:1.2|1&_format=pdf",
    ],
)
def test_an_operation_without_what_it_needs(node: Node, query: str) -> None:
    assert ask(node, f"Patient/$ihe-pix?{query}").status == 400


# --- ITI-119 ----------------------------------------------------------------------------------------------------------


def match(node: Node, patient: dict[str, Any], **more: Any) -> Reply:
    resource = {"resourceType": "Patient", **patient}
    if more:
        named = [{"name": key, **value} for key, value in more.items()]
        resource = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": resource}, *named]}
    reply = post(node, "Patient/$match", resource)
    if reply.status == 200:
        Bundle.model_validate(reply.resource)
    return reply


def grades(reply: Reply) -> list[tuple[str, str]]:
    """First identifier and grade of each match, in their order."""
    assert reply.status == 200, reply.content
    entries = reply.resource.get("entry", [])
    scores = [each["search"]["score"] for each in entries]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    return [
        (each["resource"]["identifier"][0]["value"], each["search"]["extension"][0]["valueCode"]) for each in entries
    ]


CERTAIN = {"onlyCertainMatches": {"valueBoolean": True}}


@pytest.mark.proves("transaction/ITI-119")
def test_matches_are_graded(node: Node, clan: dict[str, Any]) -> None:
    eleonore = {"name": [{"family": clan["family"].upper(), "given": ["Eleonore"]}], "birthDate": "1970-06-15"}
    assert grades(match(node, eleonore)) == [("1", "probable")]
    own = {"identifier": [{"system": URN + clan["red"], "value": "1"}]}
    assert grades(match(node, {**eleonore, **own})) == [("1", "certain")]
    assert grades(match(node, own)) == [("1", "certain")]
    somebody = {"name": [{"family": "Else", "given": ["Jo"]}], "birthDate": "1999-01-01"}
    assert grades(match(node, {**somebody, **own})) == [("1", "possible")]
    assert grades(match(node, {**eleonore, "birthDate": "1970-06-16"})) == [("1", "possible")]
    other = {"identifier": [{"system": URN + clan["red"], "value": "9"}]}
    assert grades(match(node, {**eleonore, **other})) == [("1", "possible")]
    family_alone = grades(match(node, {"name": [{"family": clan["family"]}]}))
    assert sorted(family_alone) == [("1", "possible"), ("2", "possible")]
    assert grades(match(node, {"name": [{"family": new_family()}]})) == []


def test_only_what_is_certain_and_so_many(node: Node, clan: dict[str, Any]) -> None:
    own = {"identifier": [{"system": URN + clan["red"], "value": each} for each in ("1", "2")]}
    assert grades(match(node, {"name": [{"family": clan["family"]}]}, **CERTAIN)) == []
    assert grades(match(node, {"identifier": own["identifier"][:1]}, **CERTAIN)) == [("1", "certain")]
    assert grades(match(node, own, **CERTAIN)) == [], "two who are certain are two persons"
    family = {"name": [{"family": clan["family"]}]}
    assert len(grades(match(node, family))) == 2
    assert len(grades(match(node, family, count={"valueInteger": 1}))) == 1


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Patient", "gender": "female"},
        {"resourceType": "Patient", "birthDate": "soon"},
        {"resourceType": "Bundle", "type": "transaction"},
        {"resourceType": "Parameters"},
        {"resourceType": "Parameters", "parameter": [{"name": "count", "valueInteger": 1}]},
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "List"}}]},
        {"resourceType": "Patient", "name": [{"family": "X"}], "implicitRules": "http://example.org"},
        [],
    ],
)
def test_who_cannot_be_sought(node: Node, resource: Any) -> None:
    reply = post(node, "Patient/$match", resource)
    assert reply.status in (400, 422)
    OperationOutcome.model_validate(reply.resource)


@pytest.mark.reference
def test_the_examples_of_ihe_are_understood(node: Node, reference: Path) -> None:
    """None of them names an authority by an OID, or anybody who is here."""
    for file in (reference / "fhir/pdqm/examples").glob("Parameters-*.json"):
        reply = post(node, "Patient/$match", json.loads(file.read_bytes()))
        assert (reply.status, reply.resource["type"]) == (200, "searchset"), reply.content
