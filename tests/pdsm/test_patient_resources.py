"""Patients as resources: valid whatever a source said; no search leaves out whom it is asked for."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fhir.resources.R4B.patient import Patient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmp.acces import Existence
from dmp.patient_resources import Person
from habilitations.patient_rules import Autorisation
from identities.demographics import Address, Demographics, Part, PersonName, Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.requester import PatientId
from identities.store import METADATA, IdentitiesStore
from identities.store.tables import DOSSIERS, IDENTIFIERS, TERMS
from pdsm.asked import read_asked
from pdsm.demographics import limited, write_patient
from pdsm.iti78 import PATIENT, query_of
from pdsm.iti119 import CERTAIN, NOT, graded
from pdsm.patient_id import PatientIds
from pdsm.patient_sharing import _seen
from schemas import oids

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTHORITY = "1.2.3"

# A small world, so that things coincide.
TEXTS = st.sampled_from(["Muster", "MÜSTER", "Must", "de la Cruz", "De-La Cruz", "Ça", "*", "Zoé", "日本", "12 rue"])
KINDS = st.sampled_from(["family", "given", "prefix", "suffix", "delimiter", ""])
PARTS = st.builds(Part, KINDS, TEXTS, st.sampled_from(["", "BR", "SP"]))
USES = st.sampled_from(["", "L", "P", "L P", "ANON", "X"])
NAMES = st.builds(PersonName, st.lists(PARTS, min_size=1, max_size=4).map(tuple), USES)
ADDRESS_KINDS = st.sampled_from(
    ["streetAddressLine", "streetName", "houseNumber", "city", "county", "state", "postalCode", "country", "careOf", ""]
)
ADDRESS_PARTS = st.lists(st.builds(Part, ADDRESS_KINDS, TEXTS), min_size=1, max_size=4).map(tuple)
ADDRESSES = st.builds(Address, ADDRESS_PARTS, st.sampled_from(["", "HP", "WP", "BAD TMP"]))
TELECOMS = st.builds(
    Telecom,
    st.sampled_from(["tel:+33 1", "mailto:A@b", "A@B", "tel:", "http://a.b", "fax:1", "x:y:z"]),
    st.sampled_from(["", "MC", "HP MC", "WP"]),
)
DEMOGRAPHICS = st.builds(
    Demographics,
    st.lists(NAMES, max_size=2).map(tuple),
    st.lists(ADDRESSES, max_size=2).map(tuple),
    st.lists(TELECOMS, max_size=2).map(tuple),
    st.one_of(st.none(), NAMES),
)
TRAITS = st.builds(
    Traits,
    birth_family=st.sampled_from(["", "MUSTER"]),
    birth_given=st.sampled_from(["", "ZOÉ"]),
    birth_date=st.none(),
    sex=st.sampled_from(["M", "F", "U", ""]),
    birth_time=st.sampled_from(["", "1960", "196006", "19600618", "196006181530", "19600619"]),
    demographics=DEMOGRAPHICS,
)
VALUES = {
    **dict.fromkeys(["family", "given", "name", "mothersMaidenName"], TEXTS),
    **dict.fromkeys(["address", "address-city", "address-state", "address-country", "address-postalcode"], TEXTS),
    "birthdate": st.sampled_from(["1960", "1960-06", "1960-06-18", "lt1960-06-19", "ge1960", "ne1960", "gt1961"]),
    "gender": st.sampled_from(["male", "female", "unknown", "other"]),
    "identifier": st.sampled_from([f"urn:oid:{AUTHORITY}|0", "0", "|0", f"urn:oid:{AUTHORITY}|", "urn:oid:9|0"]),
    "telecom": st.sampled_from(["+331", "phone|+33-1", "email|a@B", "a@b", "phone|", "x:y:z"]),
    "active": st.sampled_from(["true", "false"]),
}
MODIFIERS = st.sampled_from(["", "", ":exact", ":contains"])


@st.composite
def questions(draw: st.DrawFn) -> list[tuple[str, str]]:
    """One to three parameters, each with one or two alternatives."""
    asked = []
    for name in draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=3)):
        texts = name in ("family", "given", "name", "mothersMaidenName") or name.startswith("address")
        values = draw(st.lists(VALUES[name], min_size=1, max_size=2))
        asked.append((name + (draw(MODIFIERS) if texts else ""), ",".join(values)))
    return asked


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    METADATA.create_all(engine)
    with engine.begin() as opened:
        yield opened


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TRAITS, questions())
def test_the_query_comes_upon_all_that_the_search_asks_for(
    connection: sa.Connection, traits: Traits, question: list[tuple[str, str]]
) -> None:
    store = IdentitiesStore(connection)
    for table in (TERMS, IDENTIFIERS, DOSSIERS):
        connection.execute(sa.delete(table))
    dossier = Dossier("0", (PatientId("0", AUTHORITY),), traits, DossierStatus.OPEN, NOW)
    store.open(dossier)
    asked, person = read_asked(PATIENT, question, strict=True), Person(dossier)
    if asked.holds(_seen(person, write_patient(person, "0"))):
        assert [each.key for each in store.find_dossiers(query_of(asked), 10)] == ["0"]


AUTORISATIONS = st.sampled_from([*Autorisation])


@given(TRAITS, st.sampled_from([AUTHORITY, oids.INS_NIR, oids.INS_NIR_TEST]), AUTORISATIONS, st.booleans())
def test_whatever_a_source_said_is_a_valid_patient(
    traits: Traits, authority: str, autorisation: Autorisation, closed: bool
) -> None:
    status = DossierStatus.CLOSED if closed else DossierStatus.OPEN
    identifiers = (PatientId("1", authority), PatientId("2", oids.INS_C))
    dossier = Dossier("0", identifiers, traits, status, NOW, NOW, "FERMETURE_DEMANDE_PATIENT", "à ma demande")
    existence = Existence(dossier, autorisation, medecin_traitant=False, internet_account=closed)
    for person in (Person(dossier), Person(dossier, existence), Person(dossier, opposed_to_centre_15=closed)):
        patient = write_patient(person, "0")
        Patient.model_validate(patient)
        Patient.model_validate(limited(patient, ["9.9"]))
        score, grade = graded(patient, patient)
        assert (grade, score >= 0.9) == (CERTAIN, True)
    if autorisation is not Autorisation.VALIDE:
        assert "telecom" not in write_patient(Person(dossier, existence), "0")


@given(TRAITS, TRAITS)
def test_a_grade_is_a_share_and_needs_something_in_common(one: Traits, other: Traits) -> None:
    told = [
        write_patient(Person(Dossier("0", (PatientId(value, AUTHORITY),), traits, DossierStatus.OPEN, NOW)), value)
        for value, traits in (("1", one), ("2", other))
    ]
    score, grade = graded(*told)
    assert 0 <= score <= 1
    assert grade != CERTAIN, "the identifiers are of two persons"
    assert (grade == NOT) is (score < 0.6)


@given(st.uuids(), st.binary(min_size=16, max_size=16))
def test_an_id_leads_back_to_its_key_and_to_no_other(key: uuid.UUID, secret: bytes) -> None:
    ids = PatientIds(secret)
    written = ids.write(key.hex)
    assert ids.read(written) == key.hex
    assert ids.write(key.hex) == written
    assert str(uuid.UUID(written)) == written
    assert ids.reference(key.hex) == f"Patient/{written}"


@pytest.mark.parametrize("nothing", ["", "x", "0" * 32, "01234567-89AB-4def-8123-456789abcdef", "é" * 36])
def test_what_is_no_id_is_nobody_s(nothing: str) -> None:
    assert PatientIds(bytes(16)).read(nothing) == ""
    assert PatientIds(bytes(16)).write("key") == PatientIds(bytes(16)).reference("key") == ""
