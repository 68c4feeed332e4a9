"""Every event of a DMP has its sentence."""

from __future__ import annotations

import pytest

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
        assert not said.text.endswith("."), name


@pytest.mark.parametrize("word", ["invisible", "caché", "annonc", "secr"])
def test_no_sentence_tells_that_something_is_hidden(word: str) -> None:
    assert not [said.text for said in SENTENCES.values() if word in said.text.casefold()]


def test_the_action_counts_before_the_transaction_and_an_operator_s_act_is_told_as_such() -> None:
    assert sentence_of("TD3.2", "ITI-43", by_operator=False).text == "a consulté un document"
    assert sentence_of("", "ITI-43", by_operator=False).text == "a consulté un document"
    assert "volontés" in sentence_of("TD1.6", "operator", by_operator=True).text
    assert "liste" in sentence_of("TD1.6", "TD1.6", by_operator=False).text
    assert sentence_of("", "urn:example:DoSomething", by_operator=False) is ENTERED
