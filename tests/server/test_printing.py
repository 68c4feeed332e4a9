"""A history on paper: what it says, whatever people wrote, and what a reader of PDF finds in it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from dmp.errors import PrintingError
from dmp.historique_export import MOST_PRINTED, Paper
from server import printing
from server.printing import print_history

HEADINGS = ("Date et heure", "Qui", "Action", "Résultat")
HOSTILE = {
    "markup of HTML": "<script>alert(1)</script><img src=x>",
    "markup of the template": '#panic("x") #include "/etc/passwd" $x$ @nobody *b* _e_ `c` \\ [x] // rest',
    "from right to left": "مريم שרה",
    "direction overridden": "Durand \u202egnp.exe\u2066",
    "without glyph": "Ad😀a 李",
    "long": "A" * 4000,
    "nothing visible": "\u200b\u0007",
}


def paper(*rows: tuple[str, ...], whose: str = "Suzanne ROCHE") -> Paper:
    about = ("Période : du 01/03/2026 au 02/03/2026", "Résultat : refusé")
    return Paper(whose, about, "03/03/2026 à 10:00", HEADINGS, rows)


def row(who: str, what: str = "a consulté un document") -> tuple[str, ...]:
    return ("01/03/2026 à 13:00", who, what, "fait")


def words(pdf: bytes, folder: Path) -> str:
    """What a PDF says, without spaces and soft breaks, by another program."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("no pdftotext: install poppler-utils")
    file = folder / "paper.pdf"
    file.write_bytes(pdf)
    said = subprocess.run([reader, "-layout", file, "-"], check=True, capture_output=True).stdout.decode()
    return re.sub(r"[\s\u200b\u00ad]", "", said)


def test_a_paper_says_whose_it_is_and_every_line(tmp_path: Path) -> None:
    said = words(print_history(paper(row("MARTIN Claire\nMédecin\nCabinet"))), tmp_path)
    for text in ("Suzanne ROCHE", *HEADINGS, "MARTIN Claire", "Médecin", "Cabinet", "a consulté un document"):
        assert text.replace(" ", "") in said, text
    assert "Période:du01/03/2026au02/03/2026" in said.replace("\u00a0", "")
    assert "Page1sur1" in said


def test_headings_and_page_numbers_are_on_every_page(tmp_path: Path) -> None:
    said = words(print_history(paper(*[row(f"Personne {number}") for number in range(120)])), tmp_path)
    pages = int(re.findall(r"Page1sur([0-9]+)", said)[0])
    assert pages > 1
    assert said.count("Résultatfait") + said.count("Dateetheure") >= pages
    assert said.count("Dateetheure") == pages
    assert said.count("SuzanneROCHE") == pages + 1
    assert all(f"Personne{number}" in said for number in range(120))


def test_a_pdf_is_tagged_french_a4_and_acts_on_nothing() -> None:
    pdf = print_history(paper(row("MARTIN Claire")))
    assert pdf.startswith(b"%PDF-1.")
    for mark in (
        rb"/MarkInfo\s*<<\s*/Marked true",
        rb"/Lang\s*\(fr",
        rb"/MediaBox\s*\[0 0 595\.2[0-9]* 841\.8[0-9]*\]",
    ):
        assert re.search(mark, pdf), mark
    assert b"pdfuaid" in pdf, "PDF/UA-1 is claimed"
    for name in (b"JavaScript", b"JS", b"OpenAction", b"AA", b"Launch", b"URI", b"EmbeddedFile", b"AcroForm"):
        assert not re.search(rb"/" + name + rb"\b", pdf), name


@pytest.mark.parametrize("name", HOSTILE)
def test_what_people_wrote_stays_text(name: str, tmp_path: Path) -> None:
    text = HOSTILE[name]
    said = words(print_history(paper(row(text, text), whose=text)), tmp_path)
    assert "fait" in said and "Historiquedesaccès" in said
    if name in ("markup of HTML", "markup of the template"):
        assert text.replace(" ", "") in said
    assert "\u202e" not in said


def test_five_thousand_lines_are_the_most() -> None:
    lines = paper(*[row(f"MARTIN Claire {number}\nMédecin") for number in range(MOST_PRINTED)])
    assert print_history(lines).startswith(b"%PDF")
    with pytest.raises(PrintingError, match="5000 lignes") as refused:
        print_history(paper(*[row("x")] * (MOST_PRINTED + 1)))
    assert not refused.value.passing


def test_a_process_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(PrintingError, match="réessayez") as refused:
        print_history(paper(row("x")))
    assert refused.value.passing


def test_the_process_has_limits() -> None:
    code = (
        "import resource, server.printing as p; p.set_paper = lambda data: b'%d' % resource.getrlimit("
        "resource.RLIMIT_AS)[0]; p.main()"
    )
    said = json.dumps(asdict(paper())).encode()
    done = subprocess.run([sys.executable, "-c", code], input=said, check=True, capture_output=True)
    assert int(done.stdout) == printing.MEMORY_BYTES
