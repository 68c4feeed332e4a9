"""`python -m benchmarks.hl7v2`: HL7 v2 messages carried out in a second, beside hl7apy parsing the same.

Servers of its own on SQLite, one of an IHE domain for identities and one of the French domain for documents, MLLP over
mutual TLS, on one and on eight connections; every message is acknowledged when what it asked for is durable, with its
audit event. hl7apy reads from memory and stores nothing.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from benchmarks.machine import facts
from conformance.lps.hl7 import Mllp
from conformance.lps.people import Keys
from conformance.lps.transport import client_context
from conformance.pki import Pki, ec_key, reused
from schemas import oids
from server.demo import background, seed
from server.demo.paper import LETTER, write
from server.demo.people import HOPITAL, PATIENTS
from server.migrations import upgrade
from server.settings import Address, Settings, load

SECONDS = 10.0
CONNECTIONS = (1, 8)
FLAGS = ("MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "CONNEXION_SECRETE", "MODIF_CONF_CODE", "DESTDMP")


@dataclass(frozen=True, slots=True)
class Place:
    """Where messages go: the port of an inlet, and the folder of the PKI that it believes."""

    port: int
    pki: Path


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of message: `make` writes a new one each time."""

    name: str
    make: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages carried out in a second, by number of connections, and by hl7apy alone; `size` in bytes."""

    name: str
    size: int
    per_second: dict[int, float]
    hl7apy: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hl7v2", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"for each figure (default {SECONDS:g})")
    parser.add_argument("--folder", help="where to put the temporary folder: its disk is measured")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(prefix="dmp-benchmark-", dir=options.folder) as name:
        folder = Path(name)
        with serving(folder / "ihe", _ihe_home) as place:
            rates = [measure(Kind("ADT^A28, 2 kB", _adt), place, options.seconds)]
        with serving(folder / "dmp", _dmp_home) as place:
            rates += [measure(kind, place, options.seconds) for kind in documents(folder)]
        machine = facts(folder)
    if options.json:
        print(json.dumps({"machine": machine, "hl7v2": [asdict(rate) for rate in rates]}, ensure_ascii=False, indent=2))
    else:
        for rate in rates:
            figures = ", ".join(f"{each:.1f}/s on {number}" for number, each in rate.per_second.items())
            print(f"{rate.name} ({rate.size} bytes): {figures}; hl7apy alone {rate.hl7apy:.1f}/s")
    return 0


def measure(kind: Kind, place: Place, seconds: float) -> Rate:
    """How many messages of a kind are carried out in a second. Raises RuntimeError when one is refused."""
    per_second = {number: _carried_out(kind, place, number, seconds) for number in CONNECTIONS}
    return Rate(kind.name, len(kind.make()), per_second, _parsed(kind.make().decode(), seconds))


def _carried_out(kind: Kind, place: Place, connections: int, seconds: float) -> float:
    end = time.perf_counter() + seconds

    def one(_: int) -> int:
        count = 0
        with connected(place) as connection:
            while time.perf_counter() < end:
                answer = connection.send(kind.make())
                if not answer.accepted:
                    raise RuntimeError(f"{kind.name}: expected AA, got {answer.code}: {answer.errors}")
                count += 1
        return count

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        count = sum(pool.map(one, range(connections)))
    return count / (time.perf_counter() - began)


def _parsed(message: str, seconds: float) -> float:
    """The same parsed by hl7apy, tolerant: where it is strict it refuses documents."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds or not count:
        parse_message(message, validation_level=VALIDATION_LEVEL.TOLERANT)
        count += 1
    return count / (time.perf_counter() - began)


def connected(place: Place) -> Mllp:
    """A connection as the hospital."""
    own = place.pki / "pki" / "hopital"
    keys = Keys(own / "auth.pem", own / "auth.key", own / "sign.pem", own / "sign.key")
    return Mllp("localhost", place.port, client_context(keys, str(place.pki / "ca.pem")))


@contextmanager
def serving(folder: Path, make: Callable[[Path, Sequence[Address]], tuple[Settings, Path]]) -> Iterator[Place]:
    """A new server, and where its HL7 v2 inlet is."""
    addresses = [Address("127.0.0.1", port) for port in _free(3)]
    settings, pki = make(folder, addresses)
    background.start(folder, settings)
    try:
        yield Place(addresses[2].port, pki)
    finally:
        background.stop(folder)


