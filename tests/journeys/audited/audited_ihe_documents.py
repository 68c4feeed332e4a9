"""Documents of an IHE domain that go out, or away, performed."""

from __future__ import annotations

from audited_ihe_stage import HOME, Stage, case
from audited_stage import Names

from registry.metadata import AssociationType
from tests.connectathon import (
    FOREIGN_REPOSITORY,
    REGISTRY_PATH,
    REPOSITORY_PATH,
    new_oid,
    new_patient,
)
from tests.journeys.updates import registered


def _retrieved(stage: Stage, *extra: str, home: str = "") -> Names:
    entry = stage.provided(new_patient())
    stage.watch()
    stage.node.home_id = home
    stage.node.retrieve(entry.unique_id, *extra)
    names = {"patient": entry.patient_id, "document": entry.unique_id, "endpoint": stage.there(REPOSITORY_PATH)}
    return {**names, "absent": "".join(extra)}


@case("ITI-43")
def _(stage: Stage) -> Names:
    return _retrieved(stage)


@case("ITI-43 of a community")
def _(stage: Stage) -> Names:
    return _retrieved(stage, home=HOME)


@case("ITI-43, one of two")
def _(stage: Stage) -> Names:
    return _retrieved(stage, new_oid())


@case("ITI-43, none")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.retrieve(absent).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-43, another repository")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.retrieve(absent, repository=FOREIGN_REPOSITORY).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-43, not understood")
def _(stage: Stage) -> Names:
    stage.node.soap(REPOSITORY_PATH, "urn:ihe:iti:2007:RetrieveDocumentSet", "<x/>")
    return {"endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-62")
def _(stage: Stage) -> Names:
    patient = new_patient()
    entry = registered(stage.node, patient)
    everything = stage.node.everything(patient).objects
    uuids = [each.entry_uuid for each in everything]
    (own,) = [each.source for each in everything if getattr(each, "type", None) is AssociationType.HAS_MEMBER]
    (member,) = set(uuids) - {entry.entry_uuid, own}
    stage.watch()
    assert stage.node.remove_metadata(*uuids).success
    names = {"patient": patient, "entry": entry.entry_uuid, "set_uuid": own, "member": member}
    return {**names, "endpoint": stage.there(REGISTRY_PATH)}


@case("ITI-62, wrong")
def _(stage: Stage) -> Names:
    patient = new_patient()
    entry = registered(stage.node, patient)
    stage.watch()
    assert not stage.node.remove_metadata(entry.entry_uuid).success
    return {"patient": patient, "entry": entry.entry_uuid, "endpoint": stage.there(REGISTRY_PATH)}


@case("ITI-86")
def _(stage: Stage) -> Names:
    entry = stage.provided(new_patient())
    stage.watch()
    assert stage.node.remove_documents(entry.unique_id).success
    return {"patient": entry.patient_id, "document": entry.unique_id, "endpoint": stage.there(REPOSITORY_PATH)}


@case("ITI-86, wrong")
def _(stage: Stage) -> Names:
    absent = new_oid()
    assert not stage.node.remove_documents(absent).success
    return {"absent": absent, "endpoint": stage.there(REPOSITORY_PATH)}
