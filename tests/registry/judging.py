"""Submissions judged without a database, against what the registry is said to hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from registry.errors import ErrorCode, RegistryError
from registry.existing import RegisteredEntry
from registry.lifecycle import DocumentVersion, Effects, Existing, admit
from registry.metadata import AssociationType, Submission
from schemas.domain import SameUniqueId
from tests.registry.samples import APPROVED, DOSSIER, NOW, SHA1, association, document, submission, uuid

TARGET = uuid(7)
FOLDER = uuid(8)


def judge(
    item: Submission,
    existing: Existing | None = None,
    versions: dict[str, DocumentVersion] | None = None,
    policy: SameUniqueId = SameUniqueId.REFUSE,
    **more: Any,
) -> Effects:
    known = existing or Existing(DOSSIER)
    return admit(item, known, versions=versions or {}, same_unique_id=policy, received=NOW, **more)


def faults(item: Submission, existing: Existing | None = None, **more: object) -> list[ErrorCode]:
    with pytest.raises(RegistryError) as caught:
        judge(item, existing, **more)  # type: ignore[arg-type]
    return [found.code for found in caught.value.findings]


def registered(number: int = 7, **changes: object) -> RegisteredEntry:
    entry = RegisteredEntry(uuid(number), f"1.2.250.1.999.1.{number}", DOSSIER, APPROVED, SHA1, 1)
    return replace(entry, **changes)  # type: ignore[arg-type]


def holding(*entries: RegisteredEntry, **more: object) -> Existing:
    return Existing(DOSSIER, entries={entry.entry_uuid: entry for entry in entries}, **more)  # type: ignore[arg-type]


def related(kind: AssociationType, target: str = TARGET, source: str = "Document01") -> Submission:
    return submission(document(), relations=(association(kind, source, target),))
