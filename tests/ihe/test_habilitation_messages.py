"""The messages of authorisations and accounts: read as the schema has them, written so that it takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

import schemas
from dmp.autorisations import Change, Holder, Mode, Specialty
from dmp.compte import Access
from dmp.dossiers_autorises import AuthorisedDossier, DateType, Since
from identities.account import Channel, ChannelChange
from identities.dossier import Traits
from identities.requester import PatientId
from ihe import habilitations, patient_access
from ihe.document_literal import read_texts, write_failure, write_response, write_time
from ihe.soap import SoapError
from registry.activity import Activity
from registry.errors import ErrorCode, Finding
from schemas import oids
from schemas.xml import local_name, parse

HAB, PAT = "urn:si-dmp-habilitations", "urn:si-dmp-patients"
FOLDER = Path(schemas.__file__).parent / "dmp"
XSD = {HAB: FOLDER / "habilitations.xsd", PAT: FOLDER / "patients.xsd"}
SCHEMA = {namespace: etree.XMLSchema(file=str(file)) for namespace, file in XSD.items()}
REQUESTS = {  # element -> its children, each with a value that is one
    habilitations.SET_AUTHORIZATION: {"action": "AJOUT", "role": "MEDECIN_TRAITANT"},
    habilitations.LIST_AUTHORIZATION: {"mode": "TOUTE"},
    habilitations.PATIENT_LIST: {"startDate": "20261122165312", "dateType": "LASTDOC", "psOwnerId": "899900063480"},
    patient_access.CREATE_ACCESS: {"type": "SMS", "canal": "0612345678"},
    patient_access.OTP_UPDATE: {"type": "EMAIL", "canal": "ada@example.org", "action": "AJOUT"},
    patient_access.UPDATE_ACCESS: {},
}
READERS: dict[str, Callable[[etree._Element], Any]] = {
    habilitations.SET_AUTHORIZATION: habilitations.read_change,
    habilitations.LIST_AUTHORIZATION: habilitations.read_mode,
    habilitations.PATIENT_LIST: habilitations.read_list,
    patient_access.CREATE_ACCESS: patient_access.read_channel,
    patient_access.OTP_UPDATE: patient_access.read_channel_change,
    patient_access.UPDATE_ACCESS: patient_access.read_renewal,
}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def request(element: str, *children: tuple[str, str]) -> etree._Element:
    """A request as it stands in a Body: everything in one namespace."""
    root = etree.Element(element)
    for name, value in children:
        etree.SubElement(root, f"{{{etree.QName(element).namespace}}}{name}").text = value
    return root


def valid(body: etree._Element) -> bool:
    return SCHEMA[str(etree.QName(body).namespace)].validate(body)


def fault(read: Callable[[etree._Element], Any], body: etree._Element) -> str:
    with pytest.raises(SoapError) as raised:
        read(body)
    return raised.value.fault.reason


# --- Requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "change"),
    [
        ({"action": "AJOUT"}, Change.AUTORISATION),
        ({"action": "AJOUT", "role": "MEDECIN_TRAITANT"}, Change.MEDECIN_TRAITANT),
        ({"action": "SUPPRESSION"}, Change.SUPPRESSION),
        ({"action": "SUPPRESSION", "role": "MEDECIN_TRAITANT"}, Change.FIN_MEDECIN_TRAITANT),
        ({"action": " AJOUT\n", "role": ""}, Change.AUTORISATION),
    ],
)
def test_what_a_professional_declares(texts: dict[str, str], change: Change) -> None:
    assert habilitations.read_change(request(habilitations.SET_AUTHORIZATION, *texts.items())) is change


def test_by_default_everybody_is_listed() -> None:
    for children in ((), (("mode", ""),), (("mode", "TOUTE"),)):
        assert habilitations.read_mode(request(habilitations.LIST_AUTHORIZATION, *children)) is Mode.TOUTE
    assert habilitations.read_mode(request(habilitations.LIST_AUTHORIZATION, ("mode", "ACTIVE"))) is Mode.ACTIVE


def test_the_list_of_dossiers_is_limited_by_a_date_in_utc_and_an_owner() -> None:
    element = habilitations.PATIENT_LIST
    assert habilitations.read_list(request(element)) == (None, "")
    assert habilitations.read_list(request(element, ("psOwnerId", "899900063480"))) == (None, "899900063480")
    since = (("startDate", "20261122120000"), ("dateType", "LASTAUTORIZATION"))
    assert habilitations.read_list(request(element, *since)) == (Since(DateType.LASTAUTORIZATION, NOON), "")


def test_a_channel_is_removed_without_saying_which_address() -> None:
    asked = request(patient_access.OTP_UPDATE, ("type", "SMS"), ("action", "SUPPRESSION"))
    assert patient_access.read_channel_change(asked) == (ChannelChange.SUPPRESSION, Channel.SMS, "")
    said = "expected an element canal, got none, or an empty one"
    assert fault(patient_access.read_channel, request(patient_access.CREATE_ACCESS, ("type", "SMS"))) == said
    for action in ("AJOUT", "MODIFICATION"):
        asked = request(patient_access.OTP_UPDATE, ("type", "SMS"), ("canal", " "), ("action", action))
        assert fault(patient_access.read_channel_change, asked) == said


@pytest.mark.parametrize("element", REQUESTS, ids=local_name)
def test_what_is_in_order_is_read(element: str) -> None:
    body = request(element, *REQUESTS[element].items())
    assert valid(body)
    READERS[element](body)


@pytest.mark.parametrize("element", REQUESTS, ids=local_name)
def test_another_element_is_no_such_request(element: str) -> None:
    name = local_name(element)
    for other in (f"{{urn:other}}{name}", name, f"{element}s"):
        assert fault(READERS[element], request(other)).startswith(f"expected an element {element}, got")


names = st.sampled_from(sorted({name for texts in REQUESTS.values() for name in texts} | {"other"}))


@given(st.sampled_from(sorted(REQUESTS)), st.lists(names, max_size=4))
def test_the_reader_takes_what_the_schema_takes(element: str, drawn: Sequence[str]) -> None:
    """Each element at most once, in order, and no other."""
    known = REQUESTS[element]
    body = request(element, *((name, known.get(name, "x")) for name in drawn))
    try:
        read = read_texts(body, element, tuple(known))
    except SoapError:
        assert not valid(body)
    else:
        assert valid(body)
        assert read == {name: known[name] for name in drawn}


ENUMERATED = [
    (element, name)
    for element, texts in REQUESTS.items()
    for name in texts
    if name not in ("startDate", "psOwnerId", "canal")
]


@pytest.mark.parametrize(("element", "name"), ENUMERATED, ids=[f"{local_name(e)}-{name}" for e, name in ENUMERATED])
@pytest.mark.parametrize(
    ("value", "told"), [("WRONG", "WRONG"), ("a secret of Ada", "another value"), ("ajout", "ajout")]
)
def test_a_value_outside_its_list_is_told_if_it_is_a_code(element: str, name: str, value: str, told: str) -> None:
    body = request(element, *(REQUESTS[element] | {name: value}).items())
    assert not valid(body)
    reason = fault(READERS[element], body)
    assert reason.startswith(f"expected {name} ") and reason.endswith(f", got {told}")


def test_elements_within_a_text_are_none() -> None:
    body = request(habilitations.SET_AUTHORIZATION, ("action", "AJOUT"))
    etree.SubElement(body[0], "x")
    assert fault(habilitations.read_change, body) == "expected text in action, got more than text"


def test_an_unqualified_element_is_another() -> None:
    body = parse(b'<h:setAuthorization xmlns:h="urn:si-dmp-habilitations"><action>AJOUT</action></h:setAuthorization>')
    assert not valid(body)
    assert "expected action, role in what is left of setAuthorization" in fault(habilitations.read_change, body)


@pytest.mark.parametrize("value", ["2026", "20261322120000", "2026112212000", "20261122120000Z", "٢٠٢٦١١٢٢١٢٠٠٠٠"])
def test_a_time_is_fourteen_digits_of_the_calendar(value: str) -> None:
    body = request(habilitations.PATIENT_LIST, ("startDate", value), ("dateType", "LASTDOC"))
    said = "expected startDate as YYYYMMDDhhmmss, got another form, or no such time"
    assert fault(habilitations.read_list, body) == said


# --- Responses --------------------------------------------------------------------------------------------------------


def test_times_are_written_in_utc() -> None:
    assert write_time(NOON.astimezone(timezone(timedelta(hours=2)))) == "20261122120000"
    assert write_time(None) == ""


def test_a_refusal_has_a_status_and_a_context_and_no_data() -> None:
    findings = [Finding(ErrorCode.DMPClosed, "DMP fermé"), Finding(ErrorCode.XDSRegistryError, "autre <chose>")]
    for element in REQUESTS:
        body = parse(write_failure(element, findings))
        assert valid(body) and body.tag == f"{element}Response"
        assert [(local_name(each.tag), each.text) for each in body[0]] == [
            ("status", "DMPClosed"),
            ("context", "DMP fermé; autre <chose>"),
        ]


def test_what_was_done_has_the_status_alone() -> None:
    for element in REQUESTS:
        body = parse(write_response(element))
        assert valid(body)
        assert [(local_name(each.tag), each.text) for each in body[0]] == [("status", "DMPOk")]


def test_an_access_is_written_once() -> None:
    for element in (patient_access.CREATE_ACCESS, patient_access.UPDATE_ACCESS):
        body = parse(patient_access.write_access(element, Access("ada00001", "AB<&>12")))
        assert valid(body)
        assert [each.text for each in body[0]] == ["ada00001", "AB<&>12", "DMPOk"]


texts = st.text(max_size=12)
instants = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
people = st.builds(
    Holder,
    id=texts,
    structure=st.booleans(),
    mode=st.sampled_from((Mode.ACTIVE, Mode.INTERDITE)),
    start=instants,
    medecin_traitant=st.booleans(),
    family=texts,
    given=texts,
    specialties=st.lists(st.builds(Specialty, texts, texts), max_size=3).map(tuple),
    last_action=instants,
)
traits = st.builds(
    Traits,
    birth_family=texts,
    birth_given=texts,
    birth_date=st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1)),
    sex=st.just("F"),
    used_family=texts,
    used_given=texts,
)
dossiers = st.builds(
    AuthorisedDossier,
    identifiers=st.lists(st.builds(PatientId, texts, st.just(oids.INS_NIR)), min_size=1, max_size=2).map(tuple),
    traits=traits,
    medecin_traitant=st.booleans(),
    last_access=instants,
    activity=st.builds(Activity, instants, instants),
)


@given(st.lists(people, max_size=3))
def test_whoever_is_listed_is_written_as_the_schema_has_it(told: list[Holder]) -> None:
    body = parse(habilitations.write_holders(told))
    SCHEMA[HAB].assertValid(body)
    (output,) = body
    assert len(output) == len(told) + 1
    for each, holder in zip(output, told, strict=False):
        assert each.findtext(f"{{{HAB}}}mode") == holder.mode.value
        assert each.findtext(f"{{{HAB}}}startOfAuthorization", "") == write_time(holder.start)


@given(st.lists(dossiers, max_size=3))
def test_whatever_dossier_is_listed_is_written_as_the_schema_has_it(told: list[AuthorisedDossier]) -> None:
    body = parse(habilitations.write_list(told))
    SCHEMA[PAT].assertValid(body)
    (output,) = body
    for each, dossier in zip(output, told, strict=False):
        assert len(each.findall(f"{{{PAT}}}patientIdentifier")) == len(dossier.identifiers)
        assert each.findtext(f"{{{PAT}}}MT") == str(dossier.medecin_traitant).lower()


def test_a_birth_name_is_told_where_another_is_used() -> None:
    for used, expected in (("", ("NOIR", None)), ("NOIR", ("NOIR", None)), ("BLANC", ("BLANC", "NOIR"))):
        known = Traits("NOIR", "Ada Marie", date(1979, 3, 28), "F", used_family=used)
        told = AuthorisedDossier((PatientId("1", oids.INS_NIR),), known, False, None, Activity())
        (output,) = parse(habilitations.write_list([told]))
        names = tuple(output[0].findtext(f"{{{PAT}}}{name}") for name in ("lastName", "patronymicalName"))
        assert names == expected
        assert output[0].findtext(f"{{{PAT}}}dateOfBirth") == "19790328"
