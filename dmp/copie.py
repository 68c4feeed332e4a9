"""VD/copie: what a patient takes away of the DMP, in parts: documents, history of accesses, authorisations.

Each part is a passage of its own; the bytes of documents are read once it is closed.

Source: public guides of the DMP (téléchargement du DMP); Règlement (UE) 2016/679, art. 15 and 20.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from audit.event import Call
from dmp.autorisations import Holder, Mode, holders
from dmp.gate import Gate
from dmp.historique import read_history
from dmp.historique_export import as_cell, as_csv
from dmp.media_sets import Selection
from dmp.medias import Maker, Medium, export_media
from habilitations.action import Action
from identities.representation import PARIS
from identities.requester import Requester

_HEADINGS = ("Identifiant", "Nom", "Prénom", "Statut", "Médecin traitant DMP", "Depuis")
_MODES = {Mode.ACTIVE: "autorisé", Mode.INTERDITE: "bloqué"}


class Part(Enum):
    """What may be taken away."""

    DOCUMENTS = "documents"
    HISTORIQUE = "historique"
    AUTORISATIONS = "autorisations"


@dataclass(frozen=True, slots=True)
class Copy:
    """What was asked for; None for what was not. History and authorisations are CSV."""

    documents: Medium | None
    history: str | None
    authorisations: str | None


def take_away(gate: Gate, requester: Requester, call: Call, parts: Collection[Part], maker: Maker) -> Copy:
    """The parts of a copy of the DMP of the requester's patient. Raises AccessRefused, RegistryError."""
    documents, history, authorisations = None, None, None
    if requester.patient is None:
        raise LookupError("a copy: expected a patient, got none")
    if Part.DOCUMENTS in parts:
        everything = Selection(obsolete=True, archived=True)
        documents = export_media(
            gate, requester, _asks(call, Action.VD_COPIE), requester.patient, everything, maker, Action.VD_COPIE
        )
    if Part.HISTORIQUE in parts:
        history = as_csv(read_history(gate, requester, _asks(call, Action.HA), limit=None).lines)
    if Part.AUTORISATIONS in parts:
        found = holders(gate, requester, _asks(call, Action.TD1_6), Mode.TOUTE)
        authorisations = _as_csv(found)
    return Copy(documents, history, authorisations)


def _asks(call: Call, action: Action) -> Call:
    return replace(call, transaction=action.value)


def _as_csv(found: Iterable[Holder]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_HEADINGS)
    for each in found:
        start = f"{each.start.astimezone(PARIS):%d/%m/%Y}" if each.start else ""
        treating = "oui" if each.medecin_traitant else "non"
        cells = (each.id, each.family, each.given, _MODES[each.mode], treating, start)
        writer.writerow([as_cell(each) for each in cells])
    return text.getvalue()
