"""The life of a DMP as the practice software writes it: TD0.2, TD0.5, TD1.1 to TD1.4."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dmp_fakes as dmp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lps_fakes import INS, INS_OID, Exchange, Script, demo_folder
from lxml import etree

from conformance.lps import people
from conformance.lps.candidates import CANDIDATES, Criteria, write_candidates
from conformance.lps.client import Lps
from conformance.lps.dossier import ADD, CREA_RD, Existence, Oppositions, Registration, write_registration
from conformance.lps.hl7v3 import HL7
from conformance.lps.people import Patient, Sender
from conformance.lps.traits import Address, Name, Representative, Telecom, Traits, read_person, write_person
from conformance.lps.vihf import Access

PATIENT = Patient(INS, INS_OID)
BOTH = (Patient(dmp.INS_C, "1.2.250.1.213.1.4.2"), PATIENT)
NOW = datetime(2026, 11, 28, 9, 30, tzinfo=UTC)
TRAITS = Traits(
    Name("PAT-TROIS", "DOMINIQUE", "PAT-DEUX", "Mme"),
    "F",
    "19790328",
    (Telecom("tel:0601020304", "MC"), Telecom("mailto:d@example.org")),
    Address(("1, rue du Quai",), "Bâtiment A", "75005", "Paris", "France"),
    (Representative("FTH", Name("REPLEG", "Jean"), Address(city="LILLE"), (Telecom("tel:0320", "HP"),)),),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_folder(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def sender(folder: Path) -> Sender:
    return people.load(folder).sender("dr-leblanc")


def existence(lps: Lps) -> Existence:
    return lps.existence(PATIENT)


WRAPPER = [
    "/interactionId@extension={name}@root=2.16.840.1.113883.1.6",
    "/processingCode@code=P",
    "/processingModeCode@code=T",
    "/acceptAckCode@code=AL",
    "/receiver",
    "/receiver/device",
    "/receiver/device/id@root=1.2.250.1.213.4.1.1.1",
    "/receiver/device/softwareName=DMP",
    "/sender",
    "/sender/device",
]


def check_wrapper(exchange: Exchange, name: str) -> list[str]:
    """The lines of the control act, once what stands before is as in every interaction of the DMP's."""
    lines = dmp.outline(dmp.asked(exchange))
    assert exchange.path == "/ihe/patients"
    assert exchange.action == f"urn:hl7-org:v3:{name}"
    assert lines[0] == name
    assert lines[1].startswith(f"{name}/id@extension=")
    assert lines[2].startswith(f"{name}/creationTime@value=20")
    assert lines[3:13] == [name + each.format(name=name) for each in WRAPPER]
    assert lines[15] == f"{name}/controlActProcess"
    return [each.removeprefix(f"{name}/controlActProcess/") for each in lines[16:]]


@pytest.mark.parametrize(
    ("act", "reason", "script"),
    [
        (
            existence,
            "TEST_EXST",
            dmp.demographics(subject=dmp.patient("active", dmp.OPEN), lines=dmp.authorised("VALIDE")),
        ),
        (
            lambda lps: lps.administrative(PATIENT),
            "CNSLT_DATA",
            dmp.demographics(subject=dmp.patient("active", dmp.OPPOSITIONS)),
        ),
    ],
    ids=["TD0.2", "TD1.3a"],
)
def test_the_query_for_one_dmp(folder: Path, act: Callable[[Lps], object], reason: str, script: Script) -> None:
    _, (exchange,) = dmp.ask(folder, script, act)
    why, query, identifier, *rest = check_wrapper(exchange, "PRPA_IN201307UV02")
    assert why == f"reasonCode@code={reason}@codeSystem=1.2.250.1.213.1.1.4.11"
    assert query == "queryByParameter"
    assert identifier.startswith("queryByParameter/queryId@extension=")
    assert rest == [
        "queryByParameter/statusCode@code=new",
        "queryByParameter/parameterList",
        "queryByParameter/parameterList/patientIdentifier",
        f"queryByParameter/parameterList/patientIdentifier/value@extension={INS}@root={INS_OID}",
        "queryByParameter/parameterList/patientIdentifier/semanticsText=Patient.id",
    ]
    assert f"{INS}^^^&amp;{INS_OID}&amp;ISO^NH" in dmp.vihf_of(exchange)


