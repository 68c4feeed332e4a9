"""The access history: whole for patient and médecin traitant, one's own acts for others, silent where it must be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from conformance.lps.vihf import Access
from dmp.errors import AccessRefused
from dmp.historique import ON_LINE_TRACES, Line, read_history
from habilitations.action import Action
from identities.requester import Requester
from server.house import now
from tests.somebody import Somebody, call, number

ADDED, OPENED, SEARCHED, ENTERED = (
    "a ajouté un document",
    "a consulté un document",
    "a recherché des documents",
    "a accédé au DMP",
)
TRIED_TO_OPEN = "a tenté de consulter un document"
EMERGENCY = Access("bris_de_glace", "patient inconscient")
SECRET = Access(secret=True)


def lines(of: Somebody, reader: Requester | None = None, later: timedelta = timedelta(0)) -> list[Line]:
    """What professionals did, as a reader sees it (the patient by default), oldest first."""
    with of.gate(now() + later) as gate:
        page = read_history(gate, reader or of.herself, call("HA"), limit=None)
    return [line for line in reversed(page.lines) if line.profession == "Médecin"]


def told(of: Somebody, reader: Requester | None = None) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [
        (line.person, line.act, line.result, tuple(each.unique_id for each in line.documents))
        for line in lines(of, reader)
    ]


def test_history_is_exhaustive_for_patient_and_mt_own_actions_for_others(somebody: Somebody) -> None:
    somebody.names("medecin-traitant")
    somebody.lets_in("medecin")
    document = somebody.provide("medecin-traitant")
    somebody.found_by("medecin")
    somebody.read_by("medecin", document)
    with pytest.raises(LpsError):
        somebody.village.lps("medecin-hospitalier").find(somebody.patient)
    somebody.village.lps("medecin-hospitalier").find(somebody.patient, access=EMERGENCY)
    mt, other, stranger = map(number, ("medecin-traitant", "medecin", "medecin-hospitalier"))
    whole = [
        (mt, ADDED, "fait", (document,)),
        (other, SEARCHED, "fait", ()),
        (other, OPENED, "fait", (document,)),
        (stranger, "a tenté de rechercher des documents", "refusé", ()),
        (stranger, SEARCHED, "fait", ()),
    ]
    assert told(somebody) == whole
    first, *_, last = lines(somebody)
    assert (first.name, first.profession, first.structure) == (
        "MARCHAND Claire",
        "Médecin",
        "structure n° 399000000100018",
    )
    assert (last.structure, last.circumstances) == (
        "Hôpital Saint-André",
        "accès en bris de glace : patient inconscient",
    )
    own = told(somebody, somebody.card("medecin"))
    assert [each for each in own if each[1] != "a consulté l'historique des accès"] == whole[1:3]
    for_mt = told(somebody, somebody.card("medecin-traitant"))
    assert [each for each in for_mt if each[1] != "a consulté l'historique des accès"] == whole
    with pytest.raises(AccessRefused):
        told(somebody, somebody.card("medecin-hospitalier"))


def test_secret_connection_leaves_no_trace_for_representatives(child: Somebody) -> None:
    parent = child.parent()
    child.lets_in("medecin", "medecin-traitant")
    hidden = child.provide("medecin", visibility=Visibility(hide_from_representatives=True), access=SECRET)
    child.found_by("medecin", SECRET)
    child.provide("medecin", access=SECRET)
    child.read_by("medecin-traitant", hidden)
    assert told(child, parent) == [], "of the connection nothing, of the document nothing whoever reads it"
    plain = child.provide("medecin")
    assert told(child, parent) == [(number("medecin"), ADDED, "fait", (plain,))]
    assert len(told(child)) == 5


def test_history_names_no_document_that_must_still_be_announced(somebody: Somebody) -> None:
    somebody.lets_in("medecin", "medecin-traitant")
    bad_news = somebody.provide("medecin", visibility=Visibility(hide_from_patient=True))
    somebody.read_by("medecin-traitant", bad_news)
    came = [(number("medecin"), ENTERED, "fait", ()), (number("medecin-traitant"), ENTERED, "fait", ())]
    assert told(somebody) == came, "that somebody came in, and not what for"
    announced = somebody.provide("medecin", replace=bad_news)
    assert told(somebody)[-1] == (number("medecin"), ADDED, "fait", (announced,))


def test_history_does_not_tell_a_professional_a_masked_document_from_none(somebody: Somebody) -> None:
    somebody.lets_in("medecin", "medecin-traitant")
    masked = somebody.provide("medecin-traitant", visibility=Visibility(mask=True))
    somebody.read_by("medecin", masked)
    somebody.read_by("medecin", "2.25.1")
    first, second = told(somebody, somebody.card("medecin"))
    assert first == second == (number("medecin"), TRIED_TO_OPEN, "refusé", ())
    assert told(somebody)[1] == (number("medecin"), TRIED_TO_OPEN, "refusé", (masked,)), "the patient reads which"


def test_history_on_line_one_year_or_hundred_traces(somebody: Somebody) -> None:
    somebody.lets_in("medecin")
    with somebody.gate() as gate:
        for _ in range(ON_LINE_TRACES + 20):
            with gate.passage(somebody.card("medecin"), Action.TD3_1, somebody.identifier, call("ITI-18")):
                pass
    assert len(lines(somebody)) == ON_LINE_TRACES + 20
    assert len(lines(somebody, later=timedelta(days=365))) == ON_LINE_TRACES + 20
    with somebody.gate(now() + timedelta(days=368)) as gate:
        page = read_history(gate, somebody.herself, call("HA"), limit=None)
    assert len(page.lines) == ON_LINE_TRACES
