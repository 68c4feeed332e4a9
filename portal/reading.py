"""A document as a page for people, under a policy of its own: nothing in it runs, and nothing comes from elsewhere.

Source: HL7 CDA R2 §1.2.3 (what a recipient must render); W3C Content Security Policy 3.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response

from cda.errors import CdaError
from cda.rendering.page import render
from cda.rendering.style import POLICY
from dmp.requests import Opened
from portal.documents import CDA_FORMATS
from portal.download import download
from portal.errors import UnreadableError

MAX_SHOWN_BYTES = 24 * 1024 * 1024
_HEADERS = {"Content-Security-Policy": f"{POLICY}; frame-ancestors 'none'", "Referrer-Policy": "no-referrer"}


def as_page(opened: Opened, unique_id: str, others: Sequence[Opened] = ()) -> Response:
    """The page of an opened document; the document itself, to be kept, when it is no CDA or too large for a page.

    `others` are reports of the same patient, to show the course of results. Raises UnreadableError.
    """
    if opened.mime_type not in CDA_FORMATS or opened.size > MAX_SHOWN_BYTES:
        return download(opened.chunks, opened.size, opened.mime_type, unique_id)
    try:
        page = render(opened.chunks, [each.chunks for each in others if each.size <= MAX_SHOWN_BYTES])
    except CdaError as error:
        sentence = "Ce document ne peut pas être affiché en page : téléchargez-le."
        raise UnreadableError(f"document: {error.place}: expected {error.expected}", sentence, 422) from None
    return Response(page, content_type="text/html; charset=utf-8", headers=_HEADERS)