PERSON_LINES = [
    "/patientPerson",
    "/patientPerson/name",
    "/patientPerson/name/prefix=Mme",
    "/patientPerson/name/family@qualifier=SP=PAT-TROIS",
    "/patientPerson/name/family@qualifier=BR=PAT-DEUX",
    "/patientPerson/name/given=DOMINIQUE",
    "/patientPerson/telecom@use=MC@value=tel:0601020304",
    "/patientPerson/telecom@value=mailto:d@example.org",
    "/patientPerson/administrativeGenderCode@code=F",
    "/patientPerson/birthTime@value=19790328",
    "/patientPerson/addr",
    "/patientPerson/addr/streetAddressLine=1, rue du Quai",
    "/patientPerson/addr/additionalLocator=Bâtiment A",
    "/patientPerson/addr/postalCode=75005",
    "/patientPerson/addr/city=Paris",
    "/patientPerson/addr/country=France",
    "/patientPerson/personalRelationship",
    "/patientPerson/personalRelationship/code@code=FTH@codeSystem=2.16.840.1.113883.1.11.19579",
    "/patientPerson/personalRelationship/addr",
    "/patientPerson/personalRelationship/addr/city=LILLE",
    "/patientPerson/personalRelationship/telecom@use=HP@value=tel:0320",
    "/patientPerson/personalRelationship/relationshipHolder1",
    "/patientPerson/personalRelationship/relationshipHolder1/name",
    "/patientPerson/personalRelationship/relationshipHolder1/name/family=REPLEG",
    "/patientPerson/personalRelationship/relationshipHolder1/name/given=Jean",
]
AUTHOR_LINES = [
    "/author",
    "/author/assignedEntity",
    "/author/assignedEntity/id@extension=899900000011@root=1.2.250.1.71.4.2.1",
    "/author/assignedEntity/code@code=SM26@codeSystem=1.2.250.1.71.4.2.5",
    "/author/assignedEntity/assignedPerson",
    "/author/assignedEntity/assignedPerson/name",
    "/author/assignedEntity/assignedPerson/name/family=LEBLANC",
    "/author/assignedEntity/assignedPerson/name/given=Hélène",
    "/author/assignedEntity/representedOrganization",
    "/author/assignedEntity/representedOrganization/id@extension=499700000001@root=1.2.250.1.71.4.2.2",
    "/author/assignedEntity/representedOrganization/name=499700000001",
    "/author/assignedEntity/representedOrganization/contactParty",
]


def observed(code: str, value: str, *, dated: bool = False) -> list[str]:
    here = "/subjectOf/administrativeObservation"
    return [
        "/subjectOf",
        here,
        f"{here}/code@code={code}@codeSystem=1.2.250.1.213.4.1.2.3",
        *([f"{here}/effectiveTime@value="] if dated else []),
        f"{here}/value@value={value}@type=BL",
    ]


def check_registration(
    exchange: Exchange, name: str, reason: str, *, status: str, patient: list[str], after: tuple[str, ...] = ()
) -> None:
    request, role = "subject/registrationRequest", "subject/registrationRequest/subject1/patient"
    lines = [
        line.partition("effectiveTime@value=")[0] + "effectiveTime@value=" if "effectiveTime@value=" in line else line
        for line in check_wrapper(exchange, name)
    ]
    assert lines == [
        f"reasonCode@code={reason}@codeSystem=1.2.250.1.213.1.1.4.11",
        "subject",
        request,
        f"{request}/statusCode@code=active",
        f"{request}/subject1",
        role,
        f"{role}/id@extension={INS}@root={INS_OID}",
        f"{role}/statusCode@code={status}",
        *(role + line for line in patient),
        *(request + line for line in AUTHOR_LINES),
        *after,
    ]


