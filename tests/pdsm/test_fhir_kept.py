"""Resources that a process has at hand: what one answer makes of them changes no other."""

from __future__ import annotations

import copy
import uuid
from datetime import UTC, datetime

from dmp.fiches import Fiches
from pdsm.sharing import _written, resources_of
from registry.metadata import Association, AssociationType
from tests.connectathon import document, new_patient

BASE = "https://dmp.example/fhir"


def test_an_answer_leaves_what_is_at_hand_as_it_is() -> None:
    own, other = uuid.uuid4().urn, uuid.uuid4().urn
    entry = document(new_patient(), own)
    kept = copy.deepcopy(_written(entry, BASE))
    replaces = Association(uuid.uuid4().urn, AssociationType.RPLC, own, other)
    whole = Fiches((entry,), (replaces,), {own: datetime(2026, 1, 2, tzinfo=UTC)})
    (told,) = resources_of(whole, BASE, "Patient/1")
    assert told["subject"]["reference"] == "Patient/1"
    assert told["meta"]["lastUpdated"] == "2026-01-02T00:00:00Z"
    assert [*told].index("relatesTo") < [*told].index("securityLabel")
    resources_of(Fiches((entry,)), BASE, "Patient/2")
    assert _written(entry, BASE) == kept
    (plain,) = resources_of(Fiches((entry,)), BASE, "")
    assert plain == kept