def _ihe_home(folder: Path, addresses: Sequence[Address]) -> tuple[Settings, Path]:
    """An IHE domain, which identity sources feed."""
    home = folder / "home"
    Pki.create(home, key_maker=reused(ec_key)).structure("hopital", HOPITAL, "Hôpital")
    written = ['domain = "ihe-connectathon"', f'http = "{addresses[1]}"', f'mllp = "{addresses[2]}"']
    (home / "settings.toml").write_text("\n".join(written) + "\n", "utf-8")
    settings = load({"home": home}, {})
    upgrade(settings)
    return settings, home


def _dmp_home(folder: Path, addresses: Sequence[Address]) -> tuple[Settings, Path]:
    """The French domain, with the people of the demonstration."""
    seed.start_over(folder)
    seed.write_people(folder, lambda: None)
    settings = seed.write_home(folder, *addresses)
    seed.populate(settings, lambda: None)
    return settings, folder


def _free(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


# --- Messages ---------------------------------------------------------------------------------------------------------


def documents(folder: Path) -> tuple[Kind, ...]:
    """An ORU with a document and 300 results, one with a document of 1 MB."""
    document = write(LETTER, folder, 1, datetime.now(UTC)).read_bytes()
    comment = b"<!--" + b"x" * 500_000 + b"-->"
    large = document.replace(b"</ClinicalDocument>", comment * 2 + b"</ClinicalDocument>")
    return (
        Kind("ORU^R01, 300 OBX", lambda: _oru(document, 300)),
        Kind("ORU^R01, a document of 1 MB", lambda: _oru(large, 0)),
    )


def _msh(kind: str, profile: str = "") -> str:
    return (
        f"MSH|^~\\&|DPI|HOPITAL|PFI|DMP|20260301093000||{kind}|{uuid.uuid4()}|P|2.5|||||FRA|UNICODE UTF-8|||{profile}"
    )


def _adt() -> bytes:
    lines = [
        _msh("ADT^A28^ADT_A05"),
        "EVN||20260301093000||||20260301093000",
        f"PID|1||{uuid.uuid4().hex}^^^CHU&1.2.250.1.999.1&ISO^PI||PERRIN^BASTIEN^^^^^L||19720818|M",
        "PD1||U||||||||||N",
        "PV1|1|N",
        *(f"OBX|{number}|TX|NOTE^Note||{'Sans particularité. ' * 8}||||||F" for number in range(1, 11)),
    ]
    return ("\r".join(lines) + "\r").encode()


def _oru(document: bytes, results: int) -> bytes:
    oid = f"{oids.UUID_ARC}.{uuid.uuid4().int}"
    document = re.sub(rb'<(id|setId) root="2\.25\.[0-9]+"', rb'<\1 root="%s"' % oid.encode(), document)
    patient = PATIENTS[0]
    lines = [
        _msh("ORU^R01^ORU_R01", "2.1^CISIS_CDA_HL7_V2"),
        f"PID|||{patient.ins}^^^INS&{oids.INS_NIR_TEST}&ISO^INS||CORBEAU^SUZANNE^^^^^L||19510314|F" + "|" * 24 + "VALI",
        "PV1|1|I",
        "ORC|NW",
        "OBR|1|||11490-0^Lettre de liaison^LN",
        f"OBX|1|ED|11490-0^Lettre^LN||^TEXT^XML^Base64^{base64.b64encode(document).decode()}||||||F",
        "PRT||UC||SB^^participation",
        *(f"OBX|{number}|NM|2345-7^Glucose^LN||5.{number}|mmol/L|3.9-5.8|N|||F" for number in range(2, results + 2)),
        *(
            f"OBX|{number}|CE|{flag}||{'Y' if flag == 'DESTDMP' else 'N'}||||||F"
            for number, flag in enumerate(FLAGS, 400)
        ),
    ]
    return ("\r".join(lines) + "\r").encode()


if __name__ == "__main__":
    raise SystemExit(main())
