"""PDFs that could act when they are opened: told from those that only show something."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cda.pdf import active_content, is_pdf

PLAIN = b"%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
SCRIPT = b"<< /S /JavaScript /JS (this.submitForm\\('http://x'\\)) >>"


def with_object(content: bytes) -> bytes:
    return PLAIN.replace(b"trailer", b"3 0 obj " + content + b" endobj\ntrailer")


def object_stream(content: bytes, extra: bytes = b"/Filter /FlateDecode", name: bytes = b"/ObjStm") -> bytes:
    packed = zlib.compress(b"4 0 " + content)
    return with_object(
        b"<< /Type %s /N 1 /First 4 %s /Length %d >>\nstream\n%s\nendstream" % (name, extra, len(packed), packed)
    )


def test_what_only_shows() -> None:
    assert is_pdf(PLAIN) and not is_pdf(b"x")
    assert active_content(PLAIN) == ()
    assert active_content(object_stream(b"<< /Type /Page >>")) == ()
    assert active_content(with_object(b"<< /S /JavaScripts >>")) == ()
    assert active_content(with_object(b"<< /OpenAction [2 0 R /Fit] /URI (https://x.fr) >>")) == ()


@pytest.mark.parametrize(
    "active",
    [
        with_object(SCRIPT),
        with_object(SCRIPT.replace(b"/JavaScript", b"/J#61vaScrip#74")),
        with_object(b"% stream\n" + SCRIPT + b" endstream"),
        with_object(b"<< /S /Launch /F (cmd.exe) >>"),
        with_object(b"<< /S /SubmitForm /F (http://x) >>"),
        with_object(b"<< /S /ImportData /F (x) >>"),
        with_object(b"<< /XFA 5 0 R >>"),
        object_stream(SCRIPT),
        object_stream(SCRIPT, b"/Filter [ /FlateDecode ]"),
        object_stream(SCRIPT.replace(b"/JavaScript", b"/#4aavaScript")),
    ],
)
def test_what_could_act(active: bytes) -> None:
    assert len(active_content(active)) == 1


@pytest.mark.parametrize(
    "hidden",
    [
        object_stream(SCRIPT, b"/Filter /LZWDecode"),
        object_stream(SCRIPT, b"/Filter [ /ASCII85Decode /FlateDecode ]"),
        object_stream(SCRIPT, b"/Filter /FlateDecode /DecodeParms << /Predictor 12 >>"),
        object_stream(SCRIPT, b"/Filter 9 0 R"),
        object_stream(SCRIPT, name=b"/Obj#53tm"),
        object_stream(SCRIPT, b"/X (>> stream\n%s) /Filter /LZWDecode" % zlib.compress(b"x")),
        with_object(b"<< /Type 9 0 R >>\nstream\nx\nendstream endobj 9 0 obj /ObjStm"),
        PLAIN.replace(b"trailer", b"/ObjStm %% a comment >> stream\n%s\ntrailer" % zlib.compress(b"x")),
    ],
)
def test_what_cannot_be_looked_into_counts_as_such(hidden: bytes) -> None:
    assert "des objets qui ne peuvent être contrôlés" in active_content(hidden)


def test_a_stream_that_never_ends_stops_somewhere() -> None:
    bomb = zlib.compress(b"\0" * (80 * 1024 * 1024))
    assert active_content(
        with_object(b"<< /Type /ObjStm /Filter /FlateDecode >>\nstream\n" + bomb + b"\nendstream")
    ) == ("des objets qui ne peuvent être contrôlés",)


@given(st.binary(max_size=400))
def test_any_bytes_give_an_answer(data: bytes) -> None:
    assert isinstance(active_content(b"%PDF-1.4\n" + data), tuple)
