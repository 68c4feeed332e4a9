"""Messages of XDS.b for the tests of our schemas: real ones, and one with everything ebRIM has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from schemas.errors import UnexpectedError
from schemas.xml import parse

XSI = "http://www.w3.org/2001/XMLSchema-instance"
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
QUERY = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
XDS = "urn:ihe:iti:xds-b:2007"
RMD = "urn:ihe:iti:rmd:2017"
NAMESPACES = (
    f'xmlns:rim="{RIM}" xmlns:rs="{RS}" xmlns:lcm="{LCM}" xmlns:query="{QUERY}" xmlns:xds="{XDS}" xmlns:rmd="{RMD}"'
)
ROOTS = {
    "SubmitObjectsRequest",
    "RemoveObjectsRequest",
    "AdhocQueryRequest",
    "AdhocQueryResponse",
    "RegistryResponse",
    "ProvideAndRegisterDocumentSetRequest",
    "RetrieveDocumentSetRequest",
    "RetrieveDocumentSetResponse",
    "RemoveDocumentsRequest",
}
MAX_MUTATED = 60_000  # bytes of a message: longer ones say nothing more


# --- Real messages ----------------------------------------------------------------------------------------------------


def real_messages(samples: Path) -> dict[str, etree._Element]:
    """Every message body in ebRIM 3.0 among the samples, by file and place in it."""
    found = {}
    for file in sorted(each for each in samples.rglob("*") if each.is_file()):
        data = file.read_bytes()
        if any(root.encode() in data for root in ROOTS):
            for number, message in enumerate(_messages(data)):
                found[f"{file.relative_to(samples)}#{number}"] = message
    return found


def _messages(data: bytes) -> Iterator[etree._Element]:
    """The outermost messages in a document, or in the text around one (MIME, HTTP, a log with numbered lines)."""
    for root in _documents(data):
        for message in root.iter(etree.Element):
            if _is_message(message) and not any(map(_is_message, message.iterancestors())):
                yield parse(etree.tostring(message, with_tail=False))


def _is_message(element: etree._Element) -> bool:
    """ebRIM 2.1 has other namespaces, and other schemas."""
    name = etree.QName(element)
    return name.localname in ROOTS and "xsd:2.1" not in (name.namespace or "")


def _documents(data: bytes) -> Iterator[etree._Element]:
    try:
        yield parse(data)
    except UnexpectedError:
        text = re.sub(rb"(?m)^ *\d+ ?(?=[ <])", b"", data)
        for match in re.finditer(rb"<(\w+:)?Envelope\b.*?</\1?Envelope>", text, re.DOTALL):
            try:
                yield parse(match[0])
            except UnexpectedError:
                continue  # an excerpt whose namespaces were left out


# --- One of everything ------------------------------------------------------------------------------------------------

SLOT = '<rim:Slot name="s" slotType="urn:t"><rim:ValueList><rim:Value>v</rim:Value></rim:ValueList></rim:Slot>'
SLOTS = f"<rs:RequestSlotList>{SLOT}</rs:RequestSlotList>"
NAMED = '<rim:LocalizedString xml:lang="fr" charset="UTF-8" value="n"/><rim:LocalizedString value="n"/>'
CLASSIFIED = (
    '<rim:Classification id="c" classificationScheme="urn:s" classifiedObject="o" classificationNode="urn:n" '
    'nodeRepresentation="r"/>'
)
IDENTIFIED = '<rim:ExternalIdentifier id="i" registryObject="o" identificationScheme="urn:s" value="1"/>'
OBJECT = (
    f"{SLOT}<rim:Name>{NAMED}</rim:Name><rim:Description>{NAMED}</rim:Description>"
    f'<rim:VersionInfo versionName="1" comment="c"/>{CLASSIFIED}{IDENTIFIED}'
)
ADDRESS = '<rim:Address street="s" streetNumber="1" postalCode="1" city="c" stateOrProvince="s" country="FR"/>'
REACHED = (
    '<rim:TelephoneNumber countryCode="33" areaCode="1" number="2" extension="3" phoneType="p"/>'
    '<rim:EmailAddress address="a" type="t"/>'
)
PERSON = f'{OBJECT}{ADDRESS}<rim:PersonName firstName="f" middleName="m" lastName="l"/>{REACHED}'
NODE = f'<rim:ClassificationNode id="n" parent="urn:p" code="c" path="/p">{OBJECT}</rim:ClassificationNode>'
LINK = (
    f'<rim:SpecificationLink id="l" serviceBinding="b" specificationObject="o">{OBJECT}<rim:UsageDescription>{NAMED}'
    "</rim:UsageDescription><rim:UsageParameter>p</rim:UsageParameter></rim:SpecificationLink>"
)
BINDING = (
    f'<rim:ServiceBinding id="b" service="s" accessURI="urn:a" targetBinding="t">{OBJECT}{LINK}</rim:ServiceBinding>'
)
ADHOC_QUERY = (
    f'<rim:AdhocQuery id="urn:uuid:q" home="urn:oid:1" lid="l" objectType="urn:o" status="urn:s">{OBJECT}'
    '<rim:QueryExpression queryLanguage="urn:l">select</rim:QueryExpression></rim:AdhocQuery>'
)
OBJECTS = (
    f'<rim:ExtrinsicObject id="o" lid="l" home="urn:oid:1" objectType="urn:o" status="urn:s" mimeType="text/plain" '
    f'isOpaque="false">{OBJECT}<rim:ContentVersionInfo versionName="1"/></rim:ExtrinsicObject>'
    f'<rim:RegistryPackage id="p">{OBJECT}<rim:RegistryObjectList>{IDENTIFIED}</rim:RegistryObjectList>'
    "</rim:RegistryPackage>"
    f'<rim:Association id="a" associationType="urn:t" sourceObject="o" targetObject="p">{OBJECT}</rim:Association>'
    f'{CLASSIFIED}{IDENTIFIED}<rim:ObjectRef id="r" home="urn:oid:1" createReplica="true">{SLOT}</rim:ObjectRef>'
    f'<rim:ExternalLink id="x" externalURI="http://a">{OBJECT}</rim:ExternalLink>'
    f'<rim:ClassificationScheme id="s" isInternal="true" nodeType="urn:n">{OBJECT}{NODE}</rim:ClassificationScheme>'
    f"{NODE}"
    f'<rim:Organization id="g" parent="p" primaryContact="c">{OBJECT}{ADDRESS}{REACHED}</rim:Organization>'
    f'<rim:Person id="e">{PERSON}</rim:Person><rim:User id="u">{PERSON}</rim:User>'
    f'<rim:Service id="v">{OBJECT}{BINDING}</rim:Service>{BINDING}{LINK}'
    f'<rim:AuditableEvent id="d" eventType="urn:e" timestamp="2026-01-02T03:04:05Z" user="u" requestId="r">{OBJECT}'
    '<rim:affectedObjects><rim:ObjectRef id="r"/></rim:affectedObjects></rim:AuditableEvent>'
    f'<rim:Subscription id="b" selector="q" startTime="2026-01-02T03:04:05" endTime="2026-01-02T03:04:05" '
    f'notificationInterval="P1D">{OBJECT}<rim:NotifyAction notificationOption="urn:o" endPoint="http://a"/>'
    f"</rim:Subscription>{ADHOC_QUERY}"
    f'<rim:Registry id="t" operator="o" specificationVersion="3" replicationSyncLatency="P1D" catalogingLatency="P1D" '
    f'conformanceProfile="registryFull">{OBJECT}</rim:Registry>'
    f'<rim:Federation id="f" replicationSyncLatency="P1D">{OBJECT}</rim:Federation>'
    f'<rim:RegistryObject id="w">{OBJECT}</rim:RegistryObject><rim:Identifiable id="y">{SLOT}</rim:Identifiable>'
)
LIST = f"<rim:RegistryObjectList>{OBJECTS}</rim:RegistryObjectList>"
SUBMIT = f'<lcm:SubmitObjectsRequest {NAMESPACES} id="urn:r" comment="c">{SLOTS}{LIST}</lcm:SubmitObjectsRequest>'
ANSWERED = (
    f"<rs:ResponseSlotList>{SLOT}</rs:ResponseSlotList>"
    '<rs:RegistryErrorList highestSeverity="urn:h"><rs:RegistryError codeContext="c" errorCode="e" severity="urn:s" '
    'location="l">t</rs:RegistryError></rs:RegistryErrorList>'
)
ASKED = (
    "<xds:DocumentRequest><xds:HomeCommunityId>h</xds:HomeCommunityId><xds:RepositoryUniqueId>r</xds:RepositoryUniqueId>"
    "<xds:DocumentUniqueId>d</xds:DocumentUniqueId></xds:DocumentRequest>"
)
EVERYTHING = (  # every message with every part, and every kind of object
    SUBMIT,
    f'<lcm:RemoveObjectsRequest {NAMESPACES} deletionScope="urn:d">{SLOTS}{ADHOC_QUERY}<rim:ObjectRefList>'
    '<rim:ObjectRef id="urn:uuid:1"/></rim:ObjectRefList></lcm:RemoveObjectsRequest>',
    f'<query:AdhocQueryRequest {NAMESPACES} id="urn:r" federated="true" federation="urn:f" startIndex="0" '
    f'maxResults="-1">{SLOTS}<query:ResponseOption returnType="LeafClass" returnComposedObjects="true"/>'
    f"{ADHOC_QUERY}</query:AdhocQueryRequest>",
    f'<query:AdhocQueryResponse {NAMESPACES} status="urn:s" requestId="urn:r" startIndex="0" totalResultCount="7">'
    f"{ANSWERED}{LIST}</query:AdhocQueryResponse>",
    f'<rs:RegistryResponse {NAMESPACES} status="urn:s" requestId="urn:r">{ANSWERED}</rs:RegistryResponse>',
    f'<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{SUBMIT}<xds:Document id="o">aGVsbG8=</xds:Document>'
    "</xds:ProvideAndRegisterDocumentSetRequest>",
    f"<xds:RetrieveDocumentSetRequest {NAMESPACES}>{ASKED}{ASKED}</xds:RetrieveDocumentSetRequest>",
    f'<xds:RetrieveDocumentSetResponse {NAMESPACES}><rs:RegistryResponse status="urn:s"/><xds:DocumentResponse>'
    "<xds:HomeCommunityId>h</xds:HomeCommunityId><xds:RepositoryUniqueId>r</xds:RepositoryUniqueId>"
    "<xds:DocumentUniqueId>d</xds:DocumentUniqueId><xds:NewRepositoryUniqueId>n</xds:NewRepositoryUniqueId>"
    "<xds:NewDocumentUniqueId>n</xds:NewDocumentUniqueId><xds:mimeType>m</xds:mimeType>"
    "<xds:Document>aGVsbG8=</xds:Document></xds:DocumentResponse></xds:RetrieveDocumentSetResponse>",
    f"<rmd:RemoveDocumentsRequest {NAMESPACES}>{ASKED}</rmd:RemoveDocumentsRequest>",
)
