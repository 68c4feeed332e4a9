"""Departures of a PDF from PDF/A-1, one by one."""

from __future__ import annotations

import pytest

from cda.pdf_a import departures

METADATA = b"<rdf:Description xmlns:pdfaid='http://www.aiim.org/pdfa/ns/id/' pdfaid:part='1' pdfaid:conformance='B'/>"
PDF_A = (
    b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj << /Type /Catalog /OutputIntents [<< /S /GTS_PDFA1 >>] >> endobj\n"
    b"2 0 obj << /Type /Metadata >>\nstream\n" + METADATA + b"\nendstream endobj\n"
    b"3 0 obj << /Type /Font /Subtype /TrueType /FontDescriptor 4 0 R >> endobj\n"
    b"4 0 obj << /Type /FontDescriptor /FontFile2 5 0 R >> endobj\ntrailer << /Root 1 0 R /ID [<00> <00>] >>\n%%EOF\n"
)


def test_a_file_that_is_built_as_it_says() -> None:
    assert departures(PDF_A) == ()
    as_elements = METADATA.replace(b" pdfaid:part='1' pdfaid:conformance='B'/>", b">")
    as_elements += b"<pdfaid:part>1</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>"
    assert departures(PDF_A.replace(METADATA, as_elements)) == ()


@pytest.mark.parametrize(
    ("old", "new", "clause"),
    [
        (b"%PDF-1.4", b"%PDF-2.0", "6.1.2"),
        (b"part='1'", b"part='3'", "6.7.11"),
        (b"conformance='B'", b"", "6.7.11"),
        (b"/GTS_PDFA1", b"/GTS_PDFX", "6.2.2"),
        (b"/ID [", b"/IE [", "6.1.3"),
        (b"trailer <<", b"trailer << /Encrypt 9 0 R", "6.1.3"),
        (b"/Type /Metadata", b"/Type /Metadata /Filter /LZWDecode", "6.1.10"),
        (b"/Type /Metadata", b"/Type /XRef", "6.1.4"),
        (b"/Type /Catalog", b"/Type /Catalog /Names << /EmbeddedFiles 8 0 R >>", "6.1.11"),
        (b"/Type /Catalog", b"/Type /Catalog /AA 8 0 R", "6.6.2"),
        (b"/Type /Catalog", b"/Type /Catalog /OpenAction << /S /JavaScript /JS (x) >>", "6.6.1"),
        (b"4 0 obj", b"7 0 obj << /Type /ExtGState /ca 0.5 >> endobj\n4 0 obj", "6.4"),
        (b"4 0 obj", b"7 0 obj << /Type /ExtGState /SMask 8 0 R >> endobj\n4 0 obj", "6.4"),
        (b"/FontFile2 5 0 R", b"", "6.3.4"),
        (b"/FontDescriptor 4 0 R", b"", "6.3.4"),
    ],
)
def test_a_departure_is_told_with_its_clause(old: bytes, new: bytes, clause: str) -> None:
    assert old in PDF_A
    (told,) = departures(PDF_A.replace(old, new, 1))
    assert told.endswith(f"({clause})")


def test_an_opaque_state_is_no_transparency() -> None:
    assert departures(PDF_A.replace(b"4 0 obj", b"7 0 obj << /SMask /None /ca 1.0 >> endobj\n4 0 obj", 1)) == ()
