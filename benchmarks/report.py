"""What the benchmark prints: each rate, and its share of what the machine allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.documents import PDF_BYTES
from benchmarks.growth import Growth
from benchmarks.load import Measured
from benchmarks.verification import Verified


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction beside its yardsticks; rates are per second."""

    measured: Measured
    core: float  # parse, hash and verify of the same request, on one core


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. Sizes are in bytes, rates per second."""

    machine: Mapping[str, str]
    clients: int
    requests: int
    document_bytes: int
    document_writes: float
    record_writes: float
    rows: tuple[Row, ...]
    growth: tuple[Growth, ...] = ()
    verified: Verified | None = None

    def json(self) -> dict[str, object]:
        """For programs; latencies in milliseconds."""
        return {
            "machine": dict(self.machine),
            "clients": self.clients,
            "requests": self.requests,
            "document_bytes": self.document_bytes,
            "yardsticks": {
                "document_writes": round(self.document_writes, 1),
                "record_writes": round(self.record_writes, 1),
                "core": {row.measured.transaction: round(row.core, 1) for row in self.rows},
            },
            "transactions": {row.measured.transaction: self._figures(row) for row in self.rows},
            "growth": [
                {
                    "query": each.query,
                    "documents": each.documents,
                    "ms": round(each.milliseconds, 1),
                    "bytes": each.size,
                }
                for each in self.growth
            ],
            "audit_verify": self.verified.json() if self.verified else {},
        }

    def _figures(self, row: Row) -> dict[str, float]:
        measured = row.measured
        return {
            "rate": round(measured.rate, 1),
            "p50_ms": round(1000 * measured.quantile(0.5), 1),
            "p99_ms": round(1000 * measured.quantile(0.99), 1),
            "of_document_writes": round(measured.rate / self.document_writes, 3),
            "of_record_writes": round(measured.rate / self.record_writes, 3),
            "of_core": round(measured.rate / row.core, 3),
        }

    def show(self, console: Console) -> None:
        """For people."""
        for name, value in self.machine.items():
            console.print(f"{name:12} {value}", highlight=False)
        size = f"{self.document_bytes / 1000:.0f} kB"
        table = Table(
            title=f"CDA documents of {size} (a PDF of {PDF_BYTES / 1000:.0f} kB), {self.clients} clients, "
            f"{self.requests} requests of each transaction"
        )
        table.add_column("")
        for heading in ("per second", "p50 ms", "p99 ms", "of disk: documents", "of disk: records", "of one core"):
            table.add_column(heading, justify="right")
        for row in self.rows:
            figures = self._figures(row)
            times = [f"{figures[name]:.1f}" for name in ("rate", "p50_ms", "p99_ms")]
            shares = [f"{figures[name]:.0%}" for name in ("of_document_writes", "of_record_writes", "of_core")]
            table.add_row(row.measured.transaction, *times, *shares)
        console.print(table)
        console.print("100 % would be, one at a time:", highlight=False)
        console.print(f"  disk: documents   {self.document_writes:8.1f} durable writes of {size} per second")
        console.print(f"  disk: records     {self.record_writes:8.1f} durable writes of 4 kB per second")
        for row in self.rows:
            name = row.measured.transaction
            console.print(f"  one core: {name}  {row.core:8.1f} requests parsed, hashed and verified per second")
        if self.growth:
            self._show_growth(console)
        if self.verified is not None:
            console.print(self.verified.sentence(), highlight=False)

    def _show_growth(self, console: Console) -> None:
        """One row for each query, one column for each number of documents, and what an added document costs."""
        sizes = sorted({each.documents for each in self.growth})
        table = Table(title="One query of a patient with that many documents, in milliseconds")
        table.add_column("")
        for size in sizes:
            table.add_column(f"{size}", justify="right")
        table.add_column("largest / smallest", justify="right")
        for query in dict.fromkeys(each.query for each in self.growth):
            times = {each.documents: each.milliseconds for each in self.growth if each.query == query}
            ratio = times[sizes[-1]] / times[sizes[0]]
            table.add_row(query, *(f"{times[size]:.1f}" for size in sizes), f"× {ratio:.1f}")
        console.print(table)
