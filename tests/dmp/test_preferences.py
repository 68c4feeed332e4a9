"""VD/alertes in the hall: who says what they want to be told, and where to. Over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dmp.errors import AccessRefused, GestionError
from dmp.preferences import AlertsError, alerts_of, change_alerts, operator_changes, operator_reads, read_change
from identities.account import Channel
from identities.alerts import Alerts, Party
from identities.requester import Requester
from registry.errors import RegistryError
from tests.dmp.accounts import DOCTOR, LEA, MOTHER, Desk, desk
from tests.dmp.life import (
    DOCTORS,
    LAB,
    MAIL,
    MOTHERS,
    NUMBER,
    OF_MOTHER,
    OF_OTHER,
    OTHER,
    Life,
    calling,
    told,
    urgent,
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture
def anne(house: Desk) -> Life:
    return Life(house)


@pytest.fixture
def lea(house: Desk) -> Life:
    return Life(house, LEA)


@pytest.mark.parametrize("who", ["patient", "mother", "professional"])
def test_everybody_says_for_themselves_what_they_want(house: Desk, lea: Life, who: str) -> None:
    requester: Requester = {"patient": lea.herself, "mother": lea.mother, "professional": lea.of(OTHER)}[who]
    change = read_change(documents=True, types=[LAB.code], email=MAIL, sms="06 12 34 56 78")
    said = change_alerts(house.gate, requester, calling("VD/alertes"), change)
    assert (said.documents, said.types, said.email, said.sms) == (True, {LAB.code}, MAIL, NUMBER)
    assert alerts_of(house.gate, requester, calling("VD/alertes")) == said
    said = change_alerts(house.gate, requester, calling("VD/alertes"), read_change(types=[], sms=""))
    assert (said.documents, said.types, said.reach) == (True, frozenset(), ((Channel.EMAIL, MAIL),))
    lea.deposit()
    assert told(house) == [MAIL]
    event = house.records(3)[-1]
    assert (event.transaction, event.action, event.requester_id) == ("VD/alertes", "VD/alertes", requester.id_nat)
    assert MAIL.encode() not in event.message


def test_who_may_not_enter_sets_no_alerts(house: Desk, anne: Life) -> None:
    with house.rooms() as rooms:
        rooms.rights.revoke(anne.dossier_in(rooms).key, OTHER.id_nat)
    for requester in (OTHER, urgent(DOCTOR), replace(DOCTOR, profession="SECRETARIAT_MEDICAL")):
        with pytest.raises(AccessRefused):
            change_alerts(house.gate, requester, calling(), read_change(documents=True))


def test_a_professional_whom_the_directory_does_not_know_is_told_so(house: Desk, anne: Life) -> None:
    stranger = replace(OTHER, id_nat="899900000066")
    with house.rooms() as rooms:
        end = house.now + timedelta(days=1)
        rooms.rights.authorise(anne.dossier_in(rooms).key, stranger.id_nat, kind="person", start=house.now, end=end)
    with pytest.raises(RegistryError, match="annuaire"):
        change_alerts(house.gate, stranger, calling(), read_change(documents=True, email=MAIL))
    anne.wants(replace(OF_OTHER, holder=stranger.id_nat))
    anne.deposit()
    assert told(house) == []


@pytest.mark.parametrize(
    "typed",
    [
        {"email": "anne"},
        {"email": "anne@patient.example\nBcc: x@y.example"},
        {"sms": "12"},
        {"sms": MAIL},
        {"types": ["nothing"]},
    ],
)
def test_what_cannot_be_kept_is_refused_without_being_told(typed: dict[str, object]) -> None:
    with pytest.raises(AlertsError) as refused:
        read_change(**typed)  # type: ignore[arg-type]
    assert MAIL not in str(refused.value)
    assert "attendu" in str(refused.value).casefold()


def test_an_operator_records_what_somebody_told_them(house: Desk, lea: Life) -> None:
    change = read_change(documents=True, email=MOTHERS)
    operator_changes(house.gate, "alice", LEA, Alerts(MOTHER.id, Party.REPRESENTANT), change)
    operator_changes(house.gate, "alice", LEA, Alerts(OTHER.id_nat, Party.PROFESSIONNEL), read_change(email=DOCTORS))
    assert operator_reads(house.gate, "alice", LEA) == (
        replace(OF_OTHER, documents=False),
        OF_MOTHER,
    )
    event = house.records(1)[0]
    assert (event.action, event.operator, event.dossier) == ("VD/alertes", "alice", lea.dossier.key)
    for wish in (Alerts("nobody", Party.REPRESENTANT), Alerts("899900000066", Party.PROFESSIONNEL)):
        with pytest.raises(GestionError):
            operator_changes(house.gate, "alice", LEA, wish, change)
    lea.deposit()
    assert told(house) == [MOTHERS]
