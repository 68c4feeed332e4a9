"""Auditors and nodes at the FHIR door over the wire, and the whole of what they leave in the audit log."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from audited_fhir_table import ROWS
from audited_stage import Names
from audited_village import Audited, Cases

from schemas import oids
from tests.journeys.audit_nodes import AUDIT_EVENT, AUDITOR, ask, post

CASES = Cases()


@pytest.mark.parametrize("title", ROWS)
def test_each_row_is_what_its_request_leaves(audited: Audited, title: str) -> None:
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert CASES.keys() == ROWS.keys()


def _read(audited: Audited, path: str, query: str = "", status: int = 200, **more: str) -> Names:
    audited.watch()
    whole = f"{path}?{query}" if query else path
    answer = ask(audited.village, AUDITOR, whole)
    assert answer.status == status, answer.content
    return {"certificate": audited.card(AUDITOR), "endpoint": audited.at(path), "url": audited.at(whole), **more}


@CASES("ITI-81")
def _(audited: Audited) -> Names:
    return _read(audited, AUDIT_EVENT, "date=ge2020&_count=1")


@CASES("ITI-81 about a patient")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    identifier = f"urn:oid:{oids.INS_NIR_TEST}|{somebody.patient.ins}"
    query = urlencode({"date": "ge2020", "patient.identifier": identifier, "_count": "1"})
    return _read(audited, AUDIT_EVENT, query, patient=str(somebody.identifier))


@CASES("ITI-81 of one event")
def _(audited: Audited) -> Names:
    return _read(audited, f"{AUDIT_EVENT}/{audited.village.audit(1)[0].id}")


@CASES("ITI-81, wrong")
def _(audited: Audited) -> Names:
    return _read(audited, AUDIT_EVENT, "date=hier", 400)


@CASES("ITI-81, nobody known")
def _(audited: Audited) -> Names:
    assert ask(audited.village, None, f"{AUDIT_EVENT}?date=ge2020").status == 403
    return {"endpoint": audited.at(AUDIT_EVENT)}


@CASES("ITI-20, nobody known")
def _(audited: Audited) -> Names:
    assert post(audited.village, b"{}", name=None).status == 403
    return {"endpoint": audited.at(AUDIT_EVENT)}
