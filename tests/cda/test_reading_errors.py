"""Every refusal of the XML reader has its French."""

from __future__ import annotations

import re

from cda.reading_errors import in_french
from schemas.xml import XmlError
from tests.conftest import ROOT

REFUSAL = re.compile(r'XmlError\(\s*f?"([^"]*)",\s*(?:f?"([^"]*)"|str)')


def test_every_refusal_has_its_french() -> None:
    source = (ROOT / "schemas" / "xml.py").read_text("utf-8")
    found = REFUSAL.findall(source)
    assert len(found) == source.count("raise XmlError(") + source.count("error = XmlError(")
    for expected, got in found:
        error = XmlError(*(re.sub(r"\{[^}]*\}", "7", text) for text in (expected, got)))
        french = in_french(error)
        assert french[0] != error.expected
        assert not got or french[1] != error.got
