"""ITI-86 Remove Documents: the request read.

Source: ITI TF-2 3.86.4.1.2 (Remove Metadata and Documents supplement), schema rmd.
"""

from __future__ import annotations

from lxml import etree

from dmp.requests import DocumentRequest


def read_remove(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """The documents to remove, in the order of the request. Raises SoapError."""
    raise NotImplementedError(body.tag)
