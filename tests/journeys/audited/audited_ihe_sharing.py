"""Document sharing by FHIR in an IHE domain, performed."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

from audited_ihe_stage import Stage, case
from audited_stage import Names

from tests.connectathon import document, new_patient
from tests.hl7v3 import cx, new_authority
from tests.journeys.sharing_client import ask, patient_of, post
from tests.journeys.test_document_providing_journey import bundle_of, described


def _found(stage: Stage, kind: str, **more: str) -> Names:
    patient = new_patient()
    path = f"/fhir/{kind}?{urlencode({'patient.identifier': patient_of(patient), **more})}"
    assert ask(stage.node, path).status == 200
    endpoint = stage.there(f"/fhir/{kind}")
    return {"patient": patient, "endpoint": endpoint, "query": stage.there(path)}


@case("ITI-66")
def _(stage: Stage) -> Names:
    return _found(stage, "List", code="folder")


@case("ITI-67")
def _(stage: Stage) -> Names:
    return _found(stage, "DocumentReference")


@case("ITI-65")
def _(stage: Stage) -> Names:
    entry = document(new_patient(), hash="", size=None, repository_unique_id="")
    bundle = bundle_of(entry, b"hello")
    reply = post(stage.node, "/fhir", bundle)
    assert reply.status == 200, reply.content
    own = bundle["entry"][0]["resource"]["identifier"][0]["value"].removeprefix("urn:oid:")
    return {"patient": entry.patient_id, "set": own, "document": entry.unique_id, "endpoint": stage.there("/fhir")}


@case("ITI-105")
def _(stage: Stage) -> Names:
    entry = document(new_patient(), hash="", size=None, repository_unique_id="")
    resource = described(entry)
    resource["content"][0]["attachment"]["data"] = "aGVsbG8="
    assert post(stage.node, "DocumentReference", resource).status == 201
    (record,) = stage.node.audit(1)  # the set is made by the server: only the log tells its uniqueId
    (own,) = set(re.findall(r"2\.25\.\d+", record.message.decode())) - {entry.unique_id}
    return {
        "patient": entry.patient_id,
        "set": own,
        "document": entry.unique_id,
        "endpoint": stage.there("/fhir/DocumentReference"),
    }


@case("ITI-68")
def _(stage: Stage) -> Names:
    entry = stage.provided(new_patient())
    (known,) = stage.node.find_documents(entry.patient_id).entries
    path = f"/fhir/Binary/{known.entry_uuid.removeprefix('urn:uuid:')}"
    stage.watch()
    assert ask(stage.node, path).content == b"hello"
    return {"patient": entry.patient_id, "document": entry.unique_id, "endpoint": stage.there(path)}


# --- Patients ---------------------------------------------------------------------------------------------------------


def _fed(stage: Stage) -> tuple[tuple[str, str], tuple[str, str]]:
    """A patient of two identifiers."""
    other = ("other", new_authority())
    known = stage.fed(other)
    stage.watch()
    return known, other


def _one(stage: Stage, patient: tuple[str, str]) -> Names:
    asked = f"/fhir/Patient?{urlencode({'identifier': patient_of(cx(patient))})}"
    (found,) = ask(stage.node, asked).matches
    return {
        "found": cx(patient),
        "id": found["id"],
        "endpoint": stage.there("/fhir/Patient"),
        "query": stage.there(asked),
    }


@case("ITI-78")
def _(stage: Stage) -> Names:
    return _one(stage, _fed(stage)[0])


@case("ITI-78 of one patient")
def _(stage: Stage) -> Names:
    names = _one(stage, _fed(stage)[0])
    path = f"/fhir/Patient/{names['id']}"
    stage.watch()
    assert ask(stage.node, path).status == 200
    return {**names, "endpoint": stage.there(path), "query": stage.there(path)}


@case("ITI-119")
def _(stage: Stage) -> Names:
    known, path = _fed(stage)[0], "/fhir/Patient/$match"
    identifier = {"system": f"urn:oid:{known[1]}", "value": known[0]}
    sought = {"resourceType": "Patient", "identifier": [identifier]}
    assert len(post(stage.node, path, sought).matches) == 1
    at = stage.there(path)
    return {"found": cx(known), "endpoint": at, "query": f"{at}\n{json.dumps(sought)}"}


@case("ITI-83")
def _(stage: Stage) -> Names:
    (known, other), path = _fed(stage), "/fhir/Patient/$ihe-pix"
    asked = f"{path}?{urlencode({'sourceIdentifier': patient_of(cx(known))})}"
    assert ask(stage.node, asked).status == 200
    return {"patient": cx(known), "alias": cx(other), "endpoint": stage.there(path), "query": stage.there(asked)}
