"""Two dossiers become one, and one identifier takes the place of another: by an identity source, or by the operator.

What was merged stays merged. The surviving dossier has every document of both; what the patient said holds as far as it
shuts out in either; the audit log is not touched, and the dossier that is no more points at the one that is.

Source: ITI TF-2 3.44.4.2.4 (Document Registry), 3.44.4.2.3 (PIX Manager); CSP R.1111-26 to R.1111-40.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from audit.event import Call
from dmp import record
from dmp.errors import GestionError
from dmp.gate import Gate
from dmp.ports import Identities, Rooms
from identities.dossier import Dossier, DossierStatus
from identities.requester import PatientId
from registry.errors import ErrorCode, Finding, RegistryError, finding
from repository.errors import ContentConflict
from schemas.domain import Domain

MERGED = "D"  # EventActionCode of the record that was merged into another one
BUSY = finding(
    ErrorCode.XDSRegistryBusy, "patient", expected="no other change of the same patient at this moment", got="one"
)


class UnknownDossierError(GestionError):
    """One of the two dossiers is not there."""


def impediment(identities: Identities, domain: Domain, surviving: PatientId, subsumed: PatientId) -> Finding | None:
    """Why `subsumed` cannot be merged into `surviving`; None when it can, or was already.

    An identifier of an authority that nobody feeds is as good as known. Source: ITI TF-2 3.44.4.2.4 (conditions that
    shall be detected).
    """
    for name, each in (("surviving", surviving), ("subsumed", subsumed)):
        if domain.patient_authorities and each.authority not in domain.patient_authorities:
            taken = ", ".join(sorted(domain.patient_authorities))
            return _finding(f"{name} patient identifier", f"an authority among {taken}", each.authority)
    if surviving == subsumed:
        return _finding("subsumed patient identifier", "another one than the surviving", "the same")
    if identities.subsumed(surviving):
        return _finding("surviving patient identifier", "one in use", "one that was merged into another")
    if identities.subsumed(subsumed):
        into, survivor = identities.survivor(subsumed), identities.dossier(surviving)
        if survivor is not None and survivor.key == into:
            return None
        return _finding("subsumed patient identifier", "one in use", "one that was merged into another")
    if identities.dossier(subsumed) is None and identities.fed(subsumed.authority):
        return finding(
            ErrorCode.XDSUnknownPatientId,
            "subsumed patient identifier",
            expected="one that an identity source told us",
            got="an unknown one",
        )
    return None


def merge(rooms: Rooms, new: Dossier, subsumed: PatientId) -> tuple[Dossier, str]:
    """Merges `subsumed` into the current identifier of `new`: the surviving dossier as it is, or one still to open.

    Returns the dossier that is there afterwards, and the key of the one that `subsumed` had. Nothing may stand against
    it (see `impediment`). Raises RegistryError: XDSRegistryBusy, or XDSNonIdenticalHash for two contents of a uniqueId.
    """
    identities, surviving = rooms.identities, new.ins
    identities.lock([each.key for each in map(identities.dossier, (surviving, subsumed)) if each])
    survivor, losing = identities.dossier(surviving), identities.dossier(subsumed)
    if survivor is None and losing is not None:
        identities.link(losing.key, surviving, current=losing.ins == subsumed)
        survivor = losing
    elif survivor is None:
        identities.open(new)
        survivor = new
    elif losing is not None and losing.key != survivor.key:
        unite(rooms, losing, survivor)
    identities.subsume(subsumed, surviving)
    rooms.registry.rename(survivor.key, str(subsumed), str(surviving))
    standing = identities.dossier(surviving)
    if standing is None:
        raise RegistryError([BUSY])
    return standing, losing.key if losing else ""


def unite(rooms: Rooms, merged: Dossier, into: Dossier) -> None:
    """Gives everything of the dossier `merged`, identifiers and all, to `into`. Raises as `merge`."""
    rooms.identities.lock((merged.key, into.key))
    if rooms.identities.dossier_of_key(merged.key) is None or rooms.identities.dossier_of_key(into.key) is None:
        raise RegistryError([BUSY])
    try:
        rooms.documents.unite(merged.key, into.key)
    except ContentConflict as conflict:
        raise RegistryError([Finding(ErrorCode.XDSNonIdenticalHash, str(conflict))]) from None
    rooms.registry.unite(merged.key, into.key)
    rooms.rights.unite(merged.key, into.key)
    rooms.identities.unite(merged.key, into.key)
    first, second = (into, merged) if into.traits.names else (merged, into)
    rooms.identities.set_traits(into.key, first.traits.over(second.traits))


def merge_dossiers(
    gate: Gate, operator: str, surviving: PatientId, subsumed: PatientId, *, domain: Domain
) -> tuple[Dossier, bool]:
    """The operator's merge of one known DMP into another one; the DMP that survives, and whether anything was done.

    Raises UnknownDossierError when one of them is not known, GestionError when something else stands against it.
    """
    call = Call(transaction="operator", request_id=uuid.uuid4().hex)
    with gate.operator(operator, "fusion", surviving, call) as rooms:
        identities = rooms.identities
        survivor, losing = identities.dossier(surviving), identities.dossier(subsumed)
        stands_against = impediment(identities, domain, surviving, subsumed)
        if stands_against is not None:
            raise GestionError(f"Fusion refusée : {stands_against.context}.")
        if survivor is None:
            raise UnknownDossierError("Aucun DMP pour l'INS qui doit subsister.")
        if identities.subsumed(subsumed):
            return survivor, False
        if losing is None:
            raise UnknownDossierError("Aucun DMP pour l'INS à absorber.")
        if DossierStatus.CLOSED in (survivor.status, losing.status):
            raise GestionError("Fusion refusée : un DMP fermé ne se fusionne pas ; rouvrez-le d'abord.")
        standing, key = merge(rooms, replace(survivor, identifiers=(surviving,)), subsumed)
        gone = record.operated(call, operator, "fusion", subsumed, gate.now())
        rooms.trail.append(replace(gone, dossier=key, event_action=MERGED))
        return standing, True


def _finding(attribute: str, expected: str, got: str) -> Finding:
    return finding(ErrorCode.XDSPatientIDReconciliationError, attribute, expected=expected, got=got)
