"""ITI-86 Remove Documents: the request read. It names documents as ITI-43 does.

Source: ITI TF-2 3.86.4.1.2 (Remove Metadata and Documents supplement), schema rmd.
"""

from __future__ import annotations

from lxml import etree

from dmp.requests import DocumentRequest
from ihe.identifiers import RMD
from ihe.iti43 import read_document_requests

REQUEST = f"{{{RMD}}}RemoveDocumentsRequest"


def read_remove(body: etree._Element) -> tuple[DocumentRequest, ...]:
    """The documents to remove, in the order of the request. Raises SoapError."""
    return read_document_requests(body, REQUEST)
