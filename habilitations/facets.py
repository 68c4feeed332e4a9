"""Which row of the functional rights judges what a document says of itself.

A facet is a field of `registry.scope.Scope`, or an availability status; each is judged by one row, so that a refusal
can name it.

Source: PDT-INF-526 v1.8 and PDT-INF-606 v1.3, rows TD3.1, TD3.2 and TD3.3.
"""

from __future__ import annotations

from collections.abc import Mapping

from habilitations.action import Action
from habilitations.column import Column
from habilitations.matrices import DroitsFonctionnels, Note
from registry.metadata import AvailabilityStatus

Facet = str | AvailabilityStatus

OPENING = frozenset(action for action in Action if action.transaction == Action.TD3_2.transaction)
STRUCTURE_NOTES = frozenset({Note.REFERENCE_A_SUPPRIMER, Note.DOCUMENTS_DE_LA_STRUCTURE})

_OPEN_ROWS: Mapping[Facet, Action] = {
    "reach": Action.TD3_2,
    "masked": Action.TD3_2_MASQUE,
    "invisible_patient": Action.TD3_2_INVISIBLE,
    "invisible_representatives": Action.TD3_2_INVISIBLE,
    AvailabilityStatus.APPROVED: Action.TD3_2,
    AvailabilityStatus.ARCHIVED: Action.TD3_2_ARCHIVE,
    AvailabilityStatus.DEPRECATED: Action.TD3_2_OBSOLETE,
    AvailabilityStatus.DELETED: Action.TD3_2_SUPPRIME,
}
_ACTING_ROWS: Mapping[Facet, Action] = {
    "masked": Action.TD3_3A_DEMASQUER,
    "invisible_patient": Action.TD3_3B,
    "invisible_representatives": Action.TD3_3B,
    AvailabilityStatus.APPROVED: Action.TD3_1,
    AvailabilityStatus.ARCHIVED: Action.TD3_3D_DESARCHIVER,
}


def facet_rows(droits: DroitsFonctionnels, action: Action, column: Column) -> Mapping[Facet, Action]:
    """The row that judges each facet of what `action` reads or acts upon.

    Opening goes by the rows TD3.2. Whatever else finds documents goes by its own row and, for what a document says of
    itself, by the rows TD3.2 too; where such a row says no, by the row TD3.3 that acts on such documents: who may
    unmask his own must find them. Of the columns of the sheets, this gives only the occupational physician, who opens
    nothing but masks and archives, more to find than to open. Notes (5) and (9) make the structure's documents found,
    whatever they say.
    """
    if droits.cells[action, column].note in STRUCTURE_NOTES:
        return dict.fromkeys(_OPEN_ROWS, action)
    if action in OPENING:
        return _OPEN_ROWS

    def row(facet: Facet) -> Action:
        opening = _OPEN_ROWS[facet]
        return opening if droits.cells[opening, column].granted else _ACTING_ROWS.get(facet, opening)

    return {**{facet: row(facet) for facet in _OPEN_ROWS}, "reach": action}
