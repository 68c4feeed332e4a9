"""The pages of the web access as its journeys ask for them, and the events that each request leaves."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit.store import AuditRecord
from conformance.lps.metadata import Visibility
from conformance.lps.people import Patient
from conformance.lps.vihf import Access
from schemas import oids
from server.demo.paper import Paper, write
from server.demo.people import PATIENTS
from tests.browser import Browser, Page
from tests.village import Village

SUZANNE, MARCEL, LAETITIA, YANN, MALO, IRENE, MAMADOU = (each.ins for each in PATIENTS[:7])
NOBODY = "187056205098844"  # a readable INS that no DMP has


def page(village: Village, name: str | None, path: str) -> Page:
    """A page of the web access, with the card of `name`."""
    return Browser.of(village, name).get(f"/AccesDirect/{path}")


def events(village: Village, asked: Callable[[], Page]) -> tuple[Page, list[AuditRecord]]:
    """What a request gets, and the events that it leaves, oldest first."""
    (before,) = village.audit(1)
    answer = asked()
    new = [record for record in village.audit(20) if record.sequence > before.sequence]
    return answer, list(reversed(new))


def assertion(village: Village, name: str, ins: str = SUZANNE, *, user: str | None = None) -> str:
    """A VIHF as a form carries it."""
    lps = village.lps(name, user=user)
    patient = Patient(ins, oids.INS_NIR_TEST)
    return base64.b64encode(lps.assertion(patient, Access())).decode()


@dataclass
class Provide:
    """Provides one document of a kind, by and of one professional, and gives its uniqueId."""

    village: Village
    folder: Path
    number: int = 7000

    def __call__(self, kind: str, ins: str, *, by: str, masked: bool = False, title: str = "") -> str:
        self.number += 1
        index = [each.ins for each in PATIENTS].index(ins)
        file = write(Paper(kind, by, by, index, 1, masked), self.folder, self.number, datetime.now(UTC))
        if title:
            named = re.sub("<title>[^<]*</title>", f"<title>{title}</title>", file.read_text("utf-8"), count=1)
            file.write_text(named, "utf-8")
        lps, visibility = self.village.lps(by), Visibility(mask=masked)
        return lps.provide([file], self.village.patient(ins), visibility=visibility).unique_ids[0]
