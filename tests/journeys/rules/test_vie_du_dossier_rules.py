"""The life of a dossier: closed, reopened, destroyed; one dossier whatever the identifier."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.soap import LpsError
from dmp.compte import operator_creates
from dmp.destruction import ASKED_FOR, TOO_OLD, destroy, kept_since, reason_to_destroy
from dmp.errors import AccessRefused, GestionError
from dmp.gestion import change_ins
from dmp.rectification import request_rectification
from dmp.volontes import Amend, Authorise, Block, Close, Reopen, RequestDestruction, SetSwitches, own_data
from habilitations.statement import Switches
from identities.account import Channel
from identities.demographics import Demographics, Telecom
from identities.dossier import Dossier, DossierStatus, Traits
from identities.ins import ins_c_of
from identities.requester import PatientId
from schemas import oids
from server.demo.people import invented_nir
from server.house import now
from server.migrations import METADATA
from tests.somebody import ADULT, COMMUNE, Somebody, call, number

YEAR = timedelta(days=365)


def test_closing_keeps_everything_and_reopening_restores(somebody: Somebody) -> None:
    masked = somebody.provide("dentiste", visibility=Visibility(mask=True))
    plain = somebody.provide("dentiste")
    somebody.names("medecin-traitant")
    somebody.lets_in("medecin")
    somebody.says(Block(number("infirmier")), SetSwitches(Switches(False, True, True)))
    said = somebody.wishes
    somebody.says(Close())
    assert somebody.dossier.status is DossierStatus.CLOSED
    for name in ("medecin", "medecin-traitant", "dentiste"):
        assert somebody.shut_to(name) == "dossier_ferme"
        assert not somebody.read_by(name, plain)
    with pytest.raises(LpsError, match="DMPClosed"):
        somebody.provide("dentiste")
    with pytest.raises(AccessRefused):
        somebody.sees()
    somebody.says(Reopen())
    assert somebody.wishes == said
    assert somebody.found_by("medecin-traitant") == {masked, plain}
    assert (somebody.found_by("medecin"), somebody.shut_to("infirmier")) == ({plain}, "blocage")
    assert all(map(somebody.reads, (masked, plain)))


def test_what_is_closed_is_not_closed_again_nor_what_is_open_opened(somebody: Somebody) -> None:
    with pytest.raises(GestionError, match="déjà ouvert"):
        somebody.says(Reopen())
    somebody.says(Close())
    with pytest.raises(AccessRefused, match="DMP fermé"):
        somebody.says(Close())


def test_destruction_is_asked_of_a_closed_dmp_and_reopening_takes_it_back(somebody: Somebody) -> None:
    with pytest.raises(GestionError, match="fermez-le"):
        somebody.says(RequestDestruction())
    somebody.says(Close(), RequestDestruction())
    assert somebody.dossier.destruction_requested is not None
    assert [reason for dossier, reason in due(somebody) if dossier.key == somebody.dossier.key] == [ASKED_FOR]
    before = somebody.dossier
    somebody.says(Reopen())
    assert somebody.dossier.destruction_requested is None
    with somebody.gate() as gate, pytest.raises(GestionError):
        destroy(gate, "test", before)
    assert somebody.dossier.key == before.key


def test_closed_dmp_is_kept_for_ten_years(somebody: Somebody) -> None:
    somebody.says(Close(), at=now() - 10 * YEAR + timedelta(days=10))
    assert somebody.dossier.key not in {dossier.key for dossier, _ in due(somebody)}
    later = now() + timedelta(days=15)
    assert (somebody.dossier.key, TOO_OLD) in {(dossier.key, reason) for dossier, reason in due(somebody, later)}
    with somebody.gate() as gate, pytest.raises(GestionError):
        destroy(gate, "test", somebody.dossier)


def test_destroyed_dmp_leaves_the_audit_log_and_nothing_else(somebody: Somebody, child: Somebody) -> None:
    """Every table that knows a dossier, and the bytes."""
    somebody.lets_in("medecin")
    document = somebody.provide("medecin", visibility=Visibility(mask=True))
    somebody.provide("medecin", replace=document)
    mine = somebody.provide("dentiste")
    kept = child.provide("medecin")
    somebody.names("medecin-traitant")
    somebody.says(Block(number("infirmier")), SetSwitches(Switches(False)))
    with somebody.gate() as gate:
        request_rectification(gate, somebody.herself, call("VD/rectification"), mine, "La date est fausse.")
        operator_creates(gate, "test", somebody.identifier, Channel.EMAIL, "anne@patient.example")
    files = stored(somebody)
    somebody.says(Close(), RequestDestruction())
    gone = somebody.dossier
    assert rows_about(somebody, gone) > {"registry_entry", "repository_document", "consents", "accounts"}
    with somebody.gate() as gate:
        destroy(gate, "test", gone)
    assert rows_about(somebody, gone) == {"audit_event"}
    assert len(stored(somebody)) == len(files) - 6, "three documents, and the signature of each lot"
    with somebody.village.house() as house, house.rooms() as rooms:
        assert all(rooms.identities.dossier(each) is None for each in gone.identifiers)
    with pytest.raises(LpsError, match="XDSUnknownPatientId"):
        somebody.provide("medecin")
    event = next(each for each in somebody.village.audit(5) if each.action == "destruction")
    assert (event.dossier, event.patient, event.explanation) == (gone.key, gone.ins, ASKED_FOR)
    child.lets_in("medecin")
    assert child.found_by("medecin") == {kept}


def test_one_dmp_whatever_the_identifier(somebody: Somebody) -> None:
    """The INS changes; messages, assertions and documents with an old one, or with the INS-C, lead to the DMP."""
    first = somebody.patient
    by_ins_c = ins_c_of(somebody.identifier, "Anne", ADULT)
    assert by_ins_c is not None
    before = somebody.provide("medecin")
    somebody.lets_in("medecin")
    new = PatientId(invented_nir("F", ADULT, COMMUNE, 999), oids.INS_NIR_TEST)
    with somebody.gate() as gate:
        change_ins(gate, "test", somebody.identifier, new, domain=somebody.village.settings.domain)
    assert somebody.dossier.ins == new
    for each in (Patient(new.value, new.authority), first, Patient(by_ins_c.value, by_ins_c.authority)):
        somebody.patient = each
        assert before in somebody.found_by("medecin"), each
        assert somebody.read_by("medecin", before)
    somebody.patient = first
    under_the_old_one = somebody.provide("medecin")
    somebody.patient = Patient(new.value, new.authority)
    under_the_new_one = somebody.provide("medecin")
    assert somebody.found_by("medecin") == {before, under_the_old_one, under_the_new_one}
    assert set(somebody.sees()) == {before, under_the_old_one, under_the_new_one}


def test_an_ins_is_one_patient_s(somebody: Somebody, child: Somebody) -> None:
    with somebody.gate() as gate, pytest.raises(GestionError, match="autre DMP"):
        change_ins(gate, "test", somebody.identifier, child.identifier, domain=somebody.village.settings.domain)
    assert somebody.dossier.ins == somebody.identifier


def test_patient_says_where_they_are_reached_and_keeps_the_traits_of_the_ins(somebody: Somebody) -> None:
    phone = Telecom("tel:+33612345678")
    said = Traits("AUTRE", "Zoé", ADULT.replace(year=1980), "M", demographics=Demographics(telecoms=(phone,)))
    somebody.says(Amend(said))
    with somebody.gate() as gate:
        data = own_data(gate, somebody.herself, call("TD1.3a"))
    traits = data.dossier.traits
    assert traits.demographics.telecoms == (phone,)
    assert (traits.birth_family, traits.birth_given, traits.birth_date, traits.sex) == ("ESSAI", "Anne", ADULT, "F")
    told = somebody.village.lps("medecin").administrative(somebody.patient)
    assert phone.value in str(told)


def test_authorisations_of_a_closed_dmp_open_nothing(somebody: Somebody) -> None:
    somebody.says(Close())
    with pytest.raises(AccessRefused):
        somebody.says(Authorise(number("medecin")))
    assert somebody.wishes.authorisations == ()


def due(somebody: Somebody, at: datetime | None = None) -> list[tuple[Dossier, str]]:
    """The dossiers that are to be destroyed, each with the reason."""
    with somebody.village.house() as house, house.rooms() as rooms:
        instant = at or now()
        found = rooms.identities.to_destroy(kept_since(instant))
    return [(each, reason_to_destroy(each, instant)) for each in found]


def rows_about(somebody: Somebody, dossier: Dossier) -> set[str]:
    """The tables in which something names a dossier, or an identifier of its patient."""
    named = {dossier.key, *(each.value for each in dossier.identifiers)}
    found = set()
    with somebody.village.house() as house, house.database.transaction() as connection:
        for metadata in METADATA:
            for table in metadata.sorted_tables:
                for row in connection.execute(table.select()):
                    if any(text in str(value) for value in row for text in named):
                        found.add(table.name)
    return found


def stored(somebody: Somebody) -> list[Path]:
    """The files of documents."""
    return [each for each in somebody.village.settings.documents.rglob("*") if each.is_file()]
