"""A laboratory report on paper: PDF/A-1, A4, every word of it as it came.

Source: ISO 19005-1 (PDF/A-1b); CI-SIS, volet CR d'examens de biologie médicale 2024.01 (FR-Document-PDF-copie).
"""

from __future__ import annotations

import json
from dataclasses import asdict

from hl7v2.door import Paper
from server.printing import plain, serve, set_elsewhere

TEMPLATE = """
#let paper = json(bytes(sys.inputs.paper))
#let made = paper.made.split("-").map(int)
#set document(title: paper.title, date: datetime(year: made.at(0), month: made.at(1), day: made.at(2)))
#set text(lang: "fr", size: 9pt, font: "Libertinus Serif")
#set page(
  paper: "a4",
  margin: (x: 1.5cm, y: 2cm),
  header: align(right, text(8pt, paper.about.at(1))),
  footer: context align(center, text(8pt)[Page #counter(page).display() sur #counter(page).final().first()]),
)
#set heading(numbering: none)
#set table(stroke: (x, y) => (bottom: 0.4pt + luma(120)), inset: (x: 4pt, y: 4pt))
#show table.cell.where(y: 0): strong
#let lines(said) = said.split("\\n").join(linebreak())
#title()
#for each in paper.about { par(lines(each)) }
#for each in paper.tables {
  heading(each.title)
  table(
    columns: (1.6fr, 1.6fr, 1.2fr, 1.1fr, 2.4cm),
    table.header(..each.headings),
    ..each.rows.flatten().map(lines),
  )
  for note in each.notes { par(lines(note)) }
}
"""
_LONGEST = 1024 * 1024  # characters: nothing of a report is left out


def print_report(paper: Paper) -> bytes:
    """The report as PDF. Raises PrintingError when it cannot be set now."""
    return set_elsewhere(__name__, {**asdict(paper), "made": paper.made.isoformat()})


def set_report(data: str) -> bytes:
    """The report, a JSON object, as PDF."""
    import typst  # only in the process that sets a paper: it is large

    template, inputs = TEMPLATE.encode(), {"paper": json.dumps(plain(json.loads(data), _LONGEST))}
    try:
        return typst.compile(template, format="pdf", sys_inputs=inputs, pdf_standards=["a-1b"])
    except typst.TypstError:  # a character without glyph
        return typst.compile(template, format="pdf", sys_inputs=inputs)


def main() -> None:
    """Sets the report of standard input, within limits."""
    serve(set_report)


if __name__ == "__main__":
    main()
