"""ITI-42 Register Document Set-b: the request read. ITI-57, ITI-61 and ITI-92 carry the same element.

Source: ITI TF-2 3.42.4.1.2; ITI TF-2 3.57.4.1.2, 3.61.4.1.2, 3.92.4.1.2; ebRS 3.0 §5.1.
"""

from __future__ import annotations

from lxml import etree

from ihe.ebrim import read_submission
from ihe.identifiers import LCM
from ihe.soap import SoapError
from registry.errors import Finding
from registry.metadata import Submission
from schemas.xml import local_name

REQUEST = f"{{{LCM}}}SubmitObjectsRequest"


def read_register(body: etree._Element) -> tuple[Submission, tuple[Finding, ...]]:
    """The submission of a request and what is structurally wrong with it.

    Raises SoapError for another element, RegistryError when there is not exactly one SubmissionSet.
    """
    if body.tag != REQUEST:
        raise SoapError("lcm:SubmitObjectsRequest", local_name(body.tag)[:64])
    return read_submission(body)
