"""The narrative block as HTML: each construct of CDA R2 §4.3.5, and what is no construct at all."""

from __future__ import annotations

import pytest

from tests.cda.rendered import media, narrative, section, shown, structured

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8ffff3f0005fe02fea735819c0000000049454e44ae426082"
)


def test_paragraphs_breaks_and_styles() -> None:
    page = narrative(
        '<paragraph styleCode="Bold Underline"><caption>Avis</caption>Un<br/>deux <sub>3</sub> <sup>4</sup></paragraph>'
    )
    (paragraph,) = [each for each in page.all("p") if "gras" in each.get("class", "")]
    assert paragraph["class"] == "gras souligne"
    assert {"class": "legende"} in page.all("span")
    assert (page.count("br"), page.count("sub"), page.count("sup")) == (1, 1, 1)
    assert "AvisUndeux 3 4" in page.text


def test_lists_of_both_kinds_with_captions() -> None:
    page = narrative(
        '<list listType="ordered" styleCode="LittleRoman"><caption>Étapes</caption><item>un</item><item>deux'
        "<list><item>deux bis</item></list></item></list>"
    )
    assert [each for each in page.all("ol") if each.get("class") == "romain-min"]
    assert {"class": "legende"} in page.all("p")
    assert page.text.count("deux bis") == 1


def test_a_table_with_all_its_parts() -> None:
    page = narrative(
        '<table border="1"><caption>Bilan</caption><colgroup span="2"><col span="2"/></colgroup>'
        '<thead><tr><th ID="h1">Examen</th><th align="right">Valeur</th></tr></thead>'
        '<tfoot><tr><td colspan="2">fin</td></tr></tfoot>'
        '<tbody><tr><th>Na</th><td rowspan="2" headers="h1 nulle-part">140</td></tr><tr><td>K</td></tr></tbody></table>'
    )
    headings = page.all("th")
    assert [each["scope"] for each in headings] == ["col", "col", "row"]
    assert headings[1]["class"] == "a-droite"
    cells = page.all("td")
    assert cells[0]["colspan"] == "2" and cells[1]["rowspan"] == "2"
    assert cells[1]["headers"] == headings[0]["id"] == "n-h1"
    assert page.all("colgroup") == [{"span": "2"}] and page.all("col") == [{"span": "2"}]
    (scrolling,) = [each for each in page.all("div") if each.get("class") == "defile"]
    assert scrolling["aria-label"] == "Bilan" and scrolling["tabindex"] == "0"


@pytest.mark.parametrize("given", ["row", "col", "rowgroup", "colgroup"])
def test_a_heading_says_itself_what_it_is_about(given: str) -> None:
    page = narrative(f'<table><tbody><tr><th scope="{given}">a</th><td>b</td></tr></tbody></table>')
    assert page.all("th")[0]["scope"] == given


def test_a_heading_without_text_is_an_empty_cell() -> None:
    page = narrative("<table><thead><tr><th/><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>")
    assert page.count("th") == 1


@pytest.mark.parametrize(
    "span", ["0", "-1", "1000", "2.5", "x", ""], ids=["zero", "negative", "huge", "half", "letter", "empty"]
)
def test_a_span_that_is_none_is_left_out(span: str) -> None:
    page = narrative(f'<table><tbody><tr><td colspan="{span}">a</td></tr></tbody></table>')
    assert page.all("td")[0] == {}


def test_what_a_revision_changed_is_seen_and_heard() -> None:
    page = narrative('<content revised="insert">neuf</content><content revised="delete">vieux</content>')
    assert page.count("ins") == page.count("del") == 1
    assert "Ajouté : neuf" in page.text and "Supprimé : vieux" in page.text


def test_footnotes_are_called_and_stand_below() -> None:
    page = narrative(
        'Un<footnote ID="f1">première</footnote>, deux<footnote>seconde</footnote>, encore<footnoteRef IDREF="f1"/>.'
    )
    calls = [each["href"] for each in page.all("a") if each["href"].startswith("#note-")]
    assert calls == ["#note-1", "#note-2", "#note-1"]
    assert [each["id"] for each in page.all("li") if "id" in each] == ["note-1", "note-2"]
    assert page.text.index("première") > page.text.index("encore")


