"""Each command of the operator that touches the log, and the server's own events, against the table."""

from __future__ import annotations

import getpass
import hashlib
import signal
import socket
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from audited_operator_table import ROWS
from audited_stage import Log, Names, log_of
from audited_village import Audited, Cases
from cryptography import x509
from typer.testing import CliRunner

from conformance.pki import Pki, ec_key, reused
from dmp.volontes import Block, Close, RequestDestruction
from identities.demographics import Telecom
from identities.representation import Representative
from schemas import oids
from server.cli import build
from server.demo.people import invented_nir
from server.settings import load
from tests.conftest import reference_folder
from tests.server.servers import Running, free_port, get, prepare, running
from tests.somebody import Somebody, number

CASES = Cases()
SERVER_ROWS = [title for title in ROWS if title.startswith(("start", "stop", "TLS", "migrate"))]
RUNNER = CliRunner()


@pytest.mark.parametrize("title", [title for title in ROWS if title not in SERVER_ROWS])
def test_each_row_is_what_its_command_leaves(audited: Audited, title: str) -> None:
    audited.log.names["operator"] = getpass.getuser()
    audited.watch()
    names = CASES[title](audited)
    audited.log.holds(ROWS[title], names)


def test_each_case_has_its_row() -> None:
    assert {*CASES, *SERVER_ROWS} == ROWS.keys()


def _type(audited: Audited, *words: str, code: int = 0) -> str:
    """A command, as the operator types it."""
    audited.watch()
    home = str(audited.village.settings.home)
    done = RUNNER.invoke(build(words[0]), [*words, "--home", home])
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


def _names(somebody: Somebody | None, **more: str) -> Names:
    return {"patient": str(somebody.identifier), "holder": number("infirmier"), **more} if somebody else more


def _newcomer(audited: Audited, birth: date = date(1979, 3, 28)) -> str:
    audited.newcomers += 1
    return invented_nir("F", birth, "97413", audited.newcomers)


def _opening(ins: str, birth: date = date(1979, 3, 28)) -> list[str]:
    return [
        "patients",
        "open",
        "--ins",
        ins,
        "--family",
        "ESSAI",
        "--given",
        "Anne",
        "--birth-date",
        str(birth),
        "--sex",
        "F",
    ]


@CASES("patients open")
def _(audited: Audited) -> Names:
    ins = _newcomer(audited)
    _type(audited, *_opening(ins), "--authorise", number("infirmier"))
    return {"patient": f"{ins}^^^&{oids.INS_NIR_TEST}&ISO"}


@CASES("patients show, no DMP")
def _(audited: Audited) -> Names:
    ins = f"{_newcomer(audited)}^^^&{oids.INS_NIR_TEST}&ISO"
    _type(audited, "patients", "show", "--patient", ins, code=3)
    return {"patient": ins}


def _on(audited: Audited, act: str, *words: str, somebody: Somebody | None = None, code: int = 0) -> Names:
    somebody = somebody or audited.somebody()
    _type(audited, "patients", *act.split(), "--patient", somebody.patient.ins, *words, code=code)
    return _names(somebody)


_SAID: dict[str, tuple[str, ...]] = {
    "patients show": ("show",),
    "patients close": ("close", "--reason", "à sa demande"),
    "patients authorise": ("authorise", number("infirmier")),
    "patients account": ("account", "--mail", "a@exemple.fr"),
    "patients account --creation-code": ("account", "--creation-code"),
    "patients block": ("block", number("infirmier")),
    "patients switches": ("switches", "--no-centre-15"),
    "patients oppose": ("oppose",),
    "patients alerts": ("alerts",),
    "patients alerts, set": ("alerts", "--documents"),
    "patients situation": ("situation", "--deceased", "--proof", "acte de décès"),
    "patients representatives list": ("representative list",),
    "patients history": ("history",),
}
for _title, _words in _SAID.items():
    CASES[_title] = lambda audited, words=_words: _on(audited, *words)


@CASES("patients account --renew")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    _on(audited, "account", "--mail", "a@exemple.fr", somebody=somebody)
    return _on(audited, "account", "--renew", somebody=somebody)


@CASES("patients unblock")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    somebody.says(Block(number("infirmier")))
    return _on(audited, "unblock", number("infirmier"), somebody=somebody)


@CASES("patients revoke")
def _(audited: Audited) -> Names:
    return _on(audited, "revoke", number("infirmier"), somebody=audited.somebody("infirmier"))


@CASES("patients medecin-traitant")
def _(audited: Audited) -> Names:
    somebody = audited.somebody("medecin", treating="")
    names = _on(audited, "medecin-traitant", number("medecin"), somebody=somebody)
    return {**names, "holder": number("medecin")}


