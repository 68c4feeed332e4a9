"""The addresses of patients, below /fhir/Patient: ITI-78 and TD0.2, ITI-83, ITI-119.

Source: PDQm 3.2, 2:3.78.4.1, 2:3.78.4.3 and 2:3.119.4.1; PIXm 3.1, 2:3.83.4.1; HL7 FHIR R4, operations.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Response, request
from werkzeug.exceptions import NotFound

from audit.event import Call
from identities.requester import Requester
from pdsm import iti83, patient_sharing
from pdsm.asked import read_asked
from pdsm.http import BASE, FORM, JSON_TYPES, MAX_FORM_BYTES, body, parameters_of, url
from pdsm.iti78 import PATIENT
from pdsm.iti119 import read_match
from pdsm.sharing import Request
from pdsm.sharing_door import Sharing
from pdsm.sharing_endpoint import address, answer, known, strict
from schemas import strict_json
from schemas.errors import UnexpectedError

MAX_BYTES = 256 * 1024  # of Parameters, and the Patient in them
ITI_78, ITI_83, ITI_119 = "ITI-78", "ITI-83", "ITI-119"


def add_patient_routes(routes: Blueprint, door: Sharing) -> None:
    """The routes of patients, bound to the ports of `door`."""
    patients = _Patients(door)
    routes.add_url_rule(f"{BASE}/Patient", "search Patient", patients.search, methods=["GET"])
    routes.add_url_rule(f"{BASE}/Patient/_search", "search Patient by form", patients.search, methods=["POST"])
    routes.add_url_rule(f"{BASE}/Patient/$match", "match", patients.match, methods=["POST"])
    routes.add_url_rule(f"{BASE}/Patient/$ihe-pix", "pix", patients.identifiers, methods=["GET", "POST"])
    routes.add_url_rule(f"{BASE}/Patient/<patient_id>", "read Patient", patients.read, methods=["GET"])


class _Patients:
    """Patient, read, searched, matched, and by its identifiers."""

    def __init__(self, door: Sharing) -> None:
        self._door = door

    def search(self) -> Response:
        """A search by GET, or by POST with its parameters in a form."""
        requester, call = known(self._door, ITI_78)
        form = body({FORM}, MAX_FORM_BYTES) if request.method == "POST" else b""
        asking = Request(requester, call, address(), url().encode() + (b"\n" + form if form else b""))
        with self._understood(call, requester):
            given = parameters_of(b"&".join(filter(None, (request.query_string, form))))
            asked = read_asked(PATIENT, given, strict=strict())
            return answer(patient_sharing.search(self._door, asking, asked))

    def read(self, patient_id: str) -> Response:
        """One Patient by its id."""
        requester, call = known(self._door, ITI_78)
        found = patient_sharing.read(self._door, Request(requester, call, address(), url().encode()), patient_id)
        if found is None:
            raise NotFound
        return answer(found)

    def match(self) -> Response:
        """Whom a Patient may be."""
        requester, call = known(self._door, ITI_119)
        with self._understood(call, requester):
            content = body(JSON_TYPES, MAX_BYTES)
            raw = url().encode() + b"\n" + content
            sought = read_match(strict_json.read(content, max_bytes=MAX_BYTES))
            return answer(patient_sharing.match(self._door, Request(requester, call, address(), raw), sought))

    def identifiers(self) -> Response:
        """$ihe-pix, by its parameters or by a resource of them."""
        requester, call = known(self._door, ITI_83)
        with self._understood(call, requester):
            content = body(JSON_TYPES, MAX_BYTES) if request.method == "POST" else b""
            raw = url().encode() + (b"\n" + content if content else b"")
            asked = (
                iti83.read_parameters(strict_json.read(content, max_bytes=MAX_BYTES))
                if request.method == "POST"
                else iti83.read_asked(parameters_of(request.query_string))
            )
        return answer(patient_sharing.identifiers(self._door, Request(requester, call, address(), raw), asked))

    @contextmanager
    def _understood(self, call: Call, requester: Requester) -> Iterator[None]:
        """What is done before the hall is asked: a request that is not understood is recorded, and the error raised."""
        try:
            yield
        except UnexpectedError as error:
            self._door.refused(call, error.diagnostics(), requester)
            raise
