"""Small PDF files of text, for the documents of the demonstration.

One standard font in two weights, as many pages as the text needs, nothing else. It is PDF 1.4 and not PDF/A-1, which
would need a font inside the file; the CI-SIS asks for PDF/A-1, and the demonstration's documents do not pretend to it.

Source: ISO 32000-1 §7.5 (file structure), §9.6.2.2 (standard fonts), Annex D (WinAnsiEncoding).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT, _MARGIN = 595, 842, 56  # A4 in points
_LEADING = 15
_COLUMNS = 92  # characters of 10 point Helvetica on a line, on average
_LINES = (_HEIGHT - 2 * _MARGIN) // _LEADING


def write_pdf(title: str, paragraphs: Sequence[str]) -> bytes:
    """A PDF with `title` in bold and each paragraph wrapped; a paragraph that ends with a colon is a heading.

    The same text always gives the same bytes. Raises UnicodeEncodeError for a character outside Windows-1252.
    """
    lines = list(_lines(title, paragraphs))
    pages = [lines[first : first + _LINES] for first in range(0, len(lines), _LINES)]
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Lang(fr-FR)>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica-Bold/Encoding/WinAnsiEncoding>>",
    ]
    for number, page in enumerate(pages):
        content = _content(page)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {_WIDTH} {_HEIGHT}]"
            f"/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>/Contents {6 + 2 * number} 0 R>>".encode()
        )
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(content), content))
    return _file(objects)


def _lines(title: str, paragraphs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each line of text with the font that sets it."""
    for line in textwrap.wrap(title, _COLUMNS - 12):
        yield "/F2 13 Tf", line
    for paragraph in paragraphs:
        yield "/F1 10 Tf", ""
        font = "/F2 10 Tf" if paragraph.endswith(":") else "/F1 10 Tf"
        for line in textwrap.wrap(paragraph, _COLUMNS):
            yield font, line


def _content(page: Sequence[tuple[str, str]]) -> bytes:
    shown = [f"BT {_MARGIN} {_HEIGHT - _MARGIN} Td {_LEADING} TL".encode()]
    for font, line in page:
        text = line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        shown.append(b"%s (%s) Tj T*" % (font.encode(), text))
    return b"\n".join([*shown, b"ET"])


def _file(objects: Sequence[bytes]) -> bytes:
    """The objects, numbered from 1, with the table that says where each begins."""
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    size = len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % size
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    return bytes(out)
