"""What a document says of who may see it: masked, to be announced, kept from legal representatives."""

from __future__ import annotations

import itertools

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.vihf import Access
from dmp.autorisations import Holder, Mode, holders
from identities.requester import Requester
from tests.somebody import Somebody, call, number

SECRET = Access(secret=True)


def test_masked_document_visible_to_author_mt_patient(somebody: Somebody) -> None:
    masked = somebody.provide("medecin", visibility=Visibility(mask=True))
    somebody.names("medecin-traitant")
    somebody.lets_in("medecin", "infirmier", "hopital")
    for name in ("medecin", "medecin-traitant"):
        assert masked in somebody.found_by(name)
        assert somebody.read_by(name, masked)
    for name in ("infirmier", "medecin-hospitalier"):
        assert masked not in somebody.found_by(name)
        assert not somebody.read_by(name, masked)
    assert somebody.reads(masked)


def test_invisible_patient_until_announced(somebody: Somebody) -> None:
    somebody.lets_in("medecin", "infirmier")
    bad_news = somebody.provide("medecin", visibility=Visibility(hide_from_patient=True))
    assert bad_news in somebody.found_by("infirmier")
    assert bad_news not in somebody.sees()
    assert not somebody.reads(bad_news)
    somebody.village.lps("infirmier").reveal(bad_news, somebody.patient)
    assert set(somebody.sees()) == {bad_news}
    assert somebody.reads(bad_news)


def test_invisible_representatives_is_said_of_each_document(child: Somebody) -> None:
    """By the professional, with the minor, at each act; professionals see the document, and that it is so."""
    parent = child.parent()
    child.lets_in("medecin", "infirmier")
    hidden = child.provide("medecin", visibility=Visibility(hide_from_representatives=True))
    plain = child.provide("medecin")
    assert set(child.sees(parent)) == {plain}
    assert not child.reads(hidden, parent)
    assert child.reads(plain, parent)
    assert set(child.sees()) == {hidden, plain}
    entry = child.village.lps("infirmier").locate(hidden, child.patient)
    assert "INVISIBLE_REPRESENTANTS_LEGAUX" in {each.code for each in entry.confidentiality_codes}
    again = child.provide("medecin", replace=hidden)
    assert set(child.sees(parent)) == {plain, again}, "a new version is a new act"


@pytest.mark.parametrize("marks", list(itertools.product([False, True], repeat=3)), ids=str)
def test_all_eight_visibility_combinations(child: Somebody, marks: tuple[bool, bool, bool]) -> None:
    mask, hide_from_patient, hide_from_representatives = marks
    parent = child.parent()
    child.names("medecin-traitant")
    child.lets_in("medecin", "infirmier")
    document = child.provide("medecin", visibility=Visibility(*marks))
    entry = child.village.lps("medecin").locate(document, child.patient)
    said = {"MASQUE_PS": mask, "INVISIBLE_PATIENT": hide_from_patient}
    said["INVISIBLE_REPRESENTANTS_LEGAUX"] = hide_from_representatives
    assert {each.code for each in entry.confidentiality_codes} - {"N"} == {
        code for code, is_so in said.items() if is_so
    }
    assert document in child.found_by("medecin") & child.found_by("medecin-traitant")
    assert (document in child.found_by("infirmier")) is not mask
    assert child.reads(document) is (document in child.sees()) is not hide_from_patient
    visible = not (hide_from_patient or hide_from_representatives)
    assert child.reads(document, parent) is (document in child.sees(parent)) is visible


def test_secret_connection_is_marked_in_the_trace_and_says_nothing_of_the_document(child: Somebody) -> None:
    """EX_0.1-1100: the secret connection hides the trace; the document is hidden by a mark of its own."""
    parent = child.parent()
    hidden = child.provide("medecin", visibility=Visibility(hide_from_representatives=True), access=SECRET)
    assert child.trace().secret_connection
    plain = child.provide("medecin")
    assert not child.trace().secret_connection
    assert set(child.sees(parent)) == {plain}
    child.lets_in("medecin")
    assert child.found_by("medecin", SECRET) == {hidden, plain}
    assert child.trace().secret_connection


def test_representatives_do_not_learn_whom_a_minor_let_in_secretly(child: Somebody) -> None:
    """TD0.3 by a secret connection, of a médecin traitant even, is told by TD1.6 to the minor alone."""
    parent = child.parent()
    for name, secretly, treating in (("medecin", True, True), ("dentiste", True, False), ("infirmier", False, False)):
        child.village.lps(name).authorise(child.patient, medecin_traitant=treating, access=Access(secret=secretly))
    everybody = {number(name) for name in ("medecin", "dentiste", "infirmier")}
    said, told = child.stands(), child.stands(parent)
    assert ({each.holder for each in said.authorisations}, said.medecins_traitants) == (everybody, (number("medecin"),))
    assert ({each.holder for each in told.authorisations}, told.medecins_traitants) == ({number("infirmier")}, ())
    assert {each.id for each in holders_told(child, child.herself)} == everybody
    assert {each.id for each in holders_told(child, parent)} == {number("infirmier")}


def holders_told(child: Somebody, requester: Requester) -> tuple[Holder, ...]:
    with child.gate() as gate:
        return holders(gate, requester, call("TD1.6"), Mode.TOUTE, b"")