def test_links_lead_to_the_web_a_mailbox_or_the_document() -> None:
    page = narrative(
        '<linkHtml href="https://www.has-sante.fr/a?b=c#d">HAS</linkHtml><linkHtml href="mailto:a@b.fr">mail</linkHtml>'
        '<content ID="ici">là</content><linkHtml href="#ici">voir</linkHtml><linkHtml href="#ailleurs">rien</linkHtml>'
        '<linkHtml href="https://vide.fr/"/>'
    )
    links = {each["href"]: each for each in page.all("a")}
    assert {"https://www.has-sante.fr/a?b=c#d", "mailto:a@b.fr", "#n-ici", "https://vide.fr/"} <= links.keys()
    assert "noopener" in links["https://www.has-sante.fr/a?b=c#d"]["rel"]
    assert "#n-ailleurs" not in links
    assert "rien" in page.text and "https://vide.fr/" in page.text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java&#10;script:alert(1)",
        "data:text/html,&lt;script&gt;",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/x",
        "/relative",
        "blob:x",
        "https://a.fr/&quot; onmouseover=&quot;x",
        "http://",
    ],
)
def test_other_links_lead_nowhere(address: str) -> None:
    page = narrative(f'<linkHtml href="{address}">texte</linkHtml>')
    assert [each["href"] for each in page.all("a") if not each["href"].startswith("#")] == []
    assert "texte" in page.text


def test_a_link_in_a_link_is_none() -> None:
    page = narrative('<linkHtml href="https://a.fr/">a<linkHtml href="https://b.fr/">b</linkHtml></linkHtml>')
    assert [each["href"] for each in page.all("a") if each["href"].startswith("http")] == ["https://a.fr/"]


def test_an_image_stands_where_the_narrative_calls_it() -> None:
    page = narrative(
        '<renderMultiMedia referencedObject="i1"><caption>Radio</caption></renderMultiMedia>',
        inside=media("i1", PNG, "image/png"),
    )
    assert page.all("img")[0]["src"].startswith("data:image/png;base64,")
    assert "Radio" in page.text


def test_the_second_call_of_a_file_leads_to_the_first() -> None:
    page = narrative(
        '<renderMultiMedia referencedObject="i1"/><renderMultiMedia referencedObject="i1"/>',
        inside=media("i1", PNG, "image/png"),
    )
    assert page.count("img") == 1
    assert "#media-1" in [each["href"] for each in page.all("a")]


def test_a_region_is_drawn_on_its_image() -> None:
    for code, values in (
        ("CIRCLE", "1 1 3 1"),
        ("POINT", "1 1"),
        ("POLY", "0 0 1 0 1 1"),
        ("ELLIPSE", "0 1 4 1 2 0 2 2"),
    ):
        numbers = "".join(f'<value value="{each}"/>' for each in values.split())
        region = (
            f'<entry><regionOfInterest ID="r1"><code code="{code}"/>{numbers}<entryRelationship>'
            + media("i1", PNG, "image/png").replace("<entry>", "").replace("</entry>", "")
            + "</entryRelationship></regionOfInterest></entry>"
        )
        page = narrative('<renderMultiMedia referencedObject="r1"/>', inside=region)
        drawn = {"CIRCLE": "circle", "POINT": "circle", "POLY": "polygon", "ELLIPSE": "ellipse"}[code]
        assert page.count("svg") == 1 and page.count(drawn) == 1, code


def test_a_region_without_points_is_told() -> None:
    region = '<entry><regionOfInterest ID="r1"><code code="CIRCLE"/><entryRelationship>' + media(
        "i1", PNG, "image/png"
    ).replace("<entry>", "").replace("</entry>", "")
    page = narrative(
        '<renderMultiMedia referencedObject="r1"/>',
        inside=f"{region}</entryRelationship></regionOfInterest></entry>",
    )
    assert "ne peut être tracée" in page.text and page.count("img") == 1


def test_a_call_of_nothing_is_told() -> None:
    assert "absent du document" in narrative('<renderMultiMedia referencedObject="x"/>').text


def test_languages_are_told_to_who_listens() -> None:
    page = narrative('<content language="en-GB">heart failure</content><content language="x y">?</content>')
    assert [each["lang"] for each in page.all("span") if "lang" in each] == ["en-GB"]


def test_an_element_that_nobody_knows_keeps_its_text() -> None:
    page = narrative('<inconnu a="b">un <autre xmlns="urn:x">deux</autre></inconnu>trois')
    assert "un deuxtrois" in page.text


def test_rows_outside_of_tables_keep_their_text() -> None:
    assert "seul" in narrative("<tr><td>seul</td></tr>").text


def test_an_id_that_comes_twice_is_given_once() -> None:
    page = narrative('<content ID="a">un</content><content ID="a">deux</content><content ID="a b">trois</content>')
    assert [each["id"] for each in page.all("span") if each.get("id", "").startswith("n-")] == ["n-a"]


def test_headings_go_down_one_level_at_a_time() -> None:
    inner = section("x", title="niveau 9")
    for level in range(8, 1, -1):
        inner = section("x", title=f"niveau {level}", inside=f"<component>{inner}</component>")
    page = shown(structured(inner))
    assert [name for name, _ in page.elements if name in ("h2", "h3", "h4", "h5", "h6")][:8] == [
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "h6",
        "h6",
        "h6",
    ]
    assert [each.get("aria-level") for each in page.all("h6")] == [None, "7", "8", "9"]
