"""`python -m benchmarks`: a server of its own in a temporary folder, under load, beside what the machine allows."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from benchmarks.documents import pdf, write_document
from benchmarks.growth import SIZES, measure_growth
from benchmarks.load import PROVIDED, TRANSACTIONS, Clients, LoadError, Plan, clients, measure, seed_searched
from benchmarks.machine import facts
from benchmarks.report import Report, Row
from benchmarks.verification import EVENTS, measure_verification
from benchmarks.yardsticks import Core, disk_rates
from server.demo import background, seed
from server.demo.people import PATIENTS
from server.settings import Address, Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark and prints what it measured; 1 when a request failed and so there is nothing to say."""
    options = _options(arguments)
    console = Console(stderr=options.json)
    try:
        with TemporaryDirectory(prefix="dmp-benchmark-", dir=options.folder) as folder:
            report = _run(Path(folder), options, console)
    except (LoadError, seed.DemoError) as error:
        console.print(str(error), markup=False)
        return 1
    if options.json:
        print(json.dumps(report.json(), ensure_ascii=False, indent=2))
    else:
        report.show(console)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--documents", type=_positive, default=600, help="requests of each transaction (default 600)")
    parser.add_argument("--clients", type=_positive, default=8, help="clients at a time (default 8)")
    parser.add_argument(
        "--sizes", type=_positive, nargs="+", default=SIZES, help="documents of a patient, for the growth of queries"
    )
    parser.add_argument(
        "--events", type=_positive, default=EVENTS, help=f"events of the audit log that is verified (default {EVENTS})"
    )
    parser.add_argument("--folder", help="where to put the temporary folder: its disk is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {number}")
    return number


def _run(folder: Path, options: argparse.Namespace, console: Console) -> Report:
    documents, number, sizes = options.documents, options.clients, options.sizes
    machine = facts(folder)
    demo, disk = folder / "demo", folder / "disk"
    disk.mkdir()
    with console.status("a document, and the disk"):
        sample = write_document(disk, PATIENTS[PROVIDED[0]], pdf()).read_bytes()
        before = disk_rates(disk, sample)
    with console.status("people, patients and a server") as status, serving(demo) as settings:
        seed_searched(demo)
        status.update("requests, signed beforehand")
        with clients(demo, documents, min(number, documents)) as connections:
            measured = []
            for transaction in TRANSACTIONS:
                status.update(f"{documents} × {transaction}")
                measured.append(measure(connections, transaction))
        status.update("the disk once more")
        # What the disk allows is the better of two times: whoever else uses it can only make it slower.
        on_disk = tuple(map(max, before, disk_rates(disk, sample)))
        status.update("one core")
        core, examples = Core(settings), Clients(Plan(demo, 0, 1)).exchanges
    with console.status(f"a patient with {max(sizes)} documents"):
        growth = measure_growth(folder / "growth", sizes)
    with console.status(f"an audit log of {options.events} events"):
        verified = measure_verification(folder, options.events)
    rows = (Row(each, core.rate(each.transaction, examples[each.transaction][0])) for each in measured)
    return Report(machine, number, documents, len(sample), on_disk[0], on_disk[1], tuple(rows), growth, verified)


@contextmanager
def serving(demo: Path) -> Iterator[Settings]:
    """A server for the demo's people and patients, with mutual TLS on loopback."""
    seed.start_over(demo)
    seed.write_people(demo, lambda: None)
    settings = seed.write_home(demo, free_address(), free_address())
    seed.populate(settings, lambda: None)
    background.start(demo, settings)
    try:
        yield settings
    finally:
        background.stop(demo)


def free_address() -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
