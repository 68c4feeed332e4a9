"""Reports as one HTML page in French, self-contained and without script.

Source: RGAA 4.1 themes 5, 8 and 9 (tables, mandatory elements, headings).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from cda.validation.check import Report
from cda.validation.finding import Finding, Severity
from cda.validation.report import verdict

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { border: 1px solid #767676; padding: .4rem .6rem; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
thead th { background: #f0f0f0; }
code { font-size: .9em; }
.erreur { border-left: .4rem solid #a40000; }
.avertissement { border-left: .4rem solid #8a5a00; }
.information { border-left: .4rem solid #004e8a; }
"""
_HEAD = ("Gravité", "Ligne et emplacement", "Attendu", "Trouvé", "Remède", "Règle")


def page(reports: Iterable[tuple[str, Report]]) -> str:
    """The page: a section for each document, with a table of what was found."""
    return "".join(_page(reports))


def _page(reports: Iterable[tuple[str, Report]]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>Validation de documents CDA</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
    yield "<h1>Validation de documents CDA</h1>\n"
    for name, report in reports:
        yield f"<section>\n<h2>{escape(name)}</h2>\n<p>{escape(verdict(report))}</p>\n"
        if report.findings:
            yield "<table>\n<thead><tr>"
            yield from (f'<th scope="col">{column}</th>' for column in _HEAD)
            yield "</tr></thead>\n<tbody>\n"
            yield from map(_row, report.findings)
            yield "</tbody>\n</table>\n"
        yield "</section>\n"
    yield "</main>\n</body>\n</html>\n"


def _row(finding: Finding) -> str:
    place = f"{finding.line}<br><code>{escape(finding.path)}</code>"
    rule = f"{escape(finding.rule)}<br>{escape(finding.source.value)} ; {escape(finding.clause)}"
    severity = (
        finding.severity.value
        if finding.severity is not Severity.ERROR
        else f"<strong>{finding.severity.value}</strong>"
    )
    cells = (place, escape(finding.expected), escape(finding.found), escape(finding.remedy), rule)
    return (
        f'<tr><th scope="row" class="{finding.severity.value}">{severity}</th>'
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "</tr>\n"
    )
