"""A real browser, and what assistive technology would stumble over in a page.

Needs Chromium on the machine; where there is none its tests are left out, and counted as such.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=program, headless=False, args=["--headless=new", "--no-sandbox"]
        )
        yield running
        running.close()


def faults(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    found = Axe().run(page, options={"iframes": False}).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found if each["impact"] in ("serious", "critical")
    ]


def faults_of(pages: Iterable[str], style: str) -> list[str]:
    """The same of pages of the portal, given as they were answered, with their style sheet."""
    with chromium() as running:
        opened, found = running.new_page(viewport={"width": 1150, "height": 1400}), list[str]()
        for each in pages:
            opened.set_content(re.sub('<link rel="stylesheet"[^>]*>', lambda _link: f"<style>{style}</style>", each))
            found += faults(opened)
        return found