def _closed(audited: Audited, *then: object) -> Somebody:
    somebody = audited.somebody()
    somebody.says(Close(), *then)  # type: ignore[arg-type]
    return somebody


@CASES("patients destroy-request")
def _(audited: Audited) -> Names:
    return _on(audited, "destroy-request", somebody=_closed(audited))


@CASES("patients merge")
def _(audited: Audited) -> Names:
    into, gone = audited.somebody(), audited.somebody()
    _type(audited, "patients", "merge", "--into", into.patient.ins, "--subsumed", gone.patient.ins)
    return _names(into, subsumed=str(gone.identifier))


@CASES("patients ins")
def _(audited: Audited) -> Names:
    somebody, new = audited.somebody(), _newcomer(audited)
    _type(audited, "patients", "ins", "--patient", somebody.patient.ins, "--new", f"{new}^^^&{oids.INS_NIR_TEST}&ISO")
    return _names(somebody, new=f"{new}^^^&{oids.INS_NIR_TEST}&ISO")


def _child(audited: Audited, birth: date) -> Somebody:
    ins = _newcomer(audited, birth)
    _type(audited, *_opening(ins, birth))
    return Somebody(audited.village, audited.folder, type(audited.somebody().patient)(ins, oids.INS_NIR_TEST))


@CASES("patients representatives add")
def _(audited: Audited) -> Names:
    child = _child(audited, date(2015, 5, 30))
    said = ("--family", "PARENT", "--given", "Camille", "--relationship", "MTH", "--proof", "livret de famille")
    return _on(audited, "representative add", *said, somebody=child)


@CASES("patients due")
def _(audited: Audited) -> Names:
    _type(audited, "patients", "due")
    return {}


@CASES("patients due --tell")
def _(audited: Audited) -> Names:
    soon = datetime.now(UTC).date() + timedelta(days=10)
    child = _child(audited, soon.replace(year=soon.year - 18))
    with audited.log.house.rooms() as rooms:
        dossier = rooms.identities.dossier(child.identifier)
        assert dossier is not None
        mail = (Telecom("mailto:camille@exemple.fr"),)
        parent = Representative(uuid.uuid4().hex, "PARENT", "Camille", "MTH", telecoms=mail)
        rooms.identities.save_representative(dossier.key, parent)
    _type(audited, "patients", "due", "--tell")
    return _names(child)


@CASES("patients due --do")
def _(audited: Audited) -> Names:
    _type(audited, "patients", "due", "--do")
    somebody = _closed(audited, RequestDestruction())
    _type(audited, "patients", "due", "--do")
    return _names(somebody)


@CASES("habilitations explain")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    asked = ("--as", number("medecin"), "--patient", somebody.patient.ins, "--action", "TD3.1")
    _type(audited, "habilitations", "explain", *asked)
    return _names(somebody, endpoint="unknown")


@CASES("audit list")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    _type(audited, "audit", "list", "--patient", somebody.patient.ins)
    return _names(somebody)


@CASES("audit show")
def _(audited: Audited) -> Names:
    _type(audited, "audit", "show", audited.village.audit(1)[0].id)
    return {}


@CASES("audit verify")
def _(audited: Audited) -> Names:
    _type(audited, "audit", "verify")
    return {}


@CASES("directory import")
def _(audited: Audited) -> Names:
    _type(audited, "directory", "import", str(audited.village.folder / "people.json"))
    return {"endpoint": "unknown"}


@CASES("xdm export")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    medium = audited.folder / f"{uuid.uuid4()}.zip"
    _type(audited, "xdm", "export", "--patient", somebody.patient.ins, "--output", str(medium))
    (event,) = audited.log.new()
    return _names(somebody, document=document, set=event.submission_sets[0])


def _exported(audited: Audited, somebody: Somebody, *more: str) -> Path:
    medium = audited.folder / f"{uuid.uuid4()}.zip"
    _type(audited, "xdm", "export", "--patient", somebody.patient.ins, "--output", str(medium), *more)
    return medium


@CASES("xdm export, for a professional")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    file = somebody.paper("medecin-traitant")
    document = audited.lps("medecin-traitant").provide([file], somebody.patient).unique_ids[0]
    _exported(audited, somebody, "--as", number("medecin-traitant"))
    (event,) = audited.log.new()
    return _names(somebody, document=document, set=event.submission_sets[0])


@CASES("xdm import")
def _(audited: Audited) -> Names:
    somebody = audited.somebody()
    audited.lps("medecin-traitant").provide([somebody.paper("medecin-traitant")], somebody.patient)
    medium = _exported(audited, somebody, "--for", "exploitant", "--apart")
    somebody.says(Close(), RequestDestruction())
    _type(audited, "patients", "due", "--do")
    _type(audited, *_opening(somebody.patient.ins))
    _type(audited, "xdm", "import", str(medium), "--as", number("medecin-traitant"))
    (event,) = audited.log.new()
    return _names(somebody, document=event.documents[0], set=event.submission_sets[0])


