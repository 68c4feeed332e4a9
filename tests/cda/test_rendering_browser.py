"""Pages in a real browser: legible to assistive technology, silent on the network, and nothing in them runs.

Needs Chromium on the machine; where there is none these tests are left out, and counted as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from cda.rendering.page import render
from tests.cda.cda_vectors import FOLDER
from tests.cda.rendered import file, section, structured
from tests.cda.test_rendering import PDF
from tests.cda.test_rendering_laboratory import report, result
from tests.cda.test_rendering_narrative import PNG
from tests.chromium import chromium, faults

OUR_OWN = ("file:", "data:", "chrome:", "chrome-extension:", "about:")
HOSTILE = (
    '<linkHtml href="javascript:alert(1)">a</linkHtml><script>alert(1)</script>'
    '<img xmlns="http://www.w3.org/1999/xhtml" src="https://dmp.invalid/a.png" onerror="alert(1)"/>'
    '<style xmlns="http://www.w3.org/1999/xhtml">@import url(https://dmp.invalid/a.css);</style>'
    '<iframe xmlns="http://www.w3.org/1999/xhtml" src="https://dmp.invalid/"/>&lt;script&gt;alert(1)&lt;/script&gt;'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that holds itself to the rules: no request outside, no dialog, no complaint."""
    opened = browser.new_page(viewport={"width": 1150, "height": 1400})
    said: list[str] = []
    opened.on("request", lambda request: None if request.url.startswith(OUR_OWN) else said.append(request.url[:80]))
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    yield opened
    opened.close()
    assert said == []


def _open(page: Page, folder: Path, content: bytes) -> None:
    path = folder / "page.html"
    path.write_bytes(content)
    page.goto(path.as_uri())


@pytest.mark.parametrize("name", ["discharge_letter_v2", "lab_report"])
def test_a_vector_is_accessible(page: Page, tmp_path: Path, name: str) -> None:
    _open(page, tmp_path, render([(FOLDER / f"{name}.xml").read_bytes()]))
    assert faults(page) == []


def test_a_course_of_results_is_accessible(page: Page, tmp_path: Path) -> None:
    reports = [
        report(result(value, day, flag=flag)).encode()
        for value, day, flag in (("140", "20240102", "N"), ("120", "20240301", "LL"))
    ]
    _open(page, tmp_path, render([reports[0]], [[reports[1]]]))
    assert faults(page) == []
    assert page.locator("svg.trace .point").count() == 2


@pytest.mark.reference
def test_an_example_is_accessible(page: Page, tmp_path: Path, reference: Path) -> None:
    _open(page, tmp_path, render([(reference / "fr" / "cda" / "examples" / "LDL-SES_2022.01.xml").read_bytes()]))
    assert faults(page) == []
    assert page.locator("main").bounding_box()["width"] > 600  # type: ignore[index]


@pytest.mark.long
@pytest.mark.reference
def test_every_example_is_accessible(page: Page, tmp_path: Path, reference: Path) -> None:
    for path in sorted((reference / "fr" / "cda" / "examples").glob("*.xml")):
        _open(page, tmp_path, render([path.read_bytes()]))
        assert faults(page) == [], path.name


def test_a_pdf_is_in_the_viewer_of_the_browser(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render([file(PDF, "application/pdf").encode()]))
    page.wait_for_timeout(500)
    assert any(frame.url.startswith(("data:application/pdf", "chrome-extension:")) for frame in page.frames[1:])


def test_an_image_is_drawn(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render([file(PNG, "image/png").encode()]))
    assert page.evaluate("document.images[0].naturalWidth") == 1


def test_the_style_is_applied_and_no_other(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render([structured(section("x")).encode()]))
    assert page.evaluate("getComputedStyle(document.querySelector('h2')).color") == "rgb(11, 79, 138)"


def test_nothing_of_a_hostile_document_runs_or_leaves(page: Page, tmp_path: Path) -> None:
    _open(
        page, tmp_path, render([structured(section(HOSTILE, title="&lt;script&gt;alert(1)&lt;/script&gt;")).encode()])
    )
    page.wait_for_timeout(200)
    assert page.evaluate("document.scripts.length") == 0
    assert page.locator("a[href^='javascript']").count() == 0


def test_the_page_prints(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render([(FOLDER / "discharge_letter.xml").read_bytes()]))
    assert page.pdf().startswith(b"%PDF-")


def test_a_narrow_window_needs_no_sideways_scrolling(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    _open(page, tmp_path, render([(FOLDER / "lab_report.xml").read_bytes()]))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
