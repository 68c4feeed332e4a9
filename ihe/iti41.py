"""ITI-41 Provide and Register Document Set-b: the request read.

Source: ITI TF-2 3.41.4.1.2 and 3.41.4.2.2.
"""

from __future__ import annotations

from lxml import etree

from ihe.ebrim import read_submission
from ihe.identifiers import LCM, XDS
from ihe.soap import SoapError
from registry.errors import Finding
from registry.metadata import Submission
from schemas.xml import local_name

REQUEST = f"{{{XDS}}}ProvideAndRegisterDocumentSetRequest"


def read_provide(body: etree._Element) -> tuple[Submission, tuple[Finding, ...]]:
    """The submission of a request and what is structurally wrong with it; documents travel apart (`ihe.mtom`).

    Raises SoapError for another element, RegistryError when there is not exactly one SubmissionSet.
    """
    submit = body.find(f"{{{LCM}}}SubmitObjectsRequest")
    if body.tag != REQUEST or submit is None:
        got = local_name(body.tag)[:64] if body.tag != REQUEST else "none"
        raise SoapError("xds:ProvideAndRegisterDocumentSetRequest with an lcm:SubmitObjectsRequest", got)
    return read_submission(submit)
