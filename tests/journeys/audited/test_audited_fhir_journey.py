"""ITI-81 over the wire, and the whole of what each request leaves in the audit log; what ITI-20 leaves is nothing.

Source: RESTful ATNA 3.81.5.1; DICOM PS3.15 A.5.3.2 (Audit Log Used) and A.5.3.11; ITI TF-2 3.20.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from audited_event import AUDIT_LOG_USED, SECURITY_ALERT, Code, Person, Row, ihe
from audited_parts import ASKED_WITH_CARD, GIVEN_TO_CARD, NODE_AUTHENTICATION, patient, query, reported
from audited_stage import Log, log_of

from schemas import oids
from tests.conftest import reference_folder
from tests.journeys.acces_direct import SUZANNE
from tests.journeys.audit_nodes import AUDIT_EVENT, AUDITOR, STRANGER, ask, subject
from tests.village import Village

ITI_81 = ihe("ITI-81", "Retrieve ATNA Audit Event")
NORMAL: Code = ("normal", "1.2.250.1.213.1.1.4.248", "normal")  # TRE_R248
WHO = Person(
    user="{certificate}",
    name="{certificate}",
    display="{certificate}",
    roles=(),
    claims=(("Authentification_mode", "AUDITEUR"), ("Mode_Acces", "normal")),
    purpose=(NORMAL,),
    assertion="{certificate}",
)
ABOUT_NOBODY = Row(
    AUDIT_LOG_USED,
    "R",
    (ITI_81,),
    GIVEN_TO_CARD,
    (query(ITI_81, "{endpoint}"),),
    who=WHO,
    rule=("droit_fonctionnel", "droits_fonctionnels/PATIENT", "ITI-81 × auditeur:normal"),
)
ABOUT_ONE = replace(ABOUT_NOBODY, things=(patient(), *ABOUT_NOBODY.things))
NOT_UNDERSTOOD = replace(
    ABOUT_NOBODY,
    things=(),
    outcome=4,
    rule=("message", "", ""),
    told="date: expected at least one, got none",
)
NOT_KNOWN = Row(
    SECURITY_ALERT,
    "E",
    (NODE_AUTHENTICATION, ihe("ITI-81", "ITI-81")),
    reported(ASKED_WITH_CARD),
    outcome=8,
    rule=("authentification", "", ""),
    told="expected the certificate of an auditor, got another",
)


@pytest.fixture
def log(open_village: Village) -> Iterator[Log]:
    with log_of(open_village.settings, reference_folder()) as log:
        yield log


@pytest.mark.parametrize(
    ("name", "search", "row"),
    [
        (AUDITOR, "?date=ge2020&_count=1", ABOUT_NOBODY),
        (AUDITOR, f"?date=ge2020&patient.identifier=urn:oid:{oids.INS_NIR_TEST}%7C{SUZANNE}", ABOUT_ONE),
        (AUDITOR, "/an-event", ABOUT_NOBODY),
        (AUDITOR, "?type=110112", NOT_UNDERSTOOD),
        (STRANGER, "?date=ge2020", NOT_KNOWN),
    ],
)
def test_each_row_is_what_its_request_leaves(open_village: Village, log: Log, name: str, search: str, row: Row) -> None:
    url = f"https://{open_village.settings.https}{AUDIT_EVENT}{search}"
    ask(open_village, name, f"{AUDIT_EVENT}{search}")
    names = {
        "certificate": subject(open_village, name),
        "endpoint": url.partition("?")[0],
        "query": url,
        "patient": f"{SUZANNE}^^^&{oids.INS_NIR_TEST}&ISO",
    }
    log.holds([row], names)
