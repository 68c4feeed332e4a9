"""Documents that mean harm: whatever they hold, the page runs nothing, loads nothing and comes to an end."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cda.errors import CdaError
from cda.rendering.page import render
from tests.cda.rendered import document, file, media, narrative, section, shown, structured, words

SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    "text",
    [
        SCRIPT,
        f'<script {XHTML} src="https://x.fr/a.js"/>',
        f'<iframe {XHTML} src="https://x.fr/"/>',
        f'<object {XHTML} data="https://x.fr/"/>',
        f'<img {XHTML} src="https://x.fr/a.png" onerror="alert(1)"/>',
        f"<style {XHTML}>@import url(https://x.fr/a.css)</style>",
        f'<link {XHTML} rel="stylesheet" href="https://x.fr/a.css"/>',
        f'<base {XHTML} href="https://x.fr/"/>',
        f'<meta {XHTML} http-equiv="refresh" content="0;url=https://x.fr/"/>',
        f'<form {XHTML} action="https://x.fr/"><input name="a"/></form>',
        '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>',
        '<paragraph onclick="alert(1)" style="background:url(https://x.fr)">x</paragraph>',
        '<content styleCode="Bold&quot; onclick=&quot;alert(1)">x</content>',
        '<content ID="a&quot; onclick=&quot;alert(1)">x</content>',
        '<table background="https://x.fr/a.png"><tbody><tr><td onmouseover="alert(1)">x</td></tr></tbody></table>',
        "&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;",
        "<content>--&gt;&lt;!--</content>",
        "<![CDATA[</title><script>alert(1)</script>]]>",
        "<?php echo 1 ?><!-- <script>alert(1)</script> -->x",
        '<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>',
    ],
)
def test_nothing_of_a_narrative_becomes_markup(text: str) -> None:
    narrative(text)


def test_nothing_of_a_header_becomes_markup() -> None:
    header = (
        f'<id root="{ESCAPED}"/><code displayName="{ESCAPED}"/><title>&lt;/title&gt;{ESCAPED}</title>'
        f'<effectiveTime value="{ESCAPED}"/><languageCode code="x&quot; onload=&quot;y"/><recordTarget><patientRole>'
        f'<id root="{ESCAPED}" extension="{ESCAPED}"/><telecom value="javascript:alert(1)"/><patient><name>'
        f"<family>{ESCAPED}</family></name></patient></patientRole></recordTarget>"
    )
    page = shown(structured(section("x", title=ESCAPED), header=header))
    assert "<script>alert(1)</script>" in page.text


def test_nothing_of_an_entry_becomes_markup() -> None:
    shown(
        structured(
            section(
                inside=f'<entry><observation><code code="{ESCAPED}" displayName="{ESCAPED}"/><value '
                f'xsi:type="ST">{ESCAPED}</value><effectiveTime value="{ESCAPED}"/></observation></entry>'
            )
        )
    )


def test_the_authors_style_sheets_and_scripts_stay_outside() -> None:
    inner = structured(section("texte"))
    page = shown(
        '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="https://x.fr/a.xsl"?>'
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
        f"<script>alert(1)</script></xsl:template>{inner}</xsl:stylesheet>"
    )
    assert "alert(1)" not in page.source and "x.fr" not in page.source


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html><script>alert(1)</script></html>", "text/html"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml"),
        (b"<html><script>alert(1)</script></html>", "image/jpeg"),
        (b"<script>alert(1)</script>", "text/plain"),
        (b"MZ\x90", "application/x-msdownload"),
        (b"<x/>", "text/plain;charset=undefined"),
        (b"x", 'image/png" onerror="alert(1)'),
    ],
)
def test_a_file_is_what_it_is_and_not_what_it_says(content: bytes, kind: str) -> None:
    page = shown(file(content, kind.replace('"', "&quot;")))
    assert page.count("img") == page.count("object") == 0
    page = narrative(
        '<renderMultiMedia referencedObject="m"/>', inside=media("m", content, kind.replace('"', "&quot;"))
    )
    assert page.count("img") == page.count("object") == 0


def test_a_pdf_that_could_act_is_not_opened() -> None:
    active = b"%PDF-1.4\n1 0 obj << /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >> endobj\n"
    page = shown(file(active, "application/pdf"))
    assert page.count("object") == 0
    assert "Ce PDF contient un script : il n'est pas affiché ici" in page.text
    assert [each for each in page.all("a") if "download" in each]


@pytest.mark.parametrize("depth", [20, 90])
def test_nesting_to_the_limit_is_shown(depth: int) -> None:
    assert "fond" in narrative("<content>" * depth * 2 + "fond" + "</content>" * depth * 2).text
    assert "fond" in narrative("<list><item>" * depth + "fond" + "</item></list>" * depth).text
    tables = depth // 2
    assert "fond" in narrative("<table><tr><td>" * tables + "fond" + "</td></tr></table>" * tables).text
    inner = section("fond")
    for _ in range(depth):
        inner = section("x", inside=f"<component>{inner}</component>")
    assert "fond" in shown(structured(inner)).text
    entry = '<observation><code displayName="fond"/></observation>'
    for _ in range(depth):
        entry = f'<act><code displayName="x"/><entryRelationship>{entry}</entryRelationship></act>'
    assert "fond" in shown(structured(section(inside=f"<entry>{entry}</entry>"))).text


def test_nesting_beyond_the_limit_is_refused() -> None:
    with pytest.raises(CdaError):
        render([structured(section("<content>" * 300 + "</content>" * 300)).encode()])


def test_entities_are_refused() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]>' + structured(section("&b;"))
    with pytest.raises(CdaError):
        render([bomb.encode()])
    external = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + structured(section("&a;"))
    with pytest.raises(CdaError):
        render([external.encode()])


def test_references_in_a_circle_come_to_an_end() -> None:
    page = narrative(
        '<content ID="a"><linkHtml href="#a">a</linkHtml></content><footnote ID="f">x'
        '<footnoteRef IDREF="f"/></footnote>',
        inside='<entry><observation ID="o"><text><reference value="#o"/></text><code code="1"><originalText><reference '
        'value="#o"/></originalText></code></observation></entry>',
    )
    assert page.count("sup") >= 1


def test_a_compressed_file_that_grows_without_end_is_told() -> None:
    packed = base64.b64encode(zlib.compress(b"\0" * 3_000_000)).decode()
    body = '<nonXMLBody><text mediaType="application/pdf" representation="B64" compression="{}">{}</text></nonXMLBody>'
    assert shown(document(body.format("ZL", packed))).count("object") == 0
    assert "endommagé" in shown(document(body.format("7Z", packed))).text


def test_an_image_that_would_fill_the_memory_is_not_decoded() -> None:
    huge = (
        b"II*\0\x08\0\0\0\x02\0"
        + b"\0\x01\x04\0\x01\0\0\0\xff\xff\xff\x0f"
        + b"\x01\x01\x04\0\x01\0\0\0\xff\xff\xff\x0f"
        + b"\0" * 8
    )
    assert "ne peut être lue" in shown(file(huge, "image/tiff")).text


def _large(rows: int) -> str:
    row = "<tr>" + "<td>une cellule de tableau assez longue</td>" * 8 + "</tr>"
    return structured(section(f"<table><tbody>{row * rows}</tbody></table>"))


def test_a_large_table_is_shown_whole() -> None:
    assert render([_large(1000).encode()]).count(b"<td>") == 8000


@pytest.mark.long
def test_a_table_of_ten_megabytes_is_shown_whole() -> None:
    rows = 10 * 1024 * 1024 // 370
    assert render([_large(rows).encode()]).count(b"<td>") == rows * 8


NAMES = words(
    "paragraph list item table thead tbody tfoot tr th td col colgroup caption content linkHtml sub sup br footnote "
    "footnoteRef renderMultiMedia text section script a"
)
ATTRIBUTES = words(
    "ID IDREF href styleCode revised colspan rowspan headers scope listType language referencedObject align"
)
texts = st.text("abé<>&\"'# \u00a0:/", max_size=6) | st.sampled_from(
    ["a", "#a", "b", "Bold", "javascript:x", "https://x.fr"]
)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@st.composite
def _element(draw: st.DrawFn, children: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from(NAMES))
    given_ = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), texts, max_size=3))
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in given_.items())
    return f"<{name}{written}>{''.join(draw(st.lists(children, max_size=4)))}</{name}>"


narratives = st.recursive(texts.map(_escaped), _element, max_leaves=25)


@settings(max_examples=50)
@given(st.lists(narratives, max_size=5))
def test_any_narrative_gives_a_page_that_is_safe(pieces: list[str]) -> None:
    narrative("".join(pieces), inside=media("a", b"x", "text/plain"))


ENTRY_NAMES = words(
    "observation act organizer entryRelationship component value code effectiveTime low high period event "
    "text reference participant participantRole playingEntity substanceAdministration consumable manufacturedProduct "
    "observationMedia referenceRange observationRange interpretationCode specimen id name originalText "
    "translation qualifier"
)
ENTRY_ATTRIBUTES = words(
    "value unit code codeSystem displayName root extension nullFlavor typeCode negationInd ID mediaType"
)


@st.composite
def _entry(draw: st.DrawFn, children: st.SearchStrategy[str]) -> str:
    name = draw(st.sampled_from(ENTRY_NAMES))
    given_ = draw(
        st.dictionaries(
            st.sampled_from(ENTRY_ATTRIBUTES), texts | st.from_regex(r"[0-9]{1,15}", fullmatch=True), max_size=4
        )
    )
    written = "".join(f' {key}="{_escaped(value)}"' for key, value in given_.items())
    kind = draw(st.sampled_from(["", ' xsi:type="PQ"', ' xsi:type="IVL_TS"', ' xsi:type="CD"', ' xsi:type="PIVL_TS"']))
    return f"<{name}{written}{kind}>{''.join(draw(st.lists(children, max_size=4)))}</{name}>"


@settings(max_examples=50)
@given(st.lists(st.recursive(texts.map(_escaped), _entry, max_leaves=25), max_size=4))
def test_any_entries_give_a_page_that_is_safe(pieces: list[str]) -> None:
    inside = "".join(f"<entry>{each}</entry>" for each in pieces)
    lab = (
        '<entry><observation><templateId root="1.3.6.1.4.1.19376.1.3.1.6"/>'
        + "".join(pieces)
        + "</observation></entry>"
    )
    shown(structured(section(inside=inside), section("x", inside=inside + lab), header="".join(pieces)))


@pytest.mark.long
@settings(max_examples=5000)
@given(st.lists(narratives, max_size=5), st.lists(st.recursive(texts.map(_escaped), _entry, max_leaves=25), max_size=4))
def test_very_many_documents_give_pages_that_are_safe(said: list[str], pieces: list[str]) -> None:
    inside = "".join(f"<entry>{each}</entry>" for each in pieces) + media("a", b"x", "text/plain")
    shown(structured(section("".join(said), inside=inside), header="".join(pieces)))
