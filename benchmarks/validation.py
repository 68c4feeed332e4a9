"""`python -m benchmarks.validation FILE...`: what validating a document takes, and which part of it takes most.

Each document is validated until it is warm, then several times more; what counts is the best time of each part, since
whoever else uses the machine can only make it slower. With a home that has an installed package, its verdicts as well.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from cda.official.installing import installed
from cda.official.verdicts import Official
from cda.validation.check import Check, validate


@dataclass(frozen=True, slots=True)
class Timed:
    """One document: its size in bytes, and the milliseconds of each part."""

    name: str
    size: int
    parts: Mapping[str, float]

    @property
    def total(self) -> float:
        """All parts together."""
        return sum(self.parts.values())


def time_document(path: Path, turns: int, more: dict[str, Check]) -> Timed:
    """The best time of each part in `turns` validations after one."""
    data = path.read_bytes()
    reports = [validate([data], more=more) for _ in range(turns + 1)][1:]
    names = reports[0].seconds
    return Timed(path.name, len(data), {name: min(each.seconds[name] for each in reports) * 1000 for name in names})


def main(arguments: Sequence[str] | None = None) -> int:
    """Times the documents and prints a table, or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.validation", description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="CDA documents")
    parser.add_argument("--turns", type=int, default=5, help="validations of each that count (default 5)")
    parser.add_argument("--home", type=Path, help="a home with an installed package (dmp schemas install)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    package = installed(options.home / "schemas") if options.home else None
    if package is None:
        timed = [time_document(path, options.turns, {}) for path in options.files]
    else:
        with closing(Official(package, options.home / "schemas" / "compiled")) as official:
            timed = [time_document(path, options.turns, official.checks) for path in options.files]
    if options.json:
        print(json.dumps([_value(each) for each in timed], ensure_ascii=False, indent=2))
    else:
        _show(timed)
    return 0


def _value(timed: Timed) -> dict[str, object]:
    parts = {name: round(taken, 2) for name, taken in timed.parts.items()}
    return {"document": timed.name, "bytes": timed.size, "ms": round(timed.total, 2), "parts": parts}


def _show(timed: Sequence[Timed]) -> None:
    table = Table("document", "kB", "ms", *timed[0].parts)
    for each in timed:
        shares = (f"{taken:.1f} ({taken / each.total:.0%})" for taken in each.parts.values())
        table.add_row(each.name, f"{each.size / 1000:.0f}", f"{each.total:.1f}", *shares)
    middle = [f"{median(each.parts[name] for each in timed):.1f}" for name in timed[0].parts]
    size = median(each.size for each in timed) / 1000
    table.add_section()
    table.add_row("median", f"{size:.0f}", f"{median(each.total for each in timed):.1f}", *middle)
    Console(width=160).print(table)


if __name__ == "__main__":
    raise SystemExit(main())
