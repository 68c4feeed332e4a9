"""A document as a page: its header in French, its body of level 1 or 3, and what it says where there is nothing."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from cda.errors import CdaError
from cda.rendering.page import render
from schemas import oids
from tests.cda.cda_vectors import FOLDER
from tests.cda.rendered import document, file, media, narrative, section, shown, structured

PDF = b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.xml")))
def test_every_vector_is_shown(name: str) -> None:
    page = shown((FOLDER / name).read_bytes())
    assert "Claire ESSAI" in page.text or "CLAIRE ESSAI" in page.text
    assert page.count("h1") == page.count("main") == page.count("header") == page.count("footer") == 1


def test_the_header_says_whose_it_is_of_when_and_by_whom() -> None:
    page = shown((FOLDER / "discharge_letter_v2.xml").read_bytes())
    head = page.text[: page.text.index("À propos de ce document") if "À propos" in page.text else None]
    assert "INS de test 2 79 03 99 000 017 80" in page.text
    assert "28/03/1979 (46 ans)" in page.text
    assert "ESSAI-MARTEL" in page.text and "Féminin" in page.text
    assert "02/03/2026 à 00:30" in head
    assert "Hugo LEROY & FILS (Centre hospitalier des Trois Rivières)" in page.text
    assert "Remplace" in page.text
    for group in ("Auteurs", "Responsable légal", "Conservation", "Actes et événements documentés", "Identification"):
        assert group in page.text


def test_every_participant_has_a_card() -> None:
    name = "<name><prefix>MME</prefix><given>Anne</given><family>{}</family></name>"
    header = (
        f"<dataEnterer><time value='20240102'/><assignedEntity><assignedPerson>{name.format('Saisie')}</assignedPerson>"
        f"</assignedEntity></dataEnterer><informant><relatedEntity><relatedPerson>{name.format('Soeur')}</relatedPerson>"
        f"</relatedEntity></informant><informationRecipient><intendedRecipient><informationRecipient>"
        f"{name.format('Destin')}</informationRecipient></intendedRecipient></informationRecipient><authenticator>"
        f"<assignedEntity><assignedPerson>{name.format('Valide')}</assignedPerson></assignedEntity></authenticator>"
        f"<participant typeCode='REF'><associatedEntity><associatedPerson>{name.format('Adresse')}</associatedPerson>"
        "<telecom value='tel:0147150000' use='WP'/><addr><houseNumber>3</houseNumber><streetName>rue A</streetName>"
        "<postalCode>75005</postalCode><city>PARIS</city></addr></associatedEntity></participant><authorization><consent>"
        "<code displayName='Accord écrit'/></consent></authorization><inFulfillmentOf><order><id root='1.2' "
        "extension='D7'/></order></inFulfillmentOf><author><assignedAuthor><assignedAuthoringDevice><softwareName>Logiciel"
        "</softwareName></assignedAuthoringDevice></assignedAuthor></author>"
    )
    page = shown(structured(section("x"), header=header))
    for family in ("SAISIE", "SOEUR", "DESTIN", "VALIDE", "ADRESSE"):
        assert f"Mme Anne {family}" in page.text
    assert "Adressé par" in page.text and "01 47 15 00 00 (travail)" in page.text
    assert "3 rue A, 75005 PARIS" in page.text
    assert "Accord écrit" in page.text and "D7 (1.2)" in page.text and "Logiciel" in page.text


def test_a_pdf_is_shown_in_the_viewer_and_can_be_kept() -> None:
    page = shown(file(PDF, "application/pdf"))
    (viewer,) = page.all("object")
    assert viewer["type"] == "application/pdf" and viewer["data"].startswith("data:application/pdf;base64,")
    assert [each["download"] for each in page.all("a") if "download" in each] == ["document.pdf"]


def test_the_copy_as_pdf_stands_first() -> None:
    copy = section(
        '<renderMultiMedia referencedObject="p"/>',
        title="Copie",
        inside=media("p", PDF, "application/pdf"),
        template=oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE,
    )
    page = shown(structured(section("premier texte", title="Premier"), copy))
    assert page.text.index("Copie PDF du document") < page.text.index("Premier")
    assert page.count("object") == 1 and page.text.count("premier texte") == 1


def test_a_copy_inside_a_section_stands_first_too() -> None:
    copy = section(
        '<renderMultiMedia referencedObject="p"/>',
        inside=media("p", PDF, "application/pdf"),
        template=oids.TEMPLATE_FR_DOCUMENT_PDF_COPIE,
    )
    page = shown(structured(section("premier", inside=f"<component>{copy}</component>")))
    assert page.count("object") == 1 and page.source.index("<object") < page.source.index("premier")


@pytest.mark.parametrize(
    ("content", "media_type", "text"),
    [
        ("Bonjour\n  été".encode(), "text/plain", "Bonjour été"),
        ("Bonjour été".encode("cp1252"), "text/plain", "Bonjour été"),
        (rb"{\rtf1\ansi\ansicpg1252 Bonjour \b \'e9t\'e9\b0\par suite}", "text/rtf", "Bonjour été"),
        (b"<b>x</b>", "text/html", "n'est pas d'un format qui puisse être affiché"),
        (b"\x00\x01", "video/mp4", "n'est pas d'un format"),
        (b"  ", "application/pdf", "vide"),
    ],
)
def test_other_files_of_level_1(content: bytes, media_type: str, text: str) -> None:
    page = shown(file(content, media_type))
    assert text in page.text
    assert "<b>" not in page.source


def test_text_that_is_no_base64_stands_as_it_is() -> None:
    page = shown(document('<nonXMLBody><text mediaType="text/plain">tel &lt;quel&gt;</text></nonXMLBody>'))
    assert "tel <quel>" in page.text


def test_base64_that_is_none_is_told() -> None:
    broken = '<nonXMLBody><text mediaType="application/pdf" representation="B64">***</text></nonXMLBody>'
    assert "endommagé" in shown(document(broken)).text


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_jpeg_as_it_is_and_each_page_of_a_tiff_as_png() -> None:
    written = {}
    for form in ("JPEG", "TIFF"):
        stream = io.BytesIO()
        pages = [Image.new("1" if form == "TIFF" else "RGB", (30, 20)) for _ in range(3)]
        options = {"save_all": True, "append_images": pages[1:]} if form == "TIFF" else {}
        pages[0].save(stream, form, **options)
        written[form] = stream.getvalue()
    assert shown(file(written["JPEG"], "image/jpeg")).all("img")[0]["src"].startswith("data:image/jpeg")
    images = shown(file(written["TIFF"], "image/tiff")).all("img")
    assert [each["alt"] for each in images] == [f"Document, page {number} sur 3" for number in (1, 2, 3)]
    assert all(each["src"].startswith("data:image/png") for each in images)
    assert "ne peut être lue" in shown(file(b"II*\0" + b"\xff" * 40, "image/tiff")).text


def test_what_is_elsewhere_is_not_loaded() -> None:
    page = narrative(
        '<renderMultiMedia referencedObject="m"/>',
        inside='<entry><observationMedia ID="m"><value mediaType="image/jpeg"><reference value="https://x.fr/a.jpg"/>'
        "</value></observationMedia></entry>",
    )
    assert page.count("img") == 0 and "non chargé : https://x.fr/a.jpg" in page.text


def test_files_that_no_narrative_calls_are_shown() -> None:
    assert narrative("texte", inside=media("p", PDF, "application/pdf")).count("object") == 1


def test_a_section_without_text_shows_its_entries() -> None:
    entry = (
        '<entry><observation classCode="OBS" moodCode="EVN" negationInd="true"><code code="1" codeSystem="2.16" '
        'displayName="Pression"/><effectiveTime value="20240102"/><value xsi:type="PQ" value="12.5" unit="mm[Hg]"/>'
        '<interpretationCode code="H"/><entryRelationship typeCode="RSON"><act><code displayName="Contrôle"/></act>'
        "</entryRelationship></observation></entry><entry><substanceAdministration><consumable><manufacturedProduct>"
        '<manufacturedMaterial><code displayName="Amoxicilline"/><lotNumberText>A1</lotNumberText>'
        '</manufacturedMaterial></manufacturedProduct></consumable><doseQuantity value="2" unit="1"/>'
        '<routeCode displayName="orale"/>'
        '<effectiveTime xsi:type="PIVL_TS"><period value="8" unit="h"/></effectiveTime>'
        "</substanceAdministration></entry>"
    )
    page = shown(structured(section(inside=entry)))
    assert "Non : Pression : 12,5 mmHg (02/01/2024 ; haut)" in page.text
    assert "Motif : Contrôle" in page.text
    assert "Amoxicilline, lot A1 (dose : 2 ; voie : orale ; toutes les 8 h)" in page.text


def test_entries_lead_to_the_narrative_that_says_the_same() -> None:
    page = narrative(
        '<content ID="pb1">Asthme</content>',
        inside='<entry><observation><code code="J45" codeSystem="2.16.840.1.113883.6.3" codeSystemName="CIM-10">'
        '<originalText><reference value="#pb1"/></originalText></code></observation></entry>',
    )
    assert "#n-pb1" in [each["href"] for each in page.all("a")]
    assert "J45 CIM-10" in page.text and page.text.count("Asthme") == 2


@pytest.mark.parametrize("body", ["", "<structuredBody/>", "<nonXMLBody/>", "<autre/>"])
def test_a_document_without_content_says_so(body: str) -> None:
    assert "n'a pas de contenu" in shown(document(body)).text


def test_an_empty_section_says_so() -> None:
    assert "Cette section est vide" in shown(structured(section())).text


@pytest.mark.parametrize(
    "given", [b"", b"x", b"<a/>", b"<!DOCTYPE a><a/>", b'<ClinicalDocument xmlns="urn:other"/>', b"%PDF-1.4"]
)
def test_what_is_no_document_is_refused(given: bytes) -> None:
    with pytest.raises(CdaError):
        render([given])


def test_the_same_document_gives_the_same_page() -> None:
    content = (FOLDER / "lab_report.xml").read_bytes()
    assert render([content]) == render([content[:100], content[100:]])
