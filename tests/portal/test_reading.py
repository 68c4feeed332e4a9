"""A document that is opened, as a page; or as itself where a page is not to be had."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dmp.requests import DocumentRequest, Opened
from portal.errors import UnreadableError
from portal.reading import MAX_SHOWN_BYTES, as_page
from tests.cda.cda_vectors import FOLDER

LETTER = (FOLDER / "discharge_letter.xml").read_bytes()
REQUEST = DocumentRequest("1.2", "1.3")


def opened(content: bytes, mime_type: str = "text/xml", size: int = 0) -> Opened:
    def chunks() -> Iterator[bytes]:
        yield content

    return Opened(REQUEST, mime_type, size or len(content), chunks())


def test_a_cda_document_is_a_page() -> None:
    page = as_page(opened(LETTER), "1.3")
    assert page.content_type == "text/html; charset=utf-8" and page.data.startswith(b"<!DOCTYPE html>")
    assert "Content-Disposition" not in page.headers


@pytest.mark.parametrize(("mime_type", "size"), [("application/pdf", 0), ("text/xml", MAX_SHOWN_BYTES + 1)])
def test_what_is_none_or_too_large_is_given_to_be_kept(mime_type: str, size: int) -> None:
    kept = as_page(opened(LETTER, mime_type, size), "1.3")
    assert kept.headers["Content-Disposition"].startswith("attachment; ")
    assert kept.headers["Content-Security-Policy"].startswith("sandbox")


def test_what_cannot_be_read_is_told() -> None:
    with pytest.raises(UnreadableError) as told:
        as_page(opened(b"<a/>"), "1.3")
    assert told.value.status == 422 and "téléchargez-le" in told.value.sentence