def test_a_dmp_is_created(folder: Path) -> None:
    status, (exchange,) = dmp.ask(
        folder,
        dmp.registered(),
        lambda lps: lps.create(PATIENT, TRAITS, oppositions=Oppositions(bris_de_glace=True)),
    )
    assert status == "active"
    said = [
        *PERSON_LINES,
        *observed("CONSENTEMENT_OUVERTURE_DMP", "true", dated=True),
        *observed("OPPOSITION_BRIS_DE_GLACE", "true"),
        *observed("OPPOSITION_ACCES_URGENCE", "false"),
    ]
    check_registration(exchange, "PRPA_IN201311UV02", "CREA_RD", status="active", patient=said)


def test_a_dmp_is_reactivated(folder: Path) -> None:
    status, (exchange,) = dmp.ask(folder, dmp.registered(), lambda lps: lps.reactivate(PATIENT, TRAITS, consent=False))
    assert status == "active"
    said = [*PERSON_LINES, *observed("CONSENTEMENT_REACTIVATION_DMP", "false", dated=True)]
    check_registration(exchange, "PRPA_IN201314UV02", "REAC", status="active", patient=said)


def test_administrative_data_are_amended(folder: Path) -> None:
    _, (exchange,) = dmp.ask(
        folder, dmp.registered(), lambda lps: lps.amend(PATIENT, TRAITS, Oppositions(centre_15=True))
    )
    said = [
        *PERSON_LINES,
        *observed("OPPOSITION_BRIS_DE_GLACE", "false"),
        *observed("OPPOSITION_ACCES_URGENCE", "true"),
    ]
    check_registration(exchange, "PRPA_IN201314UV02", "MODIF_DATA", status="active", patient=said)


def test_a_dmp_is_closed(folder: Path) -> None:
    status, (exchange,) = dmp.ask(
        folder, dmp.registered("terminated"), lambda lps: lps.close_dossier(PATIENT, text="À sa demande")
    )
    assert status == "terminated"
    issue = "reasonOf/detectedIssueEvent"
    check_registration(
        exchange,
        "PRPA_IN201314UV02",
        "FERM",
        status="terminated",
        patient=["/patientPerson", "/patientPerson/name@nullFlavor=UNK"],
        after=(
            "reasonOf",
            issue,
            f"{issue}/code@code=FERMETURE_DEMANDE_PATIENT@codeSystem=1.2.250.1.213.4.1.2.4",
            f"{issue}/text=À sa demande",
        ),
    )


def test_patients_are_searched_without_an_ins(folder: Path) -> None:
    criteria = Criteria("PAT", "DOM", "19790328", "F", "Paris", "75005")
    result, (exchange,) = dmp.ask(
        folder,
        dmp.found(dmp.candidate(), dmp.candidate("71", "true")),
        lambda lps: lps.candidates(criteria, access=Access("centre_15")),
    )
    code, _, _, *rest = check_wrapper(exchange, "PRPA_IN201305UV02")
    assert code == "code@code=PRPA_TE201305UV02@codeSystem=2.16.840.1.113883.1.6"
    parameters = "queryByParameter/parameterList"
    assert rest == [
        "queryByParameter/statusCode@code=new",
        parameters,
        f"{parameters}/livingSubjectAdministrativeGender",
        f"{parameters}/livingSubjectAdministrativeGender/value@code=F",
        f"{parameters}/livingSubjectAdministrativeGender/semanticsText=LivingSubject.administrativeGender",
        f"{parameters}/livingSubjectBirthTime",
        f"{parameters}/livingSubjectBirthTime/value@value=19790328",
        f"{parameters}/livingSubjectBirthTime/semanticsText=LivingSubject.birthTime",
        f"{parameters}/livingSubjectName",
        f"{parameters}/livingSubjectName/value",
        f"{parameters}/livingSubjectName/value/family=PAT",
        f"{parameters}/livingSubjectName/value/given=DOM",
        f"{parameters}/livingSubjectName/semanticsText=LivingSubject.name",
        f"{parameters}/patientAddress",
        f"{parameters}/patientAddress/value",
        f"{parameters}/patientAddress/value/postalCode=75005",
        f"{parameters}/patientAddress/value/city=Paris",
        f"{parameters}/patientAddress/semanticsText=Patient.addr",
    ]
    assertion = dmp.vihf_of(exchange)
    assert 'code="centre_15"' in assertion
    assert "resource-id" not in assertion, "nobody is known yet"
    first, second = result
    assert (first.identifiers, first.status, first.match, first.opposed) == (BOTH, "active", 100, False)
    assert first.traits.name == Name("PAT-TROIS", "DOMINIQUE", "PAT-DEUX", "Mme")
    assert (second.match, second.opposed) == (71, True)


