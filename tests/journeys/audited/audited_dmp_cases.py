"""What the cases of practice software share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from audited_stage import Names
from audited_village import Audited, Cases

from conformance.lps.soap import LpsError
from conformance.lps.traits import Name, Traits
from conformance.lps.vihf import Access
from registry.metadata import Code
from registry.scope import MASQUE_PS
from tests.somebody import Somebody

CASES = Cases()
EMERGENCY, CENTRE_15 = Access("bris_de_glace", "patient inconscient"), Access("centre_15")
MASKED = Code(*MASQUE_PS)
ANNE = Traits(Name("ESSAI", "Anne", "ESSAI"), "F", "19790328")


def refusal_of(attempt: Callable[[], object]) -> str:
    """The code that a request is refused with."""
    with pytest.raises(LpsError) as caught:
        attempt()
    return caught.value.code


def names_of(audited: Audited, who: str, somebody: Somebody | None, path: str, **more: str) -> Names:
    patient = {"patient": str(somebody.identifier), "ins": somebody.identifier.value} if somebody else {}
    return {"certificate": audited.card(who), "endpoint": audited.at(path), **patient, **more}
