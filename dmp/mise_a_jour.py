"""Metadata update: new versions of what is registered, and what becomes of their availability (ITI-57, ITI-92).

What the requester cannot find is not there for him: an update of it fails as that of an unknown object does. A document
that goes to another patient takes its bytes along; the older versions stay where they were.

Source: ITI TF-2 3.57 (XDS Metadata Update) and 3.92 (Restricted Metadata Update).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from audit.event import AuditObject, Call, ObjectKind
from dmp.gate import Gate, Passage
from dmp.submissions import custody_of, held, opened, patient_of, unknown_patient
from habilitations.action import Action
from identities.requester import Requester
from registry.errors import ErrorCode, Finding, RegistryError, Severity
from registry.metadata import Code, DocumentEntry, Folder, Submission
from registry.scope import Scope
from registry.update import UpdateEffects, admit_update
from registry.update_operations import RESTRICTED, UPDATE, Rules, versions_of
from registry.validation import validate
from registry.versions import Versions
from repository.errors import ContentConflict
from schemas.domain import Domain


@dataclass(frozen=True, slots=True)
class MiseAJour:
    """The use case, with what it needs of the affinity domain."""

    gate: Gate
    domain: Domain
    is_code: Callable[[str, Code], bool]

    def update(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """ITI-57. Returns the warnings; raises AccessRefused, or RegistryError with every fault found."""
        return self._update(requester, Action.ITI_57, call, submission, findings)

    def restricted_update(
        self, requester: Requester, call: Call, submission: Submission, findings: tuple[Finding, ...]
    ) -> tuple[Finding, ...]:
        """ITI-92. Returns the warnings; raises AccessRefused, or RegistryError with every fault found.

        Each fault names its object, as 3.92.4.2 wants of codeContext.
        """
        try:
            return self._update(requester, Action.ITI_92, call, submission, findings)
        except RegistryError as error:
            raise RegistryError(_naming(error.findings, submission)) from None

    def _update(
        self,
        requester: Requester,
        action: Action,
        call: Call,
        submission: Submission,
        findings: tuple[Finding, ...],
    ) -> tuple[Finding, ...]:
        with self.gate.preparation(requester, action, call):
            examined = (*findings, *validate(submission, self.domain, self.is_code))
        patient, asked = (
            patient_of(submission),
            [AuditObject(ObjectKind.SUBMISSION_SET, submission.submission_set.unique_id)],
        )
        with self.gate.passage(requester, action, patient, call, asked=asked) as passage:
            dossier = passage.dossier = held(passage, patient) or opened(passage, self.domain, patient)
            if dossier is None:
                raise RegistryError([*examined, *unknown_patient(submission, examined)])
            existing = passage.registry.versions(submission, dossier.key)
            existing = existing.only(_seen(passage, dossier.key, existing))
            rules = RESTRICTED if action is Action.ITI_92 else UPDATE
            effects = admitted(submission, existing, examined, received=passage.now, rules=rules)
            _take_along(passage, dossier.key, effects)
            custody = {entry.entry_uuid: custody_of(entry, passage.requester) for entry in effects.entries}
            passage.registry.save_update(effects, dossier.key, custody, passage.now)
            passage.objects.extend(touched(effects, existing))
        return tuple(found for found in examined if found.severity is Severity.WARNING)


def admitted(
    submission: Submission, existing: Versions, examined: Sequence[Finding], *, received: datetime, rules: Rules
) -> UpdateEffects:
    """What the update does. Raises RegistryError when this or anything that was `examined` before is wrong."""
    try:
        effects = admit_update(submission, existing, received=received, rules=rules)
    except RegistryError as error:
        raise RegistryError([*examined, *error.findings]) from None
    if any(found.severity is Severity.ERROR for found in examined):
        raise RegistryError(examined)
    return effects


def _seen(passage: Passage, key: str, existing: Versions) -> frozenset[str]:
    """What of the objects that the update names the requester can find, each in its own dossier."""
    scopes = (_scope(passage, patient, own=patient == key) for patient in sorted(existing.patients))
    found = passage.registry.around(sorted(existing.objects), [scope for scope in scopes if scope])
    return frozenset(found.patients)


def _scope(passage: Passage, patient: str, *, own: bool) -> Scope | None:
    """An assertion that was made for one patient serves for no other."""
    if own and not passage.across:
        return passage.decision.scope
    return passage.scope_of(patient) if own or passage.requester.patient is None else None


def _take_along(passage: Passage, key: str, effects: UpdateEffects) -> None:
    """What a uniqueId stands for in the dossier a document comes from, it stands for in the one it goes to."""
    for version in effects.versions:
        item, before = version.item, version.previous.patient
        if isinstance(item, Folder) or before == key:
            continue
        content = passage.documents.content(before, item.unique_id)
        if content is None:
            continue
        try:
            passage.documents.record(key, item.unique_id, content, item.mime_type)
        except ContentConflict as conflict:
            code, expected = ErrorCode.XDSMetadataUpdateError, conflict.expected
            where = item.entry_uuid
            raise RegistryError.single(code, "uniqueId", expected=expected, got=conflict.got, location=where) from None


def touched(effects: UpdateEffects, existing: Versions) -> Iterable[AuditObject]:
    """The documents whose metadata or status changed, for the audit log."""
    changed = [
        existing.named.get(uuid) for uuid in (*(each.entry_uuid for each in effects.statuses), *effects.replaced)
    ]
    entries = [*effects.entries, *(each.item for each in changed if each and isinstance(each.item, DocumentEntry))]
    documents = {entry.unique_id: entry for entry in entries if isinstance(entry, DocumentEntry)}
    for entry in documents.values():
        yield AuditObject(ObjectKind.DOCUMENT, entry.unique_id, entry.repository_unique_id)


def _naming(findings: Iterable[Finding], submission: Submission) -> list[Finding]:
    """The findings with the id of their object, and its logicalID, in the text."""
    logical = {item.entry_uuid: item.logical_id for item in versions_of(submission)}
    named = []
    for found in findings:
        ids = [each for each in (found.location, logical.get(found.location, "")) if each and each not in found.context]
        named.append(replace(found, context=": ".join((*dict.fromkeys(ids), found.context))))
    return named
