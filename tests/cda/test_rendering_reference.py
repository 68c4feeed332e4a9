"""The published examples of the CI-SIS as pages: each is shown whole, and nothing in it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree

from schemas import oids, xml
from tests.cda.rendered import Page, shown

pytestmark = pytest.mark.reference

EXAMPLES = 54
HL7 = "{urn:hl7-org:v3}"


@pytest.fixture(scope="session")
def pages(reference: Path) -> dict[Path, Page]:
    return {path: shown(path.read_bytes()) for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml"))}


def test_every_example_is_shown(pages: dict[Path, Page]) -> None:
    assert len(pages) == EXAMPLES
    for path, page in pages.items():
        assert page.count("h1") == 1, path.name
        assert "n'a pas de contenu" not in page.text and "endommagé" not in page.text, path.name


def test_every_word_of_every_narrative_is_on_the_page(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        words = set(page.text.split())
        together = "".join(page.text.split())
        for section in xml.parse(path.read_bytes()).iter(f"{HL7}section"):
            for element in (*section.findall(f"{HL7}text"), *section.findall(f"{HL7}title")):
                if element.tag.endswith("title") and _is_copy(section):
                    continue
                for text in element.itertext():
                    missing = [word for word in text.split() if word not in words and word not in together]
                    assert missing == [], path.name


def test_every_file_is_shown(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        kinds = re.findall(
            r'mediaType="([^"]*)"\s+representation="B64"|representation="B64"\s+mediaType="([^"]*)"', path.read_text()
        )
        wanted = [first or second for first, second in kinds]
        assert page.count("object") == wanted.count("application/pdf"), path.name
        assert page.count("img") == wanted.count("image/jpeg"), path.name


def test_the_copy_as_pdf_stands_before_every_other_section(pages: dict[Path, Page]) -> None:
    copies = 0
    for path, page in pages.items():
        if any(_is_copy(section) for section in xml.parse(path.read_bytes()).iter(f"{HL7}section")):
            copies += 1
            titles = re.findall("<h2>([^<]*)</h2>", page.source)
            assert titles.index("Copie PDF du document") == 0, path.name
    assert copies > 5


def test_results_of_laboratories_have_their_table(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        if path.name.startswith("BIO-CR-BIO") and "Niveau-1" not in path.name:
            assert "Tableau des résultats" in page.text, path.name


def _is_copy(section: etree._Element) -> bool:
    return any(each.get("root") == oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE for each in section.findall(f"{HL7}templateId"))
