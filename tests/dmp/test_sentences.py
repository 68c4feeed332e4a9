"""Every event of a DMP has its sentence."""

from __future__ import annotations

import re

import pytest

from audit.event import Outcome
from audit.transactions import OPERATOR_ACTS, TRANSACTIONS
from dmp.connexion import CODE_STEP, CREATION_STEP, PASSWORD_STEP
from dmp.sentences import ENTERED, SENTENCES, sentence_of
from habilitations.action import Action

ACTS = {
    *(action.value for action in Action),
    *TRANSACTIONS,
    *OPERATOR_ACTS,
    PASSWORD_STEP,
    CODE_STEP,
    CREATION_STEP,
}


def test_no_action_transaction_or_act_lacks_a_sentence() -> None:
    assert ACTS - SENTENCES.keys() == set()


def test_a_sentence_goes_on_after_a_name() -> None:
    for name, said in SENTENCES.items():
        assert said.text[:2] in ("a ", "s'"), name
        assert said.tried.startswith(("a tenté de ", "a tenté d'", "n'a pas pu être ")), name
        assert not said.text.endswith(".") and not said.tried.endswith("."), name


def test_no_sentence_is_a_code() -> None:
    for name, said in SENTENCES.items():
        assert not re.search(r"[A-Z]{2}[0-9]|[0-9]|[/_]", said.text + said.tried), name


def test_what_was_tried_is_told_by_its_outcome() -> None:
    opened = sentence_of("TD3.2", "ITI-43", by_operator=False)
    assert opened.told(Outcome.SUCCESS) == "a consulté un document"
    for outcome in (Outcome.MINOR_FAILURE, Outcome.SERIOUS_FAILURE, Outcome.MAJOR_FAILURE):
        assert opened.told(outcome) == "a tenté de consulter un document"
    assert ENTERED.told(Outcome.MINOR_FAILURE) == "a tenté d'accéder au DMP"


@pytest.mark.parametrize("word", ["invisible", "caché", "annonc", "secr"])
def test_no_sentence_tells_that_something_is_hidden(word: str) -> None:
    assert not [said for said in SENTENCES.values() if word in (said.text + said.tried).casefold()]


def test_the_action_counts_before_the_transaction_and_an_operator_s_act_is_told_as_such() -> None:
    assert sentence_of("TD3.2", "ITI-43", by_operator=False).text == "a consulté un document"
    assert sentence_of("", "ITI-43", by_operator=False).text == "a consulté un document"
    assert "volontés" in sentence_of("TD1.6", "operator", by_operator=True).text
    assert "liste" in sentence_of("TD1.6", "TD1.6", by_operator=False).text
    assert sentence_of("", "urn:example:DoSomething", by_operator=False) is ENTERED
