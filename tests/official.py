"""The official schemas and WSDLs of XDS.b, from the reference data: what this project's own are held to.

Two copies of the schemas are at hand: that of IPF, which stands beside its WSDLs, and that of the NIST XDS Toolkit.
They differ in three places: only IPF lets a Document stand in an ExtrinsicObject (Cross-Community Fetch), only NIST
declares DocumentRequest for itself, and NIST wants exactly one DocumentRequest in a RemoveDocumentsRequest.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

from lxml import etree

from schemas.xml import parse
from tests.conftest import reference_folder

XSD = "http://www.w3.org/2001/XMLSchema"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
XDS = "urn:ihe:iti:xds-b:2007"
XOP = "http://www.w3.org/2004/08/xop/include"
COVERED = {  # namespaces of what stands in a Body
    "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0",
    "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0",
    "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0",
    "urn:ihe:iti:xds-b:2007",
    "urn:ihe:iti:rmd:2017",
}


def wsdl(reference: Path, number: int) -> Path:
    """The official WSDL of ITI-`number`."""
    return reference / "ihe" / "schema" / "xds-ipf" / f"iti{number}.wsdl"


@cache
def ipf(reference: Path) -> etree.XMLSchema:
    """Every namespace of XDS.b in IPF's copy: xds-b stands in two files, rmd in the WSDL of ITI-86."""
    place = wsdl(reference, 86)
    parts = "".join(
        f'<include schemaLocation="{(place.parent / "schema" / "IHE" / name).as_uri()}"/>'
        for name in ("xcf.xsd", "IHEXDSB.xsd")
    )
    (inline,) = parse(place.read_bytes()).iter(f"{{{XSD}}}schema")
    root = parse(etree.tostring(inline, with_tail=False))
    with tempfile.TemporaryDirectory() as scratch:
        both = Path(scratch) / "xds-b.xsd"
        both.write_text(f'<schema xmlns="{XSD}" targetNamespace="{XDS}">{parts}</schema>', "utf-8")
        (imported,) = root.iter(f"{{{XSD}}}import")
        imported.set("schemaLocation", both.as_uri())
        return etree.XMLSchema(root)


@cache
def nist(reference: Path) -> etree.XMLSchema:
    """Every namespace of XDS.b in NIST's copy."""
    return etree.XMLSchema(file=str(reference / "ihe" / "schema" / "xds-nist-v3" / "rmd.xsd"))


def validate_answer(content_type: str, answer: bytes) -> None:
    """Holds what stands in the Body of an answer to the official schema, where the reference data is at hand.

    Faults and bodies of other namespaces (HL7 V3) have schemas of their own. A document that travels in a part of its
    own counts as an empty one. Raises DocumentInvalid.
    """
    reference = reference_folder()
    if reference is None or not ("soap+xml" in content_type or "xop+xml" in content_type):
        return
    envelope = parse(_root_part(content_type, answer))
    for message in envelope.iterfind(f"{{{SOAP_12}}}Body/*"):
        if etree.QName(message).namespace in COVERED:
            for include in list(message.iter(f"{{{XOP}}}Include")):
                include.getparent().remove(include)
            ipf(reference).assertValid(message)


def _root_part(content_type: str, answer: bytes) -> bytes:
    """The envelope: the answer itself, or the first part of a package."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        return answer
    first = answer.split(b"--" + boundary[1].encode(), 2)[1]
    return first.partition(b"\r\n\r\n")[2].strip()