def test_only_the_criteria_given_are_sent(folder: Path) -> None:
    result, (exchange,) = dmp.ask(
        folder, dmp.found(response="NF"), lambda lps: lps.candidates(Criteria(family="DECHAINE"))
    )
    assert result == []
    lines = check_wrapper(exchange, "PRPA_IN201305UV02")
    assert [line.rpartition("/")[2] for line in lines[5:]] == [
        "livingSubjectName",
        "value",
        "family=DECHAINE",
        "semanticsText=LivingSubject.name",
    ]


TEXT = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=20)
MAYBE = st.just("") | TEXT
TELECOM = st.builds(Telecom, TEXT, st.sampled_from(["", "HP", "MC", "WP"]))
ADDRESS = st.builds(Address, st.tuples(TEXT) | st.just(()), MAYBE, MAYBE, MAYBE, MAYBE).filter(Address().__ne__)
NAME = st.builds(Name, MAYBE, MAYBE, MAYBE, MAYBE)


@given(
    st.builds(
        Traits,
        NAME,
        st.sampled_from(["", "M", "F", "UN"]),
        st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8)) | st.just(""),
        st.lists(TELECOM, max_size=3).map(tuple),
        st.none() | ADDRESS,
        st.lists(
            st.builds(
                Representative,
                TEXT,
                st.builds(Name, MAYBE, MAYBE, st.just(""), MAYBE),
                st.none() | ADDRESS,
                st.lists(TELECOM, max_size=2).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    )
)
def test_a_person_is_read_as_it_was_written(traits: Traits) -> None:
    root = etree.Element(f"{{{HL7}}}patient")
    write_person(root, traits)
    assert read_person(etree.fromstring(etree.tostring(root))[0]) == traits


@pytest.fixture(scope="module")
def schemas(reference: Path) -> Path:
    """The official schemas of the HL7 V3 2008 Normative Edition."""
    return reference / "ihe" / "schema" / "hl7v3" / "schema" / "HL7V3" / "NE2008" / "multicacheschemas"


@pytest.mark.reference
def test_the_official_schema_holds_of_the_search(schemas: Path, sender: Sender) -> None:
    schema = etree.XMLSchema(etree.parse(str(schemas / f"{CANDIDATES}.xsd")))
    criteria = Criteria("PAT", "DOM", "19790328", "F", "Paris", "75005")
    schema.assertValid(etree.fromstring(write_candidates(criteria, sender, NOW).content()))


@pytest.mark.reference
def test_the_official_schema_holds_of_a_registration(schemas: Path, sender: Sender) -> None:
    """The schemas at hand have no PRPA_IN201311UV02; its patient and its author are those of PRPA_IN201301UV02."""
    asked = Registration(ADD, CREA_RD, consent=(("CONSENTEMENT_OUVERTURE_DMP", "1.2"), True), oppositions=Oppositions())
    content = write_registration(asked, PATIENT, TRAITS, sender, NOW).content().decode()
    content = content.replace(ADD, "PRPA_IN201301UV02").replace('moodCode="RQO"', 'moodCode="EVN"')
    content = content.replace("registrationRequest", "registrationEvent").replace(
        "</author>",
        '</author><custodian typeCode="CST"><assignedEntity classCode="ASSIGNED"><id root="1.2.3"/></assignedEntity>'
        "</custodian>",
    )
    provider = (
        '<providerOrganization classCode="ORG" determinerCode="INSTANCE"><id root="1.2.3"/>'
        '<contactParty classCode="CON"/></providerOrganization>'
    )
    content = content.replace("</patientPerson>", f"</patientPerson>{provider}")
    schema = etree.XMLSchema(etree.parse(str(schemas / "PRPA_IN201301UV02.xsd")))
    schema.assertValid(etree.fromstring(content))
