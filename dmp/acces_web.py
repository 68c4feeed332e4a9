"""TD0.9 and TD0.10: a page of the web access, opened with a patient in its address or without one.

The page itself is one passage. What it shows comes from other use cases, each with a passage of its own.

Source: GIE SESAM-Vitale, PDT-INF-527 v1.7; PDT-INF-526 v1.8 and PDT-INF-606 v1.3, row TD0.9.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate
from habilitations.action import Action
from identities.requester import PatientId, Requester
from registry.errors import ErrorCode, Finding, RegistryError

SHOWN = (Action.TD0_4, Action.TD1_3A, Action.TD1_6, Action.TD3_1, Action.HA)  # what pages are made of
CREATION_REFUSED = Finding(
    ErrorCode.DMPAccessDeniedByRightsService,
    "La création d'un DMP par l'accès web en contexte n'est plus possible.",
)
_UNDECLARED = frozenset({"autorisation_absente", "autorisation_expiree"})


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a page may offer: nothing is decided by it.

    `offered` are the actions that the requester's own rights grant, whatever this dossier says. `may_declare` is
    whether nothing but an authorisation lacks, which the requester may declare (TD0.3).
    """

    offered: frozenset[Action]
    may_declare: bool


def enter(gate: Gate, requester: Requester, call: Call, patient: PatientId | None) -> Outlook:
    """Opens a page, about `patient` or nobody. Raises AccessRefused."""
    with gate.passage(requester, Action.TD0_9, patient, call, asked=[_page(call)]) as passage:
        foreseen = {action: passage.foresees(action) for action in SHOWN}
        offered = (action for action, would in foreseen.items() if would.granted or not would.concerns_requester_only)
        undeclared = foreseen[Action.TD3_1].rule in _UNDECLARED
        return Outlook(frozenset(offered), undeclared and passage.foresees(Action.TD0_3_AJOUT).granted)


def create(gate: Gate, requester: Requester, call: Call, patient: PatientId | None) -> None:
    """No DMP is created through the web access. Raises RegistryError whoever asks, or AccessRefused.

    Source: GIE SESAM-Vitale, PDT-INF-527 v1.7, 2.9.
    """
    with gate.passage(requester, Action.TD0_9, patient, call, asked=[_page(call)]):
        raise RegistryError([CREATION_REFUSED])


def _page(call: Call) -> AuditObject:
    """What was asked: an address. Source: DICOM PS3.15 A.5.3.10 (the query)."""
    return AuditObject(ObjectKind.QUERY, call.endpoint)
