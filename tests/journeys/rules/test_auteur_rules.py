"""Whose a document is: replaced by its author or structure, by nobody else; the patient asks the author."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from dmp.errors import AccessRefused, GestionError
from dmp.rectification import rectifications_for, request_rectification
from dmp.volontes import Block
from habilitations.wishes import Rectification
from identities.requester import ModeAcces, Requester
from server.commands.names import requester_of
from tests.somebody import CRH, Somebody, call, number

REASON = "La date de l'examen est fausse."


def test_author_or_structure_may_replace(somebody: Somebody) -> None:
    somebody.lets_in("medecin", "pharmacien", "hopital")
    letter = somebody.provide("hopital", author="medecin-hospitalier", kind=CRH)
    uuid = somebody.village.lps("medecin").locate(letter, somebody.patient).entry_uuid
    for stranger in ("medecin", "pharmacien"):
        with pytest.raises(LpsError, match="UnresolvedReferenceException"):
            somebody.provide(stranger, replace=uuid)
    by_structure = somebody.provide("hopital", author="medecin-hospitalier", kind=CRH, replace=uuid)
    assert set(somebody.found_by("medecin")) == {by_structure}
    uuid = somebody.village.lps("medecin").locate(by_structure, somebody.patient).entry_uuid
    by_author = somebody.provide("medecin-hospitalier", kind=CRH, replace=uuid)
    assert set(somebody.found_by("medecin")) == {by_author}


def test_blocked_author_may_still_replace_his_own(somebody: Somebody) -> None:
    mine = somebody.provide("medecin")
    somebody.lets_in("infirmier")
    uuid = somebody.village.lps("infirmier").locate(mine, somebody.patient).entry_uuid
    somebody.says(Block(number("medecin")))
    replaced = somebody.provide("medecin", replace=uuid)
    assert somebody.found_by("infirmier") == {replaced}


def test_patient_asks_the_author_to_rectify_who_finds_the_request(somebody: Somebody) -> None:
    document = somebody.provide("medecin")
    asked = ask(somebody, document)
    assert somebody.trace().documents == (document,)
    assert REASON not in somebody.trace().message.decode()
    assert received(somebody, author(somebody, "medecin")) == [asked]
    assert received(somebody, author(somebody, "dentiste")) == []
    assert received(somebody, somebody.herself) == [asked]
    somebody.says(Block(number("medecin")))
    assert received(somebody, author(somebody, "medecin")) == [asked], "it is his own document"


def test_nothing_is_asked_of_a_document_that_stays_hidden(child: Somebody) -> None:
    parent = child.parent()
    hidden = child.provide("medecin", visibility=Visibility(hide_from_representatives=True))
    for unique_id in (hidden, "2.25.1"):
        with pytest.raises(GestionError, match="visible"):
            ask(child, unique_id, by=parent)
    asked = ask(child, hidden)
    assert (received(child, parent), received(child, child.herself)) == ([], [asked])


@pytest.mark.parametrize("reason", ["", "  ", "x" * 1001])
def test_a_request_says_why_in_a_few_words(somebody: Somebody, reason: str) -> None:
    document = somebody.provide("medecin")
    with pytest.raises(GestionError, match="motif"):
        ask(somebody, document, reason=reason)


def test_professionals_do_not_ask_in_the_patient_s_place(somebody: Somebody) -> None:
    document = somebody.provide("medecin")
    somebody.names("medecin-traitant")
    with pytest.raises((AccessRefused, GestionError)):
        ask(somebody, document, by=author(somebody, "medecin-traitant"))
    assert received(somebody, somebody.herself) == []


def ask(somebody: Somebody, unique_id: str, *, by: Requester | None = None, reason: str = REASON) -> Rectification:
    with somebody.gate() as gate:
        return request_rectification(gate, by or somebody.herself, call("VD/rectification"), unique_id, reason)


def received(somebody: Somebody, by: Requester) -> list[Rectification]:
    with somebody.gate() as gate:
        return list(rectifications_for(gate, by, call("VD/rectification")))


def author(somebody: Somebody, name: str) -> Requester:
    """One of the people, as a door of theirs would hand them to the hall, for this patient."""
    with somebody.village.house() as house:
        found = requester_of(house, None, name, mode=None, access=ModeAcces.NORMAL, motif="")
    return replace(found, patient=somebody.identifier)
