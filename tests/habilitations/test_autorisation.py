"""What TD0.2 tells of an authorisation is what decides when the dossier is entered."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from habilitations.action import Demand
from habilitations.patient_rules import Autorisation, autorisation, patient_refuses
from habilitations.statement import Statement
from identities.requester import ModeAcces, Requester
from tests.habilitations.people import INFIRMIER, MEDECIN

TOLD = {
    None: Autorisation.VALIDE,
    "blocage": Autorisation.INTERDIT,
    "autorisation_expiree": Autorisation.EXPIRE,
    "autorisation_absente": Autorisation.NON_EXISTE,
}


@given(
    requester=st.sampled_from([MEDECIN, INFIRMIER]),
    authorised=st.booleans(),
    expired=st.booleans(),
    blocked=st.booleans(),
    medecin_traitant=st.booleans(),
)
def test_it_is_told_as_it_decides(
    requester: Requester, authorised: bool, expired: bool, blocked: bool, medecin_traitant: bool
) -> None:
    statement = Statement(
        "d", authorised=authorised, expired=expired, blocked=blocked, medecin_traitant=medecin_traitant
    )
    no = patient_refuses(Demand.AUTHORISATION, ModeAcces.NORMAL, requester, statement)
    told = autorisation(requester, statement)
    assert told is TOLD[no.rule if no else None]
    assert autorisation(requester, replace(statement, open=False)) is told, "a closing takes no authorisation away"


def test_without_a_dossier_there_is_none() -> None:
    assert autorisation(MEDECIN, None) is Autorisation.NON_EXISTE
