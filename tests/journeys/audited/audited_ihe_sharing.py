"""Document sharing by FHIR in an IHE domain, performed."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from audited_ihe_stage import Stage, case
from audited_stage import Names

from cda.document import read_document
from cda.header import read_header
from cda.metadata import patient_id, unique_id
from registry.metadata import DocumentEntry
from server.demo.paper import Paper, write
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
    return {
        "patient": entry.patient_id,
        "set": _unique_id_of_set(stage, entry.unique_id),
        "document": entry.unique_id,
        "endpoint": stage.there("/fhir/DocumentReference"),
    }


def _unique_id_of_set(stage: Stage, document: str) -> str:
    """Of a set that the server made: only the log tells it."""
    (record,) = stage.node.audit(1)
    (own,) = set(re.findall(r"2\.25\.\d+", record.message.decode())) - {document}
    return own


@case("ITI-106")
def _(stage: Stage) -> Names:
    now = datetime.now(UTC)
    with TemporaryDirectory() as folder:
        content = write(Paper("consultation_report", "medecin", "medecin", 0, 1), Path(folder), 1, now).read_bytes()
    header = read_header(read_document([content]))
    binary = {"resourceType": "Binary", "contentType": "text/xml", "data": base64.b64encode(content).decode()}
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "document", "resource": binary}]}
    path = "/fhir/DocumentReference/$generate-metadata"
    assert post(stage.node, path, parameters).status == 200
    document = unique_id(header.id)
    return {
        "patient": patient_id(header).rpartition("^")[0],
        "set": _unique_id_of_set(stage, document),
        "document": document,
        "endpoint": stage.there(path),
    }


def _patched(stage: Stage, where: str, element: str, value: str, status: int) -> None:
    operations = json.dumps([{"op": "replace", "path": element, "value": value}]).encode()
    stage.watch()
    reply = ask(stage.node, where, "PATCH", operations, Content_Type="application/json-patch+json")
    assert reply.status == status, reply.content


def _known(stage: Stage) -> tuple[DocumentEntry, str]:
    """A document that is there, and where."""
    entry = stage.provided(new_patient())
    (known,) = stage.node.find_documents(entry.patient_id).entries
    return entry, f"/fhir/DocumentReference/{known.entry_uuid.removeprefix('urn:uuid:')}"


@case("ITI-57 by PATCH")
def _(stage: Stage) -> Names:
    entry, where = _known(stage)
    _patched(stage, where, "/status", "superseded", 200)
    return {
        "patient": entry.patient_id,
        "set": _unique_id_of_set(stage, entry.unique_id),
        "document": entry.unique_id,
        "endpoint": stage.there(where),
    }


@case("ITI-57 by PATCH, not there")
def _(stage: Stage) -> Names:
    where = "/fhir/DocumentReference/01234567-89ab-4def-8123-456789abcdef"
    _patched(stage, where, "/status", "superseded", 404)
    return {"endpoint": stage.there(where), "query": f"PATCH {stage.there(where)}"}


@case("ITI-57 by PATCH, of something else")
def _(stage: Stage) -> Names:
    _, where = _known(stage)
    _patched(stage, where, "/description", "x", 405)
    return {"endpoint": stage.there(where)}


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
    found = ask(stage.node, asked).matches
    assert len(found) == 1
    return {
        "found": cx(patient),
        "id": found[0]["id"],
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
