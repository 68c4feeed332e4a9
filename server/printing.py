"""A history on paper: PDF, A4, tagged for screen readers, with nothing in it that acts.

It is set by Typst, in a process of its own with limits of memory and time, one at a time in each server process. What
people wrote reaches the template as data and stays text. Where every character has a glyph the PDF claims PDF/UA-1.

Source: ISO 32000-1 §14.8 (Tagged PDF); ISO 14289-1 (PDF/UA-1); RGAA 4, 13.3; Unicode UAX #9 (bidirectional controls).
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict

from dmp.errors import PrintingError
from dmp.historique_export import MOST_PRINTED, Paper

SECONDS = 120  # of the process that sets one paper
WAITING_SECONDS = 30  # for the paper before
MEMORY_BYTES = 3 * 1024 * 1024 * 1024  # address space: half a gigabyte is used by MOST_PRINTED lines
LONGEST_TEXT = 1000  # characters of one text of a line
LONGEST_WORD = 24  # characters; longer ones may be broken anywhere

TOO_LONG = f"Cet historique a plus de {MOST_PRINTED} lignes : choisissez une période plus courte, ou un autre format."
NOT_NOW = "Ce document n'a pas pu être mis en page : réessayez dans quelques minutes, ou choisissez un autre format."

_ONE_AT_A_TIME = threading.Lock()
_UNWANTED = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x09\x0b-\x1f\x7f-\x9f]")  # controls
_WORD = re.compile(rf"\S{{{LONGEST_WORD + 1},}}")

TEMPLATE = """
#let paper = json(bytes(sys.inputs.paper))
#set document(title: "Historique des accès au DMP", date: none)
#set text(lang: "fr", size: 9pt, font: "Libertinus Serif")
#set page(
  paper: "a4",
  margin: (x: 1.8cm, y: 2.2cm),
  header: align(right, text(8pt, paper.whose)),
  footer: context align(center, text(8pt)[Page #counter(page).display() sur #counter(page).final().first()]),
)
#set heading(numbering: none)
#set table(stroke: (x, y) => (bottom: 0.4pt + luma(120)), inset: (x: 4pt, y: 4pt))
#show table.cell.where(y: 0): strong
#let lines(said) = said.split("\\n").join(linebreak())
#title()
#par(strong(paper.whose))
#for each in paper.about { par(each) }
#par[Document établi le #paper.made.]
#if paper.rows.len() == 0 { par[Aucune action.] } else {
  table(
    columns: (3.2cm, 1fr, 1.5fr, 2.2cm),
    table.header(..paper.headings),
    ..paper.rows.flatten().map(lines),
  )
}
"""


def print_history(paper: Paper) -> bytes:
    """The paper as PDF. Raises PrintingError when it has too many lines, or cannot be set now."""
    if len(paper.rows) > MOST_PRINTED:
        raise PrintingError(TOO_LONG, passing=False)
    return set_elsewhere(__name__, asdict(paper))


def set_elsewhere(module: str, paper: Mapping[str, object]) -> bytes:
    """What the program `module` makes of a paper, in its process. Raises PrintingError when it cannot be set now."""
    if not _ONE_AT_A_TIME.acquire(timeout=WAITING_SECONDS):
        raise PrintingError(NOT_NOW, passing=True)
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", module],
            input=json.dumps(paper).encode(),
            capture_output=True,
            timeout=SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        raise PrintingError(NOT_NOW, passing=True) from None
    finally:
        _ONE_AT_A_TIME.release()
    return done.stdout


def set_paper(data: str) -> bytes:
    """The paper, a JSON object, as PDF."""
    import typst  # only in the process that sets a paper: it is large

    paper = plain(json.loads(data), LONGEST_TEXT)
    template, inputs = TEMPLATE.encode(), {"paper": json.dumps(paper)}
    try:
        return typst.compile(template, format="pdf", sys_inputs=inputs, pdf_standards=["ua-1"])
    except typst.TypstError:  # a character without glyph
        return typst.compile(template, format="pdf", sys_inputs=inputs)


def plain(value: object, longest: int) -> object:
    """Texts that fit: shortened to the `longest`, without controls, their long words breakable."""
    if isinstance(value, dict):
        return {name: plain(each, longest) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each, longest) for each in value]
    if not isinstance(value, str):
        return value
    shown = _UNWANTED.sub("", value)
    shown = shown if len(shown) <= longest else f"{shown[:longest]}…"
    return _WORD.sub(lambda word: "\u200b".join(re.findall(f".{{1,{LONGEST_WORD}}}", word[0])), shown)


def main() -> None:
    """Sets the paper of standard input, within limits."""
    serve(set_paper)


def serve(set_: Callable[[str], bytes]) -> None:
    """Has `set_` set what comes on standard input, within limits."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    sys.stdout.buffer.write(set_(sys.stdin.buffer.read().decode()))


if __name__ == "__main__":
    main()
