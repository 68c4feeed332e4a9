"""Submissions and updates of an IHE domain, performed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from audited_ihe_stage import Stage, case
from audited_stage import Names

from registry.metadata import DocumentEntry, ObjectType
from tests.connectathon import (
    REGISTRY_PATH,
    REPOSITORY,
    REPOSITORY_PATH,
    Answer,
    document,
    new_patient,
    submission,
)
from tests.journeys.updates import registered, revision, successor


def _submitted(
    stage: Stage, send: Callable[..., Answer], entry: DocumentEntry, path: str, *, fails: bool = False
) -> Names:
    sent = submission(entry)
    stage.watch()
    answer = send(sent)
    assert answer.success is not fails, answer.errors or answer.fault
    return {
        "patient": entry.patient_id,
        "set": sent.submission_set.unique_id,
        "document": entry.unique_id,
        "endpoint": stage.there(path),
    }


@case("ITI-41")
def _(stage: Stage) -> Names:
    entry = document(new_patient(), hash="", size=None)
    return _submitted(stage, lambda sent: stage.node.provide(sent, {"Document01": b"hello"}), entry, REPOSITORY_PATH)


@case("ITI-41, wrong hash")
def _(stage: Stage) -> Names:
    entry = document(new_patient())
    send = lambda sent: stage.node.provide(sent, {"Document01": b"other"})  # noqa: E731
    return _submitted(stage, send, entry, REPOSITORY_PATH, fails=True)


@case("ITI-41, no room for documents")
def _(stage: Stage) -> Names:
    incoming = stage.node.home / "documents"
    aside = incoming.rename(incoming.with_name("aside"))
    incoming.write_bytes(b"")
    try:
        entry = document(new_patient(), hash="", size=None)
        send = lambda sent: stage.node.provide(sent, {"Document01": b"hello"})  # noqa: E731
        return _submitted(stage, send, entry, REPOSITORY_PATH, fails=True)
    finally:
        incoming.unlink()
        aside.rename(incoming)


@case("ITI-41, not understood")
def _(stage: Stage) -> Names:
    stage.node.soap(REPOSITORY_PATH, "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b", "<x/>")
    return {"endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-42")
def _(stage: Stage) -> Names:
    return _submitted(stage, stage.node.register, document(new_patient()), REGISTRY_PATH)


@case("ITI-42, wrong")
def _(stage: Stage) -> Names:
    wrong = document(new_patient(), mime_type="")
    return _submitted(stage, stage.node.register, wrong, REGISTRY_PATH, fails=True)


@case("ITI-61")
def _(stage: Stage) -> Names:
    made = {"hash": "", "size": None, "creation_time": "", "object_type": ObjectType.ON_DEMAND}
    entry = document(new_patient(), mime_type="text/xml", repository_unique_id=REPOSITORY, **made)
    return _submitted(stage, stage.node.register_on_demand, entry, REGISTRY_PATH)


def _updated(stage: Stage, *, restricted: bool = False, version: int = 0) -> Names:
    entry = registered(stage.node, new_patient())
    after = successor(entry, title="Another title")
    sent = revision(replace(after, version=version) if version else after)
    stage.watch()
    answer = stage.node.update(sent, restricted=restricted)
    assert answer.success is not bool(version), answer.errors
    return {
        "patient": entry.patient_id,
        "set": sent.submission_set.unique_id,
        "document": entry.unique_id,
        "endpoint": stage.there(REGISTRY_PATH),
    }


@case("ITI-57")
def _(stage: Stage) -> Names:
    return _updated(stage)


@case("ITI-57, wrong")
def _(stage: Stage) -> Names:
    return _updated(stage, version=7)


@case("ITI-92")
def _(stage: Stage) -> Names:
    return _updated(stage, restricted=True)