# --- The server itself ------------------------------------------------------------------------------------------------


@dataclass
class Home:
    """A home of its own, whose server comes and goes."""

    folder: Path
    pki: Pki
    log: Log

    def wait(self, number: int) -> None:
        """Until that many events are there: whoever is refused is gone before it is recorded."""
        give_up = time.monotonic() + 30
        while len(self.log.new()) < number:
            assert time.monotonic() < give_up, len(self.log.new())
            time.sleep(0.02)

    def holds(self, title: str, **names: str) -> None:
        self.wait(len(ROWS[title]))
        self.log.holds(ROWS[title], {"operator": getpass.getuser(), "endpoint": "unknown", **names})
        self.log.watch()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("server")
    pki = prepare(folder)
    with log_of(load({"home": folder}, {}), reference_folder()) as log:
        yield Home(folder, pki, log)


def test_it_starts_refuses_whom_it_does_not_know_and_stops(home: Home, tmp_path: Path) -> None:
    other = Pki.create(tmp_path, key_maker=reused(ec_key))
    other.person("stranger", "899700000033", "DUPONT", "Jean", "10", "SM26")
    home.pki.revoke("revoked")
    with running(home.folder) as server:
        home.holds("start")
        endpoint = f"https://127.0.0.1:{server.https}"
        for title, folder, name in (("unknown authority", tmp_path, "stranger"), ("revoked", home.folder, "revoked")):
            with pytest.raises(OSError):
                get(server.https, "/healthz", _context(home.folder, folder / "pki" / name))
            home.holds(f"TLS, {title}", endpoint=endpoint, **_shown(folder / "pki" / name / "auth.pem"))
        _raw(server.https, b"")  # who only looks, or stops, leaves nothing
        _raw(server.https, b"\x16\x03\x01\x02\x00\x01")
        _raw(server.https, b"GET / HTTP/1.0\r\n\r\n")
        home.holds("TLS, plain HTTP", endpoint=endpoint)
        with pytest.raises(OSError):
            get(server.https, "/healthz", _old(home.folder))
        home.holds("TLS, an old version", endpoint=endpoint)
        _stop(server)
    home.holds("stop")


def test_a_flood_leaves_ten_events_and_how_many_there_were_is_said_later(home: Home) -> None:
    with running(home.folder) as server:
        home.log.watch()
        for _ in range(15):
            _raw(server.https, b"GET / HTTP/1.0\r\n\r\n")
        home.wait(10)
        with pytest.raises(OSError):
            get(server.https, "/healthz", _old(home.folder))
        _stop(server)
        assert [each.transaction for each in home.log.new()] == ["ITI-19"] * 10 + ["application-stop"]
    home.log.watch()


def test_what_changed_since_it_last_ran_is_said_when_it_starts(home: Home) -> None:
    settings, anchors, ports = home.folder / "settings.toml", home.folder / "ca.pem", (free_port(), free_port())
    with running(home.folder, https=ports[0], http=ports[1]) as server:
        _stop(server)
    settings.write_text('portal_address = "https://dmp.example"\n', "utf-8")
    home.log.watch()
    with running(home.folder, https=ports[0], http=ports[1]) as server:
        home.holds("start with another address")
        _stop(server)
    before = anchors.read_bytes()
    anchors.write_bytes(before + before)
    home.log.watch()
    with running(home.folder, https=ports[0], http=ports[1]):
        digests = [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in (before, before + before)]
        home.holds("start with other trust", before=digests[0], after=digests[1])


def test_a_migration_is_recorded(home: Home, tmp_path: Path) -> None:
    done = RUNNER.invoke(build("migrate"), ["migrate", "--home", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output
    with log_of(load({"home": tmp_path / "new"}, {}), reference_folder()) as log:
        log.seen = 0
        log.holds(ROWS["migrate"], {"operator": getpass.getuser(), "endpoint": "unknown"})


def _stop(server: Running) -> None:
    server.process.send_signal(signal.SIGTERM)
    assert server.wait_until_ended() == 0


def _context(ca: Path, keys: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca / "ca.pem"))
    if keys is not None:
        context.load_cert_chain(keys / "auth.pem", keys / "auth.key")
    return context


def _old(ca: Path) -> ssl.SSLContext:
    context = _context(ca)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _raw(port: int, data: bytes) -> None:
    """Sends something that is no TLS, waits for whatever comes back, and goes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def _shown(file: Path) -> dict[str, str]:
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    return {
        "certificate": certificate.subject.rfc4514_string(),
        "serial": f"{certificate.serial_number:x}",
        "issuer": certificate.issuer.rfc4514_string(),
        "until": certificate.not_valid_after_utc.isoformat(),
    }
