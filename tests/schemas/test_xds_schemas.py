"""Our XSDs of XDS.b: what they accept and refuse, by themselves and beside the official ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from xds_messages import (
    ADHOC_QUERY,
    ASKED,
    EVERYTHING,
    LCM,
    MAX_MUTATED,
    NAMESPACES,
    OBJECTS,
    QUERY,
    RIM,
    ROOTS,
    SUBMIT,
    XDS,
    XSI,
    real_messages,
)
from xds_mutations import Vocabulary, mutated, swept

from ihe.schema_check import MESSAGES
from schemas.xml import local_name, parse
from tests import official
from tests.conftest import reference_folder

FOLDER = MESSAGES.parent
DOCUMENT, DOCUMENT_REQUEST = f"{{{XDS}}}Document", f"{{{XDS}}}DocumentRequest"


@cache
def ours() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(MESSAGES))


def named(text: str) -> str:
    return local_name(parse(text.encode()).tag)


# --- By themselves ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.xsd")), ids=lambda file: file.name)
def test_each_schema_stands_alone(file: Path) -> None:
    etree.XMLSchema(file=str(file))


@pytest.mark.parametrize("message", EVERYTHING, ids=named)
def test_everything_ebrim_has_is_valid(message: str) -> None:
    ours().assertValid(parse(message.encode()))


def test_every_message_of_xds_is_known() -> None:
    assert {named(message) for message in EVERYTHING} == ROOTS


def submitted(objects: str) -> str:
    return (
        f"<lcm:SubmitObjectsRequest {NAMESPACES}><rim:RegistryObjectList>{objects}</rim:RegistryObjectList>"
        "</lcm:SubmitObjectsRequest>"
    )


def slot(inside: str = "<rim:ValueList/>", name: str = 'name="s"') -> str:
    return submitted(f'<rim:ExtrinsicObject id="o"><rim:Slot {name}>{inside}</rim:Slot></rim:ExtrinsicObject>')


VALID = {
    "an empty list": submitted(""),
    "an empty ValueList": slot(),
    "a value of 256 characters": slot(f"<rim:ValueList><rim:Value>{'é' * 256}</rim:Value></rim:ValueList>"),
    "a title of 1024 characters": submitted(
        f'<rim:ExtrinsicObject id="o"><rim:Name><rim:LocalizedString value="{"x" * 1024}"/></rim:Name>'
        "</rim:ExtrinsicObject>"
    ),
    "a language taken back": submitted(
        '<rim:ExtrinsicObject id="o"><rim:Name><rim:LocalizedString xml:lang="" value="v"/></rim:Name>'
        "</rim:ExtrinsicObject>"
    ),
    "objects in any order": submitted('<rim:Association id="a" associationType="t" sourceObject="s" targetObject="t"/>'
        '<rim:ExtrinsicObject id="o"/><rim:RegistryPackage id="p"/>'),
    "a type told by name": submitted(f'<rim:Identifiable xmlns:xsi="{XSI}" xsi:type="rim:AssociationType1" id="a" '
        'associationType="t" sourceObject="s" targetObject="t"/>'),
    "any number of documents to remove": f"<rmd:RemoveDocumentsRequest {NAMESPACES}>{ASKED * 3}"
        "</rmd:RemoveDocumentsRequest>",
    "metadata without documents": f"<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{SUBMIT}"
        "</xds:ProvideAndRegisterDocumentSetRequest>",
}  # fmt: skip
INVALID = {
    "a value of 257 characters": slot(f"<rim:ValueList><rim:Value>{'é' * 257}</rim:Value></rim:ValueList>"),
    "a slot without ValueList": slot(""),
    "a slot with two ValueLists": slot("<rim:ValueList/><rim:ValueList/>"),
    "a slot without name": slot(name=""),
    "a slot with an attribute of its own": slot(name='name="s" other="o"'),
    "an object without id": submitted("<rim:ExtrinsicObject/>"),
    "a Classification without classifiedObject": submitted('<rim:Classification id="c"/>'),
    "slots after the name": submitted('<rim:ExtrinsicObject id="o"><rim:Name/><rim:Slot name="s"><rim:ValueList/>'
        "</rim:Slot></rim:ExtrinsicObject>"),
    "external identifiers before classifications": submitted('<rim:ExtrinsicObject id="o">'
        '<rim:ExternalIdentifier id="i" registryObject="o" identificationScheme="s" value="v"/>'
        '<rim:Classification id="c" classifiedObject="o"/>'
        "</rim:ExtrinsicObject>"),
    "an element nobody declared": submitted("<rim:Other/>"),
    "text among objects": submitted("text"),
    "a list of another namespace": submitted("").replace("rim:RegistryObjectList", "lcm:RegistryObjectList"),
    "a submission without list": f"<lcm:SubmitObjectsRequest {NAMESPACES}/>",
    "a version of 17 characters": submitted(f'<rim:ExtrinsicObject id="o"><rim:VersionInfo versionName="{"1" * 17}"/>'
        "</rim:ExtrinsicObject>"),
    "a response without status": f"<rs:RegistryResponse {NAMESPACES}/>",
    "an empty error list": f'<rs:RegistryResponse {NAMESPACES} status="s"><rs:RegistryErrorList/>'
        "</rs:RegistryResponse>",
    "a query without ResponseOption": f"<query:AdhocQueryRequest {NAMESPACES}>{ADHOC_QUERY}</query:AdhocQueryRequest>",
    "another returnType": f'<query:AdhocQueryRequest {NAMESPACES}><query:ResponseOption returnType="All"/>{ADHOC_QUERY}'
        "</query:AdhocQueryRequest>",
    "nothing to retrieve": f"<xds:RetrieveDocumentSetRequest {NAMESPACES}/>",
    "a document that is not base64": f"<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{SUBMIT}"
        '<xds:Document id="o">====</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>',
    "a document without id": f"<xds:ProvideAndRegisterDocumentSetRequest {NAMESPACES}>{SUBMIT}"
        "<xds:Document>aGVsbG8=</xds:Document></xds:ProvideAndRegisterDocumentSetRequest>",
    "nothing to remove": f"<rmd:RemoveDocumentsRequest {NAMESPACES}/>",
}  # fmt: skip


@pytest.mark.parametrize("message", VALID.values(), ids=VALID)
def test_valid(message: str) -> None:
    ours().assertValid(parse(message.encode()))


@pytest.mark.parametrize("message", INVALID.values(), ids=INVALID)
def test_invalid(message: str) -> None:
    assert not ours().validate(parse(message.encode()))


# --- Beside the official ones -----------------------------------------------------------------------------------------


def holds(root: etree._Element, name: str, inside: set[str]) -> bool:
    """Whether an element `name` stands elsewhere than directly in one of these."""
    parents = [element.getparent() for element in root.iter(name)]
    return any(parent is None or local_name(parent.tag) not in inside for parent in parents)


def own_globals() -> frozenset[str]:
    """Every element that a message may have by our schemas."""
    found = set()
    for file in FOLDER.glob("*.xsd"):
        document = parse(file.read_bytes())
        space = document.get("targetNamespace")
        found |= {f"{{{space}}}{each.get('name')}" for each in document.iter(f"{{{official.XSD}}}element")}
    return frozenset(found)


OWN = own_globals()

# What each official copy has that ours has not, or the other way round, and why.
# name -> (why, which copies, the messages it is about, one of them, our verdict on it)
Difference = tuple[str, set[str], Callable[[etree._Element], bool], str, bool]
DIFFERENCES: dict[str, Difference] = {
    "Document in ExtrinsicObject": (
        "IPF's rim adds it for Cross-Community Fetch (ITI-63), which is not XDS.b; OASIS and NIST have it not",
        {"ipf"},
        lambda root: holds(root, DOCUMENT, {"ProvideAndRegisterDocumentSetRequest", "DocumentResponse"}),
        submitted('<rim:ExtrinsicObject id="o"><xds:Document>aGVsbG8=</xds:Document></rim:ExtrinsicObject>'),
        False,
    ),
    "one document to remove": (
        "NIST's rmd wants exactly one DocumentRequest; ITI-86 removes a set, and IPF's WSDL allows it",
        {"nist"},
        lambda root: local_name(root.tag) == "RemoveDocumentsRequest" and len(list(root.iter(DOCUMENT_REQUEST))) != 1,
        f"<rmd:RemoveDocumentsRequest {NAMESPACES}>{ASKED}{ASKED}</rmd:RemoveDocumentsRequest>",
        True,
    ),
    "DocumentRequest as a message": (
        "NIST declares it for itself, for its rmd to refer to; no transaction sends it so",
        {"nist"},
        lambda root: holds(root, DOCUMENT_REQUEST, {"RetrieveDocumentSetRequest", "RemoveDocumentsRequest"}),
        ASKED.replace("DocumentRequest>", f"DocumentRequest {NAMESPACES}>", 1),
        False,
    ),
    "the type of a DocumentRequest": (
        "IPF names it, as we do; in NIST's copy it has no name that xsi:type could tell",
        {"nist"},
        lambda root: any("DocumentRequestType" in element.get(f"{{{XSI}}}type", "") for element in root.iter("*")),
        f'<xds:RetrieveDocumentSetRequest {NAMESPACES} xmlns:xsi="{XSI}">'
        + ASKED.replace("DocumentRequest>", 'DocumentRequest xsi:type="xds:DocumentRequestType">', 1)
        + "</xds:RetrieveDocumentSetRequest>",
        True,
    ),
    "other requests of ebRS": (
        "approving, deprecating, updating in place, relocating: no transaction of XDS.b carries them",
        {"ipf", "nist"},
        lambda root: etree.QName(root).namespace in (LCM, QUERY) and root.tag not in OWN,
        f'<lcm:ApproveObjectsRequest {NAMESPACES}><rim:ObjectRefList><rim:ObjectRef id="o"/></rim:ObjectRefList>'
        "</lcm:ApproveObjectsRequest>",
        False,
    ),
    "filter queries": (
        "what a QueryExpression holds: XDS.b has stored queries only, and the sole language of its own is none",
        {"ipf", "nist"},
        lambda root: any(len(each) for each in root.iter(f"{{{RIM}}}QueryExpression"))
        or any(etree.QName(each).namespace == QUERY and each.tag not in OWN for each in root.iter("*")),
        f'<query:AdhocQueryRequest {NAMESPACES}><query:ResponseOption/><rim:AdhocQuery id="q"><rim:QueryExpression '
        'queryLanguage="l"><query:BooleanFilter/></rim:QueryExpression></rim:AdhocQuery></query:AdhocQueryRequest>',
        True,
    ),
}  # fmt: skip


def copies(reference: Path) -> dict[str, etree.XMLSchema]:
    return {"ipf": official.ipf(reference), "nist": official.nist(reference)}


def unexplained(root: etree._Element, reference: Path) -> dict[str, bool]:
    """The copies whose verdict on `root` is not ours, and no known difference tells why; with their verdicts."""
    own, found = ours().validate(root), {}
    for copy, schema in copies(reference).items():
        verdict = schema.validate(root)
        if verdict != own and not any(copy in whose and about(root) for _, whose, about, _, _ in DIFFERENCES.values()):
            found[copy] = verdict
    return found


@pytest.mark.reference
@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_known_difference_is_one(reference: Path, name: str) -> None:
    _, whose, about, example, verdict = DIFFERENCES[name]
    root = parse(example.encode())
    assert about(root)
    assert ours().validate(root) is verdict
    assert {copy for copy, schema in copies(reference).items() if schema.validate(root) is not verdict} == whose


@pytest.mark.reference
@pytest.mark.parametrize(
    "message", [*EVERYTHING, *VALID.values(), *INVALID.values()], ids=[*map(named, EVERYTHING), *VALID, *INVALID]
)
def test_same_verdict_as_the_official_schemas(reference: Path, message: str) -> None:
    assert unexplained(parse(message.encode()), reference) == {}


@pytest.mark.reference
def test_same_verdict_on_every_real_message(reference: Path) -> None:
    found = real_messages(reference / "ihe" / "samples")
    kinds = Counter(local_name(message.tag) for message in found.values())
    assert set(kinds) == ROOTS
    assert {name: verdicts for name, message in found.items() if (verdicts := unexplained(message, reference))} == {}
    assert sum(map(ours().validate, found.values())) >= 85  # the others are templates, excerpts, or have no ids


@cache
def corpus() -> list[etree._Element]:
    """What is mutated: valid messages, each once."""
    folder = reference_folder()
    assert folder is not None
    found = {etree.tostring(message) for message in real_messages(folder / "ihe" / "samples").values()}
    found = {message for message in found if len(message) < MAX_MUTATED and ours().validate(parse(message))}
    return [parse(message) for message in [*sorted(found), *(message.encode() for message in EVERYTHING)]]


@cache
def vocabulary() -> Vocabulary:
    folder = reference_folder()
    assert folder is not None
    files = [*FOLDER.glob("*.xsd"), *(folder / "ihe" / "schema" / "xds-nist-v3").glob("*.xsd")]
    return Vocabulary.of(*(parse(file.read_bytes()) for file in sorted(files) if file.name != "soap.xsd"))


@pytest.mark.reference
def test_same_verdict_on_every_single_change(reference: Path) -> None:
    """Each kind of object by itself, each message without objects: small, since there are tens of thousands."""
    objects = [submitted(etree.tostring(each).decode()) for each in parse(submitted(OBJECTS).encode())[0]]
    messages = [message.replace(OBJECTS, "") for message in EVERYTHING] + objects
    judged = Counter[bool]()
    for root in swept([parse(message.encode()) for message in messages], vocabulary()):
        judged[ours().validate(root)] += 1
        different = unexplained(root, reference)
        assert not different, (different, list(ours().error_log)[:3], etree.tostring(root).decode())
    assert judged[True] > 2000 and judged[False] > 20_000


def compare_mutated(reference: Path, data: st.DataObject) -> None:
    root = data.draw(mutated(corpus(), vocabulary()))
    different = unexplained(root, reference)
    assert not different, (different, list(ours().error_log)[:3], etree.tostring(root).decode())


@pytest.mark.reference
@settings(max_examples=2500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_same_verdict_on_mutated_messages(reference: Path, data: st.DataObject) -> None:
    compare_mutated(reference, data)


@pytest.mark.long
@pytest.mark.reference
@settings(max_examples=100_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_same_verdict_on_very_many_mutated_messages(reference: Path, data: st.DataObject) -> None:
    compare_mutated(reference, data)
