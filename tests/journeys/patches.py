"""TD3.3 by SOAP and by FHIR: what somebody may do, what it leaves, and what is recorded of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from audit.store import AuditRecord
from conformance.lps.metadata import Visibility
from conformance.lps.soap import LpsError
from pdsm.document_reference import IS_ARCHIVED
from tests.journeys.attributes import ARCHIVED, DELETED, MASKED, UNSEEN, Desk, Practice
from tests.journeys.audit_nodes import FHIR_JSON, Answer, ask

NOS = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
MASK = {"coding": [{"system": NOS, "code": "MASQUE_PS"}]}
ARCHIVE_PATH = f"/extension[url:'{IS_ARCHIVED}']/valueBoolean"
PEOPLE = ("medecin", "medecin-traitant", "medecin-hospitalier", "infirmier", "pharmacien", "podologue", "secretaire")


def _without(name: str) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    def operations(resource: dict[str, Any]) -> list[dict[str, Any]]:
        codes = [each["coding"][0]["code"] for each in resource["securityLabel"]]
        return [{"op": "remove", "path": f"/securityLabel/{codes.index(name)}"}] if name in codes else []

    return operations


def _archived(value: bool) -> Callable[[dict[str, Any]], list[dict[str, Any]]]:
    return lambda _: [{"op": "replace", "path": ARCHIVE_PATH, "value": value}]


# Each action: the document it is done to, how software asks for it by ITI-57, how by PATCH.
ACTIONS: dict[str, tuple[Visibility | None, Callable[[Desk, str], None], Callable[[dict[str, Any]], Any]]] = {
    "TD3.3a, mask": (
        None,
        lambda desk, document: desk.mark(document, add=[MASKED]),
        lambda _: [{"op": "replace", "path": "/securityLabel/0", "value": MASK}],  # as PDSm4DMP has it
    ),
    "TD3.3a, unmask": (
        Visibility(mask=True),
        lambda desk, document: desk.mark(document, remove=[MASKED]),
        _without("MASQUE_PS"),
    ),
    "TD3.3b": (
        Visibility(hide_from_patient=True),
        lambda desk, document: desk.mark(document, remove=[UNSEEN]),
        _without("INVISIBLE_PATIENT"),
    ),
    "TD3.3c": (
        None,
        lambda desk, document: desk.change(document, DELETED),
        lambda _: [{"op": "replace", "path": "/status", "value": "entered-in-error"}],
    ),
    "TD3.3d": (None, lambda desk, document: desk.change(document, ARCHIVED), _archived(True)),
}


def patch(practice: Practice, name: str, path: str, operations: Any) -> Answer:
    headers = {"Content-Type": "application/json-patch+json", "Accept": FHIR_JSON}
    body = json.dumps(operations).encode()
    return ask(practice.village, name, f"/fhir/{path}", method="PATCH", body=body, headers=headers)


def _state(practice: Practice, document: str) -> tuple[Any, ...]:
    """What stands, as its author sees it: of a deleted document, nothing."""
    versions = practice.desk("medecin").versions(document)
    return tuple((each.version, each.availability_status, each.confidentiality_codes) for each in versions)


def _event(record: AuditRecord) -> tuple[Any, ...]:
    return record.action, record.rule, record.outcome


def _by_soap(practice: Practice, name: str, title: str) -> tuple[Any, ...]:
    visibility, do, _ = ACTIONS[title]
    document, desk = practice.document(visibility=visibility), practice.desk(name)
    if not _finds(desk, document):
        return False, _state(practice, document), ()
    try:
        do(desk, document)
    except LpsError:
        return False, _state(practice, document), ()
    return True, _state(practice, document), _event(_updates(practice)[0])


def _finds(desk: Desk, document: str) -> bool:
    try:
        return desk.finds(document)
    except LpsError:
        return False


def _updates(practice: Practice) -> list[AuditRecord]:
    return [each for each in practice.village.audit(6) if each.transaction == "ITI-57"]


def _by_fhir(practice: Practice, name: str, title: str) -> tuple[Any, ...]:
    visibility, _, operations = ACTIONS[title]
    document = practice.document(visibility=visibility)
    (known,) = practice.desk("medecin").versions(document)
    where = f"DocumentReference/{known.entry_uuid.removeprefix('urn:uuid:')}"
    resource = ask(practice.village, "medecin", f"/fhir/{where}").resource
    before = {each.sequence for each in practice.village.audit(6)}
    answer = patch(practice, name, where, operations(resource))
    new = [each for each in practice.village.audit(6) if each.sequence not in before]
    if answer.status != 200:
        assert answer.status in (403, 404), answer.content
        nothing = patch(practice, name, "DocumentReference/01234567-89ab-4def-8123-456789abcdef", operations(resource))
        found = _finds(practice.desk(name), document)
        assert (answer.content == nothing.content) is not found, (
            "what he finds is refused, what he does not is not there"
        )
        return False, _state(practice, document), ()
    (event,) = new
    return True, _state(practice, document), _event(event)


def same(practice: Practice, name: str, title: str) -> bool:
    """Whether somebody may do that, which is so by both doors alike."""
    soap, fhir = _by_soap(practice, name, title), _by_fhir(practice, name, title)
    assert soap == fhir, (name, title)
    return bool(fhir[0])
